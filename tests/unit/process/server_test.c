/* SPDX-License-Identifier: Apache-2.0 */
/* Deaths: of the fork server, of parents, of parents' parents; and ends in peace, which wait for children. */
#include "ways.h"
#include <fcntl.h>
#include <kakehi/random.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int sleep_on(struct kk_call *call)
{
	(void)call;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(sleep_on)

static int three(struct kk_call *call)
{
	(void)call;
	return 3;
}
KK_FUNCTION(three)

/* ---- the death of a server */

static void a_killed_server_takes_its_children_along(enum way way)
{
	struct kk_error error = {0};
	struct kk_process_end end;
	char text[100];

	way_use(way);
	struct kk_process *one = way_start((struct kk_process_spec){.call = sleep_on});
	struct kk_process *other = way_start((struct kk_process_spec){.call = sleep_on});
	assert_int_equal(kk_process_peek(one, &end), KK_ERR_EMPTY);
	kill(kk_process_server_pid(way_server()), SIGKILL);
	assert_int_equal(kk_process_wait(one, 10000, &end), KK_OK);
	assert_int_equal(end.signal, SIGKILL);
	assert_true(end.lost);
	assert_string_equal(kk_process_obituary(&end, text, sizeof(text)),
	                    "killed by SIGKILL (its fork server has died)");
	assert_null(way_try((struct kk_process_spec){.call = three}, &error));
	assert_int_equal(error.code, KK_ERR_DIED);
	assert_string_equal(error.text, harness_text("the fork server (process %d) has died: killed by SIGKILL",
	                                             kk_process_server_pid(way_server())));
	/* The handle outlives the server. */
	way_done();
	assert_int_equal(way_end(other).signal, SIGKILL);
	assert_false(kk_process_is_alive(one));
	kk_process_free(one);
	harness_wait_orphans(10000);
}

static void test_a_killed_server(void **state)
{
	(void)state;
	a_killed_server_takes_its_children_along(BY_FORKED_SERVER);
	a_killed_server_takes_its_children_along(BY_FRESH_SERVER);
}

static pid_t common_server(void)
{
	pid_t children[8];

	/* The only child that this process has. */
	assert_int_equal(harness_children(getpid(), children, 8), 1);
	return children[0];
}

static void test_the_common_server_is_started_again(void **state)
{
	(void)state;
	way_use(BY_COMMON_SERVER);
	assert_int_equal(way_end(way_start((struct kk_process_spec){.call = three})).code, 3);
	pid_t first = common_server();
	struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on});
	kill(first, SIGKILL);
	assert_int_equal(kk_process_join(process, 10000), KK_OK);
	harness_wait_orphans(10000);
	assert_int_equal(way_end(way_start((struct kk_process_spec){.call = three})).code, 3);
	assert_int_not_equal(common_server(), first);
	kk_process_free(process);
	way_done();
}

static void test_a_server_ignores_what_a_terminal_sends(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	(void)state;
	way_use(BY_FORKED_SERVER);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		kill(kk_process_server_pid(way_server()), signals[i]);
		assert_int_equal(way_end(way_start((struct kk_process_spec){.call = three})).code, 3);
	}
	/* Its children do not. */
	struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on});
	kk_process_kill(process, SIGINT);
	assert_int_equal(way_end(process).signal, SIGINT);
	way_done();
}

static void test_a_stopped_server_ends_its_children(void **state)
{
	struct kk_process_end end;

	(void)state;
	way_use(BY_FRESH_SERVER);
	struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on});
	way_done();
	assert_int_equal(kk_process_wait(process, 0, &end), KK_OK);
	assert_int_equal(end.signal, SIGKILL);
	assert_false(end.lost);
	kk_process_free(process);
	kk_process_server_stop(NULL);
}

/* SIGSTOP: it does not answer, but can be ended. */
static void test_a_suspended_server_can_be_stopped(void **state)
{
	(void)state;
	way_use(BY_FORKED_SERVER);
	struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on});
	kill(kk_process_server_pid(way_server()), SIGSTOP);
	assert_int_equal(kk_process_kill(process, SIGKILL), KK_OK);
	assert_int_equal(kk_process_exitcode(process, &(int){0}), KK_ERR_EMPTY);
	way_done();
	struct kk_process_end end = way_end(process);
	assert_true(end.signal == SIGKILL && end.lost);
	harness_wait_orphans(10000);
}

static struct kk_process_server *inherited;

