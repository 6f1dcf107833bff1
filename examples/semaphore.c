/* SPDX-License-Identifier: Apache-2.0 */
/* semaphore - nine processes want to make a request of 0.1 s, three may at a time: patient ones, impatient ones that
 * give up, and three that are killed in the middle. */
#include <kakehi/family.h>
#include <kakehi/flag.h>
#include <kakehi/lock.h>
#include <kakehi/memory.h>
#include <kakehi/process.h>
#include <kakehi/semaphore.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NINE = 9, THREE = 3, REQUEST_MS = 100, PATIENCE_MS = 50 };

/* In memory of the family; guarded by the lock. */
struct tally {
	int running, most, served, gave_up;
};

static struct kk_family *family;
static struct kk_memory *memory;
static struct kk_lock *lock;
static struct kk_semaphore *slots;
static struct kk_flag *all_answered;

static struct tally *tally(void)
{
	return kk_memory_data(memory);
}

static void check(bool fine, const char *what, const struct kk_error *error)
{
	if (fine)
		return;
	fprintf(stderr, "%s: %s\n", what, error->text);
	exit(1);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* The web service: answers after a while. */
static void request(void)
{
	struct timespec time = {0, REQUEST_MS * 1000000L};

	while (nanosleep(&time, &time) < 0)
		;
}

static void enter(void)
{
	kk_lock_acquire(lock, -1);
	if (++tally()->running > tally()->most)
		tally()->most = tally()->running;
	kk_lock_release(lock);
}

static void leave(void)
{
	kk_lock_acquire(lock, -1);
	tally()->running--;
	tally()->served++;
	kk_lock_release(lock);
}

static int be_patient(struct kk_call *call)
{
	(void)call;
	kk_semaphore_acquire(slots, -1);
	enter();
	request();
	leave();
	kk_semaphore_release(slots);
	return 0;
}

/* Whoever got in stays until the others have given up. */
static int be_impatient(struct kk_call *call)
{
	(void)call;
	if (kk_semaphore_acquire(slots, PATIENCE_MS) == KK_ERR_TIMEOUT) {
		kk_lock_acquire(lock, -1);
		if (++tally()->gave_up == NINE - THREE)
			kk_flag_set(all_answered);
		kk_lock_release(lock);
		return 0;
	}
	enter();
	kk_flag_wait(all_answered, -1);
	leave();
	kk_semaphore_release(slots);
	return 0;
}

static int be_killed(struct kk_call *call)
{
	(void)call;
	kk_semaphore_acquire(slots, -1);
	raise(SIGKILL);
	return 0;
}

static void run(kk_function *function, int count)
{
	struct kk_process *process[NINE];
	struct kk_error error = {0};

	*tally() = (struct tally){0};
	for (int i = 0; i < count; i++) {
		process[i] = kk_process_start(function, NULL, 0, NULL, &error);
		check(process[i], "a process", &error);
	}
	for (int i = 0; i < count; i++) {
		kk_process_join(process[i], -1);
		kk_process_free(process[i]);
	}
}

int main(void)
{
	struct kk_error error = {0};

	family = kk_family_create(NULL, &error);
	check(family, "a family", &error);
	memory = kk_memory_create(family, sizeof(struct tally), &error);
	lock = memory ? kk_lock_create(family, &error) : NULL;
	slots = lock ? kk_semaphore_create(family, THREE, THREE, &error) : NULL;
	all_answered = slots ? kk_flag_create(family, &error) : NULL;
	check(all_answered, "an object", &error);

	long began_ms = now_ms();
	run(be_patient, NINE);
	printf("nine that wait: %d answered, never more than three at once: %s, three rounds: %s\n", tally()->served,
	       tally()->most <= THREE ? "yes" : "no", now_ms() - began_ms >= NINE / THREE * REQUEST_MS ? "yes" : "no");
	run(be_impatient, NINE);
	printf("nine that wait for 50 ms: %d answered, %d gave up\n", tally()->served, tally()->gave_up);
	run(be_killed, THREE);
	kk_family_bury(family);
	printf("three that were killed: %u permits are back\n", kk_semaphore_value(slots));

	kk_flag_close(all_answered);
	kk_semaphore_close(slots);
	kk_lock_close(lock);
	kk_memory_close(memory);
	kk_family_close(family);
	return 0;
}
