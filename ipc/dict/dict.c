/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/dict/dict.c - making a dict, in a family or in other memory, and handles of it. */
#include "dict/layout.h"

#include "head/head.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics must not use locks of a process");

/* ---- layout */

static uint64_t rounded(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

static void place_pool(struct dict_places *at, enum dict_piece_kind kind, uint32_t count, uint32_t data, uint32_t align)
{
	struct dict_pool *pool = &at->pool[kind];
	pool->count = count;
	pool->stride = (uint32_t)rounded(offsetof(struct dict_piece, data) + data, align);
	pool->at = rounded(at->end, 64);
	at->end = rounded(pool->at + (uint64_t)count * pool->stride, 64);
}

static int find_places(const struct kk_dict_shape *shape, struct dict_places *at)
{
	if (shape->keys == 0 || shape->keys > KK_DICT_MAX_KEYS || shape->roles == 0 ||
	    shape->roles > KK_DICT_MAX_ROLES || shape->key_max == 0 || shape->key_max > KK_DICT_MAX_BYTES ||
	    shape->value_max > KK_DICT_MAX_BYTES)
		return KK_ERR_INVALID;
	/* Half of the buckets at least have no keys, so that a page with all of its entries taken is next to
	 * impossible. */
	at->buckets = 2;
	while (at->buckets < 2 * shape->keys)
		at->buckets *= 2;
	at->role = rounded(sizeof(struct dict_memory), 64);
	at->bucket = at->role + (shape->roles + 1) * sizeof(struct dict_role);
	at->end = at->bucket + (uint64_t)at->buckets * sizeof(uint64_t);
	/* Whatever the others have in hand, there is a slot for each key that is promised. Of cells and pages one spare
	 * for each role is needed, a second one makes free ones easier to find. */
	uint32_t most = shape->keys + shape->roles, spare = 2 * shape->roles;
	place_pool(at, DICT_SLOT, most, shape->key_max, 8);
	place_pool(at, DICT_CELL, most + spare, shape->value_max, 8);
	place_pool(at, DICT_PAGE, most + spare, DICT_PAGE_ENTRIES * sizeof(uint64_t), 64);
	return KK_OK;
}

uint64_t kk_dict_size(const struct kk_dict_shape *shape)
{
	struct dict_places at;
	return find_places(shape, &at) < 0 ? 0 : at.end;
}

int kk_dict_init(void *memory, uint64_t bytes, const struct kk_dict_shape *shape, struct kk_error *error)
{
	struct dict_memory *header = memory;
	struct hash_secret secret;
	uint64_t size = kk_dict_size(shape);
	if (size == 0)
		return kk_error_set(error, KK_ERR_INVALID, "the shape of a dict is out of range");
	if (!memory || (uintptr_t)memory % 64 != 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "a dict needs %" PRIu64 " bytes of aligned memory, not %" PRIu64, size, bytes);
	if (hash_draw_secret(&secret) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "getrandom");
	/* Zeros are an empty dict: no bucket names a page, no piece is owned. */
	memset(memory, 0, size);
	*header = (struct dict_memory){.magic = DICT_MAGIC, .version = DICT_VERSION, .shape = *shape, .secret = secret};
	return KK_OK;
}

static const struct head our_head = {
    .what = "dict", .magic = DICT_MAGIC, .version = DICT_VERSION, .bytes = sizeof(struct dict_memory)};

int dict_view_of(struct kk_dict *dict, void *memory, uint64_t bytes, struct kk_error *error)
{
	struct dict_memory *header = memory;
	int rc = head_check(&our_head, memory, bytes, error);
	if (rc < 0)
		return rc;
	*dict = (struct kk_dict){.memory = header, .shape = header->shape, .secret = header->secret};
	if (find_places(&dict->shape, &dict->at) < 0 || dict->at.end > bytes)
		return kk_error_set(error, KK_ERR_CORRUPT, "the dict is larger than its memory");
	return KK_OK;
}

struct kk_dict *kk_dict_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct kk_dict *dict = calloc(1, sizeof(*dict));
	if (!dict) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a dict's handle");
	} else if (dict_view_of(dict, memory, bytes, error) < 0) {
		free(dict);
		dict = NULL;
	}
	return dict;
}

void kk_dict_detach(struct kk_dict *dict)
{
	free(dict);
}

int kk_dict_inherit(struct kk_dict *dict, unsigned role)
{
	if (dict->object.family || role == 0 || role > dict->shape.roles)
		return KK_ERR_INVALID;
	dict->role = role;
	dict_settle(dict, role);
	return KK_OK;
}

/* ---- in a family */

static int bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left)
{
	struct kk_dict dict;
	int rc = dict_view_of(&dict, memory, bytes, NULL);
	(void)family;
	(void)left;
	if (rc == KK_OK && seat <= dict.shape.roles)
		dict_settle(&dict, seat);
	return rc < 0 ? KK_ERR_CORRUPT : KK_OK;
}

static int check(const void *memory, uint64_t bytes, struct kk_error *error)
{
	struct kk_dict dict;
	int rc = dict_view_of(&dict, (void *)(uintptr_t)memory, bytes, error);
	return rc < 0 ? rc : kk_dict_check(&dict, error);
}

const struct kk_kind kk_kind_dict = {
    .name = "dict", .number = KK_KIND_DICT, .layout = DICT_VERSION, .bury = bury, .check = check};

static struct kk_dict *handle_of(const struct kk_object *object, struct kk_error *error)
{
	struct kk_dict *dict = kk_dict_attach(object->memory, object->bytes, error);
	if (dict)
		dict->object = *object;
	return dict;
}

struct kk_dict *kk_dict_create(struct kk_family *family, const struct kk_dict_shape *shape, struct kk_error *error)
{
	struct kk_dict_shape whole = *shape;
	struct kk_object object;
	struct kk_dict *dict = NULL;
	whole.roles = kk_family_seats(family);
	if (kk_dict_size(&whole) == 0) {
		(void)kk_error_set(error, KK_ERR_INVALID, "the shape of a dict is out of range");
		return NULL;
	}
	if (kk_object_make(family, &kk_kind_dict, kk_dict_size(&whole), &object, error) < 0)
		return NULL;
	if (kk_dict_init(object.memory, object.bytes, &whole, error) == KK_OK)
		dict = handle_of(&object, error);
	if (dict)
		kk_object_publish(&object);
	else
		(void)kk_object_destroy(&object);
	return dict;
}

struct kk_dict *kk_dict_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_object object;
	if (kk_object_find(family, ref, &kk_kind_dict, &object, error) < 0)
		return NULL;
	return handle_of(&object, error);
}

uint64_t kk_dict_ref(const struct kk_dict *dict)
{
	return dict->object.ref;
}

void kk_dict_close(struct kk_dict *dict)
{
	free(dict);
}

int kk_dict_destroy(struct kk_dict *dict)
{
	int rc = dict->object.family ? kk_object_destroy(&dict->object) : KK_ERR_INVALID;
	kk_dict_close(dict);
	return rc;
}

int dict_me(struct kk_dict *dict)
{
	if (dict->object.family)
		return kk_family_seat(dict->object.family);
	return dict->role ? (int)dict->role : KK_ERR_INVALID;
}
