/* SPDX-License-Identifier: Apache-2.0 */
/* kk_family: members that come, hold, make, destroy, sleep and leave while they are killed and stopped at random. */
#include "harness.h"
#include "pegs.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 5, SEATS = 8, ROWS = 2, LAST_TURNS = 200, LIMIT_MS = 30000 };

/* What the members know beside the family: in memory of its own, so that nothing of the family's hides a fault. */
struct scene {
	_Atomic uint64_t ref[SEATS + 1]; /* what the sitter of a seat has made and not destroyed yet */
	_Atomic pid_t user[ROWS][PEGS];  /* who uses the peg: none but who holds it                  */
	_Atomic uint64_t turns[WORKERS];
	_Atomic int wrong;
};

static struct kk_family *family;
static struct kk_object row[ROWS];
static struct scene *scene;

static void must(bool right, int what)
{
	if (!right) {
		atomic_store(&scene->wrong, what);
		_exit(what);
	}
}

/* ---- a turn of a worker's */

static void use_a_peg(int number, unsigned seed)
{
	struct pegs *pegs = row[number].memory;
	unsigned round = 0;
	int peg;
	/* There are more pegs than seats in all rows together, but a row may be taken. */
	while ((peg = pegs_take(family, pegs)) == KK_ERR_FULL) {
		uint32_t ticket = kk_event_prepare(&pegs->event);
		if (pegs_held(pegs) < PEGS)
			continue;
		(void)kk_family_sleep(family, &pegs->event, ticket, -1, &round);
	}
	must(peg >= 0, 10);
	_Atomic pid_t *user = &scene->user[number][peg];
	/* One who was killed has left his name; one who holds it as well writes his, now or in a moment. */
	pid_t me = gettid();
	atomic_store(user, me);
	for (unsigned i = 0; i < seed % 50; i++)
		must(atomic_load(user) == me, 11);
	atomic_store(user, 0);
	pegs_drop(pegs, peg);
}

/* What the last sitter of our seat has left is ours to destroy. */
static void clear_up(unsigned seat)
{
	struct kk_object object;
	uint64_t ref = atomic_load(&scene->ref[seat]);
	if (ref != 0 && kk_object_find(family, ref, &other_kind, &object, NULL) == KK_OK)
		(void)kk_object_destroy(&object);
	atomic_store(&scene->ref[seat], 0);
}

static void make_something(unsigned seat, unsigned seed)
{
	struct kk_object object, found;
	uint64_t bytes = 64 + seed % 2000;
	int rc = kk_object_make(family, &other_kind, bytes, &object, NULL);
	must(rc == KK_OK || rc == KK_ERR_NO_ROOM, 20);
	if (rc < 0)
		return;
	unsigned char *at = object.memory;
	for (uint64_t i = 0; i < object.bytes; i++)
		must(at[i] == 0, 21);
	memset(at, (int)seat, object.bytes);
	atomic_store(&scene->ref[seat], object.ref);
	kk_object_publish(&object);
	must(kk_object_find(family, object.ref, &other_kind, &found, NULL) == KK_OK, 22);
	for (uint64_t i = 0; i < object.bytes; i++)
		must(at[i] == seat, 23);
	must(kk_object_destroy(&object) == KK_OK, 24);
	atomic_store(&scene->ref[seat], 0);
}

static void take_a_turn(unsigned seed)
{
	int seat = kk_family_seat(family);
	/* Threads of the stopped may have all of them for a while. */
	if (seat == KK_ERR_FULL)
		return;
	must(seat > 0, 30);
	clear_up((unsigned)seat);
	use_a_peg((int)(seed % ROWS), seed);
	make_something((unsigned)seat, seed);
	if (seed % 16 == 0)
		must(kk_family_leave(family) == KK_OK, 31);
	if (seed % 32 == 1)
		must(kk_family_check(family, NULL) == KK_OK, 32);
	if (seed % 8 == 2)
		must(kk_family_bury(family) >= 0, 33);
}

static void *turn_in_thread(void *seed)
{
	take_a_turn((unsigned)(uintptr_t)seed);
	return NULL;
}

static void work(int number)
{
	unsigned seed = (unsigned)getpid();
	for (;;) {
		unsigned next = (unsigned)rand_r(&seed);
		pthread_t thread;
		if (next % 64 == 5 && pthread_create(&thread, NULL, turn_in_thread, (void *)(uintptr_t)next) == 0)
			must(pthread_join(thread, NULL) == 0, 40);
		else
			take_a_turn(next);
		atomic_fetch_add(&scene->turns[number], 1);
		if (next % 4096 == 7)
			exit(0);
	}
}

