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
	struct timer ask; /* when to ask for the first; set while somebody waits and it is not hungry */
	struct slot_host *next_hungry;
	bool hungry; /* there was no room for the first: it is asked at each tick */
	char name[];
};

struct slots {
	struct kk_context *context;
	unsigned connections; /* that are free */
	struct timers ask;
	struct slot_host *hungry, **last_hungry; /* in the order in which they came to be */
	struct slot_host *bucket[BUCKETS];
};

struct slots *slots_new(struct kk_context *context, unsigned connections, size_t most)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return NULL;
	slots->context = context;
	slots->connections = connections;
	slots->last_hungry = &slots->hungry;
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

/* ---- hosts for whose first there is no room */

static void hunger(struct slots *slots, struct slot_host *host)
{
	host->hungry = true;
	host->next_hungry = NULL;
	*slots->last_hungry = host;
	slots->last_hungry = &host->next_hungry;
}

static void sate(struct slots *slots, struct slot_host *host)
{
	struct slot_host **at = &slots->hungry;

	if (!host->hungry)
		return;
	while (*at != host)
		at = &(*at)->next_hungry;
	*at = host->next_hungry;
	if (slots->last_hungry == &host->next_hungry)
		slots->last_hungry = at;
	host->hungry = false;
}

static bool first_has_room(struct slot_host *host)
{
	struct slot_waiter *first = host->first;

	if (!first->has_room)
		first->has_room = first->room(first);
	return first->has_room;
}

/* Each of them may be one for whom alone there is room, so all are asked. */
static void feed(struct slots *slots, uint64_t now_ms)
{
	struct slot_host *next;

	for (struct slot_host *host = slots->hungry; host; host = next) {
		next = host->next_hungry;
		if (first_has_room(host)) {
			sate(slots, host);
			timers_set(&slots->ask, &host->ask, now_ms);
		}
	}
}

/* ---- queues */

/* The first is another one now: the host has to be asked for that one. */
static void ask_anew(struct slots *slots, struct slot_host *host)
{
	sate(slots, host);
	if (host->first)
		timers_set(&slots->ask, &host->ask, timers_now_ms());
	else
		timers_cancel(&slots->ask, &host->ask);
}

int slots_enter(struct slots *slots, const char *name, struct slot_waiter *waiter)
{
	struct slot_host **place = place_of(slots, name), *host;
	struct slot_waiter **at;

	if (!*place)
		*place = host_new(name);
	host = *place;
	if (!host)
		return -1;
	at = waiter->has_room ? &host->first : host->last;
	while (*at && (*at)->has_room)
		at = &(*at)->next;
	waiter->host = host;
	waiter->next = *at;
	waiter->waiting = true;
	*at = waiter;
	if (!waiter->next)
		host->last = &waiter->next;
	/* Behind others it need not be asked for: they were told when it is worth asking again. */
	if (host->first == waiter && (!waiter->next || host->hungry))
		ask_anew(slots, host);
	return 0;
}

static void stop_waiting(struct slots *slots, struct slot_host *host, struct slot_waiter *waiter)
{
	struct slot_waiter **at = &host->first;
	bool was_first = *at == waiter;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (host->last == &waiter->next)
		host->last = at;
	waiter->waiting = false;
	if (was_first && (!host->first || host->hungry))
		ask_anew(slots, host);
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
		if (host->first && !host->hungry)
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

static void ask(struct slots *slots, struct slot_host *host, uint64_t now_ms)
{
	long wait_ms;

	if (!first_has_room(host)) {
		hunger(slots, host);
		return;
	}
	wait_ms = kk_admit(slots->context, host->name);
	if (wait_ms == 0)
		grant(slots, host, now_ms);
	else
		timers_set(&slots->ask, &host->ask, now_ms + (uint64_t)wait_ms);
}

void slots_tick(struct slots *slots, uint64_t now_ms)
{
	struct timer *timer;

	if (slots->connections > 0)
		feed(slots, now_ms);
	while (slots->connections > 0 && (timer = timers_pop(&slots->ask, now_ms)))
		ask(slots, (struct slot_host *)((char *)timer - offsetof(struct slot_host, ask)), now_ms);
}

uint64_t slots_next_ms(const struct slots *slots)
{
	return slots->connections > 0 ? timers_next(&slots->ask) : TIMERS_NEVER;
}
