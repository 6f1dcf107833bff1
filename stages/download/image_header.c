/* SPDX-License-Identifier: Apache-2.0 */
#include "image_header.h"

#include <stdbool.h>
#include <string.h>

/* Bytes not yet looked at. */
struct span {
	const uint8_t *at;
	size_t left;
};

struct extent {
	uint32_t width, height;
};

static uint32_t big(const uint8_t *at, unsigned bytes)
{
	uint32_t number = 0;

	for (unsigned i = 0; i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

static uint32_t little(const uint8_t *at, unsigned bytes)
{
	uint32_t number = 0;

	for (unsigned i = bytes; i > 0; i--)
		number = number << 8 | at[i - 1];
	return number;
}

static enum image_verdict sized(struct extent *extent, uint32_t width, uint32_t height)
{
	*extent = (struct extent){width, height};
	return width && height ? IMAGE_SIZED : IMAGE_UNSIZED;
}

/* ---- one function for each kind; the span begins with the file, which has at least the kind's magic bytes */

static bool is_frame(uint8_t marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static enum image_verdict jpeg(struct span span, struct extent *extent)
{
	span.at += 2;
	span.left -= 2;
	for (;;) {
		size_t length;

		if (span.left < 4)
			return IMAGE_MORE;
		if (span.at[0] != 0xff)
			return IMAGE_UNSIZED;
		if (span.at[1] == 0xff) {
			span.at++;
			span.left--;
			continue;
		}
		length = big(span.at + 2, 2);
		/* Image data before a frame, or a segment shorter than its own length: the decoder may make sense of
		 * it. */
		if (span.at[1] == 0xda || span.at[1] == 0xd9 || length < 2)
			return IMAGE_UNSIZED;
		if (is_frame(span.at[1])) {
			if (span.left < 9)
				return IMAGE_MORE;
			return sized(extent, big(span.at + 7, 2), big(span.at + 5, 2));
		}
		if (span.left < length + 2)
			return IMAGE_MORE;
		span.at += length + 2;
		span.left -= length + 2;
	}
}

static enum image_verdict png(struct span span, struct extent *extent)
{
	if (span.left < 24)
		return IMAGE_MORE;
	if (memcmp(span.at + 12, "IHDR", 4) != 0)
		return IMAGE_UNSIZED;
	return sized(extent, big(span.at + 16, 4), big(span.at + 20, 4));
}

static enum image_verdict gif(struct span span, struct extent *extent)
{
	if (span.left < 10)
		return IMAGE_MORE;
	return sized(extent, little(span.at + 6, 2), little(span.at + 8, 2));
}

static enum image_verdict webp(struct span span, struct extent *extent)
{
	const uint8_t *at = span.at + 20; /* behind RIFF, its size, WEBP, the first chunk's name and size */
	uint32_t bits;

	if (span.left < 30)
		return IMAGE_MORE;
	if (memcmp(span.at + 12, "VP8 ", 4) == 0)
		return memcmp(at + 3, "\x9d\x01\x2a", 3) == 0
		           ? sized(extent, little(at + 6, 2) & 0x3fff, little(at + 8, 2) & 0x3fff)
		           : IMAGE_UNSIZED;
	if (memcmp(span.at + 12, "VP8X", 4) == 0)
		return sized(extent, little(at + 4, 3) + 1, little(at + 7, 3) + 1);
	if (memcmp(span.at + 12, "VP8L", 4) != 0 || at[0] != 0x2f)
		return IMAGE_UNSIZED;
	bits = little(at + 1, 4);
	return sized(extent, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
}

/* The boxes that lead to the first ispe, which says how large the item is. */
static bool is_on_the_way(const uint8_t *name, size_t *skip)
{
	static const struct {
		const char *name;
		size_t skip; /* of version and flags before the boxes within */
	} ways[] = {{"meta", 4}, {"iprp", 0}, {"ipco", 0}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		*skip = ways[i].skip;
		if (memcmp(name, ways[i].name, 4) == 0)
			return true;
	}
	return false;
}

/* Several items have several extents (tiles, thumbnails, alpha): the largest one counts. */
static void keep_larger(struct extent *extent, uint32_t width, uint32_t height)
{
	if ((uint64_t)width * height > (uint64_t)extent->width * extent->height)
		*extent = (struct extent){width, height};
}

static enum image_verdict avif(struct span span, struct extent *extent)
{
	bool in_properties = false;

	*extent = (struct extent){0};
	while (span.left >= 8) {
		size_t size = big(span.at, 4), skip;

		if (is_on_the_way(span.at + 4, &skip)) {
			in_properties |= memcmp(span.at + 4, "ipco", 4) == 0;
			size = 8 + skip;
		} else if (in_properties && memcmp(span.at + 4, "ispe", 4) == 0 && size >= 20) {
			if (span.left < 20)
				return IMAGE_MORE;
			keep_larger(extent, big(span.at + 12, 4), big(span.at + 16, 4));
		} else if (memcmp(span.at + 4, "mdat", 4) == 0) {
			break;
		}
		/* 0: to the end of the file; 1: a size of 64 bits. Neither is found before the properties. */
		if (size < 8)
			break;
		if (size > span.left)
			return IMAGE_MORE;
		span.at += size;
		span.left -= size;
	}
	if (span.left < 8)
		return extent->width ? IMAGE_SIZED : IMAGE_MORE;
	return extent->width ? IMAGE_SIZED : IMAGE_UNSIZED;
}

static enum image_verdict no_size(struct span span, struct extent *extent)
{
	(void)span;
	(void)extent;
	return IMAGE_UNSIZED;
}

/* ---- which kind it is */

/* Bytes at the beginning and, for some, more a little later. */
static const struct kind {
	const char *bytes;
	size_t length;
	const char *more;
	size_t more_at;
	enum image_verdict (*judge)(struct span span, struct extent *extent);
} kinds[] = {
    {"\xff\xd8\xff", 3, "", 0, jpeg},   {"\x89PNG\r\n\x1a\n", 8, "", 0, png},  {"GIF87a", 6, "", 0, gif},
    {"GIF89a", 6, "", 0, gif},          {"RIFF", 4, "WEBP", 8, webp},          {"\0\0\0", 3, "ftypavif", 4, avif},
    {"\0\0\0", 3, "ftypavis", 4, avif}, {"\0\0\0", 3, "ftypmif1", 4, avif},    {"\0\0\0", 3, "ftypheic", 4, avif},
    {"\0\0\0", 3, "ftypheix", 4, avif}, {"II*\0", 4, "", 0, no_size},          {"MM\0*", 4, "", 0, no_size},
    {"\xff\x0a", 2, "", 0, no_size},    {"\0\0\0\x0cJXL ", 8, "", 0, no_size}, {"BM", 2, "", 0, no_size},
};

/* Do the bytes at hand agree with those of the kind? */
static bool agrees(const struct span *span, const char *bytes, size_t length, size_t at)
{
	size_t have = span->left > at ? span->left - at : 0;

	return have == 0 || memcmp(span->at + at, bytes, have < length ? have : length) == 0;
}

enum image_verdict image_header(const void *data, size_t size, uint32_t *width, uint32_t *height)
{
	struct span span = {data, size};
	enum image_verdict verdict = IMAGE_NONE;
	struct extent extent = {0};

	if (size == 0)
		return IMAGE_MORE;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *kind = &kinds[i];
		size_t more = strlen(kind->more);

		if (!agrees(&span, kind->bytes, kind->length, 0) || !agrees(&span, kind->more, more, kind->more_at))
			continue;
		verdict = size < kind->length || size < kind->more_at + more ? IMAGE_MORE : kind->judge(span, &extent);
		break;
	}
	if (verdict == IMAGE_SIZED) {
		*width = extent.width;
		*height = extent.height;
	}
	return verdict;
}
