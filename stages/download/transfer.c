/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer.h"
#include "robots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What an item holds before its size is known. */
#define FIRST_BYTES (64U << 10)

/* A compressed body may become so many times larger, once it has become so large. */
#define RATIO_MOST       200U
#define RATIO_FROM_BYTES (1U << 20)

void transfer_init(struct transfer *transfer, const struct rules *rules)
{
	*transfer = (struct transfer){.rules = rules};
}

/* ---- room */

static enum http_body first_room(struct request *request)
{
	struct transfer *transfer = http_job(request);
	uint64_t most = transfer->rules->max_bytes;
	size_t room = most < FIRST_BYTES ? (size_t)most : FIRST_BYTES;

	if (transfer->at)
		return HTTP_TAKEN;
	transfer->at = kk_reserve(http_item(request), room);
	transfer->room = transfer->at ? room : 0;
	if (transfer->at)
		return HTTP_TAKEN;
	if (errno == EAGAIN)
		return HTTP_NO_ROOM;
	http_refuse(request, KK_FAIL_MEMORY, "no room for any payload");
	return HTTP_REFUSED;
}

static void give_back(struct request *request)
{
	struct transfer *transfer = http_job(request);

	kk_release(http_item(request));
	transfer->at = NULL;
	transfer->room = 0;
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

/* ---- the answer as it comes */

static int prepare(struct request *request, CURL *easy)
{
	struct transfer *transfer = http_job(request);

	(void)easy;
	transfer->size = 0;
	transfer->opted_out = transfer->packed = transfer->known = false;
	return 0;
}

static bool is_packed(const char *line, size_t length)
{
	static const char name[] = "content-encoding:", identity[] = "identity";
	size_t begin = sizeof(name) - 1;

	if (length < begin || strncasecmp(line, name, begin) != 0)
		return false;
	while (begin < length && (line[begin] == ' ' || line[begin] == '\t'))
		begin++;
	return begin < length && strncasecmp(line + begin, identity, sizeof(identity) - 1) != 0;
}

static void header(struct request *request, const char *line, size_t length)
{
	struct transfer *transfer = http_job(request);

	if (transfer->rules->opt_out && robots_denies(line, length, transfer->rules->robot))
		transfer->opted_out = true;
	if (is_packed(line, length))
		transfer->packed = true;
}

static enum http_body refuse(struct request *request, const struct reason *reason)
{
	http_refuse(request, reason->class, "%s", reason->text);
	return HTTP_REFUSED;
}

static enum http_body begin(struct request *request, curl_off_t length)
{
	struct transfer *transfer = http_job(request);
	const struct rules *rules = transfer->rules;
	const char *type = NULL;
	struct reason reason;

	if (transfer->opted_out) {
		http_refuse(request, KK_FAIL_OPTED_OUT, "the answer's header asks to leave it alone");
		return HTTP_REFUSED;
	}
	if (transfer->packed && !rules->unpack) {
		http_refuse(request, KK_FAIL_ABORTED,
		            "the body is compressed, which nobody has asked for (see `unpack`)");
		return HTTP_REFUSED;
	}
	(void)curl_easy_getinfo(http_easy(request), CURLINFO_CONTENT_TYPE, &type);
	if (!rules_take_type(rules, type, &reason))
		return refuse(request, &reason);
	if (length > 0 && (uint64_t)length > rules->max_bytes)
		return too_large(request);
	return length > 0 ? make_room(request, (size_t)length) : HTTP_TAKEN;
}

static enum http_body judge(struct request *request, bool whole)
{
	struct transfer *transfer = http_job(request);
	struct reason reason;

	if (transfer->known ||
	    rules_take_beginning(transfer->rules, transfer->at, transfer->size, whole, &transfer->known, &reason))
		return HTTP_TAKEN;
	return refuse(request, &reason);
}

/* Compressed bytes that become too many are a bomb. */
static bool explodes(struct request *request, uint64_t size)
{
	const struct transfer *transfer = http_job(request);

	return transfer->packed && size > RATIO_FROM_BYTES && size / RATIO_MOST > http_moved(request);
}

static enum http_body body(struct request *request, const char *data, size_t size)
{
	struct transfer *transfer = http_job(request);
	uint64_t need = transfer->size + size, want = (uint64_t)transfer->room * 2;
	enum http_body result;

	if (need > transfer->rules->max_bytes)
		return too_large(request);
	if (explodes(request, need)) {
		http_refuse(request, KK_FAIL_TOO_LARGE, "the body unpacks to more than %u times its size", RATIO_MOST);
		return HTTP_REFUSED;
	}
	if (need > transfer->room) {
		if (want < need)
			want = need;
		if (want > transfer->rules->max_bytes)
			want = transfer->rules->max_bytes;
		result = make_room(request, (size_t)want);
		if (result != HTTP_TAKEN)
			return result;
	}
	memcpy(transfer->at + transfer->size, data, size);
	transfer->size += size;
	return judge(request, false);
}

/* ---- the answer as a whole */

/* Facts about the answer travel with the payload; one that finds no room is not worth the item. */
static void set_fact(struct request *request, const char *name, const char *value)
{
	struct kk_item *item = http_item(request);

	if (kk_set_field(item, name, value) != 0)
		kk_log(item->context, KK_LOG_DEBUG, "no room for the field \"%s\"", name);
}

static void set_number(struct request *request, const char *name, long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", value);
	set_fact(request, name, text);
}

/* The server's word, cut to what a media type may be. */
static void set_type(struct request *request)
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
	set_fact(request, "type", text);
}

static enum http_answer answered(struct request *request, long status)
{
	struct transfer *transfer = http_job(request);
	char url[640];

	if (status < 200 || status > 299 || status == 206)
		return HTTP_BY_STATUS;
	if (judge(request, true) != HTTP_TAKEN)
		return HTTP_REFUSE;
	if (kk_commit(http_item(request), transfer->size) != 0) {
		http_refuse(request, KK_FAIL_MEMORY, "the payload cannot be committed");
		return HTTP_REFUSE;
	}
	set_number(request, "status", status);
	set_number(request, "attempts", (long)http_tries(request));
	set_type(request);
	if (http_final_url(request, url, sizeof(url)))
		set_fact(request, "url", url);
	return HTTP_PASS;
}

const struct http_ops transfer_ops = {
    .job_size = sizeof(struct transfer),
    .room = first_room,
    .give_back = give_back,
    .prepare = prepare,
    .header = header,
    .begin = begin,
    .body = body,
    .resume = resume,
    .answered = answered,
};
