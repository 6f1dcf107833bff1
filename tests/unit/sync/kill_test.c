/* SPDX-License-Identifier: Apache-2.0 */
/* Locks and their kin: members killed at every instruction of what they do, and of burying each other. */
#include "asleep.h"
#include "harness.h"
#include "killing.h"

#include <kakehi/barrier.h>
#include <kakehi/condition.h>
#include <kakehi/flag.h>
#include <kakehi/semaphore.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT_MS = 20000, TAKEN = 16 };

/* Shared by all processes of a death. */
struct told {
	_Atomic int go;     /* the companion may begin        */
	_Atomic int near;   /* it is about to wait            */
	_Atomic int things; /* that are there, and TAKEN for each that was taken */
	_Atomic int acted;  /* the barrier's action           */
};

static struct kk_family *family;
static struct kk_lock *lock;
static struct kk_semaphore *semaphore;
static struct kk_condition *condition;
static struct kk_flag *flag;
static struct kk_barrier *barrier;
static struct told *told;

/* ---- a companion: another process, which waits for what the dying one has, or gives */

static pid_t companion;

static bool may_go(void *arg)
{
	(void)arg;
	return atomic_load(&told->go) != 0;
}

static void start_companion(int (*run)(void))
{
	companion = fork();
	assert_true(companion >= 0);
	if (companion != 0)
		return;
	bool went = harness_wait_until(may_go, NULL, LIMIT_MS) && kk_family_seat(family) > 0;
	atomic_store(&told->near, 1);
	int rc = went ? run() : 1;
	(void)kk_family_leave(family);
	_exit(rc);
}

static bool waits(void *arg)
{
	(void)arg;
	return atomic_load(&told->near) && asleep(companion);
}

/* By the one who is going to die: from here on the companion waits. */
static void let_companion_wait(void)
{
	atomic_store(&told->go, 1);
	killing_must(harness_wait_until(waits, NULL, LIMIT_MS));
}

/* It comes to its end by itself, and is content. */
static bool companion_ends(void)
{
	int status = 0;
	bool ended = waitpid(companion, &status, 0) == companion;
	companion = 0;
	return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void drop_companion(void)
{
	if (companion == 0)
		return;
	(void)kill(companion, SIGKILL);
	(void)waitpid(companion, NULL, 0);
	companion = 0;
}

/* ---- the family of one death */

static void make_family(void)
{
	static const struct kk_family_spec spec = {.bytes = 8192, .seats = 4, .objects = 3};
	struct kk_error error = {0};
	family = kk_family_create(&spec, &error);
	if (!family)
		fail_msg("%s", error.text);
	assert_int_equal(kk_family_seat(family), 1);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(told != MAP_FAILED);
}

static void drop_family(void)
{
	drop_companion();
	kk_lock_close(lock);
	kk_semaphore_close(semaphore);
	kk_condition_close(condition);
	kk_flag_close(flag);
	kk_barrier_close(barrier);
	lock = NULL;
	semaphore = NULL;
	condition = NULL;
	flag = NULL;
	barrier = NULL;
	kk_family_close(family);
	munmap(told, sizeof(*told));
}

static void sit(void)
{
	killing_must(kk_family_seat(family) > 1);
}

typedef const char *verify_death(const struct killing_death *death);

static void sweep(const char *name, void (*setup)(void), void (*join)(void), int (*act)(void), verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = join,
	                                .act = act,
	                                .verify = verify,
	                                .teardown = drop_family};
	killing_sweep(&killing);
}

/* It sleeps until `wake` lets it go on, which is done once; and it is killed asleep. */
static void sweep_waiter(const char *name, void (*setup)(void), void (*join)(void), int (*act)(void),
                         void (*wake)(void), verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = join,
	                                .act = act,
	                                .wake = wake,
	                                .verify = verify,
	                                .teardown = drop_family};
	killing_sweep(&killing);
	killing_asleep(&killing);
}

/* With a companion, which setup() starts: it has a seat, and is not there to be buried a second time. */
static void sweep_beside_companion(const char *name, void (*setup)(void), void (*join)(void), int (*act)(void),
                                   verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = setup,
	                                .join = join,
	                                .act = act,
	                                .verify = verify,
	                                .teardown = drop_family,
	                                .most = 80,
	                                .no_undertakers = true,
	                                .seats_may_stay = true};
	killing_sweep(&killing);
}

