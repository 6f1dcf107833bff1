/* SPDX-License-Identifier: Apache-2.0 */
/* bench/rings/rival.h - reads words, produces them in another process: what every way of doing so (rival) provides.
 * Inside bench/rings only; C and C++.
 *
 *   rival    one way: a ring of handles, of which a pair makes a work ring and a free list, or a channel of messages
 *   channel  one instance of a rival, made by the parent before its children start
 *   end      what one child opened of a channel: its private handle
 */
#ifndef BENCH_RIVAL_H
#define BENCH_RIVAL_H

#include <kakehi/wait.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATCH_MAX   16
#define MEMBERS_MAX 128
#define LARGEST     (UINT64_C(1) << 20) /* bytes of a payload */

struct channel {
	void *memory; /* shared and zeroed; bytes as the rival's `bytes` says */
	size_t bytes;
	void *table; /* the entries that the handles name: rings of one table share it */
	size_t table_bytes;
	uint32_t slots;
	unsigned number;       /* of the channel within its measurement */
	size_t message_bytes;  /* the largest message                   */
	int producers, takers; /* how many will open it                 */
	int fds[2];            /* for takers, for producers; -1: none   */
	char name[64];         /* unique on this machine                */
};

/* Who opens a channel: the index-th producer or taker of it, playing `role`. */
struct seat {
	bool producer;
	int index;
	unsigned role;
};

struct rival {
	const char *name;
	bool handles; /* a ring of handles, which never waits; else put and take block, take for 100 ms at most */
	bool eof;     /* takers of messages see the last producer close its end: it must; else it must not before
	               * they are through (ZeroMQ drops what its peer has sent, but not yet read, when it goes) */
	size_t (*bytes)(uint32_t slots);
	/* In the parent, before the children. 0 or negative. */
	int (*make)(struct channel *channel);
	/* In a child. The end, or NULL. */
	void *(*open)(const struct channel *channel, const struct seat *seat);
	/* Puts `count` words, as one batch or one message. How many were put, or negative. */
	int (*put)(void *end, const uint64_t *words, int count);
	/* Takes up to `max` words, or one message. How many, 0: none now, negative: none will come. */
	int (*take)(void *end, uint64_t *words, int max);
	/* Only of rings that can be waited for: tells sleeping takers of `count` words; the event they sleep on. */
	void (*wake)(void *end, int count);
	struct kk_event *(*event)(void *end);
	void (*close)(void *end);
	void (*unmake)(struct channel *channel); /* in the parent, when all children are gone; NULL: nothing to do */
};

extern const struct rival rival_kakehi, rival_vyukov;
/* Whether these exist depends on what was installed at build time. */
extern const struct rival rival_ck, rival_rte, rival_boost, rival_zmq, rival_pipe;

#ifdef __cplusplus
}
#endif
#endif
