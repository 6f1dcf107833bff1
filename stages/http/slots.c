/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"
#include "timers.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUCKETS 1024

/* Exists while somebody has a turn at it or waits for one. */
struct slot_host {
	struct slot_host *next;
	unsigned active;
	struct slot_waiter *first, **last;
	struct timer ask; /* when to ask for the first; set while somebody waits */
	char name[];
};

struct slots {
	struct kk_context *context;
	unsigned connections; /* that are free */
	struct timers ask;
	struct slot_host *bucket[BUCKETS];
};

struct slots *slots_new(struct kk_context *context, unsigned connections, size_t most)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return NULL;
	slots->context = context;
	slots->connections = connections;
	if (timers_init(&slots->ask, most) == 0)
		return slots;
	free(slots);
	return NULL;
}

void slots_free(struct slots *slots)
{
	if (slots)
		timers_fini(&slots->ask);
	free(slots);
}

static struct slot_host **place_of(struct slots *slots, const char *name)
{
	struct slot_host **at;
	uint32_t hash = 2166136261U;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)(*c | 0x20)) * 16777619U;
	for (at = &slots->bucket[hash % BUCKETS]; *at && strcasecmp((*at)->name, name) != 0;)
		at = &(*at)->next;
	return at;
}

static struct slot_host *host_new(const char *name)
{
	size_t size = strlen(name) + 1;
	struct slot_host *host = calloc(1, sizeof(*host) + size);

	if (host) {
		memcpy(host->name, name, size);
		host->last = &host->first;
	}
	return host;
}

int slots_enter(struct slots *slots, const char *name, struct slot_waiter *waiter)
{
	struct slot_host **at = place_of(slots, name), *host;

	if (!*at)
		*at = host_new(name);
	host = *at;
	if (!host)
		return -1;
	waiter->host = host;
	waiter->next = NULL;
	waiter->waiting = true;
	/* Behind others it need not be asked for: they were told when it is worth asking again. */
	if (!host->first)
		timers_set(&slots->ask, &host->ask, timers_now_ms());
	*host->last = waiter;
	host->last = &waiter->next;
	return 0;
}

static void stop_waiting(struct slots *slots, struct slot_host *host, struct slot_waiter *waiter)
{
	struct slot_waiter **at = &host->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (host->last == &waiter->next)
		host->last = at;
	waiter->waiting = false;
	if (!host->first)
		timers_cancel(&slots->ask, &host->ask);
}

void slots_leave(struct slots *slots, struct slot_waiter *waiter)
{
	struct slot_host *host = waiter->host;

	if (!host)
		return;
	waiter->host = NULL;
	if (waiter->waiting) {
		stop_waiting(slots, host, waiter);
	} else {
		host->active--;
		slots->connections++;
		kk_leave(slots->context, host->name);
		if (host->first)
			timers_set(&slots->ask, &host->ask, timers_now_ms());
	}
	if (host->active == 0 && !host->first) {
		*place_of(slots, host->name) = host->next;
		free(host);
	}
}

static void grant(struct slots *slots, struct slot_host *host, uint64_t now_ms)
{
	struct slot_waiter *first = host->first;

	stop_waiting(slots, host, first);
	host->active++;
	slots->connections--;
	if (host->first)
		timers_set(&slots->ask, &host->ask, now_ms);
	first->granted(first);
}

void slots_tick(struct slots *slots, uint64_t now_ms)
{
	struct timer *timer;

	while (slots->connections > 0 && (timer = timers_pop(&slots->ask, now_ms))) {
		struct slot_host *host = (struct slot_host *)((char *)timer - offsetof(struct slot_host, ask));
		long wait_ms = kk_admit(slots->context, host->name);

		if (wait_ms == 0)
			grant(slots, host, now_ms);
		else
			timers_set(&slots->ask, &host->ask, now_ms + (uint64_t)wait_ms);
	}
}

uint64_t slots_next_ms(const struct slots *slots)
{
	return slots->connections > 0 ? timers_next(&slots->ask) : TIMERS_NEVER;
}
