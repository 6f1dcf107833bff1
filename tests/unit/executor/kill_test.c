/* SPDX-License-Identifier: Apache-2.0 */
/* kk_executor: who submits, works, fetches or cancels is killed at every instruction, and so are those who bury him. No
 * threads here: the test holds the lanes itself, and is the worker that finishes what is left. */
#include "executor/handle.h"
#include "harness.h"
#include "killing.h"

#include <kakehi/executor.h>
#include <string.h>

enum { TASKS = 2, LONG = 5000, POST_OF_CHILD = 0, POST_OF_TEST = 1 };

static struct kk_family *family;
static struct kk_executor *executor;
static struct kk_future *future;
static unsigned retries;
static unsigned char bytes[LONG];

static int echo(struct kk_call *call)
{
	return kk_call_return(call, call->args, call->args_bytes);
}

/* What the keeper does: the lane of this process is this thread's. */
static void keep_lane(unsigned lane)
{
	atomic_store(&executor->memory->lane[lane].seat, (uint32_t)kk_family_seat(family));
	atomic_store(&executor->lane, lane);
	executor->keeper_state = KEEPER_NONE;
}

static void setup(void)
{
	static const struct kk_family_spec family_spec = {.bytes = 131072, .seats = 3, .objects = 4};
	const struct kk_executor_spec spec = {
	    .workers = 2, .tasks = TASKS, .args_room = 8192, .answer_room = 8192, .retries = retries};
	struct kk_error error = {0};
	for (size_t i = 0; i < LONG; i++)
		bytes[i] = (unsigned char)(i * 7);
	family = kk_family_create(&family_spec, &error);
	assert_non_null(family);
	executor = executor_make(family, &spec, &error);
	if (!executor)
		fail_msg("%s", error.text);
	atomic_store(&executor->memory->image, executor->image);
	keep_lane(0);
	future = NULL;
}

static void teardown(void)
{
	kk_future_free(future);
	kk_executor_close(executor);
	kk_family_close(family);
}

/* The test as a worker: until nothing is left to do. */
static const char *work_all_off(void)
{
	(void)kk_executor_shutdown(executor, false, false);
	KILLING_CHECK(worker_run(executor, POST_OF_TEST, 1) == KK_OK);
	KILLING_CHECK(executor_state(executor->memory) == EXECUTOR_STOPPED);
	return NULL;
}

static const char *all_is_free(void)
{
	struct kk_executor_usage usage;
	kk_future_free(future);
	future = NULL;
	kk_executor_usage(executor, &usage);
	KILLING_CHECK(usage.pending == 0 && usage.running == 0 && usage.kept == 0);
	KILLING_CHECK(usage.pages_used == 0);
	KILLING_CHECK(kk_ring_count(executor->look.free) == TASKS);
	KILLING_CHECK(kk_ring_count(executor->look.work) == 0);
	KILLING_CHECK(kk_family_check(family, NULL) == KK_OK);
	KILLING_CHECK(atomic_load(&executor->memory->spinner) == 0);
	return NULL;
}

static const char *answer_is_right(size_t length)
{
	const void *data;
	size_t got;
	KILLING_CHECK(kk_future_result(future, 0, &data, &got, NULL) == KK_OK);
	KILLING_CHECK(got == length);
	KILLING_CHECK(memcmp(data, bytes, length) == 0);
	return NULL;
}

/* ---- who submits */

static void join_with_lane(void)
{
	killing_must(kk_family_seat(family) > 0);
	killing_must(executor_view(executor, NULL) != NULL);
	keep_lane(1);
}

static int submit_short(void)
{
	return kk_executor_submit(executor, echo, bytes, 8, 0, NULL) ? 0 : -1;
}

static int submit_long(void)
{
	return kk_executor_submit(executor, echo, bytes, LONG, 0, NULL) ? 0 : -1;
}

