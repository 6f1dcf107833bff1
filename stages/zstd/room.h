/* SPDX-License-Identifier: Apache-2.0 */
/* stages/zstd/room.h - reads how much an item may become, produces the room that it is unpacked into.
 *
 * The room is the item's reservation and grows as the content turns out. What does not fit under the limit is found out
 * with one byte beside it: whoever writes to that has too much.
 */
#ifndef STAGES_ZSTD_ROOM_H
#define STAGES_ZSTD_ROOM_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct room {
	struct kk_item *item;
	char *to;          /* the reservation, NULL: none yet                  */
	size_t size, used; /* of it                                            */
	size_t limit;      /* the most the item may become                     */
	bool by_ratio;     /* it is the one of max_ratio                       */
	char beside;       /* where what is too much goes                      */
	enum kk_fail_class why;
	char text[160]; /* of what went wrong                               */
};

/* room_for - makes room for `more` bytes behind what is used, at least. 0; or -1: more than the limit or than there is
 * memory, which is noted. */
int room_for(struct room *room, size_t more);

/* room_next - where the next bytes go, and how many: at least one, beside the room if that is full up to the limit.
 * NULL as room_for. */
void *room_next(struct room *room, size_t *size);

/* room_take - so many bytes were written there. 0 or -1: more than the limit. */
int room_take(struct room *room, size_t size);

/* room_wrong - notes why it cannot be unpacked. -1. */
int room_wrong(struct room *room, enum kk_fail_class why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
