/* SPDX-License-Identifier: Apache-2.0 */
/* kk_family: creating, joining and leaving one; seats and who sits there; sleeping. Objects: directory_test.c. */
#include "family/layout.h"
#include "harness.h"
#include "pegs.h"

#include <fcntl.h>
#include <kakehi/shm.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *make_family(uint32_t seats)
{
	struct kk_error error = {0};
	struct kk_family *family =
	    kk_family_create(&(struct kk_family_spec){.bytes = 65536, .seats = seats, .objects = 8}, &error);
	if (!family)
		fail_msg("%s", error.text);
	return family;
}

static struct kk_family_usage usage_of(const struct kk_family *family)
{
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	return usage;
}

static void must_be_sound(const struct kk_family *family)
{
	struct kk_error error = {0};
	if (kk_family_check(family, &error) < 0)
		fail_msg("%s", error.text);
}

static pid_t start(void (*run)(void *), void *argument)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		run(argument);
		_exit(0);
	}
	return child;
}

/* Its exit status, or minus the signal that ended it. */
static int end_of(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int in_child(void (*run)(void *), void *argument)
{
	return end_of(start(run, argument));
}

static void *in_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	void *result;
	assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}

static void *sit(void *family)
{
	return (void *)(intptr_t)kk_family_seat(family);
}

/* Where a thread sits that runs now and ends. */
static intptr_t seat_of_thread(struct kk_family *family)
{
	return (intptr_t)in_thread(sit, family);
}

/* ---- creating */

static void test_defaults(void **state)
{
	(void)state;
	struct kk_family *family = kk_family_create(NULL, NULL);
	assert_non_null(family);
	struct kk_family_usage usage = usage_of(family);
	assert_int_equal(usage.bytes, KK_FAMILY_BYTES);
	assert_int_equal(usage.bytes_used, 0);
	assert_int_equal(usage.seats, KK_FAMILY_SEATS);
	assert_int_equal(usage.seats_taken, 0);
	assert_int_equal(usage.objects, KK_FAMILY_OBJECTS);
	assert_int_equal(usage.objects_used, 0);
	assert_int_equal(usage.deaths, 0);
	assert_int_equal(kk_family_seats(family), KK_FAMILY_SEATS);
	assert_int_equal(fcntl(kk_family_fd(family), F_GETFD), FD_CLOEXEC);
	must_be_sound(family);
	kk_family_close(family);
	kk_family_close(NULL);
}

static void test_bad_specs(void **state)
{
	(void)state;
	static const struct {
		struct kk_family_spec spec;
		int code;
	} bad[] = {
	    {{.seats = 1}, KK_ERR_INVALID},
	    {{.seats = KK_SEAT_MAX + 1}, KK_ERR_INVALID},
	    {{.objects = FAMILY_OBJECTS_MAX + 1}, KK_ERR_INVALID},
	    {{.bytes = UINT64_MAX}, KK_ERR_INVALID},
	    {{.bytes = UINT64_C(1) << 50}, KK_ERR_NO_ROOM},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kk_error error = {0};
		assert_null(kk_family_create(&bad[i].spec, &error));
		assert_int_equal(error.code, bad[i].code);
		assert_true(error.text[0] != '\0');
		assert_null(kk_family_create(&bad[i].spec, NULL));
	}
	struct kk_family *family = kk_family_create(&(struct kk_family_spec){.seats = KK_SEAT_MAX, .bytes = 1}, NULL);
	assert_non_null(family);
	assert_int_equal(usage_of(family).bytes, 64);
	kk_family_close(family);
}

/* ---- joining */

static void test_open_twice(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_family *again = kk_family_open(kk_family_fd(family), NULL);
	assert_ptr_equal(again, family);
	assert_int_equal(kk_family_seat(family), 1);
	kk_family_close(again);
	assert_int_equal(kk_family_seat(family), 1);
	must_be_sound(family);
	kk_family_close(family);
}