/* Nobody holds what it submitted any more: it is run all the same if it was submitted, and forgotten. */
static const char *submitted_or_not(const struct killing_death *death)
{
	struct kk_executor_usage usage;
	kk_executor_usage(executor, &usage);
	KILLING_CHECK(!death->finished || death->result == 0);
	KILLING_CHECK(usage.pending <= 1);
	KILLING_CHECK(!death->finished || usage.pending == 1);
	uint32_t pending = usage.pending;
	const char *wrong = work_all_off();
	if (wrong)
		return wrong;
	kk_executor_usage(executor, &usage);
	KILLING_CHECK(usage.done == pending);
	return all_is_free();
}

static void test_submit(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "submit",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = join_with_lane,
	                                       .act = submit_short,
	                                       .verify = submitted_or_not,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static void test_submit_long(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "submit with long arguments",
	                                       .family = &family,
	                                       .setup = setup,
	                                       .join = join_with_lane,
	                                       .act = submit_long,
	                                       .verify = submitted_or_not,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

/* ---- who works */

static void join_as_worker(void)
{
	killing_must(kk_family_seat(family) > 0);
	killing_must(executor_view(executor, NULL) != NULL);
	/* It takes what is there, and stops. */
	atomic_store(&executor->memory->state, EXECUTOR_CLOSING);
	/* It does not look for work by the clock, which would make each way another; but it had begun to. */
	executor->cpus = 1;
	atomic_store(&executor->memory->spinner, (uint32_t)kk_family_seat(family));
}

static int work(void)
{
	return worker_run(executor, POST_OF_CHILD, 1);
}

static void setup_short(void)
{
	setup();
	future = kk_executor_submit(executor, echo, bytes, 8, 0, NULL);
	assert_non_null(future);
}

static void setup_long(void)
{
	setup();
	future = kk_executor_submit(executor, echo, bytes, LONG, 0, NULL);
	assert_non_null(future);
}

static const char *done_or_died(const struct killing_death *death, size_t length)
{
	struct kk_error error;
	const char *wrong = NULL;
	if (!kk_future_done(future))
		wrong = work_all_off();
	if (wrong)
		return wrong;
	KILLING_CHECK(kk_future_done(future));
	/* Nobody reaps here who could say how it died: without waiting for that. */
	int rc = kk_future_result(future, 0, NULL, NULL, &error);
	if (death->finished || retries > 0)
		KILLING_CHECK(rc == KK_OK);
	else
		KILLING_CHECK(rc == KK_OK || rc == KK_ERR_DIED);
	if (rc == KK_OK)
		wrong = answer_is_right(length);
	else
		KILLING_CHECK(strstr(error.text, "its worker died") != NULL);
	return wrong ? wrong : all_is_free();
}

static const char *done_or_died_short(const struct killing_death *death)
{
	return done_or_died(death, 8);
}

static const char *done_or_died_long(const struct killing_death *death)
{
	return done_or_died(death, LONG);
}

static void sweep_worker(const char *name, void (*prepare)(void),
                         const char *(*verify)(const struct killing_death *death), unsigned again)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = prepare,
	                                .join = join_as_worker,
	                                .act = work,
	                                .verify = verify,
	                                .teardown = teardown};
	retries = again;
	killing_sweep(&killing);
}

static void test_work(void **state)
{
	(void)state;
	sweep_worker("run a task", setup_short, done_or_died_short, 0);
}

static void test_work_retried(void **state)
{
	(void)state;
	sweep_worker("run a task that is run again", setup_short, done_or_died_short, 1);
}

static void test_work_long(void **state)
{
	(void)state;
	sweep_worker("run a task with long arguments and answer", setup_long, done_or_died_long, 0);
}

static void test_work_long_retried(void **state)
{
	(void)state;
	sweep_worker("run a long task that is run again", setup_long, done_or_died_long, 1);
}

/* ---- who holds a future */

static uint64_t ref;

