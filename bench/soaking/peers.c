/* SPDX-License-Identifier: Apache-2.0 */
/* bench-soak-peers [SECONDS [WORKERS [KILLS STOPS]]] - the same torment for what else there is in C and C++.
 *
 * Producers put numbered words, consumers mark them. What a killed consumer had just taken is lost, what a killed
 * producer had just put is put again by the next one: they have no heirs who could know better.
 */
#include "items.h"
#include "rival.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { NUMBERS = 1 << 24, SLOTS = 1024, IDLE_MS = 300 };

extern const struct rival rival_mutex;

static const struct rival *const peers[] = {
    &rival_vyukov,
#ifdef HAVE_CK
    &rival_ck,
#endif
#ifdef HAVE_RTE
    &rival_rte,
#endif
#ifdef HAVE_BOOST
    &rival_boost,
#endif
    &rival_mutex,
};

static const char *const missing = ""
#ifndef HAVE_CK
                                   " ck_ring (libck-dev)"
#endif
#ifndef HAVE_RTE
                                   " rte_ring (libdpdk-dev)"
#endif
#ifndef HAVE_BOOST
                                   " Boost message_queue (libboost-dev, g++)"
#endif
    ;

static struct {
	const struct rival *rival;
	struct channel channel;
	unsigned producers;
	struct {
		_Atomic uint64_t made[TORMENT_WORKERS_MAX], taken;
		_Atomic uint32_t stopping;
	} * notes;
	_Atomic uint8_t *mark; /* [producer][number] */
} here;

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		exit(70);
	return memory;
}

static int produce(void *end, unsigned index)
{
	_Atomic uint64_t *made = &here.notes->made[index];
	while (!atomic_load(&here.notes->stopping)) {
		uint64_t number = atomic_load(made), word = (uint64_t)index << 32 | number;
		int put = number < NUMBERS ? here.rival->put(end, &word, 1) : 0;
		if (put < 0)
			return 1;
		if (put == 1)
			atomic_store(made, number + 1);
		else
			sched_yield();
	}
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* To the end: until nothing has come for a while after the stop. */
static int consume(void *end)
{
	uint64_t last = now_ms();
	for (;;) {
		uint64_t words[1024];
		int taken = here.rival->take(end, words, here.rival->handles ? 1 : 1024);
		if (taken < 0)
			return 1;
		for (int i = 0; i < taken; i++) {
			size_t at = (size_t)(words[i] >> 32) * NUMBERS + (uint32_t)words[i];
			atomic_fetch_add(&here.mark[at], 1);
			atomic_fetch_add(&here.notes->taken, 1);
		}
		if (taken > 0 || !atomic_load(&here.notes->stopping))
			last = now_ms();
		else if (now_ms() - last > IDLE_MS)
			return 0;
		if (taken == 0)
			sched_yield();
	}
}

static int play(unsigned role)
{
	const struct seat seat = {role <= here.producers, (int)role - 1, role};
	void *end = here.rival->open(&here.channel, &seat);
	if (!end)
		return 1;
	int status = seat.producer ? produce(end, role - 1) : consume(end);
	here.rival->close(end);
	return status;
}

static void stop(void)
{
	atomic_store(&here.notes->stopping, 1);
}

static uint64_t progress(void)
{
	return atomic_load(&here.notes->taken);
}

static void print_row(const char *name, uint64_t items, const struct torment_result *t, uint64_t lost, uint64_t doubled)
{
	char hang[32] = "never";
	if (t->hung)
		snprintf(hang, sizeof(hang), "%.1f s", t->hung_after_sec);
	printf("%-22s %12llu %8u %8u %14s %10llu %10llu\n", name, (unsigned long long)items, t->deaths, t->stops, hang,
	       (unsigned long long)lost, (unsigned long long)doubled);
	fflush(stdout);
}

static void count(const struct torment_result *torment)
{
	uint64_t lost = 0, doubled = 0, made = 0;
	for (unsigned p = 0; p < here.producers; p++) {
		uint64_t count = atomic_load(&here.notes->made[p]);
		made += count;
		for (uint64_t n = 0; n < count; n++) {
			uint8_t marks = atomic_load_explicit(&here.mark[(size_t)p * NUMBERS + n], memory_order_relaxed);
			lost += marks == 0;
			doubled += marks > 1;
		}
	}
	print_row(here.rival->name, made, torment, lost, doubled);
}

static int run_peer(const struct rival *rival, const struct items_plan *plan)
{
	const struct torment torment = {
	    .workers = plan->workers,
	    .seconds = plan->seconds,
	    .kills_per_sec = plan->kills_per_sec,
	    .stops_per_sec = plan->stops_per_sec,
	    .seed = plan->seed,
	    .work = play,
	    .stop = stop,
	    .progress = progress,
	};
	here.rival = rival;
	here.producers = plan->workers / 2;
	here.channel = (struct channel){.slots = SLOTS,
	                                .bytes = rival->bytes(SLOTS),
	                                .message_bytes = sizeof(uint64_t),
	                                .producers = (int)here.producers,
	                                .takers = (int)(plan->workers - here.producers),
	                                .fds = {-1, -1}};
	snprintf(here.channel.name, sizeof(here.channel.name), "soak-%d", (int)getpid());
	const size_t marks = (size_t)here.producers * NUMBERS;
	here.channel.memory = here.channel.bytes ? shared(here.channel.bytes) : NULL;
	here.notes = shared(sizeof(*here.notes));
	here.mark = shared(marks);
	int status = rival->make(&here.channel);
	if (status == 0) {
		struct torment_result result = torment_run(&torment);
		count(&result);
	}
	if (rival->unmake)
		rival->unmake(&here.channel);
	if (here.channel.memory)
		munmap(here.channel.memory, here.channel.bytes);
	munmap(here.notes, sizeof(*here.notes));
	munmap((void *)here.mark, marks);
	return status;
}

static double argument(int argc, char **argv, int i, double otherwise)
{
	return argc > i ? strtod(argv[i], NULL) : otherwise;
}

int main(int argc, char **argv)
{
	const struct items_plan plan = {
	    .seconds = argument(argc, argv, 1, 20),
	    .workers = (unsigned)argument(argc, argv, 2, 8),
	    .kills_per_sec = argument(argc, argv, 3, 50),
	    .stops_per_sec = argument(argc, argv, 4, 50),
	    .seed = 1,
	};
	if (plan.workers < 3 || plan.workers > TORMENT_WORKERS_MAX || plan.seconds <= 0)
		return 2;
	printf("%u workers, %g kills and %g stops a second, %g s at most\n", plan.workers, plan.kills_per_sec,
	       plan.stops_per_sec, plan.seconds);
	printf("%-22s %12s %8s %8s %14s %10s %10s\n", "", "items", "deaths", "stops", "hangs after", "lost", "doubled");
	fflush(stdout);
	const struct items_result ours = items_run(&plan);
	print_row("kakehi", ours.items, &ours.torment, ours.lost + ours.spoilt + ours.leaked_entries, ours.doubled);
	int status = 0;
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		status |= run_peer(peers[i], &plan);
	if (*missing)
		printf("left out, not installed:%s\n", missing);
	return status ? 70 : 0;
}