static void test_open_after_close(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	int fd = dup(kk_family_fd(family));
	assert_true(fd >= 0);
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_int_equal(pegs_take(family, pegs), 0);
	kk_family_close(family);
	family = kk_family_open(fd, NULL);
	assert_non_null(family);
	assert_int_equal(close(fd), 0);
	assert_int_equal(kk_object_find(family, object.ref, &pegs_kind, &object, NULL), KK_OK);
	pegs = object.memory;
	/* Closing was leaving. */
	assert_int_equal(pegs_held(pegs), 0);
	assert_int_equal(atomic_load(&pegs->left), 1);
	assert_int_equal(usage_of(family).seats_taken, 0);
	assert_int_equal(usage_of(family).deaths, 0);
	kk_family_close(family);
}

static int open_error(int fd)
{
	struct kk_error error = {0};
	assert_null(kk_family_open(fd, &error));
	assert_true(error.text[0] != '\0');
	return error.code;
}

static void test_open_what_is_none(void **state)
{
	(void)state;
	struct kk_shm *shm = kk_shm_create(65536, "no family", 0, NULL);
	assert_non_null(shm);
	assert_int_equal(open_error(kk_shm_fd(shm, true)), KK_ERR_CORRUPT);
	kk_shm_free(shm);
	assert_int_equal(open_error(-1), KK_ERR_SYSTEM);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(open_error(fds[0]), KK_ERR_CORRUPT);
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
}

static void test_open_damaged(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	int fd = dup(kk_family_fd(family));
	uint64_t bytes = family->bytes;
	assert_true(fd >= 0);
	kk_family_close(family);
	struct family_header *header = kk_shm_map(fd, bytes, true, NULL);
	assert_non_null(header);
	header->version++;
	assert_int_equal(open_error(fd), KK_ERR_VERSION);
	header->version--;
	header->mutex_bytes++;
	assert_int_equal(open_error(fd), KK_ERR_VERSION);
	header->mutex_bytes--;
	header->seats = KK_SEAT_MAX + 1;
	assert_int_equal(open_error(fd), KK_ERR_CORRUPT);
	header->seats = 5;
	assert_int_equal(open_error(fd), KK_ERR_CORRUPT);
	header->seats = 4;
	header->heap_bytes += 64;
	assert_int_equal(open_error(fd), KK_ERR_CORRUPT);
	header->heap_bytes -= 64;
	header->objects = 0;
	assert_int_equal(open_error(fd), KK_ERR_CORRUPT);
	header->objects = 8;
	family = kk_family_open(fd, NULL);
	assert_non_null(family);
	kk_family_close(family);
	kk_shm_unmap(header, bytes);
	assert_int_equal(close(fd), 0);
}

/* ---- seats */

static void test_one_seat_for_each_thread(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	assert_int_equal(kk_family_seat(family), 1);
	assert_int_equal(kk_family_seat(family), 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(seat_of_thread(family), 2);
	assert_int_equal(usage_of(family).seats_taken, 1);
	assert_int_equal(usage_of(family).deaths, 0);
	must_be_sound(family);
	kk_family_close(family);
}

static void test_two_families(void **state)
{
	(void)state;
	struct kk_family *one = make_family(4), *other = make_family(4);
	assert_int_equal(kk_family_seat(one), 1);
	assert_int_equal(seat_of_thread(one), 2);
	assert_int_equal(kk_family_seat(other), 1);
	assert_int_equal(kk_family_seat(one), 1);
	assert_int_equal(kk_family_leave(one), KK_OK);
	assert_int_equal(kk_family_leave(one), KK_ERR_MISSING);
	assert_int_equal(usage_of(one).seats_taken, 0);
	assert_int_equal(usage_of(other).seats_taken, 1);
	assert_int_equal(kk_family_seat(one), 1);
	kk_family_close(one);
	assert_int_equal(kk_family_seat(other), 1);
	kk_family_close(other);
}

static pthread_barrier_t all_sit, all_go;

static void *sit_and_wait(void *family)
{
	intptr_t seat = kk_family_seat(family);
	pthread_barrier_wait(&all_sit);
	pthread_barrier_wait(&all_go);
	return (void *)seat;
}

static void test_full(void **state)
{
	(void)state;
	enum { SEATS = 4 };
	struct kk_family *family = make_family(SEATS);
	pthread_t thread[SEATS];
	bool seen[SEATS + 1] = {false};
	assert_int_equal(pthread_barrier_init(&all_sit, NULL, SEATS + 1), 0);
	assert_int_equal(pthread_barrier_init(&all_go, NULL, SEATS + 1), 0);
	for (int i = 0; i < SEATS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sit_and_wait, family), 0);
	pthread_barrier_wait(&all_sit);
	assert_int_equal(kk_family_seat(family), KK_ERR_FULL);
	assert_int_equal(usage_of(family).seats_taken, SEATS);
	struct kk_object object;
	struct kk_error error = {0};
	assert_null(pegs_make(family, &object, &error));
	assert_int_equal(error.code, KK_ERR_FULL);
	pthread_barrier_wait(&all_go);
	for (int i = 0; i < SEATS; i++) {
		void *seat;
		assert_int_equal(pthread_join(thread[i], &seat), 0);
		assert_in_range((intptr_t)seat, 1, SEATS);
		assert_false(seen[(intptr_t)seat]);
		seen[(intptr_t)seat] = true;
	}
	assert_int_equal(kk_family_seat(family), 1);
	assert_int_equal(pthread_barrier_destroy(&all_sit), 0);
	assert_int_equal(pthread_barrier_destroy(&all_go), 0);
	kk_family_close(family);
}

