/* SPDX-License-Identifier: Apache-2.0 */
/* kk_executor with worker processes: workers, submitters and owners that die, children that use futures, workers that
 * were started afresh. */
#include "harness.h"
#include <kakehi/executor.h>
#include <kakehi/process.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic int *shared; /* of all processes */

static int share(void **state)
{
	(void)state;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED;
}

static int unshare_all(void **state)
{
	(void)state;
	/* Workers that ended just before their server did. */
	return (int)harness_wait_orphans(10000);
}

/* ---- functions */

static int die_of(struct kk_call *call)
{
	signal(*(const int *)call->args, SIG_DFL);
	raise(*(const int *)call->args);
	return 0;
}

static int leave(struct kk_call *call)
{
	_exit(*(const int *)call->args);
}

static int square(struct kk_call *call)
{
	long n = *(const long *)call->args;
	n *= n;
	return kk_call_return(call, &n, sizeof(n));
}
KK_FUNCTION(square)

/* Kills its worker until it was begun so many times. */
static int die_until(struct kk_call *call)
{
	int times = atomic_fetch_add(shared, 1) + 1;
	if (times < *(const int *)call->args)
		raise(SIGKILL);
	return kk_call_return(call, &times, sizeof(times));
}

static int stay(struct kk_call *call)
{
	(void)call;
	atomic_fetch_add(shared, 1);
	for (;;)
		pause();
	return 0;
}

static int count_up(struct kk_call *call)
{
	(void)call;
	atomic_fetch_add(shared, 1);
	return 0;
}

/* ---- shorthand */

static struct kk_executor *make_in(struct kk_family *family, const struct kk_executor_spec *spec)
{
	struct kk_error error = {0};
	struct kk_executor *executor = kk_executor_create(family, spec, &error);
	if (!executor)
		fail_msg("%s", error.text);
	return executor;
}

static struct kk_executor *make(unsigned workers, unsigned retries)
{
	const struct kk_executor_spec spec = {.workers = workers, .retries = retries};
	return make_in(NULL, &spec);
}

static struct kk_future *submit_int(struct kk_executor *executor, kk_function *function, int n)
{
	struct kk_error error = {0};
	struct kk_future *future = kk_executor_submit(executor, function, &n, sizeof(n), -1, &error);
	if (!future)
		fail_msg("%s", error.text);
	return future;
}

static bool squares(struct kk_executor *executor, long n)
{
	const void *data = NULL;
	struct kk_future *future = kk_executor_submit(executor, square, &n, sizeof(n), -1, NULL);
	bool right = future && kk_future_result(future, -1, &data, NULL, NULL) == KK_OK && *(const long *)data == n * n;
	kk_future_free(future);
	return right;
}

static bool has_begun(void *count)
{
	return atomic_load(shared) >= *(int *)count;
}

static void await_begun(int count)
{
	assert_true(harness_wait_until(has_begun, &count, 20000));
}

/* ---- workers that die */

static void test_death(void **state)
{
	(void)state;
	static const struct {
		kk_function *function;
		int argument;
		const char *text;
	} row[] = {
	    {die_of, SIGSEGV, "its worker was killed by SIGSEGV"},
	    {die_of, SIGKILL, "its worker was killed by SIGKILL"},
	    {leave, 3, "its worker ended: exit 3"},
	};
	struct kk_executor *executor = make(2, 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct kk_error error = {0};
		int code;
		struct kk_future *future = submit_int(executor, row[i].function, row[i].argument);
		assert_int_equal(kk_future_result(future, -1, NULL, NULL, &error), KK_ERR_DIED);
		if (strncmp(error.text, row[i].text, strlen(row[i].text)) != 0)
			fail_msg("%s", error.text);
		assert_int_equal(kk_future_exception(future, 0, &code, NULL), KK_ERR_DIED);
		assert_int_equal(code, KK_ERR_DIED);
		kk_future_free(future);
		/* Nobody else noticed. */
		for (long n = 0; n < 10; n++)
			assert_true(squares(executor, n));
	}
	kk_executor_close(executor);
}

static void test_retry(void **state)
{
	(void)state;
	struct kk_executor *executor = make(2, 2);
	const void *data;
	struct kk_error error = {0};
	struct kk_future *future = submit_int(executor, die_until, 3);
	assert_int_equal(kk_future_result(future, -1, &data, NULL, NULL), KK_OK);
	assert_int_equal(*(const int *)data, 3);
	kk_future_free(future);
	future = submit_int(executor, die_of, SIGABRT);
	assert_int_equal(kk_future_result(future, -1, NULL, NULL, &error), KK_ERR_DIED);
	assert_non_null(strstr(error.text, "its worker was killed by SIGABRT"));
	assert_non_null(strstr(error.text, ", as did 2 before it"));
	kk_future_free(future);
	assert_true(squares(executor, 4));
	kk_executor_close(executor);
}

