/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/seen.h - reads ids, produces whether they came before: a set that takes disk, not memory.
 *
 *	file    tables, each four times the one before: a new one is begun when the last is two thirds full, and nothing
 *is ever moved table   buckets of 512 bytes; an id belongs into the first one with room from where its hash points
 *	bucket  up to 21 entries, filled from the front:  ordinal + 1 : 40 | occurrences : 24 | id (16 bytes)
 *
 * One process at a time writes it: the source, or its heir, which finds all that was written. A kill can tear an entry
 * that is being appended: what is left of it equals no id, and the heir, which is asked about the same item again,
 * appends it once more. What changes later is one aligned word of an entry. An id is noted together with the ordinal
 * of its item, before the item is committed; the heir that makes the same item again notes the same ordinal, and so is
 * told the same.
 *
 * Memory is constant: a filter of 4 MiB, which saves most of the looks into older tables as long as there are no more
 * than a few million ids, and never decides anything.
 */
#ifndef ENGINE_WORKER_SEEN_H
#define ENGINE_WORKER_SEEN_H

#include <stdbool.h>
#include <stdint.h>

struct seen;

enum { SEEN_ID_BYTES = 16 };
#define SEEN_ORDINAL_MAX ((UINT64_C(1) << 40) - 2)

/* seen_open - on a file for reading and writing that stays the caller's. What is in it counts, unless `fresh`: then it
 * is emptied. NULL with errno. */
struct seen *seen_open(int fd, bool fresh);

/* seen_note - the item numbered `ordinal` (of all that the source reads, in order, below SEEN_ORDINAL_MAX) has this
 * id. Returns its occurrence: 1 for the first. Of a later one the number is exact if `count`, else some number above
 * 1; all calls on a file say the same. Numbers stop at 2^24 - 1. -1 with errno: reading or writing failed. */
int64_t seen_note(struct seen *seen, const uint8_t id[SEEN_ID_BYTES], uint64_t ordinal, bool count);

/* seen_close - frees it; NULL is fine. */
void seen_close(struct seen *seen);

#endif
