/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/queue/lifo.c - a pile whose youngest item comes first. */
#include "queue/pile.h"

#include <kakehi/lifo.h>
#include <stdlib.h>

struct kk_lifo {
	struct pile pile;
};

struct kk_lifo *kk_lifo_create(struct kk_family *family, const struct kk_queue_spec *spec, struct kk_error *error)
{
	struct kk_lifo *lifo = calloc(1, sizeof(*lifo));
	if (!lifo) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a handle");
	} else if (pile_create(&lifo->pile, family, PILE_LAST_FIRST, spec, error) < 0) {
		free(lifo);
		lifo = NULL;
	}
	return lifo;
}

struct kk_lifo *kk_lifo_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_lifo *lifo = calloc(1, sizeof(*lifo));
	if (!lifo) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a handle");
	} else if (pile_open(&lifo->pile, family, PILE_LAST_FIRST, ref, error) < 0) {
		free(lifo);
		lifo = NULL;
	}
	return lifo;
}

uint64_t kk_lifo_ref(const struct kk_lifo *lifo)
{
	return lifo->pile.object.ref;
}

void kk_lifo_close(struct kk_lifo *lifo)
{
	if (lifo)
		pile_close(&lifo->pile);
	free(lifo);
}

void kk_lifo_destroy(struct kk_lifo *lifo)
{
	if (lifo)
		(void)kk_object_destroy(&lifo->pile.object);
	kk_lifo_close(lifo);
}

int kk_lifo_put(struct kk_lifo *lifo, const void *data, size_t bytes, int timeout_ms)
{
	return pile_put(&lifo->pile, 0, data, bytes, timeout_ms, NULL);
}

int64_t kk_lifo_get(struct kk_lifo *lifo, void *to, size_t room, int timeout_ms)
{
	return pile_get(&lifo->pile, NULL, to, room, timeout_ms, true, NULL);
}

int kk_lifo_task_done(struct kk_lifo *lifo)
{
	return pile_task_done(&lifo->pile);
}

int kk_lifo_join(struct kk_lifo *lifo, int timeout_ms)
{
	return pile_join(&lifo->pile, timeout_ms);
}

int kk_lifo_shutdown(struct kk_lifo *lifo)
{
	return pile_shutdown(&lifo->pile);
}

uint32_t kk_lifo_size(struct kk_lifo *lifo)
{
	return pile_size(&lifo->pile);
}

bool kk_lifo_empty(struct kk_lifo *lifo)
{
	return pile_size(&lifo->pile) == 0;
}

bool kk_lifo_full(struct kk_lifo *lifo)
{
	return pile_size(&lifo->pile) >= lifo->pile.plan.capacity;
}

void kk_lifo_usage(struct kk_lifo *lifo, struct kk_queue_usage *usage)
{
	pile_usage(&lifo->pile, usage);
}

int kk_lifo_check(struct kk_lifo *lifo, struct kk_error *error)
{
	return pile_check(&lifo->pile, error);
}
