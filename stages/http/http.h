/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/http.h - reads items with URLs, produces verdicts: an HTTP client with many requests in flight.
 *
 * It belongs to the stages that speak HTTP and is compiled into each of them. A request runs through the resolver, the
 * address filter, its host's queue, libcurl, redirects and retries by itself; what is sent and what happens to the
 * answer is the stage's, through `struct http_ops`. Everything happens in http_poll, on one thread.
 *
 *   http_take -> resolving -> queued at its host -> running -> answered -> PASS, SKIP, FAIL
 *                   ^                                  |
 *                   +--- redirect, again, back-off ----+
 *
 * Only who runs has a connection, a turn at its host (kk_admit) and room for a payload; who waits, for whatever it is,
 * has none of these.
 */
#ifndef STAGES_HTTP_HTTP_H
#define STAGES_HTTP_HTTP_H

#include "address.h"
#include "options.h"

#include <curl/curl.h>
#include <kakehi/stage.h>

struct http;
struct request;

/* The longest URL, with its NUL. Longer ones are spam or data. */
#define HTTP_URL_BYTES 8192

/* What a client is made with. All that it points to must outlive the client (the stage's options do). */
struct http_settings {
	const struct http_options *options;
	unsigned redirects;                          /* followed at most; 0: none                         */
	uint64_t low_speed_bytes, low_speed_time_ms; /* fewer bytes a second, that long: given up         */
	const struct kk_strings *allow_networks;     /* NULL: none                                        */
	bool any_address;                            /* the config names the host: no address is denied   */
	bool unpack;                                 /* ask for compressed bodies and unpack them         */
};

/* What a stage makes of a chunk of the answer's body. */
enum http_body {
	HTTP_TAKEN,
	HTTP_NO_ROOM, /* the same chunk comes again after `resume` has said yes                 */
	HTTP_REFUSED, /* http_refuse has been called                                            */
};

/* What a stage makes of a complete answer. */
enum http_answer {
	HTTP_PASS,
	HTTP_SKIP,
	HTTP_AGAIN,     /* another request to the same URL, from the start                         */
	HTTP_BY_STATUS, /* as its status says: retried or failed                                   */
	HTTP_REFUSE,    /* http_refuse has been called                                             */
};

struct http_ops {
	size_t job_size; /* bytes of the stage's own per request: http_job(), zeroed by http_take */
	/* The request's turn may come: is there room for the beginning of an answer? HTTP_TAKEN, then and whenever it
	 * is asked again; HTTP_NO_ROOM (it waits, and is asked again when there may be room) or HTTP_REFUSED. Optional.
	 */
	enum http_body (*room)(struct request *request);
	/* The request waits before its next try: what `room` has taken is to be given back. Optional. */
	void (*give_back)(struct request *request);
	/* A request is about to be put on the wire, also on a redirect or a retry: sets method and body on `easy`,
	 * which already has everything else, and forgets what came before. 0 or -1 (memory). */
	int (*prepare)(struct request *request, CURL *easy);
	/* A header line of the answer, without its end. Optional. */
	void (*header)(struct request *request, const char *line, size_t length);
	/* A body with a status of 2xx begins: its length, -1 if unknown. Optional. */
	enum http_body (*begin)(struct request *request, curl_off_t length);
	enum http_body (*body)(struct request *request, const char *data, size_t size);
	/* Is there room now? Called while the answer is HTTP_NO_ROOM; it may refuse the request instead. */
	enum http_body (*resume)(struct request *request);
	/* The answer is there as a whole. */
	enum http_answer (*answered)(struct request *request, long status);
};

/* http_check - are proxy, headers, credentials, networks and name servers well formed, certificates and keys where they
 * should be? 0, or -1 with one sentence in `why`. Any process. */
int http_check(const struct http_settings *settings, char *why, size_t why_size);

/* http_demand - declares in `plan` what a client with these settings needs; each request has `job_size` bytes more. */
void http_demand(const struct http_settings *settings, size_t job_size, struct kk_demand *demand);

/* http_new - reads all files that will be needed; call it in `prepare`. `settings` is copied, `ops` must stay. NULL
 * after kk_log. Freed with http_free, also with requests in flight: they are dropped without a verdict. */
struct http *http_new(struct kk_context *context, const struct http_settings *settings, const struct http_ops *ops);
void http_free(struct http *http);

/* http_take - a request that is not in use, NULL if all are. Then http_give_back or http_start. */
struct request *http_take(struct http *http, struct kk_item *item);
void http_give_back(struct request *request);

/* http_start - starts it. KK_PENDING: kk_finish will settle the item; KK_FAIL: not a URL, recorded with kk_fail. */
enum kk_verdict http_start(struct request *request, const char *url);

/* http_poll, http_wait - the stage's poll and wait. */
int http_poll(struct http *http);
int http_wait(struct http *http, int *timeout_ms);

void *http_job(struct request *request);
struct kk_item *http_item(struct request *request);
/* http_add_header - in `prepare`: a header of this request alone ("Name: value"). 0 or -1 (memory). */
int http_add_header(struct request *request, const char *line);
/* http_easy - for curl_easy_getinfo, while the request runs. */
CURL *http_easy(struct request *request);
/* http_tries - tries begun, this one included. */
unsigned http_tries(const struct request *request);
/* http_moved - bytes that came or went over the wire in this hop. */
uint64_t http_moved(struct request *request);
/* http_final_url - where redirects have led to, without userinfo and signatures, written to `to`; NULL: no memory. */
const char *http_final_url(struct request *request, char *to, size_t size);

/* http_refuse - the request has failed for good, whatever comes, and is not tried again; only the first call counts. */
void http_refuse(struct request *request, enum kk_fail_class why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