static int use_inherited(struct kk_call *call)
{
	struct kk_error error = {0};

	(void)call;
	if (kk_process_spawn(
	        &(struct kk_process_spec){.call = three, .method = KK_START_FORKSERVER, .server = inherited}, &error) ||
	    error.code != KK_ERR_NOT_OWNER)
		return 1;
	kk_process_server_stop(inherited);
	/* One of its own: the common one is the parent's as well. */
	struct kk_process *child =
	    kk_process_spawn(&(struct kk_process_spec){.call = three, .method = KK_START_FORKSERVER}, &error);
	struct kk_process_end end = {0};
	if (!child || kk_process_wait(child, 10000, &end) < 0 || end.code != 3)
		return 2;
	kk_process_free(child);
	return 0;
}

static void test_a_server_works_for_one_process(void **state)
{
	struct kk_error error = {0};

	(void)state;
	way_use(BY_COMMON_SERVER);
	assert_int_equal(way_end(way_start((struct kk_process_spec){.call = three})).code, 3);
	inherited = kk_process_server_start(KK_START_FORK, &error);
	assert_non_null(inherited);
	assert_int_equal(way_end(kk_process_start(use_inherited, NULL, 0, NULL, &error)).code, 0);
	struct kk_process *child = kk_process_spawn(
	    &(struct kk_process_spec){.call = three, .method = KK_START_FORKSERVER, .server = inherited}, &error);
	assert_int_equal(way_end(child).code, 3);
	kk_process_server_stop(inherited);
	way_done();
	harness_wait_orphans(10000);
}

/* ---- kills at any time */

struct killer {
	pid_t victim;
	long after_ns;
};

static void *kill_later(void *argument)
{
	const struct killer *killer = argument;

	/* Where the kill falls is up to chance; nothing below depends on it. */
	nanosleep(&(struct timespec){.tv_nsec = killer->after_ns}, NULL);
	kill(killer->victim, SIGKILL);
	return NULL;
}

/* Starts until the server is dead. What was started ended as it should, or with its server. */
static void start_until_dead(void)
{
	for (;;) {
		struct kk_error error = {0};
		struct kk_process *process = way_try((struct kk_process_spec){.call = three}, &error);
		if (!process) {
			assert_int_equal(error.code, KK_ERR_DIED);
			return;
		}
		struct kk_process_end end = way_end(process);
		assert_true(end.exited ? end.code == 3 : end.signal == SIGKILL && end.lost);
	}
}

static void test_kills_of_the_server_at_any_time(void **state)
{
	struct kk_random random;
	unsigned before = 0;

	(void)state;
	kk_random_seed(&random, 1);
	for (int round = 0; round < 200; round++) {
		way_use(round % 2 ? BY_FORKED_SERVER : BY_FRESH_SERVER);
		struct killer killer = {.victim = kk_process_server_pid(way_server()),
		                        .after_ns = (long)kk_random_below(&random, 3000000)};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, kill_later, &killer), 0);
		start_until_dead();
		pthread_join(thread, NULL);
		way_done();
		/* A child that was forked but of which nobody had heard. */
		harness_wait_orphans(10000);
		if (round == 1)
			before = way_open_descriptors();
	}
	assert_int_equal(way_open_descriptors(), before);
}

/* ---- the death of a parent */

struct generation {
	int depth;    /* how many more                        */
	int held;     /* a descriptor that all have           */
	enum way way; /* how the next one is started          */
};

