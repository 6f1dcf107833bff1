/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages_net/net.h - reads nothing, produces a stage and the servers it talks to, for one test.
 */
#ifndef TESTS_UNIT_STAGES_NET_NET_H
#define TESTS_UNIT_STAGES_NET_NET_H

/* Before cmocka, which makes a macro of the word `fail`. */
#include "stage_host.h"

#include "harness.h"

/* A stage of the build tree, not yet started. */
struct stage_host *net_stage(const char *name);

/* net_download - the stage download that may talk to the loopback and loses no time between tries. */
struct stage_host *net_download(void);

/* net_start - starts it, or fails the test. net_end - stops it, checks that it drained, unloads it. */
void net_start(struct stage_host *host);
void net_end(struct stage_host *host);

/* net_raw, net_origin - the servers; `base` gets "http://127.0.0.1:PORT". */
struct harness_server *net_raw(char base[64]);
struct harness_server *net_origin(char base[64], const char *put);

/* net_get - one item to its end; `url` is formatted. */
struct stage_item *net_get(struct stage_host *host, const char *url, ...) __attribute__((format(printf, 2, 3)));

/* net_expect_fail - the item has failed with this class, and its message has `words` in it. */
void net_expect_fail(const struct stage_item *item, enum kk_fail_class why, const char *words);

/* net_expect_pass - it has passed; if not, the test's output says why. */
void net_expect_pass(const struct stage_item *item);

/* net_stat - a number of the origin's statistics, behind the text `after`. */
unsigned long net_stat(const char *base, const char *after);

#endif
