/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_BYTES = 64 << 10, FIRST_RATIO = 4 };

int room_wrong(struct room *room, enum kk_fail_class why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(room->text, sizeof(room->text), format, args);
	va_end(args);
	room->why = why;
	return -1;
}

static int too_large(struct room *room)
{
	if (room->by_ratio)
		return room_wrong(room, KK_FAIL_TOO_LARGE, "unpacks to more than %zu bytes, which is over max_ratio",
		                  room->limit);
	return room_wrong(room, KK_FAIL_TOO_LARGE, "unpacks to more than max_bytes, %zu", room->limit);
}

int room_for(struct room *room, size_t more)
{
	if (more > room->limit - room->used)
		return too_large(room);
	size_t wanted = room->used + more;
	if (room->to && wanted <= room->size)
		return 0;
	char *to = room->to ? kk_grow(room->item, wanted) : kk_reserve(room->item, wanted ? wanted : 1);
	if (!to)
		return room_wrong(room, KK_FAIL_MEMORY, "no room for %zu bytes: %s", wanted, strerror(errno));
	room->to = to;
	room->size = wanted;
	return 0;
}

void *room_next(struct room *room, size_t *size)
{
	size_t first = room->item->size * FIRST_RATIO > FIRST_BYTES ? room->item->size * FIRST_RATIO : FIRST_BYTES;
	size_t more = room->to ? room->size : first;
	size_t left = room->limit - room->used;
	if (room->to && room->used < room->size) {
		*size = room->size - room->used;
		return room->to + room->used;
	}
	if (left == 0 && room->to) {
		*size = 1;
		return &room->beside;
	}
	if (room_for(room, more < left ? more : left) != 0)
		return NULL;
	if (room->used == room->size) { /* nothing at all is allowed */
		*size = 1;
		return &room->beside;
	}
	*size = room->size - room->used;
	return room->to + room->used;
}

int room_take(struct room *room, size_t size)
{
	if (size > room->size - room->used)
		return too_large(room);
	room->used += size;
	return 0;
}
