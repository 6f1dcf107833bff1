/* SPDX-License-Identifier: Apache-2.0 */
#include "config/store.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 8192

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char memory[];
};

struct kk_store {
	struct chunk *chunks; /* the first one is being filled */
};

struct kk_store *kk_store_new(void)
{
	return calloc(1, sizeof(struct kk_store));
}

void kk_store_free(struct kk_store *store)
{
	if (!store)
		return;
	for (struct chunk *chunk = store->chunks; chunk;) {
		struct chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
	free(store);
}

static struct chunk *add_chunk(struct kk_store *store, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->next = store->chunks;
	store->chunks = chunk;
	return chunk;
}

void *kk_store_alloc(struct kk_store *store, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	struct chunk *chunk = store->chunks;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = bytes ? (bytes + align - 1) / align * align : align;
	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = add_chunk(store, bytes);
	if (!chunk)
		return NULL;
	void *memory = chunk->memory + chunk->used;
	chunk->used += bytes;
	return memory;
}

char *kk_store_text(struct kk_store *store, const char *text, size_t length)
{
	char *copy = kk_store_alloc(store, length + 1);

	if (copy && length)
		memcpy(copy, text, length);
	return copy;
}

char *kk_store_vformat(struct kk_store *store, const char *format, va_list args)
{
	va_list again;
	char *text = NULL;

	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	if (length >= 0)
		text = kk_store_alloc(store, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

char *kk_store_format(struct kk_store *store, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = kk_store_vformat(store, format, args);
	va_end(args);
	return text;
}
