/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUCKETS 256

/* Exists while somebody has a slot at it or waits for one. */
struct slot_host {
	struct slot_host *next;
	unsigned active;
	struct slot_waiter *first, **last;
	char name[];
};

struct slots {
	unsigned per_host;
	struct slot_host *bucket[BUCKETS];
};

struct slots *slots_new(unsigned per_host)
{
	struct slots *slots = calloc(1, sizeof(*slots));

	if (slots)
		slots->per_host = per_host;
	return slots;
}

void slots_free(struct slots *slots)
{
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
	struct slot_host **at = place_of(slots, name);

	if (!*at)
		*at = host_new(name);
	if (!*at)
		return -1;
	waiter->host = *at;
	waiter->next = NULL;
	waiter->waiting = (*at)->active >= slots->per_host;
	if (!waiter->waiting) {
		(*at)->active++;
		return 1;
	}
	*(*at)->last = waiter;
	(*at)->last = &waiter->next;
	return 0;
}

static void stop_waiting(struct slot_host *host, struct slot_waiter *waiter)
{
	struct slot_waiter **at = &host->first;

	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	if (host->last == &waiter->next)
		host->last = at;
	waiter->waiting = false;
}

void slots_leave(struct slots *slots, struct slot_waiter *waiter)
{
	struct slot_host *host = waiter->host;
	struct slot_waiter *heir;

	if (!host)
		return;
	waiter->host = NULL;
	if (waiter->waiting)
		stop_waiting(host, waiter);
	else
		host->active--;
	heir = host->first;
	if (heir && host->active < slots->per_host) {
		stop_waiting(host, heir);
		host->active++;
		heir->granted(heir);
	} else if (host->active == 0) {
		*place_of(slots, host->name) = host->next;
		free(host);
	}
}
