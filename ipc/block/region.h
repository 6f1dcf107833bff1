/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/block/region.h - reads sizes, produces places in one region: the allocator's private book-keeping.
 *
 * The living blocks of the region in the order of their addresses; what lies between them is free. A block that
 * others have freed meanwhile is found out when the search comes by: the caller says so through `is_free`.
 */
#ifndef IPC_BLOCK_REGION_H
#define IPC_BLOCK_REGION_H

#include <stdbool.h>
#include <stdint.h>

struct region;

/* Has the block in slot `slot` been freed by its last reader? */
typedef bool region_is_free(void *arg, uint32_t slot);

struct region *region_new(uint64_t bytes, uint32_t slots, region_is_free *is_free, void *arg);
void region_free(struct region *region);
/* region_insert - slot lives at offset .. offset + length; blocks may come in any order. false: outside, overlaps, or
 * slot out of range. Linear in the number of blocks: for the heir's start only. */
bool region_insert(struct region *region, uint32_t slot, uint64_t offset, uint64_t length);
/* region_place - finds room and a slot for `length` bytes. */
bool region_place(struct region *region, uint64_t length, uint32_t *slot, uint64_t *offset);
/* region_resize - may the block be `length` bytes long where it is? Then it is from now on. */
bool region_resize(struct region *region, uint32_t slot, uint64_t length);
/* region_remove - the block in `slot` is gone; nothing if there is none. */
void region_remove(struct region *region, uint32_t slot);
/* region_at - where the block in `slot` lies and how long it is. false: there is none. */
bool region_at(const struct region *region, uint32_t slot, uint64_t *offset, uint64_t *length);

#endif
