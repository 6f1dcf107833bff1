/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of programs that were written without a thought of them: that fork by themselves, ignore SIGCHLD, or wait
 * for any child; that fork while they have threads; that have limits. */
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/log.h>
#include <kakehi/popen.h>
#include <kakehi/process.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_MS = 20000 };

static int hold[2], go[2];

static int at_once(struct kk_call *call)
{
	(void)call;
	return 0;
}
KK_FUNCTION(at_once)

/* Ends with what it was forked from, who alone has the other end. */
static int linger(struct kk_call *call)
{
	char byte;

	(void)call;
	close(hold[0]);
	return (int)read(go[0], &byte, 1);
}
KK_FUNCTION(linger)

/* Says so when it is told to go. */
static int finish(struct kk_call *call)
{
	char byte;

	(void)call;
	if (read(go[0], &byte, 1) < 0)
		return 1;
	return write(hold[1], "done", 4) == 4 ? 0 : 1;
}
KK_FUNCTION(finish)

static struct kk_process *begin(kk_function *call)
{
	struct kk_error error;
	struct kk_process *process = kk_process_start(call, NULL, 0, NULL, &error);

	if (!process)
		fail_msg("%s", error.text);
	return process;
}

static void make_pipes(void)
{
	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(go), 0);
}

/* ---- forks of the program's own */

/* Starts a call, then forks a child that is none of ours and lives on. */
static void start_and_fork(void)
{
	pid_t pid;

	begin(linger);
	close(hold[1]);
	pid = fork();
	if (pid < 0 || (pid > 0 && write(go[1], &pid, sizeof(pid)) != sizeof(pid)))
		_exit(1);
	for (;;)
		pause();
}

/* The call has the write end of `hold`, which the other child has not. */
static void test_a_child_of_a_fork_keeps_no_call_alive(void **state)
{
	struct pollfd ended = {.fd = -1, .events = POLLIN};
	pid_t parent, other;

	(void)state;
	make_pipes();
	int told[2];
	assert_int_equal(pipe(told), 0);
	parent = fork();
	if (parent == 0) {
		dup2(told[1], go[1]);
		start_and_fork();
	}
	close(hold[1]);
	assert_int_equal(read(told[0], &other, sizeof(other)), sizeof(other));
	kill(parent, SIGKILL);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	ended.fd = hold[0];
	int n = poll(&ended, 1, LONG_MS);
	assert_true(harness_alive(other));
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_int_equal(n, 1);
	close(hold[0]);
	close(go[0]);
	close(go[1]);
	close(told[0]);
	close(told[1]);
	harness_wait_orphans(LONG_MS);
}

/* It has none of our descriptors, and may start processes of its own. */
static void test_a_child_of_a_fork_starts_processes(void **state)
{
	struct kk_process *mine = begin(at_once);
	struct kk_process_end end;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		bool good =
		    kk_process_wait(mine, 0, &end) == KK_ERR_NOT_OWNER && kk_process_active_children(NULL, 0) == 0;
		struct kk_process *own = begin(at_once);
		good = good && kk_process_wait(own, LONG_MS, &end) == KK_OK && end.exited;
		kk_process_free(own);
		kk_process_free(mine);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(kk_process_wait(mine, LONG_MS, &end), KK_OK);
	kk_process_free(mine);
}

/* ---- programs that take the word of children */

static void reap_any(int signal)
{
	int saved = errno;

	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = saved;
}

static void look_at_one(void)
{
	struct kk_process_end end;
	struct kk_process *process = begin(at_once);

	assert_int_equal(kk_process_wait(process, LONG_MS, &end), KK_ERR_SYSTEM);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(kk_process_wait(process, 0, &end), KK_ERR_SYSTEM);
	assert_int_equal(kk_process_peek(process, &end), KK_ERR_SYSTEM);
	assert_false(kk_process_is_alive(process));
	assert_int_equal(kk_process_terminate(process), KK_ERR_MISSING);
	assert_int_equal(kk_process_close(process), KK_OK);
}

