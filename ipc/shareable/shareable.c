/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shareable/shareable.c - lists in families and in named segments: making and finding them. */
#include "family/kinds.h"
#include "family/object.h"
#include "shareable/layout.h"

#include <kakehi/shm.h>
#include <stdlib.h>

/* A list and where it lies: in an object of a family, or in a named segment. */
struct place {
	struct kk_shareable list; /* first: its pointer is the program's handle */
	struct kk_object object;
	struct kk_shm_named *named;
};

static struct place *place_of(const struct kk_shareable *list)
{
	return (struct place *)(uintptr_t)list;
}

static struct place *new_place(struct kk_error *error)
{
	struct place *place = calloc(1, sizeof(*place));
	if (!place)
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for the handle of a list");
	return place;
}

static uint64_t size_of(const struct kk_item *items, size_t count, struct kk_error *error)
{
	uint64_t bytes = shareable_size(items, count);
	if (bytes == 0)
		(void)kk_error_set(error, KK_ERR_INVALID, "a list cannot hold these items");
	return bytes;
}

/* The end of all ways to a list: the handle, or nothing is left. */
static struct kk_shareable *finish(struct place *place, int rc, struct kk_error *error)
{
	if (rc == KK_OK)
		return &place->list;
	(void)kk_error_wrap(error, "a list");
	kk_shm_close_named(place->named);
	free(place);
	return NULL;
}

/* ---- in a family */

struct kk_shareable *kk_shareable_create(struct kk_family *family, const struct kk_item *items, size_t count,
                                         struct kk_error *error)
{
	uint64_t bytes = size_of(items, count, error);
	struct place *place = bytes > 0 ? new_place(error) : NULL;
	if (!place)
		return NULL;
	int rc = kk_object_make(family, &kk_kind_shareable, bytes, &place->object, error);
	if (rc == KK_OK) {
		rc = shareable_lay_out(place->object.memory, bytes, items, count);
		if (rc < 0)
			(void)kk_error_set(error, rc, "no robust mutexes on this system");
		if (rc == KK_OK)
			rc = shareable_look_at(&place->list, place->object.memory, bytes, error);
		if (rc == KK_OK)
			kk_object_publish(&place->object);
		else
			(void)kk_object_destroy(&place->object);
	}
	return finish(place, rc, error);
}

struct kk_shareable *kk_shareable_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct place *place = new_place(error);
	if (!place)
		return NULL;
	int rc = kk_object_find(family, ref, &kk_kind_shareable, &place->object, error);
	if (rc == KK_OK)
		rc = shareable_look_at(&place->list, place->object.memory, place->object.bytes, error);
	return finish(place, rc, error);
}

uint64_t kk_shareable_ref(const struct kk_shareable *list)
{
	return place_of(list)->object.ref;
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct kk_shareable list;
	return shareable_look_at(&list, (struct shareable_memory *)(uintptr_t)memory, bytes, error);
}

/* A death leaves nothing but the writer's lock, which is robust by itself. */
const struct kk_kind kk_kind_shareable = {
    .name = "shareable list", .number = KK_KIND_SHAREABLE, .layout = SHAREABLE_VERSION, .check = check};

/* ---- in a segment */

struct kk_shareable *kk_shareable_create_named(const char *name, const struct kk_item *items, size_t count,
                                               struct kk_error *error)
{
	struct kk_error own = {0};
	uint64_t bytes = size_of(items, count, error);
	struct place *place = bytes > 0 ? new_place(error) : NULL;
	if (!place)
		return NULL;
	error = error ? error : &own;
	place->named = kk_shm_open_named(name, KK_SHM_CREATE, bytes, error);
	int rc = place->named ? KK_OK : error->code;
	if (rc == KK_OK) {
		struct shareable_memory *memory = kk_shm_named_memory(place->named);
		rc = shareable_lay_out(memory, bytes, items, count);
		if (rc == KK_OK)
			rc = shareable_look_at(&place->list, memory, bytes, error);
		if (rc < 0)
			(void)kk_shm_unlink_named(kk_shm_named_name(place->named), NULL);
	}
	return finish(place, rc, error);
}

struct kk_shareable *kk_shareable_open_named(const char *name, struct kk_error *error)
{
	struct kk_error own = {0};
	struct place *place = new_place(error);
	if (!place)
		return NULL;
	error = error ? error : &own;
	place->named = kk_shm_open_named(name, KK_SHM_ATTACH, 0, error);
	int rc = place->named ? KK_OK : error->code;
	if (rc == KK_OK)
		rc = shareable_look_at(&place->list, kk_shm_named_memory(place->named),
		                       kk_shm_named_bytes(place->named), error);
	return finish(place, rc, error);
}

const char *kk_shareable_name(const struct kk_shareable *list)
{
	const struct place *place = place_of(list);
	return place->named ? kk_shm_named_name(place->named) : NULL;
}

/* ---- ends */

void kk_shareable_close(struct kk_shareable *list)
{
	struct place *place = place_of(list);
	if (!list)
		return;
	kk_shm_close_named(place->named);
	free(place);
}

void kk_shareable_destroy(struct kk_shareable *list)
{
	struct place *place = place_of(list);
	if (!list)
		return;
	/* KK_ERR_MISSING: somebody else has destroyed it. */
	if (place->named)
		(void)kk_shm_unlink_named(kk_shm_named_name(place->named), NULL);
	else
		(void)kk_object_destroy(&place->object);
	kk_shareable_close(list);
}
