/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping a run by signals. */
#include "pipeline.h"
#include "server.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static void expect_drained(int signal)
{
	struct harness_server *origin = origin_start();
	struct harness_program *program;
	struct run run;

	origin_urls(origin, 2000, "photo/%u");
	pipeline_photos("64MiB", "out/{name}.jpg");
	pipeline_add("groups: 32\nshutdown_timeout: 100s\n"); /* few under way, and time for them on a busy machine */
	program = pipeline_start(120000);
	pipeline_wait_outputs(program, harness_path("out"), 10);
	kill(harness_pid(program), signal);
	run = pipeline_end(program);
	if (run.signal != signal || run.done < 10 || run.done == 2000 || run.failed > 0 || run.left > 0)
		fail_msg("exit %d, signal %d, %s\n%s", run.exit_code, run.signal, run.end, run.err);
	assert_int_equal(harness_count_files(harness_path("out")), run.done);
	harness_server_stop(origin);
}

static void test_interrupt_once_drains(void **state)
{
	(void)state;
	expect_drained(SIGINT);
}

static void test_terminate_drains(void **state)
{
	(void)state;
	expect_drained(SIGTERM);
}

/* A signal right behind the first is the same request, so this one is sent until it counts. */
static bool leaves_when_asked_again(void *program)
{
	kill(harness_pid(program), SIGINT);
	return !harness_running(program);
}

static void test_interrupt_twice_leaves_at_once(void **state)
{
	struct harness_server *origin = origin_start();
	struct harness_program *program;
	struct run run;

	(void)state;
	origin_urls(origin, 20, "drip?ms=100&n=%u");
	pipeline_photos("64MiB", "out/{name}.jpg");
	pipeline_add("groups: 4\n"); /* the source cannot end before the signal */
	program = pipeline_start(30000);
	pipeline_wait_workers(program, "fetch", 2);
	kill(harness_pid(program), SIGINT);
	pipeline_wait_no_workers(program, "source");
	assert_true(harness_wait_until(leaves_when_asked_again, program, 1500));
	run = pipeline_end(program);
	assert_int_equal(run.signal, SIGINT);
	assert_int_equal(run.done, 0);
	harness_server_stop(origin);
}

static bool has_begun(void *program)
{
	return strstr(harness_out(program), "\"event\":\"start\"") != NULL;
}

/* ^C of a terminal reaches all that are in the program's group at that moment, which its workers are when they are
 * born: it is not meant for them. */
static void test_interrupt_while_workers_are_born(void **state)
{
	enum { ROUNDS = 20 };
	const char *const argv[] = {"setsid", KAKEHI_BUILD_DIR "/kakehi", "run", "--json", "pipeline.yaml", NULL};

	(void)state;
	pipeline_config("pipeline: born\nmemory: 64MiB\ngroups: 64\n"
	                "source: { use: generate, with: { count: 1000000000 } }\n"
	                "stages: [ { name: pass, use: pass, workers: 8 }, { name: end, use: discard } ]\n");
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct harness_program *program = harness_start(argv, &(struct harness_options){.limit_ms = 30000});
		struct run run;
		assert_true(harness_wait_until(has_begun, program, 20000));
		nanosleep(&(struct timespec){.tv_nsec = 400000L * i}, NULL); /* another moment each time */
		kill(-harness_pid(program), SIGINT);
		run = pipeline_end(program);
		if (run.signal != SIGINT || run.deaths > 0 || run.left > 0)
			fail_msg("exit %d, signal %d, %s\n%s", run.exit_code, run.signal, run.end, run.err);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_interrupt_once_drains),
    cmocka_unit_test(test_terminate_drains),
    cmocka_unit_test(test_interrupt_twice_leaves_at_once),
    cmocka_unit_test(test_interrupt_while_workers_are_born),
};

HARNESS_MAIN(tests)
