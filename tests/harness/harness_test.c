/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char misbehave[] = KAKEHI_BUILD_DIR "/tests/bin/harness_misbehave";

/* Runs one test of misbehave.c, which must be reported as failed with `message`. */
static void expect_failure(const char *test, const char *message, const char *const env[])
{
	const char *const argv[] = {misbehave, test, NULL};
	struct harness_result result = harness_exec(argv, &(struct harness_options){.env = env});

	assert_int_equal(result.exit_code, 1);
	if (!strstr(result.out, message) && !strstr(result.err, message))
		fail_msg("%s: no \"%s\" in\n%s%s", test, message, result.out, result.err);
	assert_non_null(strstr(result.out, "1 tests, 1 failed"));
}

static void test_good_passes(void **state)
{
	const char *const argv[] = {misbehave, "good", NULL};
	struct harness_result result = harness_exec(argv, NULL);

	(void)state;
	assert_int_equal(result.exit_code, 0);
	assert_non_null(strstr(result.out, "1 tests, 0 failed"));
}

static void test_unknown_name_fails(void **state)
{
	const char *const argv[] = {misbehave, "nothing-of-that-name", NULL};

	(void)state;
	assert_int_equal(harness_exec(argv, NULL).exit_code, 1);
}

static void test_misbehaviour_fails(void **state)
{
	static const struct {
		const char *test, *message;
	} cases[] = {
	    {"wrong", "0x1 != 0x2"},
	    {"leaves_descriptor", "leaves descriptor"},
	    {"leaves_process", "leaves process"},
	    {"leaves_zombie", "leaves process"},
	    {"leaves_orphan", "sleep 1000"},
	    {"crashes", "Aborted"},
	    {"program_hangs", "did not end within 50 ms"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_failure(cases[i].test, cases[i].message, NULL);
}

static void test_hang_fails(void **state)
{
	(void)state;
	expect_failure("hangs", "still running at the time limit",
	               (const char *const[]){"KAKEHI_TEST_TIMEOUT=1", NULL});
}

static void test_shared_memory_left_fails(void **state)
{
	char *name = harness_text("/kakehi-left-%d", (int)getpid());

	(void)state;
	expect_failure("leaves_shared_memory", name + 1,
	               (const char *const[]){harness_text("LEFT_NAME=%s", name), NULL});
	assert_int_equal(shm_unlink(name), 0);
}

static void test_program_results(void **state)
{
	const char *const argv[] = {"sh", "-c", "cat; echo $WORD >&2; exit 3", NULL};
	const char *const killed[] = {"sh", "-c", "kill -TERM $$", NULL};
	struct harness_options options = {.input = "from stdin", .env = (const char *const[]){"WORD=said", NULL}};
	struct harness_result result = harness_exec(argv, &options);

	(void)state;
	assert_int_equal(result.exit_code, 3);
	assert_string_equal(result.out, "from stdin");
	assert_string_equal(result.err, "said\n");
	result = harness_exec(killed, NULL);
	assert_int_equal(result.exit_code, -1);
	assert_int_equal(result.signal, 15);
}

static void test_server_lives_on_its_lifeline(void **state)
{
	const char *const argv[] = {"sh", "-c", "echo 4711; cat >/dev/null", NULL};
	struct harness_server *server = harness_server_start(argv);

	(void)state;
	assert_int_equal(harness_server_port(server), 4711);
	assert_true(harness_alive(harness_server_pid(server)));
	harness_server_stop(server);
}

static void test_json_members(void **state)
{
	const char *line = "{\"a\": 12, \"b\" :\"x\\n\\\"y\\u0041\",\"deep\":{\"a\":[1,\"}\"]}, \"last\": true }";

	(void)state;
	assert_string_equal(harness_json(line, "a"), "12");
	assert_string_equal(harness_json(line, "b"), "x\n\"yA");
	assert_string_equal(harness_json(line, "deep"), "{\"a\":[1,\"}\"]}");
	assert_string_equal(harness_json(line, "last"), "true");
	assert_null(harness_json(line, "x"));
	assert_null(harness_json("no object", "a"));
	assert_string_equal(harness_line("one\ntwo\n", 1), "two");
	assert_null(harness_line("one\ntwo\n", 2));
	assert_int_equal(harness_count_lines("one\ntwo"), 2);
	assert_int_equal(harness_count_lines(""), 0);
}

static void test_same_files(void **state)
{
	char why[200], *one = harness_path("one"), *other = harness_path("other");

	(void)state;
	harness_make_dir(one);
	harness_make_dir(other);
	harness_write_text(harness_path("one/a"), "same");
	assert_false(harness_same_files(one, other, why, sizeof(why)));
	harness_write_text(harness_path("other/a"), "same");
	assert_true(harness_same_files(one, other, why, sizeof(why)));
	harness_write_text(harness_path("other/a"), "else");
	assert_false(harness_same_files(one, other, why, sizeof(why)));
	assert_non_null(strstr(why, "a is missing"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_passes),
    cmocka_unit_test(test_unknown_name_fails),
    cmocka_unit_test(test_misbehaviour_fails),
    cmocka_unit_test(test_hang_fails),
    cmocka_unit_test(test_shared_memory_left_fails),
    cmocka_unit_test(test_program_results),
    cmocka_unit_test(test_server_lives_on_its_lifeline),
    cmocka_unit_test(test_json_members),
    cmocka_unit_test(test_same_files),
};

HARNESS_MAIN(tests)