/* Killed while idle: it costs nothing. */
static void test_death_of_idle(void **state)
{
	(void)state;
	struct kk_executor *executor = make(1, 0);
	for (long n = 1; n < 5; n++) {
		assert_true(squares(executor, n));
		pid_t worker = kk_executor_worker(executor, 0);
		assert_true(worker > 0);
		assert_int_equal(kill(worker, SIGKILL), 0);
	}
	assert_true(squares(executor, 9));
	kk_executor_close(executor);
}

static int crash_in_init(struct kk_call *call)
{
	(void)call;
	raise(SIGSEGV);
	return 0;
}

static void test_init_crashes(void **state)
{
	(void)state;
	const struct kk_executor_spec spec = {.workers = 1, .init = crash_in_init};
	struct kk_executor *executor = make_in(NULL, &spec);
	struct kk_error error = {0};
	struct kk_future *future = kk_executor_submit(executor, square, "12345678", 8, -1, &error);
	if (future)
		assert_int_equal(kk_future_result(future, -1, NULL, NULL, &error), KK_ERR_BROKEN);
	assert_int_equal(error.code, KK_ERR_BROKEN);
	assert_non_null(strstr(error.text, "workers end before they are ready: killed by SIGSEGV"));
	kk_future_free(future);
	kk_executor_close(executor);
}

/* A shutdown with a task that kills its worker, and others behind it. */
static void test_death_while_closing(void **state)
{
	(void)state;
	struct kk_executor *executor = make(1, 0);
	struct kk_future *dies = submit_int(executor, die_of, SIGKILL), *future[20];
	for (int i = 0; i < 20; i++)
		future[i] = submit_int(executor, count_up, 0);
	kk_executor_shutdown(executor, true, false);
	assert_int_equal(kk_future_result(dies, 0, NULL, NULL, NULL), KK_ERR_DIED);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(kk_future_result(future[i], 0, NULL, NULL, NULL), KK_OK);
		kk_future_free(future[i]);
	}
	kk_future_free(dies);
	kk_executor_close(executor);
	assert_int_equal(atomic_load(shared), 20);
}

static bool is_gone(void *pid)
{
	return !harness_alive(*(pid_t *)pid);
}

static void test_terminate_kills(void **state)
{
	(void)state;
	struct kk_executor *executor = make(2, 5);
	struct kk_future *future[] = {submit_int(executor, stay, 0), submit_int(executor, stay, 0)};
	pid_t worker[2];
	await_begun(2);
	for (unsigned i = 0; i < 2; i++)
		worker[i] = kk_executor_worker(executor, i);
	assert_int_equal(kk_executor_terminate(executor), KK_OK);
	for (int i = 0; i < 2; i++) {
		assert_true(is_gone(&worker[i]));
		assert_int_equal(kk_future_result(future[i], 0, NULL, NULL, NULL), KK_ERR_CANCELLED);
		kk_future_free(future[i]);
	}
	kk_executor_close(executor);
	assert_int_equal(atomic_load(shared), 2);
}

/* ---- who else dies */

static bool nothing_held(void *arg)
{
	struct kk_executor_usage usage;
	struct kk_executor *executor = arg;
	(void)kk_family_bury(kk_executor_family(executor));
	kk_executor_usage(executor, &usage);
	return usage.pending + usage.running + usage.kept == 0;
}

/* A child that submits by the inherited handle, and is killed: what it submitted is run, and forgotten. */
static void test_death_of_submitter(void **state)
{
	(void)state;
	struct kk_executor *executor = make(2, 0);
	assert_true(squares(executor, 2));
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 100; i++) {
			if (!kk_executor_submit(executor, count_up, NULL, 0, -1, NULL))
				_exit(1);
		}
		kill(getpid(), SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(harness_wait_until(nothing_held, executor, 20000));
	assert_int_equal(atomic_load(shared), 100);
	assert_true(squares(executor, 3));
	kk_executor_close(executor);
}

