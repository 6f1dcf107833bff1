/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer.h"
#include "robots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What an item holds before its size is known. */
#define FIRST_BYTES (64U << 10)

int transfer_reserve(struct transfer *transfer, const struct transfer_rules *rules, struct kk_item *item)
{
	size_t room = rules->max_bytes < FIRST_BYTES ? rules->max_bytes : FIRST_BYTES;

	transfer->rules = rules;
	transfer->at = kk_reserve(item, room);
	transfer->room = transfer->at ? room : 0;
	return transfer->at ? 0 : -1;
}

static void prepare(struct request *request, CURL *easy)
{
	struct transfer *transfer = http_job(request);

	(void)easy;
	transfer->size = 0;
	transfer->opted_out = false;
}

static void header(struct request *request, const char *line, size_t length)
{
	struct transfer *transfer = http_job(request);

	if (transfer->rules->opt_out && robots_denies(line, length, transfer->rules->robot))
		transfer->opted_out = true;
}

static enum http_body too_large(struct request *request)
{
	struct transfer *transfer = http_job(request);

	http_refuse(request, KK_FAIL_TOO_LARGE, "the body has more than max_bytes (%llu)",
	            (unsigned long long)transfer->rules->max_bytes);
	return HTTP_REFUSED;
}

static enum http_body make_room(struct request *request, size_t want)
{
	struct transfer *transfer = http_job(request);
	char *at;

	if (want <= transfer->room)
		return HTTP_TAKEN;
	at = kk_grow(http_item(request), want);
	if (at) {
		transfer->at = at;
		transfer->room = want;
		return HTTP_TAKEN;
	}
	if (errno != EAGAIN)
		return too_large(request);
	transfer->want = want;
	return HTTP_NO_ROOM;
}

static enum http_body resume(struct request *request)
{
	struct transfer *transfer = http_job(request);

	return make_room(request, transfer->want);
}

static enum http_body begin(struct request *request, curl_off_t length)
{
	struct transfer *transfer = http_job(request);

	if (transfer->opted_out) {
		http_refuse(request, KK_FAIL_OPTED_OUT, "its X-Robots-Tag asks to leave it alone");
		return HTTP_REFUSED;
	}
	if (length > 0 && (uint64_t)length > transfer->rules->max_bytes)
		return too_large(request);
	return length > 0 ? make_room(request, (size_t)length) : HTTP_TAKEN;
}

static enum http_body body(struct request *request, const char *data, size_t size)
{
	struct transfer *transfer = http_job(request);
	uint64_t need = transfer->size + size, want = (uint64_t)transfer->room * 2;
	enum http_body result;

	if (need > transfer->rules->max_bytes)
		return too_large(request);
	if (need > transfer->room) {
		if (want < need)
			want = need;
		if (want > transfer->rules->max_bytes)
			want = transfer->rules->max_bytes;
		result = make_room(request, want);
		if (result != HTTP_TAKEN)
			return result;
	}
	memcpy(transfer->at + transfer->size, data, size);
	transfer->size += size;
	return HTTP_TAKEN;
}

/* Facts about the answer travel with the payload; one that finds no room is not worth the item. */
static void set_fact(struct request *request, const char *name, const char *value)
{
	struct kk_item *item = http_item(request);

	if (kk_set_field(item, name, value) != 0)
		kk_log(item->context, KK_LOG_DEBUG, "no room for the field \"%s\"", name);
}

/* The server's word, cut to what a media type may be. */
static void set_content_type(struct request *request)
{
	const char *type = NULL;
	char text[128];
	size_t length = 0;

	if (curl_easy_getinfo(http_easy(request), CURLINFO_CONTENT_TYPE, &type) != CURLE_OK || !type)
		return;
	while (length < sizeof(text) - 1 && type[length] >= ' ' && type[length] <= '~')
		length++;
	memcpy(text, type, length);
	text[length] = 0;
	set_fact(request, "content_type", text);
}

static enum http_answer answered(struct request *request, long status)
{
	struct transfer *transfer = http_job(request);
	char text[2048];

	if (status < 200 || status > 299 || status == 206)
		return HTTP_BY_STATUS;
	if (kk_commit(http_item(request), transfer->size) != 0) {
		http_refuse(request, KK_FAIL_MEMORY, "the payload cannot be committed");
		return HTTP_REFUSE;
	}
	set_content_type(request);
	snprintf(text, sizeof(text), "%ld", status);
	set_fact(request, "status", text);
	if (http_final_url(request, text, sizeof(text)))
		set_fact(request, "final_url", text);
	return HTTP_PASS;
}

const struct http_ops transfer_ops = {
    .job_size = sizeof(struct transfer),
    .prepare = prepare,
    .header = header,
    .begin = begin,
    .body = body,
    .resume = resume,
    .answered = answered,
};
