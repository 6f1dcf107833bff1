/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/family/place.h - reads how large the parts of an object are, produces where they lie: one behind the other, each
 * on a cache line of its own. Inside ipc only.
 */
#ifndef IPC_FAMILY_PLACE_H
#define IPC_FAMILY_PLACE_H

#include <stdint.h>

/* place_part - of the next part, from the start of the object; *end: 0 at first, then the end of all so far. */
static inline uint64_t place_part(uint64_t *end, uint64_t bytes)
{
	uint64_t at = *end;
	*end = (at + bytes + 63) / 64 * 64;
	return at;
}

/* place_slots - of a ring that holds so many entries: a power of two. */
static inline uint32_t place_slots(uint32_t entries)
{
	uint32_t slots = 1;
	while (slots < entries)
		slots *= 2;
	return slots;
}

#endif