/* Many come and go; no two ever sit in one seat. */
enum { COMERS = 6, COMINGS = 200 };
static _Atomic int sitters[KK_SEAT_MAX + 1];

static void *come_and_go(void *family)
{
	for (int i = 0; i < COMINGS; i++) {
		int seat = kk_family_seat(family);
		if (seat < 1 || atomic_fetch_add(&sitters[seat], 1) != 0)
			return "two in one seat";
		atomic_fetch_sub(&sitters[seat], 1);
		if (kk_family_leave(family) != KK_OK)
			return "nobody in a seat";
	}
	return NULL;
}

static void test_come_and_go(void **state)
{
	(void)state;
	struct kk_family *family = make_family(COMERS);
	pthread_t thread[COMERS];
	for (int i = 0; i < COMERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, family), 0);
	for (int i = 0; i < COMERS; i++) {
		void *wrong;
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		if (wrong)
			fail_msg("%s", (const char *)wrong);
	}
	assert_int_equal(usage_of(family).seats_taken, 0);
	assert_int_equal(usage_of(family).deaths, 0);
	kk_family_close(family);
}

static void take_peg(void *object)
{
	struct kk_object *pegs = object;
	if (pegs_take(pegs->family, pegs->memory) < 0)
		_exit(1);
}

static void sit_elsewhere(void *object)
{
	struct kk_object *pegs = object;
	/* The parent's seat is 1, and it lives. */
	if (kk_family_seat(pegs->family) != 2 || !kk_family_alive(pegs->family, 1))
		_exit(1);
}

static void test_forked_child_has_its_own(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_non_null(pegs);
	assert_int_equal(pegs_take(family, pegs), 0);
	assert_int_equal(in_child(sit_elsewhere, &object), 0);
	/* Its death is not ours. */
	assert_int_equal(kk_family_bury(family), 1);
	assert_int_equal(pegs_held(pegs), 1);
	assert_int_equal(kk_family_seat(family), 1);
	assert_int_equal(usage_of(family).deaths, 1);
	kk_family_close(family);
}

/* ---- ends */

struct ending {
	const char *what;
	void (*run)(void *object);
	int end;
	bool in_peace, at_once; /* settled by the child itself */
};

static void end_by_kill(void *object)
{
	take_peg(object);
	(void)raise(SIGKILL);
}

static void end_by_exit(void *object)
{
	take_peg(object);
	exit(0);
}

static void end_by_leaving(void *object)
{
	take_peg(object);
	_exit(kk_family_leave(((struct kk_object *)object)->family) == KK_OK ? 0 : 1);
}

static void end_by_closing(void *object)
{
	take_peg(object);
	kk_family_close(((struct kk_object *)object)->family);
}

static void end_by_parting(void *object)
{
	take_peg(object);
	kk_family_part();
}

static void end_by_exec(void *object)
{
	take_peg(object);
	(void)execlp("true", "true", NULL);
	_exit(1);
}

