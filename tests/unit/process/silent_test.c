/* SPDX-License-Identifier: Apache-2.0 */
/* A fork server that is stopped (SIGSTOP): nobody waits for it without a limit. */
#include "asleep.h"
#include "ways.h"
#include <fcntl.h>
#include <kakehi/executor.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ANSWER_MS = 10000, LONG_MS = 20000, ASKERS = 3 };

static int sleep_on(struct kk_call *call)
{
	(void)call;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(sleep_on)

static int speak(struct kk_call *call)
{
	(void)call;
	return write(WAY_OUT, "here", 4) == 4 ? 3 : 1;
}
KK_FUNCTION(speak)

static void *ask(void *fd)
{
	struct kk_process_fd out = {*(int *)fd, WAY_OUT};
	struct kk_error error = {0};
	struct kk_process *process =
	    way_try((struct kk_process_spec){.call = speak, .fds = &out, .fd_count = 1}, &error);

	kk_process_free(process);
	return (void *)(intptr_t)error.code;
}

static int three(struct kk_call *call)
{
	(void)call;
	return kk_call_return(call, "3", 1);
}
KK_FUNCTION(three)

static void *create(void *unused)
{
	const struct kk_executor_spec spec = {.workers = 3, .server = way_server()};

	(void)unused;
	return kk_executor_create(NULL, &spec, NULL);
}

static void executes(struct kk_executor *executor)
{
	struct kk_error error = {0};
	struct kk_future *future = kk_executor_submit(executor, three, NULL, 0, -1, &error);

	assert_int_equal(kk_future_result(future, LONG_MS, NULL, NULL, &error), KK_OK);
	kk_future_free(future);
}

/* Several that ask at the same time do not wait for each other; what they asked for is never done. */
static void nobody_waits_for_it(enum way way)
{
	pthread_t askers[ASKERS], creator;
	struct kk_error error = {0};
	void *code, *executor;
	int ends[2];

	way_use(way);
	struct kk_process *held = way_start((struct kk_process_spec){.call = sleep_on});
	pid_t server = kk_process_server_pid(way_server());
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	kill(server, SIGSTOP);
	kk_process_free(held);
	uint64_t began_ms = harness_now_ms();
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&askers[i], NULL, ask, &ends[1]), 0);
	assert_int_equal(pthread_create(&creator, NULL, create, NULL), 0);
	assert_null(way_try((struct kk_process_spec){.call = speak}, &error));
	assert_int_equal(error.code, KK_ERR_TIMEOUT);
	assert_string_equal(
	    error.text, harness_text("the fork server (process %d) has not answered for 10 s: is it stopped?", server));
	for (int i = 0; i < ASKERS; i++) {
		assert_int_equal(pthread_join(askers[i], &code), 0);
		assert_int_equal((intptr_t)code, KK_ERR_TIMEOUT);
	}
	assert_int_equal(pthread_join(creator, &executor), 0);
	assert_in_range(harness_now_ms() - began_ms, ANSWER_MS - 100, 2 * ANSWER_MS);
	kill(server, SIGCONT);
	/* Again it is good for what is asked now. */
	struct kk_process_fd out = {ends[1], WAY_OUT};
	assert_int_equal(way_end(way_start((struct kk_process_spec){.call = speak, .fds = &out, .fd_count = 1})).code,
	                 3);
	close(ends[1]);
	assert_string_equal(way_read(ends[0]), "here");
	close(ends[0]);
	/* So is an executor of three workers that nobody has waited for either. */
	assert_non_null(executor);
	executes(executor);
	kk_executor_close(executor);
	way_done();
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static void test_nobody_waits_for_a_stopped_server(void **state)
{
	(void)state;
	nobody_waits_for_it(BY_FORKED_SERVER);
}