/* Says that it lives, has children of its own, and sleeps. */
static int found_dynasty(struct kk_call *call)
{
	struct generation next = *(const struct generation *)call->args;
	struct kk_process_fd fd = {WAY_OUT, WAY_OUT};

	if (write(WAY_OUT, ".", 1) != 1)
		return 1;
	if (next.depth-- > 0) {
		way_use(next.way);
		for (int i = 0; i < 2; i++)
			way_start((struct kk_process_spec){.call = found_dynasty,
			                                   .args = &next,
			                                   .args_bytes = sizeof(next),
			                                   .fds = &fd,
			                                   .fd_count = 1});
	}
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(found_dynasty)

/* The pipe ends when nobody has it any more: no descendant lives. */
static void nobody_outlives(enum way way)
{
	struct generation first = {.depth = 2, .way = way};
	int ends[2];
	char seven[7];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct kk_process_fd fd = {ends[1], WAY_OUT};
	way_use(BY_FORK);
	struct kk_process *process = way_start((struct kk_process_spec){
	    .call = found_dynasty, .args = &first, .args_bytes = sizeof(first), .fds = &fd, .fd_count = 1});
	close(ends[1]);
	for (size_t got = 0; got < sizeof(seven); got++)
		assert_int_equal(read(ends[0], seven + got, 1), 1);
	assert_int_equal(kk_process_kill(process, SIGKILL), KK_OK);
	assert_string_equal(way_read(ends[0]), "");
	close(ends[0]);
	assert_int_equal(way_end(process).signal, SIGKILL);
	assert_int_equal(harness_wait_orphans(10000), 0);
}

static void test_nobody_outlives_a_killed_parent(void **state)
{
	(void)state;
	for (enum way way = 0; way < WAYS; way++)
		nobody_outlives(way);
}

/* ---- ends in peace: this program itself, see main */

static int end_late(struct kk_call *call)
{
	(void)call;
	usleep(100000);
	return write(1, "joined ", 7) == 7 ? 0 : 1;
}
KK_FUNCTION(end_late)

static void on_terminate(int signal)
{
	(void)signal;
	if (write(1, "asked ", 6) == 6)
		_exit(0);
}

static int obey(struct kk_call *call)
{
	(void)call;
	signal(SIGTERM, on_terminate);
	if (write(3, "r", 1) != 1)
		return 1;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(obey)

static int defy(struct kk_call *call)
{
	(void)call;
	signal(SIGTERM, SIG_IGN);
	if (write(3, "r", 1) != 1)
		return 1;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(defy)

static int has_child(struct kk_call *call)
{
	struct kk_error error = {0};

	(void)call;
	return kk_process_start(end_late, NULL, 0, NULL, &error) ? 0 : 1;
}
KK_FUNCTION(has_child)

/* Starts what `how` says, one letter each, and returns from main. */
static int end_in_peace(const char *how)
{
	static const struct {
		char letter;
		kk_function *call;
		bool daemon;
	} rows[] = {{'l', end_late, false}, {'o', obey, true}, {'d', defy, true}, {'c', has_child, false}};
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return 2;
	for (; *how; how++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			if (rows[i].letter != *how)
				continue;
			struct kk_process_fd fd = {ready[1], 3};
			way_start((struct kk_process_spec){
			    .call = rows[i].call, .daemon = rows[i].daemon, .fds = &fd, .fd_count = 1});
			/* Daemons are asked to end only once they have said how they take it. */
			if (rows[i].daemon && read(ready[0], &byte, 1) != 1)
				return 3;
		}
	}
	printf("main ");
	return 0;
}

static void test_ends_in_peace(void **state)
{
	static const char *const rows[][2] = {
	    {"l", "main joined "}, {"ll", "main joined joined "}, {"o", "main asked "},
	    {"d", "main "},        {"c", "main joined "},
	};

	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			/* Who does not end when he is asked to takes a second. */
			if (rows[i][0][0] == 'd' && way != BY_FORK && way != BY_FORKED_SERVER)
				continue;
			struct harness_result result = harness_exec(
			    (const char *const[]){KAKEHI_BUILD_DIR "/tests/bin/test_process_server", "--end-in-peace",
			                          harness_text("%d", way), rows[i][0], NULL},
			    NULL);
			assert_string_equal(result.err, "");
			/* main's own line is flushed at exit, before or after. */
			assert_int_equal(strlen(result.out), strlen(rows[i][1]));
			assert_non_null(strstr(result.out, "main "));
			assert_true(!strstr(rows[i][1], "joined") || strstr(result.out, "joined"));
			assert_true(!strstr(rows[i][1], "asked") || strstr(result.out, "asked"));
			assert_int_equal(result.exit_code, 0);
		}
	}
	/* Servers end with their parent, without its waiting for them. */
	assert_int_equal(harness_wait_orphans(10000), 0);
}

/* ---- a program whose main does not expect to be started afresh */

static void test_no_fork_bomb(void **state)
{
	(void)state;
	for (enum way way = BY_SPAWN; way < WAYS; way++) {
		struct harness_result result = harness_exec(
		    (const char *const[]){KAKEHI_BUILD_DIR "/tests/bin/process_bomb",
		                          harness_text("%d", way == BY_SPAWN ? KK_START_SPAWN : KK_START_FORKSERVER),
		                          NULL},
		    NULL);
		assert_string_equal(result.out, "main has to call kk_function_main");
		assert_int_equal(result.exit_code, 1);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_killed_server),
    cmocka_unit_test(test_the_common_server_is_started_again),
    cmocka_unit_test(test_a_server_ignores_what_a_terminal_sends),
    cmocka_unit_test(test_a_stopped_server_ends_its_children),
    cmocka_unit_test(test_a_suspended_server_can_be_stopped),
    cmocka_unit_test(test_a_server_works_for_one_process),
    cmocka_unit_test(test_kills_of_the_server_at_any_time),
    cmocka_unit_test(test_nobody_outlives_a_killed_parent),
    cmocka_unit_test(test_ends_in_peace),
    cmocka_unit_test(test_no_fork_bomb),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	if (argc == 4 && strcmp(argv[1], "--end-in-peace") == 0) {
		way_use((enum way)atoi(argv[2]));
		return end_in_peace(argv[3]);
	}
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]));
}
