/* SPDX-License-Identifier: Apache-2.0 */
/* tests/origin/origin.h - reads directories, produces an HTTP server whose answers a test can choose by the path.
 *
 *	kakehi-origin [--port N] [--root DIR] [--photos DIR] [--put DIR]
 *
 * It listens on 127.0.0.1, writes its port as a line on stdout when it is ready and ends with 0 when its stdin closes.
 *
 *	/files/PATH             a file beneath --root                 GET, HEAD
 *	/photo/N                photo N of --photos, modulo their number, so that few files make many URLs
 *	/put/NAME               stores the body as --put/NAME         PUT: 201, or 204 if it was there
 *	/stats                  what was asked for so far, as JSON
 *
 * and the behaviours of behaviour.c. All but /files, /put and /stats answer GET and HEAD.
 */
#ifndef TESTS_ORIGIN_ORIGIN_H
#define TESTS_ORIGIN_ORIGIN_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct origin {
	const char *root, *put; /* directories, or NULL                        */
	char **photos;          /* paths, sorted                               */
	size_t photo_count;
};

/* One request, from its first line to the end of its answer. */
struct request {
	const struct origin *origin;
	struct MHD_Connection *connection;
	const char *url; /* the path; valid during a call of the handler        */
	char *host;      /* its Host header                                     */
	int upload;      /* PUT: the temporary file, or -1                      */
	char *upload_path;
	char *final_path;
	bool upload_failed;
};

/* ---- behaviour.c */

/* behaviour_answer - queues the answer for a path that behaves in some way; 404 if there is no such behaviour. */
enum MHD_Result behaviour_answer(struct request *request);
/* answer_text - a whole answer from a text; `type` is its Content-Type. */
enum MHD_Result answer_text(struct request *request, unsigned status, const char *type, const char *text);
/* origin_pause - lets `ms` pass, or less when the server ends; false then. */
bool origin_pause(unsigned ms);
void origin_end_pauses(void);

/* ---- file.c */

/* file_photos - fills the origin's list with the .jpg files of a directory; false if there is none. */
bool file_photos(struct origin *origin, const char *dir);
/* file_photo - the response that carries photo n; NULL if it cannot be read. */
struct MHD_Response *file_photo(const struct origin *origin, unsigned long n);
enum MHD_Result file_answer(struct request *request);
/* file_put_begin, _more, _end - store a body under a temporary name, then under its own. */
void file_put_begin(struct request *request);
void file_put_more(struct request *request, const char *data, size_t size);
enum MHD_Result file_put_end(struct request *request);
/* file_put_drop - forgets a body that did not come to its end. */
void file_put_drop(struct request *request);

/* ---- stats.c: any thread */

void stats_connection(void);
void stats_begin(const char *url, const char *host);
void stats_end(const char *host);
/* stats_seen - how often a key was passed to stats_seen before; counts this call. */
unsigned long stats_seen(const char *key);
/* stats_text - JSON, to be freed: {"requests":N,"connections":N,"hosts":{HOST:{"now":N,"most":N}},"paths":{PATH:N}} */
char *stats_text(void);

#endif
