/* SPDX-License-Identifier: Apache-2.0 */
/* bench/rings/heir.h - what the parent and the worker whose death is timed share: reads nothing, produces the layout
 * of one segment. */
#ifndef BENCH_HEIR_H
#define BENCH_HEIR_H

#include <kakehi/ring.h>
#include <stdatomic.h>

enum { HEIR_ENTRIES = 65536, HEIR_ROLE = 1, HEIR_FD = 3 };

/* The worker writes `handle` and `started_ns`, then `works`, whenever it begins with an item. */
struct heir_page {
	_Alignas(64) _Atomic uint32_t works; /* how often it began */
	uint32_t handle;
	uint64_t started_ns;
	struct kk_event began;
};

static inline size_t heir_table_at(void)
{
	return sizeof(struct heir_page);
}
static inline size_t heir_ring_at(void)
{
	return heir_table_at() + kk_table_size(HEIR_ENTRIES, 64);
}
static inline size_t heir_bytes(void)
{
	return heir_ring_at() + kk_ring_size(HEIR_ENTRIES);
}

#endif
