/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/executor/map.c - one function for many items: chunks of calls, each of them one task, and the answers one by one.
 */
#include "executor/handle.h"
#include <stdlib.h>
#include <string.h>

struct kk_results {
	struct kk_executor *executor;
	kk_function *function;
	const unsigned char *items;
	size_t item_bytes, count, chunk, chunks;
	bool unordered;
	size_t submitted, returned; /* chunks */
	size_t window;              /* chunks that are on their way at a time, at most */
	struct kk_future **future;  /* in order: chunk i at [i % window]; else anywhere */
	size_t *number;             /* and which chunk it is */
	/* The chunk whose answers are being returned. */
	struct kk_future *open;
	const unsigned char *at;
	size_t left, item;
};

static size_t chunk_items(const struct kk_results *results, size_t number)
{
	size_t first = number * results->chunk;
	return results->count - first < results->chunk ? results->count - first : results->chunk;
}

static struct kk_future *submit_chunk(struct kk_results *results, size_t number, int timeout_ms, struct kk_error *error)
{
	const struct order order = {
	    .function = results->function,
	    .args = results->items + number * results->chunk * results->item_bytes,
	    .bytes = chunk_items(results, number) * results->item_bytes,
	    .item_bytes = (uint32_t)results->item_bytes,
	};
	return executor_order(results->executor, &order, timeout_ms, error);
}

static size_t find_place(const struct kk_results *results)
{
	size_t place = results->submitted % results->window;
	while (results->future[place])
		place = (place + 1) % results->window;
	return place;
}

/* Keeps the window full. If there is no free place in the executor, only what we wait for anyway has to be there. */
static int refill(struct kk_results *results, int timeout_ms, struct kk_error *error)
{
	while (results->submitted < results->chunks && results->submitted - results->returned < results->window) {
		struct kk_error why = {0};
		bool must = results->submitted == results->returned;
		struct kk_future *future = submit_chunk(results, results->submitted, must ? timeout_ms : 0, &why);
		if (!future && why.code == KK_ERR_TIMEOUT && !must)
			return KK_OK;
		if (!future) {
			if (error)
				*error = why;
			return why.code;
		}
		size_t place = find_place(results);
		results->future[place] = future;
		results->number[place] = results->submitted++;
	}
	return KK_OK;
}

static struct kk_results *begin(struct kk_executor *executor, kk_function *function, const void *items,
                                size_t item_bytes, size_t count, size_t chunk, bool unordered, struct kk_error *error)
{
	struct executor_memory *memory = executor->memory;
	const uint64_t most = (uint64_t)memory->page_count[ROOM_ARGS] * PAGE / 4;
	struct kk_results *results = NULL;
	if (!function || (count > 0 && (!items || item_bytes == 0)) || item_bytes > most * 4) {
		kk_error_set(error, KK_ERR_INVALID, "a map needs a function, and items for which there is room");
		return NULL;
	}
	chunk = chunk ? chunk : 1;
	if (item_bytes > 0 && chunk > most / item_bytes)
		chunk = most / item_bytes ? (size_t)(most / item_bytes) : 1;
	size_t chunks = (count + chunk - 1) / chunk;
	size_t window = memory->entries > 1 ? memory->entries / 2 : 1;
	window = chunks < window ? chunks + !chunks : window;
	results = calloc(1, sizeof(*results));
	struct kk_future **futures = calloc(window, sizeof(*futures));
	size_t *numbers = calloc(window, sizeof(*numbers));
	if (!results || !futures || !numbers) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a map of %zu items", count);
		free(results);
		free(futures);
		free(numbers);
		return NULL;
	}
	*results = (struct kk_results){
	    .executor = executor,
	    .function = function,
	    .items = items,
	    .item_bytes = item_bytes,
	    .count = count,
	    .chunk = chunk,
	    .chunks = chunks,
	    .unordered = unordered,
	    .window = window,
	    .future = futures,
	    .number = numbers,
	};
	if (refill(results, -1, error) == KK_OK)
		return results;
	kk_results_free(results);
	return NULL;
}

