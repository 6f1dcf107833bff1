/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pool/map.c - a function called for all items of an array: futures of its chunks, and the answers in one array. */
#include "executor/handle.h"
#include "pool/pool.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kk_pool_map {
	size_t count, chunk, chunks;
	struct kk_future **future;
	/* Who hears last that a chunk has ended calls `callback`. */
	_Atomic size_t open;
	_Atomic bool told;
	void (*callback)(struct kk_pool_map *map, void *arg);
	void *arg;
	pid_t hearer; /* whose callback it is: a forked child is told nothing */
};

static size_t chunk_items(const struct kk_pool_map *map, size_t number)
{
	size_t first = number * map->chunk;
	return map->count - first < map->chunk ? map->count - first : map->chunk;
}

/* Each worker gets four, so that the last ones to be done are small; as many as there are places for, at most. */
static size_t choose_chunk(struct kk_pool *pool, size_t item_bytes, size_t count)
{
	const struct executor_memory *memory = kk_pool_executor(pool)->memory;
	const uint64_t most = (uint64_t)memory->page_count[ROOM_ARGS] * PAGE / (4 * (uint64_t)kk_pool_workers(pool));
	size_t tasks = (size_t)kk_pool_workers(pool) * 4;
	size_t chunk = (count + tasks - 1) / tasks;
	if (item_bytes > 0 && chunk > most / item_bytes)
		chunk = (size_t)(most / item_bytes);
	return chunk ? chunk : 1;
}

struct kk_pool_map *kk_pool_map_async(struct kk_pool *pool, kk_function *function, const void *items, size_t item_bytes,
                                      size_t count, size_t chunk, struct kk_error *error)
{
	struct kk_pool_map *map = calloc(1, sizeof(*map));
	if (!function || (count > 0 && (!items || item_bytes == 0 || item_bytes > UINT32_MAX))) {
		kk_error_set(error, KK_ERR_INVALID, "a map needs a function and items");
		free(map);
		return NULL;
	}
	chunk = chunk ? chunk : choose_chunk(pool, item_bytes, count);
	if (map) {
		map->count = count;
		map->chunk = chunk;
		map->chunks = (count + chunk - 1) / chunk;
		map->future = calloc(map->chunks + 1, sizeof(*map->future));
	}
	if (!map || !map->future) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a map of %zu items", count);
		free(map);
		return NULL;
	}
	for (size_t i = 0; i < map->chunks; i++) {
		const struct order order = {
		    .function = function,
		    .args = (const char *)items + i * chunk * item_bytes,
		    .bytes = chunk_items(map, i) * item_bytes,
		    .item_bytes = (uint32_t)item_bytes,
		};
		map->future[i] = executor_order(kk_pool_executor(pool), &order, -1, error);
		if (!map->future[i]) {
			kk_pool_map_free(map);
			return NULL;
		}
	}
	return map;
}

static void await_told(struct kk_pool_map *map)
{
	for (;;) {
		uint32_t ticket = kk_event_prepare(futures_event());
		if (atomic_load(&map->told))
			return;
		(void)kk_event_sleep(futures_event(), ticket, -1);
	}
}

void kk_pool_map_free(struct kk_pool_map *map)
{
	if (!map)
		return;
	bool hears = map->callback && map->hearer == getpid();
	for (size_t i = 0; i < map->chunks && map->future[i]; i++) {
		(void)kk_future_cancel(map->future[i]);
		/* Its callbacks speak of us. */
		if (hears)
			(void)kk_future_exception(map->future[i], -1, NULL, NULL);
	}
	if (hears)
		await_told(map);
	for (size_t i = 0; i < map->chunks && map->future[i]; i++)
		kk_future_free(map->future[i]);
	free(map->future);
	free(map);
}

/* ---- hearing of its end */

