/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE_MS 50

static pthread_mutex_t end_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_come = PTHREAD_COND_INITIALIZER;
static bool ending;

bool origin_pause(unsigned ms)
{
	struct timespec until;
	int waited = 0;
	bool go_on;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&end_mutex);
	while (!ending && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&end_come, &end_mutex, &until);
	go_on = !ending;
	pthread_mutex_unlock(&end_mutex);
	return go_on;
}

void origin_end_pauses(void)
{
	pthread_mutex_lock(&end_mutex);
	ending = true;
	pthread_cond_broadcast(&end_come);
	pthread_mutex_unlock(&end_mutex);
}

/* Queues the response, whose reference it takes. */
static enum MHD_Result give(struct request *request, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* The same with one more header. */
static enum MHD_Result give_with(struct request *request, unsigned status, struct MHD_Response *response,
                                 const char *header, const char *value)
{
	if (response && MHD_add_response_header(response, header, value) != MHD_YES) {
		MHD_destroy_response(response);
		return MHD_NO;
	}
	return give(request, status, response);
}

static struct MHD_Response *from_text(const char *text)
{
	return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result answer_text(struct request *request, unsigned status, const char *type, const char *text)
{
	return give_with(request, status, from_text(text), "Content-Type", type);
}

/* A number of the query, or `otherwise`. */
static unsigned long query(struct request *request, const char *name, unsigned long otherwise)
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

static enum MHD_Result give_photo(struct request *request, unsigned long n)
{
	struct MHD_Response *response = file_photo(request->origin, n);

	if (!response)
		return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no photo\n");
	return give_with(request, MHD_HTTP_OK, response, "Content-Type", "image/jpeg");
}

/* ---- bodies that are made while they are sent */

struct body {
	unsigned long size;      /* bytes until the end; ULONG_MAX: none                 */
	unsigned long broken_at; /* the connection is cut after so many bytes; 0: not    */
	unsigned long portion;   /* bytes at a time                                      */
	unsigned pause_ms;       /* before each portion                                  */
};

static ssize_t make_bytes(void *state, uint64_t at, char *to, size_t room)
{
	const struct body *body = state;
	size_t size = room < body->portion ? room : body->portion;

	if (body->broken_at && at >= body->broken_at)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (at >= body->size)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (body->pause_ms && !origin_pause(body->pause_ms))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (size > body->size - at)
		size = body->size - at;
	memset(to, 'x', size);
	return (ssize_t)size;
}

/* `stated` is the Content-Length, or MHD_SIZE_UNKNOWN. */
static enum MHD_Result give_made(struct request *request, const struct body *wanted, uint64_t stated)
{
	struct body *body = malloc(sizeof(*body));
	struct MHD_Response *response;

	if (!body)
		return MHD_NO;
	*body = *wanted;
	response = MHD_create_response_from_callback(stated, 65536, make_bytes, body, free);
	if (!response)
		free(body);
	return give_with(request, MHD_HTTP_OK, response, "Content-Type", "image/jpeg");
}

/* ---- the behaviours */

static enum MHD_Result photo(struct request *request)
{
	return give_photo(request, strtoul(rest_of(request), NULL, 10));
}

static enum MHD_Result status(struct request *request)
{
	unsigned code = (unsigned)strtoul(rest_of(request), NULL, 10);

	if (code < 200 || code > 599)
		code = MHD_HTTP_BAD_REQUEST;
	return answer_text(request, code, "text/plain", "as you wished\n");
}

static enum MHD_Result slow(struct request *request)
{
	unsigned long bps = query(request, "bps", 500), size = query(request, "size", 1000000);
	unsigned long portion = bps * SLICE_MS / 1000;

	return give_made(request, &(struct body){.size = size, .portion = portion ? portion : 1, .pause_ms = SLICE_MS},
	                 size);
}

static enum MHD_Result drip(struct request *request)
{
	unsigned ms = (unsigned)query(request, "ms", 1000);

	return give_made(request, &(struct body){.size = 1000000, .portion = 1, .pause_ms = ms}, 1000000);
}

static enum MHD_Result endless(struct request *request)
{
	return give_made(request, &(struct body){.size = -1UL, .portion = 65536}, MHD_SIZE_UNKNOWN);
}

static enum MHD_Result zeros(struct request *request)
{
	unsigned long size = query(request, "size", 1000);

	return give_made(request, &(struct body){.size = size, .portion = 65536},
	                 query(request, "chunked", 0) ? MHD_SIZE_UNKNOWN : size);
}

static enum MHD_Result short_body(struct request *request)
{
	return give_made(request, &(struct body){.size = 2000, .portion = 1000, .broken_at = 1000}, 2000);
}

static enum MHD_Result redirect(struct request *request)
{
	unsigned long n = strtoul(rest_of(request), NULL, 10);
	char to[64];

	if (n == 0)
		return give_photo(request, 0);
	snprintf(to, sizeof(to), "/redirect/%lu", n - 1);
	return give_with(request, MHD_HTTP_FOUND, from_text(""), "Location", to);
}

static enum MHD_Result redirect_loop(struct request *request)
{
	return give_with(request, MHD_HTTP_FOUND, from_text(""), "Location", "/redirect-loop");
}

static enum MHD_Result redirect_to(struct request *request)
{
	const char *to = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "url");

	return give_with(request, MHD_HTTP_FOUND, from_text(""), "Location", to ? to : "/photo/0");
}

/* A key by which requests that are to be counted together are known: path and number. */
static unsigned long seen_before(struct request *request, unsigned long number)
{
	char key[512];

	snprintf(key, sizeof(key), "%s?%lu", request->url, number);
	return stats_seen(key);
}

static enum MHD_Result too_many(struct request *request)
{
	char after[32];

	if (seen_before(request, 429) > 0)
		return give_photo(request, 0);
	snprintf(after, sizeof(after), "%lu", query(request, "after", 1));
	return give_with(request, MHD_HTTP_TOO_MANY_REQUESTS, from_text("not so fast\n"), "Retry-After", after);
}

static enum MHD_Result flaky(struct request *request)
{
	unsigned long fails = query(request, "fails", 1);

	if (seen_before(request, fails) < fails)
		return answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", "later\n");
	return give_photo(request, strtoul(rest_of(request), NULL, 10));
}

static enum MHD_Result delay(struct request *request)
{
	origin_pause((unsigned)query(request, "ms", 1000));
	return give_photo(request, strtoul(rest_of(request), NULL, 10));
}

static enum MHD_Result noai(struct request *request)
{
	return give_with(request, MHD_HTTP_OK, file_photo(request->origin, 0), "X-Robots-Tag", "noai");
}

static enum MHD_Result type(struct request *request)
{
	return give_with(request, MHD_HTTP_OK, file_photo(request->origin, 0), "Content-Type", rest_of(request));
}

static enum MHD_Result fake(struct request *request)
{
	return answer_text(request, MHD_HTTP_OK, "image/jpeg", "<html>this is no photograph</html>\n");
}

static const struct {
	const char *name;
	enum MHD_Result (*answer)(struct request *request);
} behaviours[] = {
    {"photo", photo},                 /* /photo/N                   photo N                                       */
    {"status", status},               /* /status/404                that status                                   */
    {"slow", slow},                   /* /slow?bps=&size=           so many bytes a second                        */
    {"drip", drip},                   /* /drip?ms=                  a byte, a pause, a byte, a pause              */
    {"endless", endless},             /* /endless                   a body without end, no Content-Length         */
    {"zeros", zeros},                 /* /zeros?size=&chunked=1     a body of a size, which it states, or not     */
    {"short", short_body},            /* /short                     ends before its Content-Length                */
    {"redirect", redirect},           /* /redirect/N                N redirects, then photo 0                     */
    {"redirect-loop", redirect_loop}, /* /redirect-loop             to itself                                     */
    {"redirect-to", redirect_to},     /* /redirect-to?url=          anywhere                                      */
    {"429", too_many},                /* /429?after=                429 with Retry-After once, then photo 0       */
    {"flaky", flaky},                 /* /flaky/N?fails=            503 so many times, then photo N               */
    {"delay", delay},                 /* /delay/N?ms=               photo N after a while                         */
    {"noai", noai},                   /* /noai                      photo 0 that opts out (X-Robots-Tag)          */
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
