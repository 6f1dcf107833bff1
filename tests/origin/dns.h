/* SPDX-License-Identifier: Apache-2.0 */
/* tests/origin/dns.h - reads DNS questions, produces the answers that a test needs.
 *
 *	good.test      A 127.0.0.1            both.test      A 10.1.2.3 and A 127.0.0.1
 *	private.test   A 10.1.2.3             mapped.test    AAAA ::ffff:127.0.0.1
 *	fail.test      SERVFAIL               silent.test    nothing at all
 *	late.test      SERVFAIL twice (for each type), then A 127.0.0.1
 *	rebind.test    A 127.0.0.1 at first, A 127.0.0.2 from then on, both good for no time at all
 *	six.test       AAAA 2001:db8::1 (which leads nowhere) and A 127.0.0.1
 *	v4-*.test      AAAA of an IPv6 form that carries 127.0.0.1: compatible, nat64, local64, 6to4, teredo
 *	ula.test, linklocal.test, metadata.test, zero.test, loop6.test, cgnat.test, multicast.test
 *	               what they say
 *	anything beneath mix.test, by the letters that the name begins with:
 *	  gone...      NXDOMAIN               busy...        SERVFAIL
 *	  mute...      nothing at all         anything else  A 127.0.0.1
 *	anything else  NXDOMAIN
 */
#ifndef TESTS_ORIGIN_DNS_H
#define TESTS_ORIGIN_DNS_H

/* dns_serve - answers on the UDP socket; does not return. */
void dns_serve(int fd);

/* dns_questions - how many questions for IPv4 addresses have come; any thread. */
unsigned dns_questions(void);

#endif