/* ---- locks */

static void make_lock(void)
{
	make_family();
	lock = kk_lock_create(family, NULL);
	assert_non_null(lock);
}

static void make_recursive(void)
{
	make_family();
	lock = kk_rlock_create(family, NULL);
	assert_non_null(lock);
}

static void hold(void)
{
	sit();
	killing_must(kk_lock_acquire(lock, -1) == KK_OK);
}

static void hold_twice(void)
{
	hold();
	killing_must(kk_lock_acquire(lock, -1) == KK_OK);
}

static int acquire(void)
{
	return kk_lock_acquire(lock, -1);
}

static int release(void)
{
	return kk_lock_release(lock);
}

static int acquire_and_release(void)
{
	int rc = kk_lock_acquire(lock, -1);
	return rc < 0 ? rc : kk_lock_release(lock);
}

static bool take_lock(int expected)
{
	return kk_lock_acquire(lock, 0) == expected && kk_lock_release(lock) == KK_OK;
}

/* Free. Perhaps somebody has died in it: that is told once. */
static const char *lock_is_free(void)
{
	KILLING_CHECK(kk_lock_owner(lock) == 0);
	KILLING_CHECK(kk_lock_acquire(lock, 0) >= 0 && kk_lock_release(lock) == KK_OK);
	KILLING_CHECK(take_lock(KK_OK));
	KILLING_CHECK(kk_lock_release(lock) == KK_ERR_NOT_OWNER);
	return NULL;
}

static const char *verify_acquired(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || take_lock(KK_OWNER_DIED));
	return lock_is_free();
}

static const char *verify_released(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || take_lock(KK_OK));
	KILLING_CHECK(death->finished || death->at != 0 || take_lock(KK_OWNER_DIED));
	return lock_is_free();
}

static const char *verify_still_held(const struct killing_death *death)
{
	(void)death;
	KILLING_CHECK(take_lock(KK_OWNER_DIED));
	return lock_is_free();
}

static void test_lock(void **state)
{
	(void)state;
	sweep("lock: acquire", make_lock, sit, acquire, verify_acquired);
	sweep("lock: release", make_lock, hold, release, verify_released);
	sweep("recursive: acquire again", make_recursive, hold, acquire, verify_still_held);
	sweep("recursive: release once", make_recursive, hold_twice, release, verify_still_held);
}

/* The test has it; who is killed waits for it. */
static void make_held_lock(void)
{
	make_lock();
	assert_int_equal(kk_lock_acquire(lock, -1), KK_OK);
}

static void let_go(void)
{
	(void)kk_lock_release(lock);
}

static const char *verify_waited(const struct killing_death *death)
{
	(void)death;
	(void)kk_lock_release(lock);
	return lock_is_free();
}

static void test_lock_waiter(void **state)
{
	(void)state;
	sweep_waiter("lock: wait", make_held_lock, sit, acquire_and_release, let_go, verify_waited);
}

/* Who is killed has it, while the companion sleeps: released or buried, that one is let through. */
static int companion_locks(void)
{
	int rc = kk_lock_acquire(lock, LIMIT_MS);
	return rc >= 0 && kk_lock_release(lock) == KK_OK ? 0 : 1;
}

static void make_lock_with_companion(void)
{
	make_lock();
	start_companion(companion_locks);
}

static void hold_before_companion(void)
{
	hold();
	let_companion_wait();
}

static const char *verify_companion_locked(const struct killing_death *death)
{
	(void)death;
	KILLING_CHECK(companion_ends());
	return lock_is_free();
}

static void test_lock_successor(void **state)
{
	(void)state;
	sweep_beside_companion("lock: release to one that waits", make_lock_with_companion, hold_before_companion,
	                       release, verify_companion_locked);
}

/* ---- semaphores */

static void make_semaphore_of(uint32_t value, uint32_t max)
{
	make_family();
	semaphore = kk_semaphore_create(family, value, max, NULL);
	assert_non_null(semaphore);
}

static void make_three(void)
{
	make_semaphore_of(3, 3);
}

static void hold_permits(void)
{
	sit();
	killing_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
	killing_must(kk_semaphore_acquire(semaphore, -1) == KK_OK);
}

