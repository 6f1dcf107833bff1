/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/resolve.h - reads host names, produces their addresses, without ever blocking.
 *
 * c-ares asks the name servers. Answers that say something about the name, also that it does not exist, are remembered
 * for all workers of the stage (kk_remember) for their time to live, within bounds; that the name servers did not
 * answer is not. Everybody in this worker who asks for a name that is being asked for already waits for the same
 * answer. Host names of /etc/hosts and "localhost" are answered from memory. Files are read in resolver_new only.
 *
 * What was remembered comes from memory that other workers write: it is checked like a message from a stranger, and
 * whoever connects judges the addresses again.
 */
#ifndef STAGES_HTTP_RESOLVE_H
#define STAGES_HTTP_RESOLVE_H

#include <kakehi/stage.h>
#include <sys/socket.h>

#define RESOLVE_ADDRESSES 8

enum resolve_state {
	RESOLVE_PENDING = 1, /* asked; the waiter will be called                                        */
	RESOLVE_FOUND,
	RESOLVE_NONE,      /* there is no such name, or it has no address                               */
	RESOLVE_TEMPORARY, /* the name servers did not say                                              */
};

/* One address, in network order; IPv4 takes the first four bytes. */
struct resolve_address {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
};

struct resolve_answer {
	enum resolve_state state;
	const char *why; /* if not found: what the name servers said; a static text */
	unsigned count;
	struct resolve_address address[RESOLVE_ADDRESSES];
};

/* Who waits for a name; part of the one who waits. `ready` is called when `answer` is there, from within resolver_event
 * or resolver_tick, and must not call the resolver. */
struct resolve_waiter {
	void (*ready)(struct resolve_waiter *waiter);
	struct resolve_answer answer;
	struct resolve_question *question; /* NULL: not waiting */
	struct resolve_waiter *next;
};

struct resolver;

/* How to watch a socket: events are EPOLLIN, EPOLLOUT; 0: no more. */
typedef void (*resolve_watch)(void *user, int fd, uint32_t events);

struct resolve_settings {
	const struct kk_strings *nameservers; /* "192.0.2.53", "127.0.0.1:5353"; none: those of /etc/resolv.conf */
	bool search;                          /* also beneath the domains that /etc/resolv.conf names            */
	resolve_watch watch;
	void *user; /* of `watch` */
};

/* resolver_new - NULL with a sentence in `why`. Freed with resolver_free, when nobody waits any more. */
struct resolver *resolver_new(struct kk_context *context, const struct resolve_settings *settings, char *why,
                              size_t why_size);
void resolver_free(struct resolver *resolver);

/* resolver_lookup - the addresses of `host`, which may be an address itself (IPv6 without brackets): in waiter->answer.
 * If that is RESOLVE_PENDING, the waiter will be called once. */
enum resolve_state resolver_lookup(struct resolver *resolver, const char *host, struct resolve_waiter *waiter);

/* resolver_cancel - the waiter does not want to be called any more. */
void resolver_cancel(struct resolve_waiter *waiter);

/* resolver_event - a watched socket is ready. resolver_tick - handles time-outs; call it at least when
 * resolver_timeout_ms (-1: no need) has passed. */
void resolver_event(struct resolver *resolver, int fd, uint32_t events);
void resolver_tick(struct resolver *resolver);
int resolver_timeout_ms(struct resolver *resolver);

/* resolve_parse_address - is `text` an address in its usual form? */
bool resolve_parse_address(const char *text, struct resolve_address *to);

/* resolve_sockaddr - the address as the system wants it, with port 0; stored in `to`, which is returned. */
const struct sockaddr *resolve_sockaddr(const struct resolve_address *address, struct sockaddr_storage *to);

#endif
