/* SPDX-License-Identifier: Apache-2.0 */
/* tests/integration/server.h - reads nothing, produces web servers on 127.0.0.1 that live as long as a test.
 */
#ifndef TESTS_INTEGRATION_SERVER_H
#define TESTS_INTEGRATION_SERVER_H

#include "harness.h"

/* Real photographs, of Debian's package mate-backgrounds. */
#define PHOTOS "/usr/share/backgrounds/mate/nature"

/* origin_start - tests/origin with the photographs, files/ as root and put/ for what is uploaded, both beneath the
 * test's directory. Stop it with harness_server_stop. */
struct harness_server *origin_start(void);
/* origin_urls - writes urls.txt: `count` lines http://127.0.0.1:PORT/ + format, which gets the number. */
void origin_urls(struct harness_server *origin, unsigned count, const char *format)
    __attribute__((format(printf, 3, 0)));
/* origin_ask - the body of a GET of `path` from a server on 127.0.0.1. */
char *origin_ask(struct harness_server *origin, const char *path);
/* photo_count - how many different photographs there are: /photo/N is photograph N modulo this. */
unsigned photo_count(void);

/* nginx_start - nginx with the photographs under /photos/ and WebDAV PUT into put/ under /put/. */
struct nginx;
struct nginx *nginx_start(void);
unsigned nginx_port(const struct nginx *nginx);
void nginx_stop(struct nginx *nginx);

#endif
