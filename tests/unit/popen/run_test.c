/* SPDX-License-Identifier: Apache-2.0 */
/* kk_run and kk_run_pipeline: everything in one call, also when it goes wrong. */
#include "shell.h"
#include <kakehi/run.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LONG_MS = 20000, LARGE = 10 << 20 };

static const struct kk_run_options capture = {.capture = true};

static void run(const char *script, const struct kk_run_options *options, int expected, struct kk_completed *done)
{
	struct kk_command command = shell(script);
	struct kk_error error = {0};
	int rc = kk_run(&command, options, LONG_MS, done, &error);

	if (rc != expected)
		fail_msg("%s: %d (%s)", script, rc, error.text);
}

static void test_returncode(void **state)
{
	struct kk_completed done;

	(void)state;
	run("exit 47", NULL, KK_OK, &done);
	assert_int_equal(done.returncode, 47);
	assert_null(done.out.data);
	assert_null(done.err.data);
	kk_completed_free(&done);
	run("kill -TERM $$", NULL, KK_OK, &done);
	assert_int_equal(done.returncode, -SIGTERM);
	assert_int_equal(done.end.signal, SIGTERM);
	kk_completed_free(&done);
	kk_completed_free(&done);
}

static void test_check(void **state)
{
	static const struct kk_run_options options = {.check = true, .capture = true};
	static const struct kk_process_limit no_core = {RLIMIT_CORE, 0};
	struct kk_command command = shell("echo out; echo err >&2; exit 5");
	struct kk_completed done;
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_run(&command, &options, LONG_MS, &done, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "/bin/sh: exit 5");
	assert_int_equal(done.returncode, 5);
	assert_string_equal(done.out.data, "out\n");
	assert_string_equal(done.err.data, "err\n");
	kk_completed_free(&done);
	command = shell("kill -ABRT $$");
	command.limits = &no_core;
	command.limit_count = 1;
	assert_int_equal(kk_run(&command, &options, LONG_MS, &done, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "/bin/sh: killed by SIGABRT");
	kk_completed_free(&done);
	run("exit 0", &options, KK_OK, &done);
	kk_completed_free(&done);
}

static void test_capture(void **state)
{
	struct kk_command command = shell("echo apple; echo orange >&2");
	struct kk_completed done;

	(void)state;
	assert_int_equal(kk_run(&command, &capture, LONG_MS, &done, NULL), KK_OK);
	assert_string_equal(done.out.data, "apple\n");
	assert_int_equal(done.out.bytes, 6);
	assert_string_equal(done.err.data, "orange\n");
	kk_completed_free(&done);
	/* What the command says of a stream holds. */
	command.err.kind = KK_STREAM_OUT;
	assert_int_equal(kk_run(&command, &capture, LONG_MS, &done, NULL), KK_OK);
	assert_string_equal(done.out.data, "apple\norange\n");
	assert_null(done.err.data);
	kk_completed_free(&done);
	command.out.kind = KK_STREAM_NULL;
	command.err.kind = KK_STREAM_PIPE;
	assert_int_equal(kk_run(&command, NULL, LONG_MS, &done, NULL), KK_OK);
	assert_null(done.out.data);
	assert_string_equal(done.err.data, "orange\n");
	kk_completed_free(&done);
	run("exit 0", &capture, KK_OK, &done);
	assert_string_equal(done.out.data, "");
	assert_string_equal(done.err.data, "");
	kk_completed_free(&done);
}

static void test_input(void **state)
{
	const struct kk_run_options pear = {.input = "pear", .input_bytes = 4, .capture = true};
	const struct kk_run_options empty = {.input = "", .input_bytes = 0, .capture = true};
	struct kk_command command = shell("tr a-z A-Z");
	struct kk_completed done;
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_run(&command, &pear, LONG_MS, &done, NULL), KK_OK);
	assert_string_equal(done.out.data, "PEAR");
	kk_completed_free(&done);
	assert_int_equal(kk_run(&command, &empty, LONG_MS, &done, NULL), KK_OK);
	assert_string_equal(done.out.data, "");
	kk_completed_free(&done);
	command.in.kind = KK_STREAM_PIPE; /* and nothing to write: its end at once */
	assert_int_equal(kk_run(&command, &capture, LONG_MS, &done, NULL), KK_OK);
	kk_completed_free(&done);
	command.in.kind = KK_STREAM_NULL;
	assert_int_equal(kk_run(&command, &pear, LONG_MS, &done, &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "both an input and a stdin are given");
	kk_completed_free(&done);
}

static void test_large(void **state)
{
	static const char *const args[] = {"cat", NULL};
	const struct kk_command command = {.args = args};
	const struct kk_run_options options = {
	    .input = pattern(LARGE), .input_bytes = LARGE, .capture = true, .check = true};
	struct kk_completed done;

	(void)state;
	assert_int_equal(kk_run(&command, &options, LONG_MS, &done, NULL), KK_OK);
	assert_int_equal(done.out.bytes, LARGE);
	assert_memory_equal(done.out.data, options.input, LARGE);
	kk_completed_free(&done);
}

static void test_nothing_to_start(void **state)
{
	static const char *const args[] = {"no-such-tool", NULL};
	const struct kk_command command = {.args = args};
	struct kk_completed done;
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_run(&command, &capture, LONG_MS, &done, &error), KK_ERR_MISSING);
	assert_int_equal(error.system, 2);
	assert_non_null(strstr(error.text, "cannot start no-such-tool: not found in PATH"));
	assert_null(done.out.data);
	kk_completed_free(&done);
}

