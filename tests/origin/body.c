/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* The most that is made at a time. */
#define BLOCK 65536

struct making {
	struct request *request;
	struct body body;
	char *head;
	int fd; /* what it is read from, or -1 */
	z_stream packer;
	uint64_t fed; /* bytes given to the packer */
};

static void forget(void *state)
{
	struct making *making = state;

	if (making->body.packed)
		deflateEnd(&making->packer);
	if (making->fd >= 0)
		close(making->fd);
	free(making->head);
	free(making);
}

static ssize_t fill(struct making *making, uint64_t at, char *to, size_t size)
{
	size_t head = at < making->body.head_size ? making->body.head_size - (size_t)at : 0;

	if (making->fd >= 0)
		return pread(making->fd, to, size, (off_t)at);
	if (head > size)
		head = size;
	if (head > 0)
		memcpy(to, making->head + at, head);
	memset(to + head, 'x', size - head);
	return (ssize_t)size;
}

static ssize_t make_bytes(void *state, uint64_t at, char *to, size_t room)
{
	struct making *making = state;
	const struct body *body = &making->body;
	size_t size = room < body->portion ? room : body->portion;
	ssize_t made;

	if (body->broken_at && at >= body->broken_at) {
		answer_over(making->request);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (at >= body->size)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (body->pause_ms && !answer_pause(making->request, body->pause_ms))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (size > body->size - at)
		size = (size_t)(body->size - at);
	made = fill(making, at, to, size);
	if (made <= 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	stats_bytes((size_t)made);
	if (at + (uint64_t)made >= body->size)
		answer_over(making->request);
	return made;
}

/* Zeros that take a thousandth of their size on the wire. */
static ssize_t make_packed(void *state, uint64_t at, char *to, size_t room)
{
	static const unsigned char zeros[BLOCK];
	struct making *making = state;
	z_stream *packer = &making->packer;

	(void)at;
	packer->next_out = (unsigned char *)to;
	packer->avail_out = (uInt)room;
	while (packer->avail_out > 0) {
		uint64_t left = making->body.size - making->fed;

		packer->next_in = (unsigned char *)(uintptr_t)zeros;
		packer->avail_in = left < BLOCK ? (uInt)left : BLOCK;
		making->fed += packer->avail_in;
		int result = deflate(packer, left <= BLOCK ? Z_FINISH : Z_NO_FLUSH);
		making->fed -= packer->avail_in;
		if (result == Z_STREAM_END || result != Z_OK)
			break;
	}
	stats_bytes(room - packer->avail_out);
	return packer->avail_out == room ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)(room - packer->avail_out);
}

static struct making *making_new(struct request *request, const struct body *body, int fd)
{
	struct making *making = calloc(1, sizeof(*making));

	if (!making)
		return NULL;
	making->request = request;
	making->body = *body;
	making->fd = fd;
	making->body.packed = false;
	if (body->head_size > 0) {
		making->head = malloc(body->head_size);
		if (!making->head) {
			forget(making);
			return NULL;
		}
		memcpy(making->head, body->head, body->head_size);
	}
	if (body->packed && deflateInit2(&making->packer, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK)
		making->body.packed = true;
	return making;
}

static struct MHD_Response *respond(struct making *making)
{
	struct MHD_Response *response;

	if (!making)
		return NULL;
	response = MHD_create_response_from_callback(making->body.stated, BLOCK,
	                                             making->body.packed ? make_packed : make_bytes, making, forget);
	if (!response)
		forget(making);
	return response;
}

struct MHD_Response *body_response(struct request *request, const struct body *body)
{
	return respond(making_new(request, body, -1));
}

struct MHD_Response *body_of_file(struct request *request, int fd, unsigned share)
{
	struct body body = {.portion = BLOCK};
	struct making *making = NULL;
	struct stat stat;

	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
		body.size = body.stated = (uint64_t)stat.st_size * share / 100;
		making = making_new(request, &body, fd);
	}
	if (!making)
		close(fd);
	return respond(making);
}
