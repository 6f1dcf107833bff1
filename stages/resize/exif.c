/* SPDX-License-Identifier: Apache-2.0 */
#include "exif.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TAG_ORIENTATION 0x0112
#define TYPE_SHORT      3
#define ENTRY_BYTES     12

/* A TIFF file in memory, as EXIF is one. */
struct tiff {
	const unsigned char *at;
	size_t size;
	bool big_endian;
};

static unsigned read_short(const struct tiff *tiff, size_t at)
{
	const unsigned char *p = tiff->at + at;
	return tiff->big_endian ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static size_t read_long(const struct tiff *tiff, size_t at)
{
	unsigned first = read_short(tiff, at), second = read_short(tiff, at + 2);
	return tiff->big_endian ? (size_t)first << 16 | second : (size_t)second << 16 | first;
}

static bool open_tiff(const unsigned char *block, size_t size, struct tiff *to)
{
	if (size < EXIF_MAGIC_SIZE + 8 || memcmp(block, EXIF_MAGIC, EXIF_MAGIC_SIZE) != 0)
		return false;
	*to = (struct tiff){.at = block + EXIF_MAGIC_SIZE, .size = size - EXIF_MAGIC_SIZE};
	to->big_endian = memcmp(to->at, "MM\0*", 4) == 0;
	return to->big_endian || memcmp(to->at, "II*\0", 4) == 0;
}

/* find_orientation - where in the file the number stands; 0: nowhere. */
static size_t find_orientation(const struct tiff *tiff)
{
	size_t directory = read_long(tiff, 4);
	if (directory < 8 || directory > tiff->size - 2)
		return 0;
	size_t entries = read_short(tiff, directory), room = (tiff->size - directory - 2) / ENTRY_BYTES;
	for (size_t i = 0; i < entries && i < room; i++) {
		size_t entry = directory + 2 + i * ENTRY_BYTES;
		if (read_short(tiff, entry) == TAG_ORIENTATION)
			return read_short(tiff, entry + 2) == TYPE_SHORT && read_long(tiff, entry + 4) == 1 ? entry + 8
			                                                                                    : 0;
	}
	return 0;
}

int exif_orientation(const unsigned char *block, size_t size)
{
	struct tiff tiff;
	if (!open_tiff(block, size, &tiff))
		return 1;
	size_t at = find_orientation(&tiff);
	unsigned value = at ? read_short(&tiff, at) : 1;
	return value >= 1 && value <= 8 ? (int)value : 1;
}

void exif_set_upright(unsigned char *block, size_t size)
{
	struct tiff tiff;
	size_t at = open_tiff(block, size, &tiff) ? find_orientation(&tiff) : 0;
	if (!at)
		return;
	block[EXIF_MAGIC_SIZE + at] = tiff.big_endian ? 0 : 1;
	block[EXIF_MAGIC_SIZE + at + 1] = tiff.big_endian ? 1 : 0;
}
