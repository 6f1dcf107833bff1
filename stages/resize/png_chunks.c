/* SPDX-License-Identifier: Apache-2.0 */
#include "png_chunks.h"
#include <string.h>
#include <zlib.h>

#define MAGIC_BYTES 8
#define HEAD_BYTES  8 /* length and type of a chunk */
#define CHUNK_BYTES 12
#define KEYWORD_MAX 80

static uint32_t read_number(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* unpacked_bytes - how much a stream becomes, up to the limit. */
static uint64_t unpacked_bytes(const unsigned char *data, size_t size)
{
	unsigned char scrap[16384];
	z_stream stream = {.next_in = (unsigned char *)data, .avail_in = (unsigned)size};
	uint64_t bytes = 0;
	int status = inflateInit(&stream);
	if (status != Z_OK)
		return 0;
	while (status == Z_OK && bytes <= PNG_METADATA_MAX) {
		stream.next_out = scrap;
		stream.avail_out = sizeof(scrap);
		status = inflate(&stream, Z_NO_FLUSH);
		bytes += sizeof(scrap) - stream.avail_out;
	}
	inflateEnd(&stream);
	return bytes;
}

/* stream_start - where the compressed part of a chunk begins, after the keyword, its NUL and a byte for the method; in
 * iTXt there is a byte in between, and two more texts come first. 0: it has none. */
static size_t stream_start(const unsigned char *chunk, const unsigned char *data, size_t size)
{
	const unsigned char *end = memchr(data, 0, size < KEYWORD_MAX ? size : KEYWORD_MAX);
	size_t at = end ? (size_t)(end - data) + 2 : 0;
	if (at == 0 || at >= size)
		return 0;
	if (memcmp(chunk + 4, "iTXt", 4) != 0)
		return at;
	if (data[at - 1] == 0)
		return 0;
	for (int texts = 0; texts < 2 && at + 1 < size; texts++) {
		end = memchr(data + at + 1, 0, size - at - 1);
		if (!end)
			return 0;
		at = (size_t)(end - data);
	}
	return at + 1 < size ? at + 1 : 0;
}

static uint64_t chunk_bytes(const unsigned char *chunk, size_t size)
{
	static const char compressed[][5] = {"iCCP", "zTXt", "iTXt"};
	const unsigned char *data = chunk + HEAD_BYTES;
	for (size_t i = 0; i < sizeof(compressed) / sizeof(compressed[0]); i++) {
		if (memcmp(chunk + 4, compressed[i], 4) != 0)
			continue;
		size_t start = stream_start(chunk, data, size);
		return start ? size + unpacked_bytes(data + start, size - start) : size;
	}
	return memcmp(chunk + 4, "IDAT", 4) == 0 ? 0 : size;
}

uint64_t png_metadata_bytes(const void *data, size_t size)
{
	const unsigned char *at = data;
	uint64_t bytes = 0;
	size_t left = size > MAGIC_BYTES ? size - MAGIC_BYTES : 0;
	for (at += MAGIC_BYTES; left >= CHUNK_BYTES && bytes <= PNG_METADATA_MAX;) {
		size_t length = read_number(at);
		if (length > left - CHUNK_BYTES)
			length = left - CHUNK_BYTES;
		bytes += chunk_bytes(at, length);
		at += CHUNK_BYTES + length;
		left -= CHUNK_BYTES + length;
	}
	return bytes;
}
