/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/priority_queue.c - a pile in the order of priorities. */
#include "queue/pile.h"

#include <kakehi/priority_queue.h>
#include <string.h>

static struct pile *pile_of(const struct kk_priority_queue *queue)
{
	return (struct pile *)(uintptr_t)queue;
}

struct kk_priority_queue *kk_priority_queue_create(struct kk_family *family, const struct kk_queue_spec *spec,
                                                   struct kk_error *error)
{
	return (struct kk_priority_queue *)pile_create(family, PILE_SMALLEST_FIRST, spec, error);
}

struct kk_priority_queue *kk_priority_queue_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	return (struct kk_priority_queue *)pile_open(family, PILE_SMALLEST_FIRST, ref, error);
}

uint64_t kk_priority_queue_ref(const struct kk_priority_queue *queue)
{
	return pile_ref(pile_of(queue));
}

void kk_priority_queue_close(struct kk_priority_queue *queue)
{
	pile_close(pile_of(queue));
}

void kk_priority_queue_destroy(struct kk_priority_queue *queue)
{
	pile_destroy(pile_of(queue));
}

/* The bits of a double are in the order of the numbers, as of sign and magnitude. */
int64_t kk_priority_of_double(double number)
{
	int64_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return bits < 0 ? INT64_MIN - bits : bits;
}

double kk_priority_to_double(int64_t priority)
{
	int64_t bits = priority < 0 ? INT64_MIN - priority : priority;
	double number;
	memcpy(&number, &bits, sizeof(number));
	return number;
}

int kk_priority_queue_put(struct kk_priority_queue *queue, int64_t priority, const void *data, size_t bytes,
                          int timeout_ms, uint64_t *id)
{
	return pile_put(pile_of(queue), priority, data, bytes, timeout_ms, id);
}

int64_t kk_priority_queue_get(struct kk_priority_queue *queue, int64_t *priority, void *to, size_t room, int timeout_ms)
{
	return pile_get(pile_of(queue), priority, to, room, timeout_ms, true, NULL);
}

int64_t kk_priority_queue_peek(struct kk_priority_queue *queue, int64_t *priority, void *to, size_t room,
                               int timeout_ms, uint64_t *id)
{
	return pile_get(pile_of(queue), priority, to, room, timeout_ms, false, id);
}

int kk_priority_queue_remove(struct kk_priority_queue *queue, uint64_t id)
{
	return pile_remove(pile_of(queue), id);
}

int kk_priority_queue_update(struct kk_priority_queue *queue, uint64_t id, int64_t priority)
{
	return pile_update(pile_of(queue), id, priority);
}

int kk_priority_queue_task_done(struct kk_priority_queue *queue)
{
	return pile_task_done(pile_of(queue));
}

int kk_priority_queue_join(struct kk_priority_queue *queue, int timeout_ms)
{
	return pile_join(pile_of(queue), timeout_ms);
}

int kk_priority_queue_shutdown(struct kk_priority_queue *queue)
{
	return pile_shutdown(pile_of(queue));
}

uint32_t kk_priority_queue_size(struct kk_priority_queue *queue)
{
	return pile_size(pile_of(queue));
}

bool kk_priority_queue_empty(struct kk_priority_queue *queue)
{
	return pile_size(pile_of(queue)) == 0;
}

bool kk_priority_queue_full(struct kk_priority_queue *queue)
{
	return pile_full(pile_of(queue));
}

void kk_priority_queue_usage(struct kk_priority_queue *queue, struct kk_queue_usage *usage)
{
	pile_usage(pile_of(queue), usage);
}

int kk_priority_queue_check(struct kk_priority_queue *queue, struct kk_error *error)
{
	return pile_check(pile_of(queue), error);
}