static void count_down(struct kk_future *future, void *arg)
{
	struct kk_pool_map *map = arg;
	(void)future;
	if (atomic_fetch_sub(&map->open, 1) != 1)
		return;
	map->callback(map, map->arg);
	/* The last touch: who sees it may free the map. The event is nobody's. */
	atomic_store(&map->told, true);
	kk_event_wake(futures_event(), INT_MAX, -1);
}

int kk_pool_map_on_done(struct kk_pool_map *map, void (*callback)(struct kk_pool_map *map, void *arg), void *arg)
{
	if (map->callback)
		return KK_ERR_EXISTS;
	map->callback = callback;
	map->arg = arg;
	map->hearer = getpid();
	/* One more than there are chunks, so that it is not over before all were added. */
	atomic_store(&map->open, map->chunks + 1);
	for (size_t i = 0; i < map->chunks; i++) {
		/* Without memory for this we wait for it here. */
		if (kk_future_add_done_callback(map->future[i], count_down, map) < 0) {
			(void)kk_future_exception(map->future[i], -1, NULL, NULL);
			count_down(map->future[i], map);
		}
	}
	count_down(NULL, map);
	return KK_OK;
}

/* ---- asking */

int kk_pool_map_wait(struct kk_pool_map *map, int timeout_ms)
{
	long done = kk_future_wait(map->future, map->chunks, KK_ALL_COMPLETED, timeout_ms);
	return done == (long)map->chunks ? KK_OK : done < 0 ? (int)done : KK_ERR_TIMEOUT;
}

bool kk_pool_map_ready(struct kk_pool_map *map)
{
	return kk_pool_map_wait(map, 0) == KK_OK;
}

int kk_pool_map_successful(struct kk_pool_map *map)
{
	if (!kk_pool_map_ready(map))
		return KK_ERR_INVALID;
	for (size_t i = 0; i < map->chunks; i++) {
		if (kk_future_exception(map->future[i], 0, NULL, NULL) != KK_OK)
			return 0;
	}
	return 1;
}

/* The answers of one chunk into their places. */
static int copy_chunk(const struct kk_pool_map *map, size_t number, const unsigned char *from, unsigned char *to,
                      size_t answer_bytes, struct kk_error *error)
{
	for (size_t i = 0; i < chunk_items(map, number); i++) {
		uint64_t length;
		memcpy(&length, from, sizeof(length));
		if (length > answer_bytes)
			return kk_error_set(error, KK_ERR_NO_ROOM, "an answer of %llu bytes: there is room for %zu",
			                    (unsigned long long)length, answer_bytes);
		memcpy(to, from + sizeof(length), length);
		memset(to + length, 0, answer_bytes - length);
		from += sizeof(length) + ((length + 7) & ~UINT64_C(7));
		to += answer_bytes;
	}
	return KK_OK;
}

int kk_pool_map_get(struct kk_pool_map *map, int timeout_ms, void *answers, size_t answer_bytes, struct kk_error *error)
{
	int rc = kk_pool_map_wait(map, timeout_ms);
	if (rc < 0)
		return kk_error_set(error, rc, "not all calls have ended");
	for (size_t i = 0; rc == KK_OK && i < map->chunks; i++) {
		const void *data;
		rc = kk_future_result(map->future[i], -1, &data, NULL, error);
		if (rc == KK_OK && answers)
			rc = copy_chunk(map, i, data, (unsigned char *)answers + i * map->chunk * answer_bytes,
			                answer_bytes, error);
	}
	return rc;
}

int kk_pool_map(struct kk_pool *pool, kk_function *function, const void *items, size_t item_bytes, size_t count,
                void *answers, size_t answer_bytes, struct kk_error *error)
{
	struct kk_error why = {0};
	struct kk_pool_map *map = kk_pool_map_async(pool, function, items, item_bytes, count, 0, &why);
	int rc = map ? kk_pool_map_get(map, -1, answers, answer_bytes, &why) : why.code;
	kk_pool_map_free(map);
	if (error)
		*error = why;
	return rc;
}