static int acquire_permit(void)
{
	return kk_semaphore_acquire(semaphore, -1);
}

static int release_permit(void)
{
	return kk_semaphore_release(semaphore);
}

static int use_permit(void)
{
	int rc = kk_semaphore_acquire(semaphore, -1);
	return rc < 0 ? rc : kk_semaphore_release(semaphore);
}

/* All three are back, and no more. */
static const char *verify_three(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(kk_semaphore_value(semaphore) == 3);
	KILLING_CHECK(kk_semaphore_held(semaphore, 0) == 0);
	KILLING_CHECK(kk_semaphore_release(semaphore) == KK_ERR_INVALID);
	KILLING_CHECK(kk_semaphore_acquire(semaphore, 0) == KK_OK);
	KILLING_CHECK(kk_semaphore_release(semaphore) == KK_OK);
	return NULL;
}

/* The test took all three: one is given back for it. */
static void make_three_and_take(void)
{
	make_three();
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_semaphore_acquire(semaphore, -1), KK_OK);
}

static const char *verify_given_for_us(const struct killing_death *death)
{
	uint32_t value = kk_semaphore_value(semaphore);
	KILLING_CHECK(death->finished ? value == 1 : value <= 1);
	KILLING_CHECK(kk_semaphore_held(semaphore, 0) == 3 - value);
	for (; value < 3; value++)
		KILLING_CHECK(kk_semaphore_release(semaphore) == KK_OK);
	return verify_three(death);
}

static void make_empty(void)
{
	make_semaphore_of(0, 5);
}

static const char *verify_new(const struct killing_death *death)
{
	uint32_t value = kk_semaphore_value(semaphore);
	KILLING_CHECK(death->finished ? value == 1 : value <= 1);
	KILLING_CHECK(kk_semaphore_held(semaphore, 0) == 0);
	return NULL;
}

static void test_semaphore(void **state)
{
	(void)state;
	sweep("semaphore: acquire", make_three, sit, acquire_permit, verify_three);
	sweep("semaphore: release", make_three, hold_permits, release_permit, verify_three);
	sweep("semaphore: release for another", make_three_and_take, sit, release_permit, verify_given_for_us);
	sweep("semaphore: release a new one", make_empty, sit, release_permit, verify_new);
}

static void let_one_go(void)
{
	(void)kk_semaphore_release(semaphore);
}

static const char *verify_waited_for_permit(const struct killing_death *death)
{
	while (kk_semaphore_held(semaphore, 1) != 0)
		KILLING_CHECK(kk_semaphore_release(semaphore) == KK_OK);
	return verify_three(death);
}

static void test_semaphore_waiter(void **state)
{
	(void)state;
	sweep_waiter("semaphore: wait", make_three_and_take, sit, use_permit, let_one_go, verify_waited_for_permit);
}

static int companion_takes(void)
{
	int rc = kk_semaphore_acquire(semaphore, LIMIT_MS);
	return rc == KK_OK && kk_semaphore_release(semaphore) == KK_OK ? 0 : 1;
}

static void make_two_with_companion(void)
{
	make_semaphore_of(2, 2);
	start_companion(companion_takes);
}

static void hold_permits_before_companion(void)
{
	hold_permits();
	let_companion_wait();
}

static const char *verify_companion_took(const struct killing_death *death)
{
	(void)death;
	KILLING_CHECK(companion_ends());
	KILLING_CHECK(kk_semaphore_value(semaphore) == 2);
	return NULL;
}

static void test_semaphore_successor(void **state)
{
	(void)state;
	sweep_beside_companion("semaphore: release to one that waits", make_two_with_companion,
	                       hold_permits_before_companion, release_permit, verify_companion_took);
}

/* ---- conditions */

static void make_condition(void)
{
	make_lock();
	condition = kk_condition_create(family, lock, NULL);
	assert_non_null(condition);
}

static bool is_there(void *arg)
{
	(void)arg;
	return atomic_load(&told->things) % TAKEN > 0;
}

/* Under the lock: until there is a thing, which is taken. */
static int consume(void)
{
	int rc;
	do
		rc = kk_condition_wait_for(condition, is_there, NULL, LIMIT_MS);
	while (rc == KK_OWNER_DIED);
	if (rc == KK_OK)
		atomic_fetch_add(&told->things, TAKEN - 1);
	return rc == KK_OK ? kk_lock_release(lock) : rc;
}

