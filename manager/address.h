/* SPDX-License-Identifier: Apache-2.0 */
/* manager/address.h - reads "unix:..." or "tcp:...", produces sockets that listen or are connected there. */
#ifndef MANAGER_ADDRESS_H
#define MANAGER_ADDRESS_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 160 };

struct address {
	struct sockaddr_storage name;
	socklen_t bytes;
};

/* address_read - 0 or KK_ERR_INVALID. NULL: an abstract Unix address that the kernel chooses. */
int address_read(const char *text, struct address *address, struct kk_error *error);
/* address_text - what the socket is bound to, so that address_read reads it. 0 or KK_ERR_SYSTEM. */
int address_text(int fd, char *to, struct kk_error *error);

bool address_is_unix(const struct address *address);
bool address_is_loopback(const struct address *address);

/* address_listen - a socket that listens, close-on-exec, non-blocking; a Unix path that nobody listens at any more is
 * taken over. Or KK_ERR_EXISTS, KK_ERR_SYSTEM. address_leave - removes the file, if there is one. */
int address_listen(const struct address *address, struct kk_error *error);
void address_leave(const struct address *address);

/* address_connect - a connected socket, non-blocking; or KK_ERR_DIED (nobody is there), KK_ERR_TIMEOUT, KK_ERR_SYSTEM.
 */
int address_connect(const struct address *address, int64_t deadline_ns, struct kk_error *error);

/* address_tune - what connections over TCP need: no delay, a look now and then whether the other one is there. */
void address_tune(int fd);

#endif