/* A task that has ended, held by the child alone. */
static void setup_ended(void)
{
	setup_long();
	atomic_store(&executor->memory->state, EXECUTOR_CLOSING);
	assert_int_equal(worker_run(executor, POST_OF_TEST, 1), KK_OK);
	ref = kk_future_ref(future);
}

static struct kk_future *opened;

static void join_holding(void)
{
	join_with_lane();
	opened = kk_future_open(executor, ref, NULL);
	killing_must(opened != NULL);
}

static int fetch(void)
{
	const void *data;
	size_t length;
	int rc = kk_future_result(opened, 0, &data, &length, NULL);
	kk_future_free(opened);
	return rc;
}

static const char *still_mine(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	const char *wrong = answer_is_right(LONG);
	return wrong ? wrong : all_is_free();
}

static void test_fetch(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "fetch an answer",
	                                       .family = &family,
	                                       .setup = setup_ended,
	                                       .join = join_holding,
	                                       .act = fetch,
	                                       .verify = still_mine,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

/* The last holder: whoever it is, the task is forgotten. */
static void join_holding_alone(void)
{
	join_holding();
	/* The parent's lane lets go, by whoever. */
	task_release(executor_view(executor, NULL), (uint32_t)(ref & 0xffffff), ref >> 24, 0);
}

static const char *nobodys(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	return all_is_free();
}

static void test_fetch_last(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "fetch an answer as its last holder",
	                                       .family = &family,
	                                       .setup = setup_ended,
	                                       .join = join_holding_alone,
	                                       .act = fetch,
	                                       .verify = nobodys,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static void setup_pending(void)
{
	setup_short();
	ref = kk_future_ref(future);
}

static int cancel(void)
{
	return kk_future_cancel(opened) ? 0 : -1;
}

static const char *cancelled_or_not(const struct killing_death *death)
{
	const char *wrong = work_all_off();
	if (wrong)
		return wrong;
	KILLING_CHECK(kk_future_done(future));
	KILLING_CHECK(!death->finished || kk_future_cancelled(future));
	if (!kk_future_cancelled(future))
		wrong = answer_is_right(8);
	return wrong ? wrong : all_is_free();
}

static void test_cancel(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "cancel",
	                                       .family = &family,
	                                       .setup = setup_pending,
	                                       .join = join_holding,
	                                       .act = cancel,
	                                       .verify = cancelled_or_not,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

/* ---- who keeps the workers */

static void join_as_owner(void)
{
	killing_must(kk_family_seat(family) > 0);
	atomic_store(&executor->memory->owner, (uint32_t)kk_family_seat(family));
}

static int nothing(void)
{
	return 0;
}

static const char *broken(const struct killing_death *death)
{
	struct kk_error error;
	(void)death;
	KILLING_CHECK(executor_state(executor->memory) == EXECUTOR_ORPHANED);
	KILLING_CHECK(kk_future_result(future, 0, NULL, NULL, &error) == KK_ERR_BROKEN);
	KILLING_CHECK(strstr(error.text, "the process that kept the workers has ended") != NULL);
	KILLING_CHECK(kk_executor_submit(executor, echo, bytes, 1, 0, &error) == NULL);
	KILLING_CHECK(error.code == KK_ERR_BROKEN);
	return all_is_free();
}

static void test_owner(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "keep the workers",
	                                       .family = &family,
	                                       .setup = setup_short,
	                                       .join = join_as_owner,
	                                       .act = nothing,
	                                       .verify = broken,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_submit),       cmocka_unit_test(test_submit_long), cmocka_unit_test(test_work),
    cmocka_unit_test(test_work_retried), cmocka_unit_test(test_work_long),   cmocka_unit_test(test_work_long_retried),
    cmocka_unit_test(test_fetch),        cmocka_unit_test(test_fetch_last),  cmocka_unit_test(test_cancel),
    cmocka_unit_test(test_owner),
};
HARNESS_MAIN(tests)
