/* SPDX-License-Identifier: Apache-2.0 */
/* tests/origin/port.h - reads nothing, produces the two sockets of a test server: HTTP and DNS on one port number.
 */
#ifndef TESTS_ORIGIN_PORT_H
#define TESTS_ORIGIN_PORT_H

#include <stdint.h>

/* port_bind - a TCP socket that listens on 127.0.0.1 and a UDP socket of the same port number: `port`, or one that the
 * system chooses if that is 0. Returns the number, 0 if there is none; the sockets are the caller's. */
uint16_t port_bind(uint16_t port, int *tcp, int *udp);

/* port_start - a thread of its own for `run(argument)` that nobody waits for; a test server without threads dies. */
void port_start(void *(*run)(void *argument), void *argument);

#endif
