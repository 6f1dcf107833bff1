/* SPDX-License-Identifier: Apache-2.0 */
#include "put.h"
#include "media.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* A URL while it is put together; `length` runs on past `size` if it does not fit. */
struct url {
	char text[HTTP_URL_BYTES];
	size_t length;
};

static void add_char(struct url *url, char c)
{
	if (url->length < sizeof(url->text) - 1)
		url->text[url->length] = c;
	url->length++;
}

/* What a placeholder stood for is one path component, whatever bytes are in it. */
static void add_encoded(struct url *url, const char *value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (isalnum(c) || strchr("-._~", c)) {
			add_char(url, *value);
			continue;
		}
		add_char(url, '%');
		add_char(url, digits[c >> 4]);
		add_char(url, digits[c & 15]);
	}
}

static int make_url(const struct kk_item *item, const struct put_settings *settings, struct url *url)
{
	char name[128], value[1024];

	url->length = 0;
	for (const char *c = settings->root; *c; c++)
		add_char(url, *c);
	for (const char *c = settings->rest; *c;) {
		/* With the dot before it: an empty {ext} takes that along. */
		const char *open = *c == '.' && c[1] == '{' && c[2] != '{' ? c + 1 : c;
		const char *end = *open == '{' ? strchr(open, '}') : NULL;

		if ((*c == '{' || *c == '}') && c[1] == *c) {
			add_encoded(url, (char[]){*c, 0});
			c += 2;
			continue;
		}
		if (!end) {
			add_char(url, *c++);
			continue;
		}
		if ((size_t)snprintf(name, sizeof(name), "%.*s", (int)(end + 1 - c), c) >= sizeof(name) ||
		    kk_expand(item, name, value, sizeof(value)) < 0)
			return -1;
		add_encoded(url, value);
		c = end + 1;
	}
	if (url->length >= sizeof(url->text))
		return -1;
	url->text[url->length] = 0;
	return 0;
}

static bool is_status(const char *text)
{
	return strlen(text) == 3 && strspn(text, "0123456789") == 3 && text[0] >= '2' && text[0] <= '5';
}

static bool is_media_type(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return length > 0 && length < 128 && strchr(text, '/');
}

int put_check(const struct put_settings *settings, char *why, size_t why_size)
{
	for (size_t i = 0; i < settings->expect->count; i++) {
		if (!is_status(settings->expect->at[i])) {
			snprintf(why, why_size, "expect: \"%s\" is not a status such as 201", settings->expect->at[i]);
			return -1;
		}
	}
	if (*settings->type && !is_media_type(settings->type)) {
		snprintf(why, why_size, "type: \"%s\" is not a media type such as image/jpeg", settings->type);
		return -1;
	}
	return 0;
}

enum kk_verdict put_submit(struct http *http, const struct put_settings *settings, struct kk_item *item)
{
	struct request *request;
	struct put *put;
	struct url url;

	if (make_url(item, settings, &url) != 0)
		return kk_fail(item, KK_FAIL_BAD_NAME, "\"%s\" cannot be filled in for this item", settings->rest);
	request = http_take(http, item);
	if (!request)
		return KK_LATER;
	put = http_job(request);
	put->settings = settings;
	put->data = item->data;
	put->size = item->size;
	put->asking = settings->existing != EXISTING_OVERWRITE;
	if (checksum_header(settings->checksum, put->data, put->size, put->checksum) != 0) {
		http_give_back(request);
		return kk_fail(item, KK_FAIL_OTHER, "the checksum cannot be computed");
	}
	return http_start(request, url.text);
}

static size_t read_payload(char *to, size_t size, size_t count, void *user)
{
	struct put *put = user;
	size_t bytes = size * count;

	if (bytes > put->size - put->sent)
		bytes = put->size - put->sent;
	memcpy(to, put->data + put->sent, bytes);
	put->sent += bytes;
	return bytes;
}