/* Its workers go, and so does it. */
static void an_executor_ends(bool terminate)
{
	struct kk_error error = {0};

	way_use(BY_FORKED_SERVER);
	const struct kk_executor_spec spec = {.workers = 2, .server = way_server()};
	struct kk_executor *executor = kk_executor_create(NULL, &spec, &error);
	assert_non_null(executor);
	executes(executor);
	kill(kk_process_server_pid(way_server()), SIGSTOP);
	if (terminate)
		assert_int_equal(kk_executor_terminate(executor), KK_OK);
	kk_executor_close(executor);
	kill(kk_process_server_pid(way_server()), SIGCONT);
	way_done();
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static void test_an_executor_beside_a_stopped_server(void **state)
{
	(void)state;
	an_executor_ends(true);
	an_executor_ends(false);
}

/* Of all processes. */
static struct {
	_Atomic int runs, goes_on; /* the task */
	_Atomic pid_t closer;
} * shared;

static int run_until_told(struct kk_call *call)
{
	atomic_store(&shared->runs, 1);
	while (!atomic_load(&shared->goes_on))
		sched_yield();
	if (*(const int *)call->args)
		kk_process_raise(*(const int *)call->args);
	return 0;
}
KK_FUNCTION(run_until_told)

static void *shut_down(void *executor)
{
	atomic_store(&shared->closer, gettid());
	return (void *)(intptr_t)kk_executor_shutdown(executor, true, false);
}

static bool is_running(void *unused)
{
	(void)unused;
	return atomic_load(&shared->runs);
}

static bool is_waited_for(void *unused)
{
	(void)unused;
	return asleep(atomic_load(&shared->closer));
}

/* Somebody waits for its last task, of which the worker dies (`signal`) or not. */
static void an_executor_ends_after(int signal, int code, const char *text)
{
	struct kk_error error = {0};
	pthread_t closer;
	void *closed;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	way_use(BY_FORKED_SERVER);
	const struct kk_executor_spec spec = {.workers = 1, .server = way_server()};
	struct kk_executor *executor = kk_executor_create(NULL, &spec, &error);
	assert_non_null(executor);
	struct kk_future *future = kk_executor_submit(executor, run_until_told, &signal, sizeof(signal), -1, &error);
	assert_true(harness_wait_until(is_running, NULL, LONG_MS));
	kill(kk_process_server_pid(way_server()), SIGSTOP);
	assert_int_equal(pthread_create(&closer, NULL, shut_down, executor), 0);
	assert_true(harness_wait_until(is_waited_for, NULL, LONG_MS));
	atomic_store(&shared->goes_on, 1);
	assert_int_equal(pthread_join(closer, &closed), 0);
	assert_int_equal((intptr_t)closed, KK_OK);
	assert_int_equal(kk_future_result(future, LONG_MS, NULL, NULL, &error), code);
	assert_string_equal(error.text, text);
	kk_future_free(future);
	kk_executor_close(executor);
	kill(kk_process_server_pid(way_server()), SIGCONT);
	way_done();
	munmap(shared, sizeof(*shared));
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

/* Nobody says of what the worker died, so nobody is told anything but that. */
static void test_the_last_task_beside_a_stopped_server(void **state)
{
	(void)state;
	an_executor_ends_after(0, KK_OK, "");
	an_executor_ends_after(SIGUSR1, KK_ERR_DIED, "its worker died");
}

/* A parent that ends joins what has ended, though nobody says how, and ends the others. */
static int exit_beside_it(void)
{
	struct kk_process *ended, *daemon;

	way_use(BY_FRESH_SERVER);
	ended = way_start((struct kk_process_spec){.call = sleep_on});
	daemon = way_start((struct kk_process_spec){.call = sleep_on, .daemon = true});
	if (kill(kk_process_server_pid(way_server()), SIGSTOP) < 0)
		return 1;
	kk_process_kill(ended, SIGKILL);
	kk_process_join_all();
	return kk_process_is_alive(ended) || kk_process_is_alive(daemon) ? 2 : 0;
}

static void test_an_exit_beside_a_stopped_server(void **state)
{
	(void)state;
	struct harness_options options = {.limit_ms = LONG_MS};
	struct harness_result result = harness_exec(
	    (const char *const[]){KAKEHI_BUILD_DIR "/tests/bin/test_process_silent", "--exit", NULL}, &options);
	assert_string_equal(result.err, "");
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(harness_wait_orphans(LONG_MS), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_nobody_waits_for_a_stopped_server),
    cmocka_unit_test(test_an_executor_beside_a_stopped_server),
    cmocka_unit_test(test_the_last_task_beside_a_stopped_server),
    cmocka_unit_test(test_an_exit_beside_a_stopped_server),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--exit") == 0)
		return exit_beside_it();
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
