/* SPDX-License-Identifier: Apache-2.0 */
/* A process killed at any moment loses nothing, doubles nothing, leaves nothing. */
#include "killing.h"

#include <signal.h>

static void test_workers_are_killed(void **state)
{
	(void)state;
	killing_run(500, 20, 0);
}

static void test_heirs_are_killed(void **state)
{
	(void)state;
	killing_run(300, 5, 2);
}

static void test_supervisor_is_killed(void **state)
{
	struct harness_server *origin = origin_start();
	char *out = harness_path("out");
	struct harness_program *program;
	struct harness_result result;

	(void)state;
	killing_reference(origin);
	origin_urls(origin, 1000, "photo/%u");
	pipeline_photos("64MiB", "out/{name}.jpg");
	program = pipeline_start(60000);
	pipeline_wait_outputs(program, out, 60); /* of these a few may be files in the making */
	kill(harness_pid(program), SIGKILL);
	result = harness_finish(program);
	assert_int_equal(result.signal, SIGKILL);
	harness_server_stop(origin);
	if (harness_wait_orphans(1000) > 0)
		fail_msg("workers are left a second after the supervisor's death");
	assert_true(killing_whole(out) >= 50);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_workers_are_killed),
    cmocka_unit_test(test_heirs_are_killed),
    cmocka_unit_test(test_supervisor_is_killed),
};

HARNESS_MAIN(tests)