/* libcurl begins again when a kept-alive connection turns out to be closed. */
static int seek_payload(void *user, curl_off_t offset, int origin)
{
	struct put *put = user;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > put->size)
		return CURL_SEEKFUNC_FAIL;
	put->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* In order: what the config says, what an earlier stage made of the payload, its magic bytes, what its server said. */
static const char *type_of(struct request *request)
{
	const struct put *put = http_job(request);
	const struct kk_item *item = http_item(request);
	const char *made = kk_field(item, "content_type"), *said = kk_field(item, "type");
	const char *magic = media_type(put->data, put->size);

	if (*put->settings->type)
		return put->settings->type;
	if (made && is_media_type(made))
		return made;
	if (magic)
		return magic;
	return said && is_media_type(said) ? said : MEDIA_UNKNOWN;
}

static int add_headers(struct request *request)
{
	const struct put *put = http_job(request);
	char line[160];
	int bad;

	snprintf(line, sizeof(line), "Content-Type: %s", type_of(request));
	bad = http_add_header(request, line);
	if (*put->checksum)
		bad |= http_add_header(request, put->checksum);
	/* Somebody else may have put it there since we asked. */
	if (put->settings->existing != EXISTING_OVERWRITE)
		bad |= http_add_header(request, "If-None-Match: *");
	return bad;
}

static int send_payload(struct put *put, CURL *easy)
{
	int bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_payload);
	bad |= curl_easy_setopt(easy, CURLOPT_READDATA, put);
	bad |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_payload);
	bad |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, put);
	if (put->settings->method == PUT_POST) {
		bad |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
		bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)put->size);
	} else {
		bad |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		bad |= curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)put->size);
	}
	return bad;
}

static int prepare(struct request *request, CURL *easy)
{
	struct put *put = http_job(request);

	put->sent = 0;
	if (put->asking)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK ? 0 : -1;
	return add_headers(request) == 0 && send_payload(put, easy) == 0 ? 0 : -1;
}

/* What the manifest says of an output. */
static void set_facts(struct request *request)
{
	const struct put *put = http_job(request);
	struct kk_item *item = http_item(request);
	char url[900], bytes[32];

	snprintf(bytes, sizeof(bytes), "%zu", put->size);
	if (!http_final_url(request, url, sizeof(url)) || kk_set_field(item, "output", url) != 0 ||
	    kk_set_field(item, "bytes", bytes) != 0)
		kk_log(item->context, KK_LOG_DEBUG, "no room for the field \"output\"");
}

static enum http_answer exists(struct request *request)
{
	const struct put *put = http_job(request);

	if (put->settings->existing == EXISTING_SKIP)
		return HTTP_SKIP;
	http_refuse(request, KK_FAIL_IO, "exists already on the server");
	return HTTP_REFUSE;
}

static enum http_answer asked(struct request *request, struct put *put, long status)
{
	if (status == 404 || status == 410) {
		put->asking = false;
		return HTTP_AGAIN;
	}
	return status >= 200 && status <= 299 ? exists(request) : HTTP_BY_STATUS;
}

static bool is_expected(const struct kk_strings *expect, long status)
{
	char text[16];

	if (expect->count == 0)
		return status == 200 || status == 201 || status == 204;
	snprintf(text, sizeof(text), "%ld", status);
	for (size_t i = 0; i < expect->count; i++)
		if (strcmp(expect->at[i], text) == 0)
			return true;
	return false;
}

static enum http_answer answered(struct request *request, long status)
{
	struct put *put = http_job(request);

	set_facts(request);
	if (put->asking)
		return asked(request, put, status);
	if (is_expected(put->settings->expect, status))
		return HTTP_PASS;
	if (status == 412 && put->settings->existing != EXISTING_OVERWRITE)
		return exists(request);
	return HTTP_BY_STATUS;
}

const struct http_ops put_ops = {
    .job_size = sizeof(struct put),
    .prepare = prepare,
    .answered = answered,
};
