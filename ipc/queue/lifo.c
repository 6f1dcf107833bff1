/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/lifo.c - a pile whose youngest item comes first. */
#include "queue/pile.h"

#include <kakehi/lifo.h>

static struct pile *pile_of(const struct kk_lifo *lifo)
{
	return (struct pile *)(uintptr_t)lifo;
}

struct kk_lifo *kk_lifo_create(struct kk_family *family, const struct kk_queue_spec *spec, struct kk_error *error)
{
	return (struct kk_lifo *)pile_create(family, PILE_LAST_FIRST, spec, error);
}

struct kk_lifo *kk_lifo_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	return (struct kk_lifo *)pile_open(family, PILE_LAST_FIRST, ref, error);
}

uint64_t kk_lifo_ref(const struct kk_lifo *lifo)
{
	return pile_ref(pile_of(lifo));
}

void kk_lifo_close(struct kk_lifo *lifo)
{
	pile_close(pile_of(lifo));
}

void kk_lifo_destroy(struct kk_lifo *lifo)
{
	pile_destroy(pile_of(lifo));
}

int kk_lifo_put(struct kk_lifo *lifo, const void *data, size_t bytes, int timeout_ms)
{
	return pile_put(pile_of(lifo), 0, data, bytes, timeout_ms, NULL);
}

int64_t kk_lifo_get(struct kk_lifo *lifo, void *to, size_t room, int timeout_ms)
{
	return pile_get(pile_of(lifo), NULL, to, room, timeout_ms, true, NULL);
}

int kk_lifo_task_done(struct kk_lifo *lifo)
{
	return pile_task_done(pile_of(lifo));
}

int kk_lifo_join(struct kk_lifo *lifo, int timeout_ms)
{
	return pile_join(pile_of(lifo), timeout_ms);
}

int kk_lifo_shutdown(struct kk_lifo *lifo)
{
	return pile_shutdown(pile_of(lifo));
}

uint32_t kk_lifo_size(struct kk_lifo *lifo)
{
	return pile_size(pile_of(lifo));
}

bool kk_lifo_empty(struct kk_lifo *lifo)
{
	return pile_size(pile_of(lifo)) == 0;
}

bool kk_lifo_full(struct kk_lifo *lifo)
{
	return pile_full(pile_of(lifo));
}

void kk_lifo_usage(struct kk_lifo *lifo, struct kk_queue_usage *usage)
{
	pile_usage(pile_of(lifo), usage);
}

int kk_lifo_check(struct kk_lifo *lifo, struct kk_error *error)
{
	return pile_check(pile_of(lifo), error);
}
