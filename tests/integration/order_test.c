/* SPDX-License-Identifier: Apache-2.0 */
/* `order: true`: whatever overtakes, fails, is skipped or dies on the way, what comes out is in the order of the
 * source, and the smallest memory suffices for it.
 */
#include "pipeline.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN(name) KAKEHI_BUILD_DIR "/tests/plugins/" name ".so"
#define HEAD                                                                                                           \
	"pipeline: order\nmemory: %s\n"                                                                                \
	"shared: { last: { type: value, of: int64 } }\n"                                                               \
	"errors: { file: errors.ndjson }\n"                                                                            \
	"source: { name: src, use: generate, with: { count: %u, size: 100 } }\n"                                       \
	"stages:\n"

/* Each of them mixes the items, and the middle one loses a fifth. */
#define MIXED                                                                                                          \
	HEAD "  - { name: fly, use: " PLUGIN(                                                                          \
	    "scatter") ", workers: 2, with: { max_bytes: %u } }\n"                                                     \
	               "  - { name: jit, use: " PLUGIN(                                                                \
	                   "jitter") ", workers: 3, order: true,\n"                                                    \
	                             "      with: { max_us: 300, max_bytes: %u, every: 10 } }\n"                       \
	                             "  - { name: check, use: " PLUGIN("inorder") " }\n"                               \
	                                                                          "  - { name: end, use: %s }\n"

static void expect_order(const struct run *run, unsigned items)
{
	pipeline_expect(run, 1, items / 10 * 8, items / 10);
	assert_int_equal(run->skipped, items / 10);
	assert_int_equal(pipeline_errors("error", "comes behind"), 0);
	assert_int_equal(pipeline_errors("error", "jitter"), items / 10);
}

static void test_order_is_kept(void **state)
{
	struct run run;

	(void)state;
	pipeline_config(MIXED, "64MiB", 2000u, 30000u, 20000u, "discard");
	run = pipeline_run();
	expect_order(&run, 2000);
	assert_non_null(strstr(run.err, "jit:order"));
}

/* Without `order:` the check would fail: else it checks nothing. */
static void test_without_order(void **state)
{
	struct run run;

	(void)state;
	pipeline_config(HEAD "  - { name: jit, use: " PLUGIN(
	                    "jitter") ", workers: 4, with: { max_us: 1000 } }\n"
	                              "  - { name: check, use: " PLUGIN("inorder") " }\n"
	                                                                           "  - { name: end, use: discard }\n",
	                "64MiB", 500u);
	run = pipeline_run();
	assert_int_equal(run.exit_code, 1);
	assert_true(pipeline_errors("error", "comes behind") > 0);
}

/* The smallest ceiling, as the refusal of too small a one says it. */
static char *smallest(const char *refusal)
{
	static const char before[] = "the smallest that works is ";
	const char *at = strstr(refusal, before);

	if (!at)
		fail_msg("it is not refused: %s", refusal);
	at += strlen(before);
	return harness_text("%.*s", (int)strspn(at, "0123456789KMGiB"), at);
}

/* Large payloads before and behind the one that all wait for: it always finds room. */
static void test_smallest_memory(void **state)
{
	static const unsigned bytes[][2] = {{300000, 200000}, {3000000, 20000}, {100, 1000000}};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		pipeline_config(MIXED, "1MiB", 500u, bytes[i][0], bytes[i][1], "discard");
		char *memory = smallest(pipeline_verb("validate", "pipeline.yaml").err);
		pipeline_config(MIXED, memory, 500u, bytes[i][0], bytes[i][1], "discard");
		struct run run = pipeline_run();
		expect_order(&run, 500);
	}
}

/* Two branches meet again: each item passes twice, and none before all of those before it. */
static void test_order_of_a_join(void **state)
{
	struct run run;

	(void)state;
	pipeline_config(HEAD "  - { name: a, use: " PLUGIN(
	                    "jitter") ", workers: 3, from: src,\n"
	                              "      with: { max_us: 500, max_bytes: 100000 } }\n"
	                              "  - { name: b, use: " PLUGIN(
	                                  "jitter") ", workers: 2, from: src, when: 'key contains \"3\"',\n"
	                                            "      with: { max_us: 900, max_bytes: 100000 } }\n"
	                                            "  - { name: both, use: " PLUGIN(
	                                                "jitter") ", from: [a, b], workers: 2, order: true,\n"
	                                                          "      with: { max_us: 200, max_bytes: 100000 } }\n"
	                                                          "  - { name: check, use: " PLUGIN(
	                                                              "inorder") " }\n"
	                                                                         "  - { name: end, use: discard }\n",
	                "40MiB", 1000u);
	run = pipeline_run();
	pipeline_expect(&run, 0, 1000, 0);
}

static void kill_random_worker(struct harness_program *program)
{
	pid_t workers[64];
	size_t count = pipeline_workers(program, NULL, workers, 64);

	if (count > 0)
		kill(workers[(size_t)random() % count], SIGKILL);
}

/* Any worker may die at any moment, also those that keep the order. */
static void test_order_survives_deaths(void **state)
{
	enum { ITEMS = 3000, KILLS = 30 };
	char *out = harness_path("out");
	struct harness_program *program;
	struct run run;

	(void)state;
	pipeline_config(MIXED, "64MiB", (unsigned)ITEMS, 30000u, 20000u, "upload, with: { to: \"out/{n}\" }");
	srandom(7);
	program = pipeline_start(120000);
	for (unsigned i = 0; i < KILLS && harness_running(program); i++) {
		pipeline_wait_outputs(program, out, (size_t)i * ITEMS / KILLS * 7 / 10 + 1);
		kill_random_worker(program);
		if (i % 3 == 0)
			kill_random_worker(program);
	}
	run = pipeline_end(program);
	expect_order(&run, ITEMS);
	assert_int_equal(harness_count_files(out), ITEMS / 10 * 8);
	if (run.deaths < KILLS / 2)
		fail_msg("only %lu deaths", run.deaths);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order_is_kept),         cmocka_unit_test(test_without_order),
    cmocka_unit_test(test_smallest_memory),       cmocka_unit_test(test_order_of_a_join),
    cmocka_unit_test(test_order_survives_deaths),
};

HARNESS_MAIN(tests)