/* ---- time-outs */

static void test_timeout_keeps_what_came(void **state)
{
	struct kk_command command = shell("echo begun; echo wrong >&2; exec sleep 1000");
	struct kk_completed done = {0};
	struct kk_error error = {0};
	int ms = 20, rc;

	(void)state;
	/* However slow the machine is: some time-out is long enough to hear the first words. */
	do {
		kk_completed_free(&done);
		rc = kk_run(&command, &capture, ms, &done, &error);
		assert_int_equal(rc, KK_ERR_TIMEOUT);
		ms *= 2;
	} while (done.err.bytes == 0 && ms < LONG_MS);
	assert_string_equal(error.text, "/bin/sh has not ended in time");
	assert_int_equal(done.returncode, -SIGKILL);
	assert_string_equal(done.out.data, "begun\n");
	assert_string_equal(done.err.data, "wrong\n");
	kk_completed_free(&done);
	/* Also one that leaves no time at all. */
	assert_int_equal(kk_run(&command, &capture, 0, &done, NULL), KK_ERR_TIMEOUT);
	kk_completed_free(&done);
}

/* The child's child is in the group, or has left it with setsid and holds the pipe still. */
static void with_grandchild(const char *how)
{
	struct kk_command command = shell(harness_text("%s sleep 1000 & echo $!; wait", how));
	struct kk_completed done = {0};
	uint64_t begin;
	int ms = 20;

	do {
		kk_completed_free(&done);
		begin = harness_now_ms();
		assert_int_equal(kk_run(&command, &capture, ms, &done, NULL), KK_ERR_TIMEOUT);
		assert_true(harness_now_ms() - begin < LONG_MS);
		/* What left the group is the test's to end. */
		if (*how && done.out.bytes > 0)
			assert_int_equal(kill((pid_t)atoi(done.out.data), SIGKILL), 0);
		ms *= 2;
	} while (done.out.bytes == 0 && ms < LONG_MS);
	assert_true(done.out.bytes > 0);
	assert_int_equal(done.returncode, -SIGKILL);
	kk_completed_free(&done);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static void test_timeout_ends_the_group(void **state)
{
	(void)state;
	with_grandchild("");
}

static void test_timeout_with_a_grandchild_that_holds_the_pipe(void **state)
{
	(void)state;
	with_grandchild("exec setsid");
}

static void test_grandchild_that_writes_later(void **state)
{
	struct kk_completed done;

	(void)state;
	/* The child has ended, the pipe is open: its end is waited for. */
	run("(while kill -0 $$ 2>/dev/null && test $(cut -d' ' -f3 /proc/$$/stat) != Z; do :; done; echo late) &"
	    " echo early",
	    &capture, KK_OK, &done);
	assert_string_equal(done.out.data, "early\nlate\n");
	kk_completed_free(&done);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static void test_too_much(void **state)
{
	struct kk_command command = shell("yes; exit 3");
	struct kk_completed done;
	struct kk_error error = {0};

	(void)state;
	command.capture_max = 100001;
	assert_int_equal(kk_run(&command, &capture, LONG_MS, &done, &error), KK_ERR_NO_ROOM);
	assert_string_equal(error.text, "/bin/sh wrote more than the 100001 bytes that are kept");
	assert_int_equal(done.out.bytes, 100001);
	assert_memory_equal(done.out.data + 99999, "\ny", 3); /* with the NUL */
	assert_int_equal(done.err.bytes, 0);
	kk_completed_free(&done);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

/* ---- pipelines */

static void test_pipeline(void **state)
{
	const struct kk_command commands[] = {shell("tr a-z A-Z; echo one >&2"), shell("rev; echo two >&2; exit 4"),
	                                      shell("cat; kill -TERM $$")};
	const struct kk_run_options options = {.input = "pear\n", .input_bytes = 5, .capture = true};
	struct kk_completed done[3];

	(void)state;
	assert_int_equal(kk_run_pipeline(commands, 3, &options, LONG_MS, done, NULL), KK_OK);
	assert_string_equal(done[2].out.data, "RAEP\n");
	assert_null(done[0].out.data);
	assert_null(done[1].out.data);
	assert_string_equal(done[0].err.data, "one\n");
	assert_string_equal(done[1].err.data, "two\n");
	assert_int_equal(done[0].returncode, 0);
	assert_int_equal(done[1].returncode, 4);
	assert_int_equal(done[2].returncode, -SIGTERM);
	for (int i = 0; i < 3; i++)
		kk_completed_free(&done[i]);
}

static void test_pipeline_check(void **state)
{
	static const struct kk_run_options options = {.capture = true, .check = true};
	const struct kk_command enough[] = {shell("exec yes"), shell("exec head -n 1")};
	const struct kk_command broken[] = {shell("exit 3"), shell("exec cat")};
	const struct kk_command last[] = {shell("exit 0"), shell("kill -PIPE $$")};
	struct kk_completed done[2];
	struct kk_error error = {0};

	(void)state;
	/* The first one is told by SIGPIPE that the second wants no more: that is how pipelines end. */
	assert_int_equal(kk_run_pipeline(enough, 2, &options, LONG_MS, done, NULL), KK_OK);
	assert_string_equal(done[1].out.data, "y\n");
	assert_int_equal(done[0].returncode, -SIGPIPE);
	kk_completed_free(&done[0]);
	kk_completed_free(&done[1]);
	assert_int_equal(kk_run_pipeline(broken, 2, &options, LONG_MS, done, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "/bin/sh: exit 3");
	kk_completed_free(&done[0]);
	kk_completed_free(&done[1]);
	assert_int_equal(kk_run_pipeline(last, 2, &options, LONG_MS, done, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "/bin/sh: killed by SIGPIPE");
	kk_completed_free(&done[0]);
	kk_completed_free(&done[1]);
}

static void test_pipeline_large(void **state)
{
	const struct kk_command commands[] = {shell("exec cat"), shell("exec cat"), shell("exec cat")};
	const struct kk_run_options options = {.input = pattern(LARGE), .input_bytes = LARGE, .capture = true};
	struct kk_completed done[3];

	(void)state;
	assert_int_equal(kk_run_pipeline(commands, 3, &options, LONG_MS, done, NULL), KK_OK);
	assert_int_equal(done[2].out.bytes, LARGE);
	assert_memory_equal(done[2].out.data, options.input, LARGE);
	for (int i = 0; i < 3; i++)
		kk_completed_free(&done[i]);
}

static void test_pipeline_timeout(void **state)
{
	const struct kk_command commands[] = {shell("exec sleep 1000"), shell("exec cat"), shell("exit 2")};
	struct kk_completed done[3];
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_run_pipeline(commands, 3, &capture, 50, done, &error), KK_ERR_TIMEOUT);
	assert_int_equal(done[0].returncode, -SIGKILL);
	assert_int_equal(done[1].returncode, -SIGKILL);
	for (int i = 0; i < 3; i++)
		kk_completed_free(&done[i]);
}

static void test_pipeline_that_does_not_start(void **state)
{
	static const char *const args[] = {"no-such-tool", NULL};
	const struct kk_command commands[] = {shell("exec sleep 1000"), {.args = args}, shell("exec cat")};
	struct kk_command wrong[] = {shell("exit 0"), shell("exit 0")};
	struct kk_completed done[3];
	struct kk_error error = {0};
	unsigned before = open_fds();

	(void)state;
	assert_int_equal(kk_run_pipeline(commands, 3, &capture, LONG_MS, done, &error), KK_ERR_MISSING);
	assert_non_null(strstr(error.text, "no-such-tool"));
	for (int i = 0; i < 3; i++) {
		assert_null(done[i].err.data);
		kk_completed_free(&done[i]);
	}
	assert_int_equal(open_fds(), before);
	assert_int_equal(kk_run_pipeline(commands, 0, &capture, LONG_MS, done, &error), KK_ERR_INVALID);
	wrong[1].in.kind = KK_STREAM_NULL;
	assert_int_equal(kk_run_pipeline(wrong, 2, &capture, LONG_MS, done, &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "command 2 of the pipeline has streams where its neighbours are");
	wrong[1].in.kind = KK_STREAM_INHERIT;
	wrong[0].out.kind = KK_STREAM_PIPE;
	assert_int_equal(kk_run_pipeline(wrong, 2, &capture, LONG_MS, done, &error), KK_ERR_INVALID);
}

/* ---- threads */

enum { THREADS = 100, EACH = 3 };

static void *run_some(void *argument)
{
	static const char *const args[] = {"cat", NULL};
	const struct kk_command command = {.args = args};
	struct kk_run_options options = {.input = argument, .capture = true, .check = true};

	options.input_bytes = strlen(options.input);
	for (int i = 0; i < EACH; i++) {
		struct kk_completed done;
		bool right = kk_run(&command, &options, -1, &done, NULL) == KK_OK &&
		             done.out.bytes == options.input_bytes && strcmp(done.out.data, argument) == 0;
		kk_completed_free(&done);
		if (!right)
			return "a run went wrong";
	}
	return NULL;
}

static void test_a_hundred_threads(void **state)
{
	pthread_t threads[THREADS];
	unsigned before = open_fds();
	struct rlimit usual, most;

	(void)state;
	/* A child that is being started takes ten descriptors; 1,024 is what a login gives. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	most = usual;
	most.rlim_cur = most.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_some, harness_text("thread %d", i)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_ptr_equal(wrong, NULL);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_int_equal(open_fds(), before);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_returncode),
    cmocka_unit_test(test_check),
    cmocka_unit_test(test_capture),
    cmocka_unit_test(test_input),
    cmocka_unit_test(test_large),
    cmocka_unit_test(test_nothing_to_start),
    cmocka_unit_test(test_timeout_keeps_what_came),
    cmocka_unit_test(test_timeout_ends_the_group),
    cmocka_unit_test(test_timeout_with_a_grandchild_that_holds_the_pipe),
    cmocka_unit_test(test_grandchild_that_writes_later),
    cmocka_unit_test(test_too_much),
    cmocka_unit_test(test_pipeline),
    cmocka_unit_test(test_pipeline_check),
    cmocka_unit_test(test_pipeline_large),
    cmocka_unit_test(test_pipeline_timeout),
    cmocka_unit_test(test_pipeline_that_does_not_start),
    cmocka_unit_test(test_a_hundred_threads),
};

HARNESS_MAIN(tests)