static void *take_in_thread(void *object)
{
	take_peg(object);
	return NULL;
}

static void end_of_thread(void *object)
{
	(void)in_thread(take_in_thread, object);
}

static void *take_and_stay(void *object)
{
	take_peg(object);
	pthread_barrier_wait(&all_sit);
	while (pause() < 0)
		;
	return NULL;
}

/* Its mutex stays with the thread until the process ends; the seat is marked. */
static void exit_beside_a_thread(void *object)
{
	pthread_t thread;
	if (pthread_barrier_init(&all_sit, NULL, 2) != 0 || pthread_create(&thread, NULL, take_and_stay, object) != 0)
		_exit(1);
	pthread_barrier_wait(&all_sit);
	exit(0);
}

static const struct ending endings[] = {
    {"SIGKILL", end_by_kill, -SIGKILL, false, false},
    {"_exit", take_peg, 0, false, false},
    {"exec", end_by_exec, 0, false, false},
    {"exit", end_by_exit, 0, true, true},
    {"kk_family_leave", end_by_leaving, 0, true, true},
    {"kk_family_close", end_by_closing, 0, true, true},
    {"kk_family_part", end_by_parting, 0, true, true},
    {"the end of a thread", end_of_thread, 0, true, true},
    {"exit beside a thread", exit_beside_a_thread, 0, true, false},
};

static void see_it_end(const struct ending *ending)
{
	struct kk_family *family = make_family(4);
	struct kk_object object;
	struct kk_sitter sitter;
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_non_null(pegs);
	assert_int_equal(kk_family_sitter(family, 2, &sitter), KK_ERR_MISSING);
	pid_t child = start(ending->run, &object);
	int end = end_of(child);
	if (end != ending->end)
		fail_msg("%s: ended with %d", ending->what, end);
	assert_false(kk_family_alive(family, 2));
	assert_int_equal(pegs_held(pegs), ending->at_once ? 0 : 1);
	assert_int_equal(kk_family_sitter(family, 2, &sitter), KK_OK);
	assert_int_equal(sitter.pid, child);
	assert_false(sitter.alive);
	assert_int_equal(usage_of(family).seats_taken, ending->at_once ? 1 : 2);
	assert_int_equal(kk_family_bury(family), ending->at_once ? 0 : 1);
	assert_int_equal(kk_family_bury(family), 0);
	assert_int_equal(pegs_held(pegs), 0);
	assert_int_equal(atomic_load(&pegs->left), ending->in_peace);
	assert_int_equal(atomic_load(&pegs->buried), !ending->in_peace);
	assert_int_equal(usage_of(family).deaths, !ending->in_peace);
	assert_int_equal(usage_of(family).seats_taken, 1);
	must_be_sound(family);
	kk_family_close(family);
}

static void test_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		see_it_end(&endings[i]);
}

static void test_close_beside_a_thread(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4), *other;
	int fd = dup(kk_family_fd(family));
	struct kk_object object;
	pthread_t thread;
	void *seat;
	assert_true(fd >= 0);
	assert_non_null(pegs_make(family, &object, NULL));
	assert_int_equal(pthread_barrier_init(&all_sit, NULL, 2), 0);
	assert_int_equal(pthread_barrier_init(&all_go, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, sit_and_wait, family), 0);
	pthread_barrier_wait(&all_sit);
	kk_family_close(family);
	/* Another handle: the old one is only waiting for its thread. */
	other = kk_family_open(fd, NULL);
	assert_non_null(other);
	assert_int_equal(usage_of(other).seats_taken, 0);
	assert_int_equal(kk_family_seat(other), 1);
	assert_int_equal(seat_of_thread(other), 3);
	pthread_barrier_wait(&all_go);
	assert_int_equal(pthread_join(thread, &seat), 0);
	assert_int_equal((intptr_t)seat, 2);
	assert_int_equal(seat_of_thread(other), 2);
	kk_family_close(other);
	assert_int_equal(close(fd), 0);
	assert_int_equal(pthread_barrier_destroy(&all_sit), 0);
	assert_int_equal(pthread_barrier_destroy(&all_go), 0);
}

/* ---- alive */

