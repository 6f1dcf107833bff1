/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/plane.h - reads nothing, produces rectangles of bytes: brightness, or one of the two colours, of a
 * picture.
 */
#ifndef STAGES_RESIZE_PLANE_H
#define STAGES_RESIZE_PLANE_H

#include <stdbool.h>
#include <stddef.h>

#define PLANE_ALIGNMENT 64
#define PLANES_MAX      3

struct plane {
	unsigned char *at; /* aligned, as is the stride       */
	size_t stride;     /* bytes from row to row           */
	int width, height; /* that are part of the picture    */
};

/* Memory that planes are cut from, kept from picture to picture. All zero at the start. */
struct plane_room {
	unsigned char *at;
	size_t size, used;
};

/* plane_bytes - what plane_new takes for a plane of so many columns and rows. */
size_t plane_bytes(int columns, int rows);

/* plane_room_reset - forgets all planes cut and makes room for so many bytes of new ones. 0, or -1: no memory. */
int plane_room_reset(struct plane_room *room, size_t bytes);

/* plane_room_trim - gives the memory back if there is more of it than `keep` bytes. */
void plane_room_trim(struct plane_room *room, size_t keep);

/* plane_new - cuts a plane whose memory has columns x rows bytes at least; contents undefined. `at` is NULL if the room
 * is too small. Valid until the next plane_room_reset. */
struct plane plane_new(struct plane_room *room, int columns, int rows);

/* plane_fill - sets the columns x rows bytes at the left top. */
void plane_fill(struct plane *plane, unsigned char value, int columns, int rows);

/* How a picture is brought upright: rows and columns exchanged first, then mirrored. */
struct turn {
	bool transpose, mirror_x, mirror_y;
};

/* plane_turn_of - for EXIF's orientation 1 .. 8. */
struct turn plane_turn_of(int orientation);

/* plane_turn - copies `from`, held upright by EXIF's orientation 1 .. 8, to (x, y) of `to`, where it must fit. */
void plane_turn(const struct plane *from, int orientation, struct plane *to, int x, int y);

/* plane_pad - repeats the last column and row of the picture up to `columns` and `rows`. */
void plane_pad(struct plane *plane, int columns, int rows);

#endif