static int companion_consumes(void)
{
	return kk_lock_acquire(lock, LIMIT_MS) >= 0 && consume() == KK_OK ? 0 : 1;
}

static void produce(void)
{
	if (kk_lock_acquire(lock, -1) < 0)
		return;
	atomic_fetch_add(&told->things, 1);
	(void)kk_condition_notify(condition, 1);
	(void)kk_lock_release(lock);
}

static const char *verify_waited_on_condition(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || atomic_load(&told->things) == TAKEN);
	KILLING_CHECK(kk_condition_waiting(condition) == 0);
	return lock_is_free();
}

static void test_condition_waiter(void **state)
{
	(void)state;
	sweep_waiter("condition: wait", make_condition, hold, consume, produce, verify_waited_on_condition);
}

static void make_condition_with_companion(void)
{
	make_condition();
	start_companion(companion_consumes);
}

static bool one_waits(void *arg)
{
	(void)arg;
	return kk_condition_waiting(condition) == 1 && asleep(companion);
}

static void hold_behind_companion(void)
{
	atomic_store(&told->go, 1);
	killing_must(harness_wait_until(one_waits, NULL, LIMIT_MS));
	hold();
}

static int produce_held(void)
{
	atomic_fetch_add(&told->things, 1);
	int rc = kk_condition_notify(condition, 1);
	return rc < 0 ? rc : kk_lock_release(lock);
}

/* As soon as there was a thing, the companion gets it, whether or not somebody lived to tell. */
static const char *verify_companion_consumed(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || atomic_load(&told->things) != 0);
	if (atomic_load(&told->things) == 0)
		produce();
	KILLING_CHECK(companion_ends());
	KILLING_CHECK(atomic_load(&told->things) == TAKEN);
	KILLING_CHECK(kk_condition_waiting(condition) == 0);
	return lock_is_free();
}

static void test_condition_notifier(void **state)
{
	(void)state;
	sweep_beside_companion("condition: notify", make_condition_with_companion, hold_behind_companion, produce_held,
	                       verify_companion_consumed);
}

/* Who gives up its seat with the lock, or the one who settles that, is killed; and before anybody settles it again
 * somebody has taken the lock over, and given it back. */
static int change_and_leave(void)
{
	atomic_fetch_add(&told->things, 1);
	return kk_family_leave(family);
}

static void take_over(void)
{
	if (kk_lock_owner(lock) == 0 && kk_lock_acquire(lock, 0) >= 0)
		(void)kk_lock_release(lock);
}

static void test_condition_leaver(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "condition: leave with the lock",
	                                       .family = &family,
	                                       .setup = make_condition_with_companion,
	                                       .join = hold_behind_companion,
	                                       .act = change_and_leave,
	                                       .meanwhile = take_over,
	                                       .verify = verify_companion_consumed,
	                                       .teardown = drop_family,
	                                       .most = 80,
	                                       .no_undertakers = true,
	                                       .seats_may_stay = true};
	killing_sweep(&killing);
}

/* ---- flags */

static int companion_waits_for_flag(void)
{
	return kk_flag_wait(flag, LIMIT_MS) == KK_OK ? 0 : 1;
}

static void make_flag(void)
{
	make_family();
	flag = kk_flag_create(family, NULL);
	assert_non_null(flag);
}

static void make_flag_with_companion(void)
{
	make_flag();
	start_companion(companion_waits_for_flag);
}

static void sit_before_companion(void)
{
	sit();
	let_companion_wait();
}

static int set_flag(void)
{
	kk_flag_set(flag);
	return KK_OK;
}

static const char *verify_companion_flagged(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || kk_flag_is_set(flag));
	if (!kk_flag_is_set(flag))
		kk_flag_set(flag);
	KILLING_CHECK(companion_ends());
	return NULL;
}

static int wait_for_flag(void)
{
	return kk_flag_wait(flag, -1);
}

static void set_it(void)
{
	kk_flag_set(flag);
}

static void test_flag(void **state)
{
	(void)state;
	sweep_beside_companion("flag: set", make_flag_with_companion, sit_before_companion, set_flag,
	                       verify_companion_flagged);
	sweep_waiter("flag: wait", make_flag, sit, wait_for_flag, set_it, NULL);
}

