/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/resolve.h - reads host names, produces their addresses, without ever blocking.
 *
 * c-ares asks the name servers; answers, also negative ones, are kept for their time to live, within bounds. Everybody
 * who asks for a name that is being asked for already waits for the same answer. Host names of /etc/hosts and
 * "localhost" are answered from memory. Files are read in resolver_new only.
 */
#ifndef STAGES_HTTP_RESOLVE_H
#define STAGES_HTTP_RESOLVE_H

#include <kakehi/option.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVE_ADDRESSES 8

enum resolve_state {
	RESOLVE_PENDING = 1, /* asked; the waiter will be called                                        */
	RESOLVE_FOUND,
	RESOLVE_NONE,      /* there is no such name, or it has no address                               */
	RESOLVE_TEMPORARY, /* the name servers did not say                                              */
};

/* An answer; valid until the next call of a resolver function. */
struct resolve_answer {
	enum resolve_state state;
	const char *why; /* if not found: what the name servers said; a static text */
	unsigned count;
	struct sockaddr_storage address[RESOLVE_ADDRESSES];
};

/* Who waits for a name; part of the one who waits. `ready` is called from within resolver_event or resolver_tick and
 * must not call the resolver; afterwards resolver_lookup has the answer. */
struct resolve_waiter {
	void (*ready)(struct resolve_waiter *waiter);
	struct resolve_entry *entry; /* NULL: not waiting */
	struct resolve_waiter *next;
};

struct resolver;

/* How to watch a socket: events are EPOLLIN, EPOLLOUT; 0: no more. */
typedef void (*resolve_watch)(void *user, int fd, uint32_t events);

/* resolver_new - `nameservers` ("192.0.2.53", "127.0.0.1:5353"; none: those of /etc/resolv.conf). NULL with a sentence
 * in `why`. Freed with resolver_free, when nobody waits any more. */
struct resolver *resolver_new(const struct kk_strings *nameservers, resolve_watch watch, void *user, char *why,
                              size_t why_size);
void resolver_free(struct resolver *resolver);

/* resolver_lookup - the addresses of `host`, which may be an address itself (IPv6 without brackets). If the answer's
 * state is RESOLVE_PENDING, `waiter` will be called once. */
const struct resolve_answer *resolver_lookup(struct resolver *resolver, const char *host,
                                             struct resolve_waiter *waiter);

/* resolver_cancel - the waiter does not want to be called any more. */
void resolver_cancel(struct resolve_waiter *waiter);

/* resolver_event - a watched socket is ready. resolver_tick - handles time-outs; call it at least when
 * resolver_timeout_ms (-1: no need) has passed. */
void resolver_event(struct resolver *resolver, int fd, uint32_t events);
void resolver_tick(struct resolver *resolver);
int resolver_timeout_ms(struct resolver *resolver);

#endif
