/* SPDX-License-Identifier: Apache-2.0 */
/* The memory ceiling: it holds, the smallest one that is admitted suffices, and too much is refused at the start. */
#include "pipeline.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB (1024ul * 1024)

/* What all processes of a run take together at this moment. */
static uint64_t sum_of_pss(struct harness_program *program)
{
	pid_t workers[64];
	size_t count = pipeline_workers(program, NULL, workers, 64);
	uint64_t sum = harness_pss_bytes(harness_pid(program));

	for (size_t i = 0; i < count; i++)
		sum += harness_pss_bytes(workers[i]);
	return sum;
}

/* Runs the photos pipeline and returns the largest sum seen. */
static uint64_t peak_of_run(unsigned long photos)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct harness_program *program = pipeline_start(120000);
	uint64_t peak = 0, sum;
	struct run run;

	pipeline_wait_workers(program, "thumb", 2);
	while (harness_running(program)) {
		sum = sum_of_pss(program);
		if (sum > peak)
			peak = sum;
		nanosleep(&pause, NULL);
	}
	run = pipeline_end(program);
	pipeline_expect(&run, 0, photos, 0);
	return peak;
}

/* The base is measured while all workers are up and wait for one photograph that is slow to come. */
static void test_the_ceiling_holds(void **state)
{
	struct harness_server *origin = origin_start();
	uint64_t base, peak;

	(void)state;
	pipeline_photos("64MiB", "out/{name}.jpg");
	origin_urls(origin, 1, "delay/%u?ms=1500");
	base = peak_of_run(1);
	origin_urls(origin, 2000, "photo/%u");
	peak = peak_of_run(2000);
	printf("memory: 64 MiB, base %.1f MiB, peak %.1f MiB\n", (double)base / MIB, (double)peak / MIB);
	assert_true(peak <= base + 64 * MIB);
	harness_server_stop(origin);
}

static void test_too_much_is_refused_before_the_start(void **state)
{
	struct run run;

	(void)state;
	pipeline_config("pipeline: vast\nmemory: 1TiB\n"
	                "source: { use: generate, with: { count: 10, size: 100 } }\n"
	                "stages: [ { name: end, use: discard } ]\n");
	run = pipeline_run();
	assert_int_equal(run.exit_code, 78);
	assert_null(run.end);
	assert_non_null(strstr(run.err, "memory"));
}

/* A random number below n. */
static unsigned below(unsigned n)
{
	return n ? (unsigned)random() % n : 0;
}

#define JITTER  KAKEHI_BUILD_DIR "/tests/plugins/jitter.so"
#define SCATTER KAKEHI_BUILD_DIR "/tests/plugins/scatter.so"

/* Some stage: those that make payloads of random size, one at a time or many in flight, those that make none. */
static char *random_stage(unsigned biggest)
{
	switch (below(4)) {
	case 0:
		return "pass";
	case 1:
		return "template";
	case 2:
		return harness_text(JITTER ", with: { max_us: 200, max_bytes: %u }", biggest);
	default:
		return harness_text(SCATTER ", with: { max_bytes: %u }", biggest);
	}
}

/* Writes a random pipeline with this ceiling. `seed` alone decides what it looks like. */
static unsigned random_pipeline(unsigned seed, unsigned long memory)
{
	unsigned count, stages, biggest;
	char *text;

	srandom(seed);
	count = 50 + below(200);
	biggest = 1u << below(17);
	stages = 1 + below(4);
	text = harness_text("pipeline: random\nmemory: %lu\nsource: { name: s0, use: generate, with: "
	                    "{ count: %u, size: %u } }\nstages:\n",
	                    memory, count, biggest);
	/* Each reads from the one before, some from another one, too; some keep the order, some take a part only. */
	for (unsigned i = 1; i <= stages; i++) {
		char *from = i > 1 && below(3) == 0 ? harness_text("[s%u, s%u]", i - 1, below(i - 1))
		                                    : harness_text("s%u", i - 1);
		text = harness_text("%s  - { name: s%u, workers: %u, from: %s%s%s, use: %s }\n", text, i, 1 + below(4),
		                    from, below(2) ? ", order: true" : "",
		                    below(4) ? "" : ", when: not key contains \"3\"", random_stage(biggest));
	}
	/* One or two ends, the second one on any stage before. */
	text = harness_text("%s  - { name: end, use: discard, workers: %u, from: s%u }\n", text, 1 + below(2), stages);
	if (below(2))
		text = harness_text("%s  - { name: other, use: discard, from: s%u }\n", text, below(stages));
	pipeline_config("%s", text);
	return count;
}

static bool admitted(unsigned seed, unsigned long memory)
{
	random_pipeline(seed, memory);
	return pipeline_verb("validate", "pipeline.yaml").exit_code == 0;
}

/* To 16 KiB. */
static unsigned long smallest_admitted(unsigned seed)
{
	unsigned long refused = 0, enough = 1024 * MIB;

	if (!admitted(seed, enough))
		fail_msg("seed %u: not even a gigabyte is enough:\n%s", seed,
		         pipeline_verb("validate", "pipeline.yaml").err);
	while (enough - refused > 16384) {
		unsigned long middle = (refused + enough) / 2;

		if (admitted(seed, middle))
			enough = middle;
		else
			refused = middle;
	}
	return enough;
}

static void test_the_smallest_budget_suffices(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 12; seed++) {
		unsigned long memory = smallest_admitted(seed);
		unsigned count = random_pipeline(seed, memory);
		struct run run = pipeline_run();

		if (run.exit_code != 0 || run.done + run.skipped != count || run.left)
			fail_msg("seed %u with %lu bytes: exit %d, %s\n%s", seed, memory, run.exit_code,
			         run.end ? run.end : "no end", run.err);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_ceiling_holds),
    cmocka_unit_test(test_too_much_is_refused_before_the_start),
    cmocka_unit_test(test_the_smallest_budget_suffices),
};

HARNESS_MAIN(tests)
