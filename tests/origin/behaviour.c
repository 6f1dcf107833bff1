/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define SLICE_MS 50

unsigned long request_query(struct request *request, const char *name, unsigned long otherwise)
{
	const char *text = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* What the path has behind the behaviour's own name. */
static const char *rest_of(const struct request *request)
{
	const char *slash = strchr(request->url + 1, '/');

	return slash ? slash + 1 : "";
}

/* The number there. */
static unsigned long rest_number(const struct request *request)
{
	return strtoul(rest_of(request), NULL, 10);
}

static enum MHD_Result give_photo(struct request *request, unsigned long n)
{
	struct MHD_Response *response = file_photo(request, n, 100);

	if (!response)
		return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no photo\n");
	return answer_give(request, MHD_HTTP_OK, response, "Content-Type", "image/jpeg");
}

/* How a jpeg of 640 x 480 begins, for bodies that nobody is to give up because of their first bytes. */
static const char jpeg_head[] = "\xff\xd8\xff\xc0\0\x0b\x08\x01\xe0\x02\x80\1\1\x11\0\xff\xda";
#define JPEG_HEAD .head = jpeg_head, .head_size = sizeof(jpeg_head) - 1

static enum MHD_Result give_made(struct request *request, const struct body *body)
{
	return answer_give(request, MHD_HTTP_OK, body_response(request, body), "Content-Type", "image/jpeg");
}

/* An answer without a body. */
static enum MHD_Result give_empty(struct request *request, unsigned status, const char *header, const char *value)
{
	answer_over(request);
	return answer_give(request, status, answer_from_text(""), header, value);
}

/* ---- the behaviours */

static enum MHD_Result photo(struct request *request)
{
	return give_photo(request, rest_number(request));
}

static enum MHD_Result cut(struct request *request)
{
	struct MHD_Response *response =
	    file_photo(request, rest_number(request), (unsigned)request_query(request, "percent", 50));

	if (!response)
		return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no photo\n");
	return answer_give(request, MHD_HTTP_OK, response, "Content-Type", "image/jpeg");
}

static enum MHD_Result status(struct request *request)
{
	unsigned code = (unsigned)rest_number(request);

	if (code < 200 || code > 599)
		code = MHD_HTTP_BAD_REQUEST;
	return answer_text(request, code, "text/plain", "as you wished\n");
}

static enum MHD_Result slow(struct request *request)
{
	unsigned long bps = request_query(request, "bps", 500), size = request_query(request, "size", 1000000);
	unsigned long portion = bps * SLICE_MS / 1000;

	return give_made(
	    request,
	    &(struct body){.size = size, .stated = size, .portion = portion ? portion : 1, .pause_ms = SLICE_MS});
}

static enum MHD_Result drip(struct request *request)
{
	unsigned ms = (unsigned)request_query(request, "ms", 1000);

	return give_made(request,
	                 &(struct body){.size = 1000000, .stated = 1000000, .portion = 1, .pause_ms = ms, JPEG_HEAD});
}

static enum MHD_Result endless(struct request *request)
{
	return give_made(
	    request, &(struct body){.size = UINT64_MAX, .stated = MHD_SIZE_UNKNOWN, .portion = SIZE_MAX, JPEG_HEAD});
}

static enum MHD_Result zeros(struct request *request)
{
	unsigned long size = request_query(request, "size", 1000);
	bool chunked = request_query(request, "chunked", 0);

	return give_made(
	    request, &(struct body){.size = size, .stated = chunked ? MHD_SIZE_UNKNOWN : size, .portion = SIZE_MAX});
}

static enum MHD_Result short_body(struct request *request)
{
	return give_made(request,
	                 &(struct body){.size = 2000, .stated = 2000, .portion = 1000, .broken_at = 1000, JPEG_HEAD});
}

static enum MHD_Result bomb(struct request *request)
{
	struct body body = {
	    .size = request_query(request, "size", 100000000), .stated = MHD_SIZE_UNKNOWN, .packed = true};
	struct MHD_Response *response = body_response(request, &body);

	if (response && MHD_add_response_header(response, "Content-Encoding", "gzip") != MHD_YES) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return answer_give(request, MHD_HTTP_OK, response, "Content-Type", "image/jpeg");
}

static void put_number(unsigned char *to, unsigned long number)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (unsigned char)(number >> (24 - 8 * i));
}

static enum MHD_Result png(struct request *request)
{
	unsigned char head[33] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
	unsigned long size = request_query(request, "size", 20000000);

	put_number(head + 16, request_query(request, "width", 30000));
	put_number(head + 20, request_query(request, "height", 30000));
	head[24] = 8;
	head[25] = 2;
	put_number(head + 29, crc32(0, head + 12, 17));
	return give_made(
	    request,
	    &(struct body){.size = size, .stated = size, .portion = SIZE_MAX, .head = head, .head_size = sizeof(head)});
}

static enum MHD_Result reset(struct request *request)
{
	answer_over(request);
	return MHD_NO;
}

static enum MHD_Result silent(struct request *request)
{
	(void)answer_pause(request, (unsigned)request_query(request, "ms", 600000));
	answer_over(request);
	return MHD_NO;
}