/* ---- barriers */

static int arrive(void)
{
	int place = kk_barrier_wait(barrier, -1);
	return place == KK_ERR_BROKEN ? KK_OK : place;
}

static int act_once(void *arg)
{
	(void)arg;
	atomic_fetch_add(&told->acted, 1);
	return 0;
}

static void make_barrier(void)
{
	make_family();
	barrier = kk_barrier_create(family, 2, NULL);
	assert_non_null(barrier);
	kk_barrier_action(barrier, act_once, NULL);
}

static int companion_arrives(void)
{
	int place = kk_barrier_wait(barrier, LIMIT_MS);
	return place == 0 || place == KK_ERR_BROKEN ? 0 : 1;
}

static void make_barrier_with_companion(void)
{
	make_barrier();
	start_companion(companion_arrives);
}

static int companion_meets(void)
{
	return kk_barrier_wait(barrier, LIMIT_MS) >= 0 ? 0 : 1;
}

/* Reset, it is as good as new. */
static const char *verify_reset(void)
{
	kk_barrier_reset(barrier);
	KILLING_CHECK(kk_family_bury(family) >= 0 && !kk_barrier_is_broken(barrier));
	KILLING_CHECK(kk_barrier_waiting(barrier) == 0);
	int acted = atomic_load(&told->acted);
	atomic_store(&told->go, 1);
	start_companion(companion_meets);
	KILLING_CHECK(kk_barrier_wait(barrier, LIMIT_MS) >= 0);
	KILLING_CHECK(companion_ends());
	KILLING_CHECK(atomic_load(&told->acted) == acted + 1);
	return NULL;
}

/* Who was killed came last; who had come before him goes on, or is told that it is broken. */
static const char *verify_companion_met(const struct killing_death *death)
{
	KILLING_CHECK(atomic_load(&told->acted) <= 1);
	KILLING_CHECK(!death->finished || kk_barrier_is_broken(barrier));
	if (death->at == 0 || (!kk_barrier_is_broken(barrier) && kk_barrier_waiting(barrier) == 1))
		kk_barrier_abort(barrier);
	KILLING_CHECK(companion_ends());
	return verify_reset();
}

/* Who was killed came first; the test came after him, if he lived to see it. */
static void meet(void)
{
	(void)kk_barrier_wait(barrier, LIMIT_MS);
}

static const char *verify_met(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || kk_barrier_is_broken(barrier));
	KILLING_CHECK(kk_barrier_waiting(barrier) == 0);
	return verify_reset();
}

static void test_barrier(void **state)
{
	(void)state;
	static const struct killing first = {.name = "barrier: come first",
	                                     .family = &family,
	                                     .setup = make_barrier,
	                                     .join = sit,
	                                     .act = arrive,
	                                     .wake = meet,
	                                     .verify = verify_met,
	                                     .teardown = drop_family,
	                                     .seats_may_stay = true};
	sweep_beside_companion("barrier: come last", make_barrier_with_companion, sit_before_companion, arrive,
	                       verify_companion_met);
	killing_sweep(&first);
	killing_asleep(&first);
}

/* ---- making */

static int create_condition(void)
{
	struct kk_condition *made = kk_condition_create(family, NULL, NULL);
	return made ? KK_OK : KK_ERR_NO_ROOM;
}

static const char *verify_made(const struct killing_death *death)
{
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	KILLING_CHECK(death->finished ? usage.objects_used == 1 : usage.objects_used <= 1);
	KILLING_CHECK(usage.objects_used != 0 || usage.bytes_used == 0);
	return NULL;
}

static void test_make(void **state)
{
	(void)state;
	sweep("condition: create", make_family, sit, create_condition, verify_made);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lock),
    cmocka_unit_test(test_lock_waiter),
    cmocka_unit_test(test_lock_successor),
    cmocka_unit_test(test_semaphore),
    cmocka_unit_test(test_semaphore_waiter),
    cmocka_unit_test(test_semaphore_successor),
    cmocka_unit_test(test_condition_waiter),
    cmocka_unit_test(test_condition_notifier),
    cmocka_unit_test(test_condition_leaver),
    cmocka_unit_test(test_flag),
    cmocka_unit_test(test_barrier),
    cmocka_unit_test(test_make),
};
HARNESS_MAIN(tests)