/* ---- the tormentor */

static pid_t worker[WORKERS];
static unsigned kills, stops, ends;

static void start(int number)
{
	worker[number] = fork();
	assert_true(worker[number] >= 0);
	if (worker[number] == 0)
		work(number);
}

static void see_end(int number, bool expected)
{
	int status;
	pid_t ended = waitpid(worker[number], &status, expected ? 0 : WNOHANG);
	if (ended == 0)
		return;
	assert_int_equal(ended, worker[number]);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		fail_msg("a worker found fault %d", WEXITSTATUS(status));
	ends += WIFEXITED(status);
	start(number);
}

static void pause_ns(long ns)
{
	(void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void torment_one(unsigned *seed)
{
	int number = rand_r(seed) % WORKERS;
	pause_ns(rand_r(seed) % 2000000);
	if (rand_r(seed) % 4 == 0) {
		assert_int_equal(kill(worker[number], SIGSTOP), 0);
		pause_ns(rand_r(seed) % 5000000);
		assert_int_equal(kill(worker[number], SIGCONT), 0);
		stops++;
		return;
	}
	assert_int_equal(kill(worker[number], SIGKILL), 0);
	see_end(number, true);
	kills++;
	/* Sometimes the others have to notice. */
	if (rand_r(seed) % 2)
		assert_true(kk_family_bury(family) >= 0);
}

static bool all_go_on(void *turns_before)
{
	const uint64_t *before = turns_before;
	for (int i = 0; i < WORKERS; i++) {
		see_end(i, false);
		if (atomic_load(&scene->turns[i]) < before[i] + LAST_TURNS)
			return false;
	}
	return true;
}

static void must_be_as_before(const struct kk_family_usage *before)
{
	struct kk_family_usage now;
	struct kk_error error = {0};
	assert_true(kk_family_bury(family) >= 0);
	if (kk_family_check(family, &error) < 0)
		fail_msg("%s", error.text);
	for (unsigned seat = 1; seat <= SEATS; seat++)
		clear_up(seat);
	kk_family_usage(family, &now);
	assert_int_equal(now.bytes_used, before->bytes_used);
	assert_int_equal(now.objects_used, before->objects_used);
	assert_int_equal(now.seats_taken, before->seats_taken);
	/* A worker has at most two threads. */
	assert_true(now.deaths <= 2 * kills);
	for (int i = 0; i < ROWS; i++)
		assert_int_equal(pegs_held(row[i].memory), 0);
}

static void test_torment(void **state)
{
	(void)state;
	const char *seconds = getenv("KAKEHI_TORMENT_S");
	uint64_t end = harness_now_ms() + (seconds ? (uint64_t)atoi(seconds) * 1000 : 2000);
	uint64_t turns[WORKERS];
	struct kk_family_usage before;
	unsigned seed = 1;
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(scene != MAP_FAILED);
	family = kk_family_create(&(struct kk_family_spec){.bytes = 16384, .seats = SEATS, .objects = 8}, NULL);
	assert_non_null(family);
	for (int i = 0; i < ROWS; i++)
		assert_non_null(pegs_make(family, &row[i], NULL));
	kk_family_usage(family, &before);
	for (int i = 0; i < WORKERS; i++)
		start(i);
	while (harness_now_ms() < end)
		torment_one(&seed);
	/* Nobody is stuck: all go on. */
	for (int i = 0; i < WORKERS; i++)
		turns[i] = atomic_load(&scene->turns[i]);
	if (!harness_wait_until(all_go_on, turns, LIMIT_MS))
		fail_msg("a worker does not go on");
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(kill(worker[i], SIGKILL), 0);
		assert_int_equal(waitpid(worker[i], NULL, 0), worker[i]);
		kills++;
	}
	assert_int_equal(atomic_load(&scene->wrong), 0);
	must_be_as_before(&before);
	harness_reap_checkers();
	uint64_t all = 0;
	for (int i = 0; i < WORKERS; i++)
		all += atomic_load(&scene->turns[i]);
	print_message("%lu turns, %u killed, %u stopped, %u ended in peace: all sound\n", (unsigned long)all, kills,
	              stops, ends);
	kk_family_close(family);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_torment),
};
HARNESS_MAIN(tests)
