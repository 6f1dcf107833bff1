/* SPDX-License-Identifier: Apache-2.0 */
/* A million lines take the memory of a thousand. */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The largest resident set that a process has had so far. */
static unsigned long peak_kib(pid_t pid)
{
	char *status = harness_read(harness_text("/proc/%d/status", (int)pid), NULL);
	char *line = status ? strstr(status, "VmHWM:") : NULL;
	return line ? strtoul(line + 6, NULL, 10) : 0;
}

static unsigned long sum_of_peaks(struct harness_program *program)
{
	pid_t workers[16];
	size_t count = pipeline_workers(program, NULL, workers, 16);
	unsigned long sum = peak_kib(harness_pid(program));
	for (size_t i = 0; i < count; i++)
		sum += peak_kib(workers[i]);
	return sum;
}

/* Writes so many lines to the pipe, the last of which fails, and waits until that is written down. */
static void feed(int fd, unsigned from, unsigned to, size_t failures)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	FILE *out = fdopen(dup(fd), "w");
	assert_non_null(out);
	for (unsigned i = from; i < to; i++)
		fprintf(out, "http://example.org/some/where/%u/in/the/web.jpg%s\n", i, i + 1 < to ? "" : "\xff");
	assert_int_equal(fclose(out), 0);
	for (unsigned tries = 0; tries < 60000 && pipeline_errors("class", "bad-url") < failures; tries++)
		nanosleep(&pause, NULL);
	assert_int_equal(pipeline_errors("class", "bad-url"), failures);
}

/* Nothing else is different: the same processes have read a thousand lines, then a million. */
static void test_a_million_lines(void **state)
{
	enum { FEW = 1000, MANY = 1000000 };
	const char *command = harness_text("exec %s run --json pipeline.yaml <&3 3<&-", KAKEHI_BUILD_DIR "/kakehi");
	const char *const argv[] = {"sh", "-c", command, NULL};
	int ends[2];
	(void)state;
	pipeline_config("pipeline: lines\nmemory: 24MiB\nsource: { use: stdin }\n"
	                "stages: [ { name: pass, use: pass }, { name: end, use: discard } ]\n"
	                "errors: { file: errors.ndjson }\n");
	assert_int_equal(pipe(ends), 0);
	struct harness_program *program =
	    harness_start(argv, &(struct harness_options){.fd = ends[0], .limit_ms = 120000});
	close(ends[0]);
	pipeline_wait_workers(program, "end", 1);
	feed(ends[1], 0, FEW, 1);
	unsigned long few = sum_of_peaks(program);
	feed(ends[1], FEW, MANY, 2);
	unsigned long many = sum_of_peaks(program);
	close(ends[1]);
	struct run run = pipeline_end(program);
	pipeline_expect(&run, 1, MANY - 2, 2);
	printf("lines: %lu KiB after %d, %lu KiB after %d\n", few, FEW, many, MANY);
	assert_true(few > 0);
	assert_true(many <= few + 2048);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_million_lines)};
HARNESS_MAIN(tests)