static void test_alive(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	assert_non_null(pegs_make(family, &object, NULL));
	assert_true(kk_family_alive(family, 1));
	assert_false(kk_family_alive(family, 0));
	assert_false(kk_family_alive(family, 3));
	assert_false(kk_family_alive(family, 5));
	assert_int_equal(in_child(take_peg, &object), 0);
	/* Asking does not make the death forgotten. */
	for (int i = 0; i < 3; i++)
		assert_false(kk_family_alive(family, 2));
	assert_int_equal(kk_family_bury(family), 1);
	assert_true(kk_family_alive(family, 1));
	kk_family_close(family);
}

static void test_sitter(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_sitter sitter;
	assert_int_equal(kk_family_sitter(family, 0, &sitter), KK_ERR_INVALID);
	assert_int_equal(kk_family_sitter(family, 5, &sitter), KK_ERR_INVALID);
	assert_int_equal(kk_family_sitter(family, 1, &sitter), KK_ERR_MISSING);
	assert_int_equal(kk_family_seat(family), 1);
	assert_int_equal(kk_family_sitter(family, 1, &sitter), KK_OK);
	assert_int_equal(sitter.pid, getpid());
	assert_int_equal(sitter.tid, gettid());
	assert_true(sitter.alive);
	assert_true(sitter.name[0] != '\0');
	assert_int_equal(kk_family_leave(family), KK_OK);
	assert_int_equal(kk_family_sitter(family, 1, &sitter), KK_OK);
	assert_false(sitter.alive);
	kk_family_close(family);
}

/* ---- undertakers */

static void bury_once(void *object)
{
	(void)kk_family_bury(((struct kk_object *)object)->family);
}

static bool in_burial(void *pegs)
{
	return atomic_load(&((struct pegs *)pegs)->dwell) == 2;
}

static pid_t start_burial_that_dwells(struct kk_object *object)
{
	struct pegs *pegs = object->memory;
	assert_int_equal(in_child(take_peg, object), 0);
	atomic_store(&pegs->dwell, 1);
	pid_t undertaker = start(bury_once, object);
	assert_true(harness_wait_until(in_burial, pegs, 10000));
	return undertaker;
}

static void test_a_burial_is_left_to_who_does_it(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_non_null(pegs);
	pid_t undertaker = start_burial_that_dwells(&object);
	struct kk_sitter sitter;
	assert_int_equal(kk_family_bury(family), 0);
	/* Somebody answers for the seat; but who sat there is dead. */
	assert_true(kk_family_alive(family, 2));
	assert_int_equal(kk_family_sitter(family, 2, &sitter), KK_OK);
	assert_false(sitter.alive);
	assert_int_equal(pegs_held(pegs), 1);
	atomic_store(&pegs->dwell, 0);
	assert_int_equal(end_of(undertaker), 0);
	assert_int_equal(pegs_held(pegs), 0);
	assert_int_equal(usage_of(family).deaths, 1);
	kk_family_close(family);
}

static void test_undertaker_is_killed(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_non_null(pegs);
	pid_t undertaker = start_burial_that_dwells(&object);
	assert_int_equal(kill(undertaker, SIGKILL), 0);
	assert_int_equal(end_of(undertaker), -SIGKILL);
	atomic_store(&pegs->dwell, 0);
	assert_false(kk_family_alive(family, 2));
	assert_int_equal(kk_family_bury(family), 1);
	assert_int_equal(pegs_held(pegs), 0);
	/* He sat nowhere: there is one death to count. */
	assert_int_equal(usage_of(family).deaths, 1);
	kk_family_close(family);
}

static void test_damage_is_told_and_the_rest_settled(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object broken, sound;
	struct pegs *bad = pegs_make(family, &broken, NULL), *good = pegs_make(family, &sound, NULL);
	assert_true(bad && good);
	atomic_store(&bad->broken, 1);
	assert_int_equal(in_child(take_peg, &sound), 0);
	assert_int_equal(kk_family_check(family, NULL), KK_ERR_CORRUPT);
	assert_int_equal(kk_family_bury(family), KK_ERR_CORRUPT);
	assert_int_equal(pegs_held(good), 0);
	assert_int_equal(kk_family_bury(family), 0);
	kk_family_close(family);
}