/* However soon they end: who starts them learns of it. */
static void start_many(void)
{
	const struct kk_process_spec spec = {.paths = (const char *const[]){"/no/such/program", NULL},
	                                     .argv = (const char *const[]){"none", NULL}};
	struct kk_error error;

	look_at_one();
	for (int i = 0; i < 300; i++) {
		kk_process_free(begin(at_once));
		assert_null(kk_process_spawn(&spec, &error));
		assert_int_equal(error.code, KK_ERR_MISSING);
	}
}

static void test_sigchld_ignored(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	start_many();
	signal(SIGCHLD, SIG_DFL);
}

static void test_sigchld_waits_for_any_child(void **state)
{
	(void)state;
	signal(SIGCHLD, reap_any);
	start_many();
	signal(SIGCHLD, SIG_DFL);
}

/* One child was taken by the program; the other one is waited for all the same. */
static void test_exit_joins_those_that_were_not_taken(void **state)
{
	struct pollfd parent_ended = {.fd = -1, .events = POLLIN};
	char text[8] = "";
	int alive[2];
	pid_t parent;

	(void)state;
	make_pipes();
	assert_int_equal(pipe(alive), 0);
	parent = fork();
	if (parent == 0) {
		close(go[1]);
		signal(SIGCHLD, reap_any);
		begin(finish);
		close(alive[0]);
		kk_process_wait(begin(at_once), -1, NULL);
		exit(0);
	}
	close(alive[1]);
	close(hold[1]);
	/* It is there as long as it joins. (Its child has this end, too.) */
	parent_ended.fd = alive[0];
	assert_int_equal(poll(&parent_ended, 1, 200), 0);
	close(go[1]);
	ssize_t n = read(hold[0], text, 4);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(n, 4);
	assert_string_equal(text, "done");
	close(alive[0]);
	close(hold[0]);
	close(go[0]);
}

/* ---- threads, limits */

/* A program that is started afresh with this waits until somebody lets it go. */
#define WAIT_FOR "HOST_TEST_WAIT_FOR"