static enum MHD_Result redirect(struct request *request)
{
	unsigned long n = rest_number(request);
	char to[64];

	if (n == 0)
		return give_photo(request, 0);
	snprintf(to, sizeof(to), "/redirect/%lu", n - 1);
	return give_empty(request, (unsigned)request_query(request, "status", MHD_HTTP_FOUND), "Location", to);
}

static enum MHD_Result redirect_loop(struct request *request)
{
	return give_empty(request, MHD_HTTP_FOUND, "Location", "/redirect-loop");
}

static enum MHD_Result redirect_to(struct request *request)
{
	const char *to = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "url");

	return give_empty(request, MHD_HTTP_FOUND, "Location", to ? to : "/photo/0");
}

/* How often this path was asked for with this number before. */
static unsigned long seen_before(struct request *request, unsigned long number)
{
	char key[512];

	snprintf(key, sizeof(key), "%s?%lu", request->url, number);
	return stats_seen(key);
}

static enum MHD_Result too_many(struct request *request)
{
	unsigned long after = request_query(request, "after", 1);
	time_t when = time(NULL) + (time_t)after;
	char text[64];

	if (seen_before(request, 429) >= request_query(request, "times", 1))
		return give_photo(request, rest_number(request));
	if (request_query(request, "date", 0))
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&when));
	else
		snprintf(text, sizeof(text), "%lu", after);
	stats_hold(request->host, (unsigned)after * 1000);
	return give_empty(request, MHD_HTTP_TOO_MANY_REQUESTS, "Retry-After", text);
}

static enum MHD_Result flaky(struct request *request)
{
	unsigned long fails = request_query(request, "fails", 1);

	if (seen_before(request, fails) < fails)
		return answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", "later\n");
	return give_photo(request, rest_number(request));
}

static enum MHD_Result delay(struct request *request)
{
	(void)answer_pause(request, (unsigned)request_query(request, "ms", 1000));
	return give_photo(request, rest_number(request));
}

static enum MHD_Result noai(struct request *request)
{
	return answer_give(request, MHD_HTTP_OK, file_photo(request, rest_number(request), 100), "X-Robots-Tag",
	                   "noai");
}

static enum MHD_Result type(struct request *request)
{
	return answer_give(request, MHD_HTTP_OK, file_photo(request, 0, 100), "Content-Type", rest_of(request));
}

static enum MHD_Result fake(struct request *request)
{
	return answer_text(request, MHD_HTTP_OK, "image/jpeg", "<html>this is no photograph</html>\n");
}

/* What follows a behaviour's name and means nothing to it makes paths differ: /fake/17. */
static const struct {
	const char *name;
	enum MHD_Result (*answer)(struct request *request);
} behaviours[] = {
    {"photo", photo},                 /* /photo/N                   photo N                                       */
    {"cut", cut},                     /* /cut/N?percent=            its first part (50), stated as the whole      */
    {"status", status},               /* /status/404                that status                                   */
    {"slow", slow},                   /* /slow?bps=&size=           so many bytes a second                        */
    {"drip", drip},                   /* /drip?ms=                  a byte, a pause, a byte, a pause              */
    {"silent", silent},               /* /silent?ms=                no answer, and then the connection breaks     */
    {"reset", reset},                 /* /reset                     the connection breaks                         */
    {"endless", endless},             /* /endless                   a body without end, no Content-Length         */
    {"zeros", zeros},                 /* /zeros?size=&chunked=1     a body of a size, which it states, or not     */
    {"short", short_body},            /* /short                     ends before its Content-Length                */
    {"bomb", bomb},                   /* /bomb?size=                gzip of so many zeros, encoded unasked        */
    {"png", png},                     /* /png?width=&height=&size=  a png's header of that size, then nothing new */
    {"redirect", redirect},           /* /redirect/N?status=        N redirects, then photo 0                     */
    {"redirect-loop", redirect_loop}, /* /redirect-loop             to itself                                     */
    {"redirect-to", redirect_to},     /* /redirect-to?url=          anywhere                                      */
    {"429", too_many},                /* /429/N?after=&times=&date= 429 with Retry-After, so often, then photo N  */
    {"flaky", flaky},                 /* /flaky/N?fails=            503 so many times, then photo N               */
    {"delay", delay},                 /* /delay/N?ms=               photo N after a while                         */
    {"noai", noai},                   /* /noai/N                    photo N, which opts out (X-Robots-Tag)        */
    {"type", type},                   /* /type/text/plain           photo 0 under a wrong Content-Type            */
    {"fake", fake},                   /* /fake                      text that is called image/jpeg                */
};

enum MHD_Result behaviour_answer(struct request *request)
{
	const char *name = request->url + 1;
	size_t length = strcspn(name, "/");

	for (size_t i = 0; i < sizeof(behaviours) / sizeof(behaviours[0]); i++)
		if (strlen(behaviours[i].name) == length && strncmp(behaviours[i].name, name, length) == 0)
			return behaviours[i].answer(request);
	return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no such path\n");
}
