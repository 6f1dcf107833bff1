/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and their kin in children of each start method, which find them by their references; the child is killed with
 * a lock and a permit in hand. */
#include "ways.h"
#include <kakehi/barrier.h>
#include <kakehi/condition.h>
#include <kakehi/flag.h>
#include <kakehi/lock.h>
#include <kakehi/semaphore.h>

#include <signal.h>

struct refs {
	uint64_t condition, semaphore, flag, barrier;
};

static int hold_and_die(struct kk_call *call)
{
	const struct refs *refs = call->args;
	struct kk_condition *condition = kk_condition_open(call->family, refs->condition, NULL);
	struct kk_semaphore *semaphore = kk_semaphore_open(call->family, refs->semaphore, NULL);
	struct kk_flag *flag = kk_flag_open(call->family, refs->flag, NULL);
	struct kk_barrier *barrier = kk_barrier_open(call->family, refs->barrier, NULL);
	if (!condition || !semaphore || !flag || !barrier)
		return 2;
	if (kk_barrier_wait(barrier, -1) < 0 || kk_lock_acquire(kk_condition_lock(condition), -1) != KK_OK)
		return 3;
	/* The lock is free for the parent only when we wait. */
	kk_flag_set(flag);
	if (kk_condition_wait(condition, -1) != KK_OK || kk_semaphore_acquire(semaphore, -1) != KK_OK)
		return 4;
	raise(SIGKILL);
	return 5;
}
KK_FUNCTION(hold_and_die)

static void outlive(void)
{
	struct kk_error error = {0};
	struct kk_family *family = kk_family_create(NULL, &error);
	assert_non_null(family);
	struct kk_lock *lock = kk_lock_create(family, &error);
	struct kk_condition *condition = kk_condition_create(family, lock, &error);
	struct kk_semaphore *semaphore = kk_semaphore_create(family, 2, 2, &error);
	struct kk_flag *flag = kk_flag_create(family, &error);
	struct kk_barrier *barrier = kk_barrier_create(family, 2, &error);
	assert_true(lock && condition && semaphore && flag && barrier);
	const struct refs refs = {kk_condition_ref(condition), kk_semaphore_ref(semaphore), kk_flag_ref(flag),
	                          kk_barrier_ref(barrier)};
	struct kk_process *child = way_start((struct kk_process_spec){
	    .call = hold_and_die, .args = &refs, .args_bytes = sizeof(refs), .family = family});
	assert_in_range(kk_barrier_wait(barrier, 20000), 0, 1);
	assert_int_equal(kk_flag_wait(flag, 20000), KK_OK);
	assert_int_equal(kk_lock_acquire(lock, 20000), KK_OK);
	assert_int_equal(kk_condition_notify(condition, 1), 1);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(way_end(child).signal, SIGKILL);
	assert_int_equal(kk_lock_acquire(lock, 20000), KK_OWNER_DIED);
	assert_int_equal(kk_lock_release(lock), KK_OK);
	assert_int_equal(kk_semaphore_value(semaphore), 2);
	assert_int_equal(kk_barrier_wait(barrier, 20000), KK_ERR_BROKEN);
	kk_barrier_destroy(barrier);
	kk_flag_destroy(flag);
	kk_semaphore_destroy(semaphore);
	kk_condition_destroy(condition);
	kk_lock_destroy(lock);
	kk_family_close(family);
}
WAY_TESTS(outlive)

static const struct CMUnitTest tests[] = {WAY_ROWS(outlive)};
WAY_MAIN(tests)
