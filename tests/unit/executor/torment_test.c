/* SPDX-License-Identifier: Apache-2.0 */
/* kk_executor: workers and submitters are killed and stopped at random for some seconds. Every future ends, once; what
 * was done was done with the right answer; at the end nothing is left. */
#include "harness.h"
#include <kakehi/executor.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, BATCH = 40, LONG = 3000, TIME_MS = 1500 };

/* Of all processes: how often the task of each number was begun, and ended. */
enum { NUMBERS = 1 << 24, RANGE = 500000 };
static _Atomic unsigned char *begun, *ended;

static int reverse(struct kk_call *call)
{
	static unsigned char answer[LONG];
	const unsigned char *args = call->args;
	long number;
	memcpy(&number, args, sizeof(number));
	atomic_fetch_add(&begun[number], 1);
	for (size_t i = 0; i < call->args_bytes; i++)
		answer[i] = args[call->args_bytes - 1 - i];
	int rc = kk_call_return(call, answer, call->args_bytes);
	atomic_fetch_add(&ended[number], 1);
	return rc;
}

static size_t make_args(unsigned char *to, long number)
{
	size_t bytes = sizeof(number) + (size_t)number * 37 % (LONG - sizeof(number));
	memset(to, (int)number, bytes);
	memcpy(to, &number, sizeof(number));
	return bytes;
}

static bool is_reversed(const unsigned char *answer, size_t bytes, const unsigned char *args, size_t args_bytes)
{
	for (size_t i = 0; bytes == args_bytes && i < bytes; i++) {
		if (answer[i] != args[bytes - 1 - i])
			return false;
	}
	return bytes == args_bytes;
}

/* 0, or what is wrong with it. */
static int check_end(struct kk_future *future, long number, unsigned retries)
{
	unsigned char args[LONG];
	const void *data;
	size_t bytes, args_bytes = make_args(args, number);
	switch (kk_future_result(future, 30000, &data, &bytes, NULL)) {
	case KK_OK:
		if (!is_reversed(data, bytes, args, args_bytes))
			return 2;
		if (atomic_load(&ended[number]) < 1)
			return 6;
		return atomic_load(&begun[number]) <= retries + 1 ? 0 : 7;
	case KK_ERR_DIED:
		/* It was begun as often as it may be, if each time it was killed in the function. */
		return atomic_load(&begun[number]) <= retries + 1 ? 0 : 3;
	case KK_ERR_TIMEOUT:
		return 4;
	default:
		return 5;
	}
}

static int submit_batch(struct kk_executor *executor, long *number, unsigned retries)
{
	struct kk_future *future[BATCH];
	unsigned char args[LONG];
	int wrong = 0;
	for (int i = 0; i < BATCH; i++) {
		size_t bytes = make_args(args, *number + i);
		future[i] = kk_executor_submit(executor, reverse, args, bytes, -1, NULL);
		if (!future[i])
			return 1;
	}
	for (int i = 0; i < BATCH && wrong == 0; i++)
		wrong = check_end(future[i], *number + i, retries);
	for (int i = 0; i < BATCH; i++)
		kk_future_free(future[i]);
	*number += BATCH;
	return wrong;
}

/* Numbers of its own, from `first` on; until it is killed, or has found something wrong. */
static pid_t start_submitter(struct kk_executor *executor, long first, unsigned retries)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int wrong = 0;
		long number = first;
		while (wrong == 0)
			wrong = submit_batch(executor, &number, retries);
		_exit(wrong);
	}
	return child;
}

static void torment(struct kk_executor *executor)
{
	pid_t worker = kk_executor_worker(executor, (unsigned)rand() % WORKERS);
	if (worker <= 0)
		return;
	if (rand() % 4 == 0) {
		/* Stopped for a while: the others go on. */
		(void)kill(worker, SIGSTOP);
		usleep((unsigned)rand() % 20000);
		(void)kill(worker, SIGCONT);
	} else {
		(void)kill(worker, SIGKILL);
	}
}

static void end_submitter(pid_t child)
{
	int status;
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		fail_msg("a submitter found fault %d", WEXITSTATUS(status));
}

static bool nothing_left(void *arg)
{
	struct kk_executor_usage usage;
	struct kk_executor *executor = arg;
	(void)kk_family_bury(kk_executor_family(executor));
	kk_executor_usage(executor, &usage);
	return usage.pending + usage.running + usage.kept + usage.pages_used == 0;
}

static void run(unsigned retries)
{
	const struct kk_executor_spec spec = {
	    .workers = WORKERS, .tasks = 64, .args_room = 65536, .answer_room = 65536, .retries = retries};
	struct kk_executor *executor = kk_executor_create(NULL, &spec, NULL);
	assert_non_null(executor);
	long own = 1, next = RANGE;
	pid_t child[2];
	for (int i = 0; i < 2; i++, next += RANGE)
		child[i] = start_submitter(executor, next, retries);
	uint64_t until = harness_now_ms() + TIME_MS;
	srand(7);
	while (harness_now_ms() < until) {
		torment(executor);
		assert_int_equal(submit_batch(executor, &own, retries), 0);
		int one = rand() % 16;
		if (one < 2 && next < NUMBERS - RANGE) {
			end_submitter(child[one]);
			child[one] = start_submitter(executor, next, retries);
			next += RANGE;
		}
	}
	end_submitter(child[0]);
	end_submitter(child[1]);
	assert_true(harness_wait_until(nothing_left, executor, 20000));
	assert_int_equal(submit_batch(executor, &own, retries), 0);
	kk_executor_close(executor);
}

static int share(void **state)
{
	(void)state;
	begun = mmap(NULL, NUMBERS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ended = mmap(NULL, NUMBERS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return begun == MAP_FAILED || ended == MAP_FAILED;
}

static int wait_for_all(void **state)
{
	(void)state;
	return (int)harness_wait_orphans(10000);
}

static void test_fail_alone(void **state)
{
	(void)state;
	run(0);
}

static void test_run_again(void **state)
{
	(void)state;
	run(200);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_fail_alone, share, wait_for_all),
    cmocka_unit_test_setup_teardown(test_run_again, share, wait_for_all),
};
HARNESS_MAIN(tests)
