/* SPDX-License-Identifier: Apache-2.0 */
/* counter - two threads, then two processes, count to 2,000,000 together: without a lock, and with one. */
#include <kakehi/barrier.h>
#include <kakehi/family.h>
#include <kakehi/lock.h>
#include <kakehi/memory.h>
#include <kakehi/process.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 2, EACH = 1000000 };

/* In memory of the family: it is the same for threads and for processes. */
struct counter {
	_Atomic long racing; /* read, then written: two steps */
	long guarded;        /* by the lock                   */
};

static struct kk_family *family;
static struct kk_memory *memory;
static struct kk_lock *lock;
static struct kk_barrier *both;

static struct counter *counter(void)
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

/* What everybody writes first: between reading and writing somebody else may count, too. Lest that be left to chance,
 * both read before one of them writes, the first time. */
static void count_racing(void)
{
	_Atomic long *racing = &counter()->racing;

	for (int i = 0; i < EACH; i++) {
		long value = atomic_load_explicit(racing, memory_order_relaxed);

		if (i == 0)
			kk_barrier_wait(both, -1);
		atomic_store_explicit(racing, value + 1, memory_order_relaxed);
	}
}

static void count_locked(void)
{
	for (int i = 0; i < EACH; i++) {
		kk_lock_acquire(lock, -1);
		counter()->guarded++;
		kk_lock_release(lock);
	}
}

static int count(struct kk_call *call)
{
	(void)call;
	count_racing();
	count_locked();
	return 0;
}

static void *count_in_thread(void *arg)
{
	(void)arg;
	count(NULL);
	return NULL;
}

static void run_threads(void)
{
	pthread_t thread[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		if (pthread_create(&thread[i], NULL, count_in_thread, NULL) != 0)
			exit(1);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(thread[i], NULL);
}

static void run_processes(void)
{
	struct kk_process *process[WORKERS];
	struct kk_error error = {0};

	for (int i = 0; i < WORKERS; i++) {
		process[i] = kk_process_start(count, NULL, 0, NULL, &error);
		check(process[i], "a process", &error);
	}
	for (int i = 0; i < WORKERS; i++) {
		kk_process_join(process[i], -1);
		kk_process_free(process[i]);
	}
}

static void show(const char *who, void (*run)(void))
{
	*counter() = (struct counter){0};
	run();
	printf("two %s, without a lock: %s\n", who,
	       counter()->racing < WORKERS * EACH ? "less than 2000000" : "2000000");
	printf("two %s, with a lock: %ld\n", who, counter()->guarded);
}

int main(void)
{
	struct kk_error error = {0};

	family = kk_family_create(NULL, &error);
	check(family, "a family", &error);
	memory = kk_memory_create(family, sizeof(struct counter), &error);
	lock = memory ? kk_lock_create(family, &error) : NULL;
	both = lock ? kk_barrier_create(family, WORKERS, &error) : NULL;
	check(both, "an object", &error);
	show("threads", run_threads);
	show("processes", run_processes);
	kk_barrier_close(both);
	kk_lock_close(lock);
	kk_memory_close(memory);
	kk_family_close(family);
	return 0;
}