static void test_damage_met_on_the_way_to_a_seat(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object broken;
	struct pegs *bad = pegs_make(family, &broken, NULL);
	assert_non_null(bad);
	assert_int_equal(in_child(take_peg, &broken), 0);
	atomic_store(&bad->broken, 1);
	/* Seat 2 is the dead one's. */
	assert_int_equal(seat_of_thread(family), KK_ERR_CORRUPT);
	assert_int_equal(seat_of_thread(family), 2);
	kk_family_close(family);
}

/* ---- sleeping */

static void test_sleep_times_out(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_event event = {0};
	unsigned round = 0;
	int64_t begin = kk_family_now(), deadline = kk_family_deadline(50);
	int rc;
	assert_true(deadline >= begin + 50000000);
	assert_int_equal(kk_family_deadline(-1), -1);
	do
		rc = kk_family_sleep(family, &event, kk_event_prepare(&event), deadline, &round);
	while (rc == KK_OK);
	assert_int_equal(rc, KK_ERR_TIMEOUT);
	assert_true(kk_family_now() >= deadline);
	assert_true(round >= 2);
	/* Too late already: does not sleep. */
	assert_int_equal(kk_family_sleep(family, &event, kk_event_prepare(&event), deadline, &round), KK_ERR_TIMEOUT);
	kk_family_close(family);
}

static void test_sleep_is_over_when_woken(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_event event = {0};
	unsigned round = 0;
	uint32_t ticket = kk_event_prepare(&event);
	kk_event_wake(&event, 1, -1);
	assert_int_equal(kk_family_sleep(family, &event, ticket, -1, &round), KK_OK);
	assert_int_equal(round, 0);
	kk_family_close(family);
}

static void test_sleeper_buries(void **state)
{
	(void)state;
	struct kk_family *family = make_family(4);
	struct kk_object object;
	unsigned round = 0;
	struct pegs *pegs = pegs_make(family, &object, NULL);
	assert_non_null(pegs);
	assert_int_equal(in_child(take_peg, &object), 0);
	/* Even one who waits for less than a look's time. */
	assert_int_equal(
	    kk_family_sleep(family, &pegs->event, kk_event_prepare(&pegs->event), kk_family_deadline(1), &round),
	    KK_OK);
	assert_int_equal(pegs_held(pegs), 0);
	/* One who is woken all the time looks as well. */
	assert_int_equal(in_child(take_peg, &object), 0);
	int64_t end = kk_family_deadline(10000);
	round = 0;
	while (pegs_held(pegs) > 0 && kk_family_now() < end) {
		uint32_t ticket = kk_event_prepare(&pegs->event);
		kk_event_wake(&pegs->event, 1, -1);
		assert_int_equal(kk_family_sleep(family, &pegs->event, ticket, -1, &round), KK_OK);
	}
	assert_int_equal(pegs_held(pegs), 0);
	assert_int_equal(round, 0);
	kk_family_close(family);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_defaults),
    cmocka_unit_test(test_bad_specs),
    cmocka_unit_test(test_open_twice),
    cmocka_unit_test(test_open_after_close),
    cmocka_unit_test(test_open_what_is_none),
    cmocka_unit_test(test_open_damaged),
    cmocka_unit_test(test_one_seat_for_each_thread),
    cmocka_unit_test(test_two_families),
    cmocka_unit_test(test_full),
    cmocka_unit_test(test_come_and_go),
    cmocka_unit_test(test_forked_child_has_its_own),
    cmocka_unit_test(test_ends),
    cmocka_unit_test(test_close_beside_a_thread),
    cmocka_unit_test(test_alive),
    cmocka_unit_test(test_sitter),
    cmocka_unit_test(test_a_burial_is_left_to_who_does_it),
    cmocka_unit_test(test_undertaker_is_killed),
    cmocka_unit_test(test_damage_is_told_and_the_rest_settled),
    cmocka_unit_test(test_damage_met_on_the_way_to_a_seat),
    cmocka_unit_test(test_sleep_times_out),
    cmocka_unit_test(test_sleep_is_over_when_woken),
    cmocka_unit_test(test_sleeper_buries),
};
HARNESS_MAIN(tests)
