/* SPDX-License-Identifier: Apache-2.0 */
/* tests/origin/origin.h - reads directories, produces an HTTP server whose answers a test can choose by the path.
 *
 *	kakehi-origin [--port N] [--root DIR] [--photos DIR] [--put DIR]
 *
 * It listens on 127.0.0.1, writes its port as a line on stdout when it is ready and ends with 0 when its stdin closes.
 * On the same number it answers DNS questions (dns.h): `nameservers: 127.0.0.1:PORT`. Names beneath mix.test lead to
 *it, so that a test has as many hosts as it wants.
 *
 *	/files/PATH             a file beneath --root                 GET, HEAD
 *	/photo/N                photo N of --photos, modulo their number, so that few files make many URLs
 *	/put/NAME               stores the body as --put/NAME         PUT, POST: 201, or 204 if it was there; with
 *	                        If-None-Match: * and the file there 412. HEAD, GET: the file
 *	/stats, /-/stats        what was asked for so far, as JSON; the second is not counted itself
 *	/-/mix?count=&hosts=    a list of URLs such as the web is, see below
 *
 * and the behaviours of behaviour.c, told by the table at its end. All but /files, /put and /stats answer GET and HEAD.
 *
 * The mix has `count` lines (10000) "URL<tab>EXPECTED", spread over `hosts` (50) names h0.mix.test:PORT and so on, in
 *an order that is always the same, with the shares of DataComp-12M as it was met in November 2025 (mix.c); EXPECTED is
 * `ok`, `decode` (bytes that are no image), or the class of the failure after all retries. Of 10000 lines exactly the
 * numbers in mix.c are of each kind, and proportionally of their multiples.
 *
 * What is counted, in JSON:
 *	requests, connections, questions (of DNS, for IPv4 addresses), bytes (of bodies made by behaviours)
 *	hosts: { "NAME:PORT" by the Host header: {
 *	    now, most   requests under way, and the most there ever were at once
 *	    requests    how many have come
 *	    early       of them within the time that a Retry-After had asked to be left alone for (with 0.25 s of grace,
 *	                since requests may be on their way)
 *	    busiest     the most that came within any one second } }
 *	paths: { PATH without its query: requests }
 *
 * A request counts as under way until the last byte of its answer is handed to the system, or its client hangs up.
 */
#ifndef TESTS_ORIGIN_ORIGIN_H
#define TESTS_ORIGIN_ORIGIN_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct origin {
	const char *root, *put; /* directories, or NULL                             */
	char **photos;          /* paths, sorted                                    */
	size_t photo_count;
	uint16_t port, expired_port; /* the second speaks TLS with an expired certificate */
};

/* One request, from its first line to the end of its answer. */
struct request {
	const struct origin *origin;
	struct MHD_Connection *connection;
	const char *url; /* the path; valid during a call of the handler        */
	char *host;      /* its Host header; NULL: not counted                  */
	bool over;       /* no longer counted as under way                      */
	int upload;      /* PUT: the temporary file, or -1                      */
	char *upload_path;
	char *final_path;
	bool upload_failed;
};

/* ---- behaviour.c */

/* behaviour_answer - queues the answer for a path that behaves in some way; 404 if there is no such behaviour. */
enum MHD_Result behaviour_answer(struct request *request);
/* request_query - a number of the query, or `otherwise`. */
unsigned long request_query(struct request *request, const char *name, unsigned long otherwise);

/* ---- answer.c */

/* answer_text - a whole answer from a text; `type` is its Content-Type. */
enum MHD_Result answer_text(struct request *request, unsigned status, const char *type, const char *text);
/* answer_give - queues the response, whose reference it takes, with one more header (or NULL). */
enum MHD_Result answer_give(struct request *request, unsigned status, struct MHD_Response *response, const char *header,
                            const char *value);
struct MHD_Response *answer_from_text(const char *text);
/* answer_pause - lets `ms` pass; false if before that the client hangs up or the server ends. */
bool answer_pause(struct request *request, unsigned ms);
void answer_end_pauses(void);
/* answer_over - the request is not under way any more. */
void answer_over(struct request *request);

/* ---- body.c: bodies that are made while they are sent */

struct body {
	uint64_t size;      /* bytes until the end; UINT64_MAX: none                             */
	uint64_t stated;    /* the Content-Length; MHD_SIZE_UNKNOWN: chunked                     */
	uint64_t broken_at; /* the connection is cut after so many bytes; 0: not                 */
	size_t portion;     /* bytes at a time                                                   */
	unsigned pause_ms;  /* before each portion                                               */
	const void *head;   /* how it begins, before bytes that mean nothing; copied             */
	size_t head_size;
	bool packed; /* gzip of `size` zeros                                              */
};

/* body_response - such a body; NULL if there is no memory. */
struct MHD_Response *body_response(struct request *request, const struct body *body);
/* body_of_file - the open file, which it takes; `share` is how many per cent of it. */
struct MHD_Response *body_of_file(struct request *request, int fd, unsigned share);

/* ---- file.c */

/* file_photos - fills the origin's list with the .jpg files of a directory; false if there is none. */
bool file_photos(struct origin *origin, const char *dir);
/* file_photo - the response that carries photo n, or the first `share` per cent of it; NULL if it cannot be read. */
struct MHD_Response *file_photo(struct request *request, unsigned long n, unsigned share);
enum MHD_Result file_answer(struct request *request);
/* file_put_begin, _more, _end - store a body under a temporary name, then under its own. */
void file_put_begin(struct request *request);
void file_put_more(struct request *request, const char *data, size_t size);
enum MHD_Result file_put_end(struct request *request);
/* file_put_drop - forgets a body that did not come to its end. */
void file_put_drop(struct request *request);
/* file_put_get - what is stored under the name of a /put. */
enum MHD_Result file_put_get(struct request *request);

/* ---- mix.c */

/* mix_answer - the list of URLs. */
enum MHD_Result mix_answer(struct request *request);

/* ---- stats.c: any thread */

void stats_connection(void);
void stats_begin(const char *url, const char *host);
void stats_end(const char *host);
void stats_bytes(size_t bytes);
/* stats_hold - the host has asked to be left alone for so long. */
void stats_hold(const char *host, unsigned ms);
/* stats_seen - how often a key was passed to stats_seen before; counts this call. */
unsigned long stats_seen(const char *key);
/* stats_text - JSON, to be freed. */
char *stats_text(void);

#endif