/* A child waits for a future of its parent's: the inherited handle, and one by reference. */
static void test_future_in_child(void **state)
{
	(void)state;
	struct kk_executor *executor = make(1, 0);
	struct kk_future *future = submit_int(executor, die_until, 1);
	pid_t child = fork();
	if (child == 0) {
		const void *data, *again;
		struct kk_future *other = kk_future_open(executor, kk_future_ref(future), NULL);
		bool right = other && kk_future_result(other, -1, &data, NULL, NULL) == KK_OK &&
		             kk_future_result(future, -1, &again, NULL, NULL) == KK_OK && *(const int *)data == 1 &&
		             *(const int *)again == 1;
		kk_future_free(other);
		kk_future_free(future);
		right = right && squares(executor, 12);
		kk_executor_close(executor);
		_exit(right ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(kk_future_result(future, -1, NULL, NULL, NULL), KK_OK);
	uint64_t ref = kk_future_ref(future);
	kk_future_free(future);
	/* Forgotten: nobody holds it. */
	struct kk_error error = {0};
	assert_true(harness_wait_until(nothing_held, executor, 20000));
	assert_null(kk_future_open(executor, ref, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_executor_close(executor);
}

/* The process that has the workers is killed: whoever else waits is told. */
static void test_death_of_owner(void **state)
{
	(void)state;
	struct kk_family *family = kk_family_create(NULL, NULL);
	int ready[2];
	uint64_t ref;
	assert_non_null(family);
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		const struct kk_executor_spec spec = {.workers = 1};
		struct kk_executor *executor = kk_executor_create(family, &spec, NULL);
		ref = executor ? kk_executor_ref(executor) : 0;
		if (write(ready[1], &ref, sizeof(ref)) != sizeof(ref))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &ref, sizeof(ref)), sizeof(ref));
	struct kk_executor *executor = kk_executor_open(family, ref, NULL);
	assert_non_null(executor);
	struct kk_future *runs = submit_int(executor, stay, 0), *waits = submit_int(executor, count_up, 0);
	await_begun(1);
	pid_t worker = kk_executor_worker(executor, 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	struct kk_error error = {0};
	assert_int_equal(kk_future_result(waits, -1, NULL, NULL, &error), KK_ERR_BROKEN);
	assert_string_equal(error.text, "the process that kept the workers has ended");
	assert_int_equal(kk_future_result(runs, -1, NULL, NULL, &error), KK_ERR_DIED);
	assert_null(kk_executor_submit(executor, count_up, NULL, 0, -1, &error));
	assert_int_equal(error.code, KK_ERR_BROKEN);
	assert_true(harness_wait_until(is_gone, &worker, 20000));
	kk_future_free(runs);
	kk_future_free(waits);
	kk_executor_close(executor);
	kk_family_close(family);
	close(ready[0]);
	close(ready[1]);
}

/* ---- workers that were started afresh */

static void *idle(void *arg)
{
	char byte;
	return (void *)(intptr_t)read(*(int *)arg, &byte, 1);
}

/* A program with threads cannot be forked: its workers know functions by their names. */
static void test_threaded_program(void **state)
{
	(void)state;
	pthread_t thread;
	int ends[2];
	struct kk_error error = {0};
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, idle, &ends[0]), 0);
	struct kk_executor *executor = make(2, 0);
	for (long n = 0; n < 100; n++)
		assert_true(squares(executor, n));
	assert_null(kk_executor_submit(executor, count_up, NULL, 0, -1, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_non_null(strstr(error.text, "not registered"));
	/* A killed one is replaced. */
	assert_int_equal(kill(kk_executor_worker(executor, 0), SIGKILL), 0);
	for (long n = 0; n < 100; n++)
		assert_true(squares(executor, n));
	close(ends[1]);
	pthread_join(thread, NULL);
	kk_executor_close(executor);
	close(ends[0]);
}

/* A server that was started before the threads: all functions are known. */
static void test_given_server(void **state)
{
	(void)state;
	pthread_t thread;
	int ends[2];
	struct kk_process_server *server = kk_process_server_start(KK_START_FORK, NULL);
	assert_non_null(server);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&thread, NULL, idle, &ends[0]), 0);
	const struct kk_executor_spec spec = {.workers = 2, .server = server};
	struct kk_executor *one = make_in(NULL, &spec), *other = make_in(NULL, &spec);
	for (int i = 0; i < 50; i++) {
		kk_future_free(submit_int(one, count_up, 0));
		kk_future_free(submit_int(other, count_up, 0));
	}
	kk_executor_close(one);
	kk_executor_close(other);
	assert_int_equal(atomic_load(shared), 100);
	close(ends[1]);
	pthread_join(thread, NULL);
	close(ends[0]);
	kk_process_server_stop(server);
}

/* A second one beside the threads of the first: those are the library's own. */
static void test_two_executors(void **state)
{
	(void)state;
	struct kk_executor *one = make(1, 0);
	assert_true(squares(one, 2));
	struct kk_executor *other = make(1, 0);
	kk_future_free(submit_int(other, count_up, 0));
	kk_executor_close(other);
	kk_executor_close(one);
	assert_int_equal(atomic_load(shared), 1);
}

/* A program that ends without closing leaves nothing behind. */
static void test_exit_without_close(void **state)
{
	(void)state;
	int ready[2];
	pid_t worker;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct kk_executor *executor = make(1, 0);
		(void)submit_int(executor, stay, 0);
		await_begun(1);
		worker = kk_executor_worker(executor, 0);
		(void)!write(ready[1], &worker, sizeof(worker));
		exit(7);
	}
	int status;
	assert_int_equal(read(ready[0], &worker, sizeof(worker)), sizeof(worker));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	assert_true(harness_wait_until(is_gone, &worker, 20000));
	close(ready[0]);
	close(ready[1]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, share, unshare_all)

static const struct CMUnitTest tests[] = {
    TEST(test_death),
    TEST(test_retry),
    TEST(test_death_of_idle),
    TEST(test_init_crashes),
    TEST(test_death_while_closing),
    TEST(test_terminate_kills),
    TEST(test_death_of_submitter),
    TEST(test_future_in_child),
    TEST(test_death_of_owner),
    TEST(test_threaded_program),
    TEST(test_given_server),
    TEST(test_two_executors),
    TEST(test_exit_without_close),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
