/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages_net/dns.h - reads DNS questions, produces the answers that a test needs.
 *
 *	good.test      A 127.0.0.1            both.test      A 10.1.2.3 and A 127.0.0.1
 *	private.test   A 10.1.2.3             mapped.test    AAAA ::ffff:127.0.0.1
 *	fail.test      SERVFAIL               silent.test    nothing at all
 *	late.test      SERVFAIL twice (for each type), then A 127.0.0.1
 *	anything else  NXDOMAIN
 */
#ifndef TESTS_UNIT_STAGES_NET_DNS_H
#define TESTS_UNIT_STAGES_NET_DNS_H

/* dns_serve - answers on the UDP socket; does not return. */
void dns_serve(int fd);

/* dns_questions - how many questions for IPv4 addresses have come; any thread. */
unsigned dns_questions(void);

#endif