struct kk_results *kk_executor_map(struct kk_executor *executor, kk_function *function, const void *items,
                                   size_t item_bytes, size_t count, size_t chunk, struct kk_error *error)
{
	return begin(executor, function, items, item_bytes, count, chunk, false, error);
}

struct kk_results *kk_executor_map_unordered(struct kk_executor *executor, kk_function *function, const void *items,
                                             size_t item_bytes, size_t count, size_t chunk, struct kk_error *error)
{
	return begin(executor, function, items, item_bytes, count, chunk, true, error);
}

/* ---- the next chunk */

/* The place of one that has ended. KK_ERR_TIMEOUT. */
static long await_any(struct kk_results *results, int timeout_ms)
{
	struct kk_future **some = malloc(results->window * sizeof(struct kk_future *));
	size_t count = 0;
	if (!some)
		return KK_ERR_MEMORY;
	for (size_t i = 0; i < results->window; i++) {
		if (results->future[i])
			some[count++] = results->future[i];
	}
	long done = kk_future_wait(some, count, KK_FIRST_COMPLETED, timeout_ms);
	free(some);
	if (done < 0)
		return done;
	for (size_t i = 0; i < results->window; i++) {
		if (results->future[i] && kk_future_done(results->future[i]))
			return (long)i;
	}
	return KK_ERR_TIMEOUT;
}

static void close_chunk(struct kk_results *results)
{
	kk_future_free(results->open);
	results->open = NULL;
	results->left = 0;
}

/* Opens the next chunk: KK_OK and its answers are there, or what it failed with. */
static int open_chunk(struct kk_results *results, int timeout_ms, struct kk_error *error)
{
	const void *data;
	size_t bytes;
	long place = results->unordered ? await_any(results, timeout_ms) : (long)(results->returned % results->window);
	if (place < 0)
		return kk_error_set(error, (int)place, "no answer yet");
	struct kk_future *future = results->future[place];
	int rc = kk_future_result(future, timeout_ms, &data, &bytes, error);
	if (rc == KK_ERR_TIMEOUT || rc == KK_ERR_MEMORY || rc == KK_ERR_FULL)
		return rc;
	results->future[place] = NULL;
	results->returned++;
	results->item = results->number[place] * results->chunk;
	results->open = future;
	results->at = data;
	results->left = rc == KK_OK ? chunk_items(results, results->number[place]) : 0;
	if (rc != KK_OK)
		close_chunk(results);
	return rc;
}

int kk_results_next(struct kk_results *results, int timeout_ms, const void **data, size_t *bytes,
                    struct kk_error *error)
{
	uint64_t length;
	bool next = results->left > 1;
	if (results->left > 0 && --results->left == 0)
		close_chunk(results);
	if (next) {
		memcpy(&length, results->at, sizeof(length));
		results->at += sizeof(length) + ((length + 7) & ~UINT64_C(7));
		results->item++;
	} else {
		if (results->returned == results->chunks)
			return 0;
		int rc = refill(results, timeout_ms, error);
		if (rc == KK_OK)
			rc = open_chunk(results, timeout_ms, error);
		if (rc != KK_OK)
			return rc;
	}
	memcpy(&length, results->at, sizeof(length));
	if (data)
		*data = results->at + sizeof(length);
	if (bytes)
		*bytes = length;
	return 1;
}

size_t kk_results_item(const struct kk_results *results)
{
	return results->item;
}

void kk_results_free(struct kk_results *results)
{
	if (!results)
		return;
	for (size_t i = 0; i < results->window; i++) {
		if (!results->future[i])
			continue;
		(void)kk_future_cancel(results->future[i]);
		kk_future_free(results->future[i]);
	}
	kk_future_free(results->open);
	free(results->future);
	free(results->number);
	free(results);
}
