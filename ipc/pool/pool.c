/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/pool/pool.c - the words of a pool for what an executor does. */
#include "pool/pool.h"
#include "executor/handle.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct kk_pool {
	struct kk_executor *executor;
	unsigned workers;
	_Atomic bool closed;
};

struct kk_pool *kk_pool_create_spec(struct kk_family *family, const struct kk_executor_spec *spec,
                                    struct kk_error *error)
{
	struct kk_pool *pool = calloc(1, sizeof(*pool));
	if (!pool) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for a pool");
		return NULL;
	}
	pool->executor = kk_executor_create(family, spec, error);
	if (!pool->executor) {
		free(pool);
		return NULL;
	}
	pool->workers = pool->executor->memory->posts;
	return pool;
}

struct kk_pool *kk_pool_create(struct kk_family *family, unsigned workers, struct kk_error *error)
{
	const struct kk_executor_spec spec = {.workers = workers};
	return kk_pool_create_spec(family, &spec, error);
}

struct kk_executor *kk_pool_executor(struct kk_pool *pool)
{
	return pool->executor;
}

unsigned kk_pool_workers(const struct kk_pool *pool)
{
	return pool->workers;
}

/* ---- one call */

long kk_pool_apply(struct kk_pool *pool, kk_function *function, const void *args, size_t bytes, void *answer,
                   size_t size, struct kk_error *error)
{
	const void *data;
	size_t length;
	struct kk_error why = {0};
	struct kk_future *future = kk_executor_submit(pool->executor, function, args, bytes, -1, &why);
	if (!future) {
		if (error)
			*error = why;
		return why.code;
	}
	int rc = kk_future_result(future, -1, &data, &length, error);
	if (rc == KK_OK && size > 0 && length > 0)
		memcpy(answer, data, length < size ? length : size);
	kk_future_free(future);
	return rc == KK_OK ? (long)length : rc;
}

static void tell(struct kk_future *future, void *arg)
{
	struct kk_pool_callbacks *callbacks = arg;
	/* It has ended: this does not wait. */
	if (kk_future_exception(future, 0, NULL, NULL) == KK_OK) {
		if (callbacks->callback)
			callbacks->callback(future, callbacks->arg);
	} else if (callbacks->error_callback) {
		callbacks->error_callback(future, callbacks->arg);
	}
	free(callbacks);
}

struct kk_future *kk_pool_apply_async(struct kk_pool *pool, kk_function *function, const void *args, size_t bytes,
                                      const struct kk_pool_callbacks *callbacks, struct kk_error *error)
{
	struct kk_pool_callbacks *copy = NULL;
	if (callbacks) {
		copy = malloc(sizeof(*copy));
		if (!copy) {
			kk_error_set(error, KK_ERR_MEMORY, "no memory for a callback");
			return NULL;
		}
		*copy = *callbacks;
	}
	struct kk_future *future = kk_executor_submit(pool->executor, function, args, bytes, -1, error);
	if (future && copy) {
		int rc = kk_future_add_done_callback(future, tell, copy);
		if (rc < 0) {
			(void)kk_future_cancel(future);
			kk_future_free(future);
			future = NULL;
			kk_error_set(error, rc, "cannot have the callback called");
		}
	}
	if (!future)
		free(copy);
	return future;
}

/* ---- one by one */

struct kk_results *kk_pool_imap(struct kk_pool *pool, kk_function *function, const void *items, size_t item_bytes,
                                size_t count, size_t chunk, struct kk_error *error)
{
	return kk_executor_map(pool->executor, function, items, item_bytes, count, chunk, error);
}

struct kk_results *kk_pool_imap_unordered(struct kk_pool *pool, kk_function *function, const void *items,
                                          size_t item_bytes, size_t count, size_t chunk, struct kk_error *error)
{
	return kk_executor_map_unordered(pool->executor, function, items, item_bytes, count, chunk, error);
}

/* ---- the end */

int kk_pool_close(struct kk_pool *pool)
{
	atomic_store(&pool->closed, true);
	return kk_executor_shutdown(pool->executor, false, false);
}

int kk_pool_terminate(struct kk_pool *pool)
{
	atomic_store(&pool->closed, true);
	return kk_executor_terminate(pool->executor);
}

int kk_pool_join(struct kk_pool *pool)
{
	return atomic_load(&pool->closed) ? kk_executor_shutdown(pool->executor, true, false) : KK_ERR_INVALID;
}

void kk_pool_free(struct kk_pool *pool)
{
	if (!pool)
		return;
	if (!atomic_load(&pool->closed))
		(void)kk_pool_terminate(pool);
	kk_executor_close(pool->executor);
	free(pool);
}
