/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/address.h - reads a socket address, produces the reason why foreign data must not make us connect to it.
 *
 * What a list of URLs may reach is the public internet: not this machine, not its neighbours, not the cloud's
 * metadata service. The address of the socket is judged, so the spelling in the URL does not matter.
 */
#ifndef STAGES_HTTP_ADDRESS_H
#define STAGES_HTTP_ADDRESS_H

#include <kakehi/option.h>
#include <stddef.h>
#include <sys/socket.h>

/* The networks that a config opens although they would be denied. */
struct address_list {
	struct address_network *at;
	size_t count;
};

/* address_list_parse - parses networks such as "127.0.0.0/8", "fd00::/8" or "10.1.2.3" into `list`, to be freed with
 * address_list_free. 0, or -1 with one sentence in `why`; `list` is empty then. */
int address_list_parse(struct address_list *list, const struct kk_strings *texts, char *why, size_t why_size);
void address_list_free(struct address_list *list);

/* address_denied - what kind of address this is if it must not be connected to ("a private address"), NULL if it may.
 * Forms that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) are denied if that one is. */
const char *address_denied(const struct address_list *allowed, const struct sockaddr *address);

/* address_text - the address without its port, for people and for curl ("192.0.2.1", "2001:db8::1"). Returns `to`. */
#define ADDRESS_TEXT 64
const char *address_text(const struct sockaddr *address, char to[ADDRESS_TEXT]);

#endif
