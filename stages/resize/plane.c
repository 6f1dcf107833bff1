/* SPDX-License-Identifier: Apache-2.0 */
#include "plane.h"
#include <stdlib.h>
#include <string.h>

static size_t align(size_t bytes)
{
	return (bytes + PLANE_ALIGNMENT - 1) & ~(size_t)(PLANE_ALIGNMENT - 1);
}

size_t plane_bytes(int columns, int rows)
{
	return align((size_t)columns) * (size_t)rows;
}

int plane_room_reset(struct plane_room *room, size_t bytes)
{
	room->used = 0;
	if (room->at && bytes <= room->size)
		return 0;
	free(room->at);
	room->size = align(bytes);
	room->at = aligned_alloc(PLANE_ALIGNMENT, room->size);
	if (room->at)
		return 0;
	room->size = 0;
	return -1;
}

void plane_room_trim(struct plane_room *room, size_t keep)
{
	if (room->size <= keep)
		return;
	free(room->at);
	*room = (struct plane_room){0};
}

struct plane plane_new(struct plane_room *room, int columns, int rows)
{
	size_t bytes = plane_bytes(columns, rows);
	struct plane plane = {.stride = align((size_t)columns), .width = columns, .height = rows};
	if (bytes <= room->size - room->used) {
		plane.at = room->at + room->used;
		room->used += bytes;
	}
	return plane;
}

void plane_fill(struct plane *plane, unsigned char value, int columns, int rows)
{
	for (int y = 0; y < rows; y++)
		memset(plane->at + (size_t)y * plane->stride, value, (size_t)columns);
}

static const struct turn turns[] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false},  [6] = {true, true, false},  [7] = {true, true, true},  [8] = {true, false, true},
};

struct turn plane_turn_of(int orientation)
{
	return turns[orientation];
}

void plane_turn(const struct plane *from, int orientation, struct plane *to, int x, int y)
{
	const struct turn *turn = &turns[orientation];
	int columns = turn->transpose ? from->height : from->width;
	int rows = turn->transpose ? from->width : from->height;
	ptrdiff_t right = turn->transpose ? (ptrdiff_t)from->stride : 1;
	ptrdiff_t down = turn->transpose ? 1 : (ptrdiff_t)from->stride;
	const unsigned char *start = from->at;
	if (turn->mirror_x) {
		start += right * (columns - 1);
		right = -right;
	}
	if (turn->mirror_y) {
		start += down * (rows - 1);
		down = -down;
	}
	for (int row = 0; row < rows; row++) {
		unsigned char *into = to->at + (size_t)(y + row) * to->stride + x;
		const unsigned char *source = start + down * row;
		if (right == 1)
			memcpy(into, source, (size_t)columns);
		else
			for (int column = 0; column < columns; column++)
				into[column] = source[right * column];
	}
}

void plane_pad(struct plane *plane, int columns, int rows)
{
	for (int y = 0; y < plane->height; y++) {
		unsigned char *row = plane->at + (size_t)y * plane->stride;
		memset(row + plane->width, row[plane->width - 1], (size_t)(columns - plane->width));
	}
	const unsigned char *last = plane->at + (size_t)(plane->height - 1) * plane->stride;
	for (int y = plane->height; y < rows; y++)
		memcpy(plane->at + (size_t)y * plane->stride, last, (size_t)columns);
}