__attribute__((constructor)) static void wait_for(void)
{
	const char *fifo = getenv(WAIT_FOR);
	char byte;
	int fd = fifo ? open(fifo, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (read(fd, &byte, 1) < 0)
		_exit(1);
	close(fd);
}

static void *use_server(void *answer)
{
	const struct kk_process_spec spec = {.call = at_once, .method = KK_START_FORKSERVER};
	struct kk_error error;
	struct kk_process *process = kk_process_spawn(&spec, &error);

	*(int *)answer = process ? kk_process_wait(process, LONG_MS, NULL) : error.code;
	kk_process_free(process);
	return NULL;
}

/* While another thread is about to start the fork server, which takes its time. */
static void test_a_fork_while_a_server_starts(void **state)
{
	char *fifo = harness_path("fifo");
	struct kk_process_end end;
	pthread_t other;
	int answer = 1, fd;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	setenv(WAIT_FOR, fifo, 1);
	assert_int_equal(pthread_create(&other, NULL, use_server, &answer), 0);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	struct kk_process *process = begin(at_once);
	assert_int_equal(kk_process_wait(process, LONG_MS, &end), KK_OK);
	assert_int_equal(end.code, 0);
	kk_process_free(process);
	close(fd);
	pthread_join(other, NULL);
	assert_int_equal(answer, KK_OK);
	unsetenv(WAIT_FOR);
	kk_process_join_all();
	unlink(fifo);
}

/* ---- forks beside a thread that is always in the midst of something: nothing of it stays taken in the child */

static atomic_bool over;

/* Forks, again and again, beside `work`; each child does `look`, and says so by 0. */
static void fork_beside(void *(*work)(void *what), int (*look)(void *what), void *what)
{
	pthread_t other;

	atomic_store(&over, false);
	assert_int_equal(pthread_create(&other, NULL, work, what), 0);
	for (int i = 0; i < 300; i++) {
		struct pollfd ended = {.events = POLLIN};
		int status = 0;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(look(what));
		ended.fd = pidfd_open(pid, 0);
		if (poll(&ended, 1, LONG_MS) != 1)
			kill(pid, SIGKILL);
		close(ended.fd);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	atomic_store(&over, true);
	assert_int_equal(pthread_join(other, NULL), 0);
}

static void *poll_it(void *popen)
{
	while (!atomic_load(&over))
		(void)kk_popen_poll(popen, NULL);
	return NULL;
}

static int use_inherited_popen(void *popen)
{
	int code, good = kk_popen_poll(popen, &code) == KK_ERR_NOT_OWNER && kk_popen_kill(popen) == KK_ERR_NOT_OWNER &&
	                 kk_popen_communicate(popen, NULL, 0, 0, NULL) == KK_ERR_NOT_OWNER &&
	                 kk_popen_close_fd(popen, 0) == KK_ERR_NOT_OWNER;

	kk_popen_free(popen);
	return !good;
}

static void test_forks_beside_a_popen(void **state)
{
	static const char *const args[] = {"/bin/sleep", "1000", NULL};
	struct kk_popen *popen = kk_popen(&(struct kk_command){.args = args}, NULL);

	(void)state;
	assert_non_null(popen);
	fork_beside(poll_it, use_inherited_popen, popen);
	assert_int_equal(kk_popen_poll(popen, NULL), KK_ERR_EMPTY);
	kk_popen_free(popen);
}

static void *ask_it(void *server)
{
	const struct kk_process_spec spec = {.call = at_once, .method = KK_START_FORKSERVER, .server = server};

	while (!atomic_load(&over))
		kk_process_free(kk_process_spawn(&spec, NULL));
	return NULL;
}

static int stop_inherited_server(void *server)
{
	kk_process_server_stop(server);
	return 0;
}

static void test_forks_beside_a_server(void **state)
{
	struct kk_process_server *server = kk_process_server_start(KK_START_FORK, NULL);

	(void)state;
	assert_non_null(server);
	fork_beside(ask_it, stop_inherited_server, server);
	kk_process_server_stop(server);
}

/* Dates take a lock of libc's. */
static void *date_it(void *nothing)
{
	struct tm date;

	(void)nothing;
	while (!atomic_load(&over)) {
		time_t now = time(NULL);
		(void)gmtime_r(&now, &date);
	}
	return NULL;
}

static int log_it(void *fd)
{
	kk_log_to_fd(*(int *)fd);
	kk_log_error("host", "from a child");
	return 0;
}

static void test_forks_beside_a_log(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(null >= 0);
	fork_beside(date_it, log_it, &null);
	close(null);
}

/* Not the end of the program, which would be SIGXFSZ. */
static void test_a_limit_of_the_size_of_files(void **state)
{
	static const char args[20000];
	struct kk_process_spec spec = {.call = at_once, .args = args, .args_bytes = sizeof(args)};
	struct rlimit before, small;
	struct kk_error error[3];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	spec.method = KK_START_SPAWN;
	struct kk_process *fresh = kk_process_spawn(&spec, &error[0]);
	spec.method = KK_START_FORKSERVER;
	struct kk_process *served = kk_process_spawn(&spec, &error[1]);
	struct kk_family *family = kk_family_create(NULL, &error[2]);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_null(fresh);
	assert_null(served);
	assert_null(family);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(error[i].code, KK_ERR_SYSTEM);
		assert_int_equal(error[i].system, EFBIG);
	}
	kk_process_join_all();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_child_of_a_fork_keeps_no_call_alive),
    cmocka_unit_test(test_a_child_of_a_fork_starts_processes),
    cmocka_unit_test(test_sigchld_ignored),
    cmocka_unit_test(test_sigchld_waits_for_any_child),
    cmocka_unit_test(test_exit_joins_those_that_were_not_taken),
    cmocka_unit_test(test_a_fork_while_a_server_starts),
    cmocka_unit_test(test_forks_beside_a_popen),
    cmocka_unit_test(test_forks_beside_a_server),
    cmocka_unit_test(test_forks_beside_a_log),
    cmocka_unit_test(test_a_limit_of_the_size_of_files),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
