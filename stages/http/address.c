/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All addresses are compared in 16 bytes; IPv4 in its mapped form ::ffff:a.b.c.d. */
struct address_network {
	uint8_t at[16];
	unsigned bits;
};

struct range {
	struct address_network network;
	const char *kind;
};

#define MAPPED 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
#define V4(bits, ...)                                                                                                  \
	{                                                                                                              \
		{MAPPED, __VA_ARGS__}, 96 + (bits)                                                                     \
	}
#define V6(bits, ...)                                                                                                  \
	{                                                                                                              \
		{__VA_ARGS__}, bits                                                                                    \
	}

/* IANA's special-purpose registries, as far as nothing public lives there. */
static const struct range denied_v4[] = {
    {V4(8, 0), "an address of this network"},         {V4(8, 10), "a private address"},
    {V4(10, 100, 64), "a carrier's shared address"},  {V4(8, 127), "a loopback address"},
    {V4(16, 169, 254), "a link-local address"},       {V4(12, 172, 16), "a private address"},
    {V4(24, 192, 0, 0), "a protocol's address"},      {V4(24, 192, 0, 2), "a documentation address"},
    {V4(24, 192, 88, 99), "a 6to4 relay address"},    {V4(16, 192, 168), "a private address"},
    {V4(15, 198, 18), "a benchmark address"},         {V4(24, 198, 51, 100), "a documentation address"},
    {V4(24, 203, 0, 113), "a documentation address"}, {V4(4, 224), "a multicast address"},
    {V4(4, 240), "a reserved or broadcast address"},
};

static const struct range denied_v6[] = {
    {V6(128, 0), "the unspecified address"},
    {V6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), "a loopback address"},
    {V6(96, 0), "an IPv4-compatible address"},
    {V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), "a local translation address"},
    {V6(64, 1), "a discard address"},
    {V6(48, 0x20, 1, 0, 2), "a benchmark address"},
    {V6(28, 0x20, 1, 0, 0x10), "an address that is not routed"},
    {V6(32, 0x20, 1, 0xd, 0xb8), "a documentation address"},
    {V6(20, 0x3f, 0xff), "a documentation address"},
    {V6(7, 0xfc), "a private address"},
    {V6(10, 0xfe, 0x80), "a link-local address"},
    {V6(10, 0xfe, 0xc0), "a site-local address"},
    {V6(8, 0xff), "a multicast address"},
};

/* IPv6 networks whose addresses carry an IPv4 address: where, and whether its bits are turned over. */
static const struct carrier {
	struct address_network network;
	unsigned at;
	bool inverted;
} carriers[] = {
    {V6(96, 0, 0x64, 0xff, 0x9b), 12, false},                /* NAT64          */
    {V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 12, false}, /* SIIT */
    {V6(16, 0x20, 2), 2, false},                             /* 6to4           */
    {V6(32, 0x20, 1, 0, 0), 4, false},                       /* Teredo: server */
    {V6(32, 0x20, 1, 0, 0), 12, true},                       /* Teredo: client */
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool is_in(const uint8_t address[16], const struct address_network *network)
{
	unsigned bytes = network->bits / 8, rest = network->bits % 8;

	if (memcmp(address, network->at, bytes) != 0)
		return false;
	return rest == 0 || ((address[bytes] ^ network->at[bytes]) & (0xff00 >> rest) & 0xff) == 0;
}

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t prefix[] = {MAPPED};

	return memcmp(address, prefix, sizeof(prefix)) == 0;
}

static void map(uint8_t to[16], const uint8_t v4[4], bool inverted)
{
	static const uint8_t prefix[] = {MAPPED};

	memcpy(to, prefix, sizeof(prefix));
	for (int i = 0; i < 4; i++)
		to[12 + i] = inverted ? (uint8_t)~v4[i] : v4[i];
}

static int bytes_of(uint8_t to[16], const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		map(to, (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr, false);
		return 0;
	}
	if (address->sa_family == AF_INET6) {
		memcpy(to, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
		return 0;
	}
	return -1;
}

static const char *find(const struct range *table, size_t count, const uint8_t address[16])
{
	for (size_t i = 0; i < count; i++)
		if (is_in(address, &table[i].network))
			return table[i].kind;
	return NULL;
}

static const char *denied_by_table(const uint8_t address[16])
{
	const char *kind;

	if (is_mapped(address))
		return find(denied_v4, COUNT(denied_v4), address);
	kind = find(denied_v6, COUNT(denied_v6), address);
	for (size_t i = 0; !kind && i < COUNT(carriers); i++) {
		uint8_t carried[16];

		if (!is_in(address, &carriers[i].network))
			continue;
		map(carried, address + carriers[i].at, carriers[i].inverted);
		kind = find(denied_v4, COUNT(denied_v4), carried);
	}
	return kind;
}

const char *address_denied(const struct address_list *allowed, const struct sockaddr *address)
{
	uint8_t bytes[16];

	if (bytes_of(bytes, address) != 0)
		return "not an internet address";
	for (size_t i = 0; i < allowed->count; i++)
		if (is_in(bytes, &allowed->at[i]))
			return NULL;
	return denied_by_table(bytes);
}

const char *address_text(const struct sockaddr *address, char to[ADDRESS_TEXT])
{
	const void *at = address->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
	                                               : &((const struct sockaddr_in6 *)address)->sin6_addr;

	if (!inet_ntop(address->sa_family, at, to, ADDRESS_TEXT))
		snprintf(to, ADDRESS_TEXT, "?");
	return to;
}

/* The length of a prefix as written: digits only, at most `most`; -1 if it is not that. */
static int prefix_length(const char *text, int most)
{
	int bits = 0;

	if (!*text || strlen(text) > 3)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		bits = bits * 10 + (*text - '0');
	}
	return bits <= most ? bits : -1;
}

static bool has_host_bits(const struct address_network *network)
{
	struct address_network whole = *network;

	for (unsigned bit = network->bits; bit < 128; bit++)
		whole.at[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return memcmp(whole.at, network->at, sizeof(whole.at)) != 0;
}

static const char *parse_network(struct address_network *network, const char *text)
{
	const char *slash = strchr(text, '/');
	char address[ADDRESS_TEXT];
	struct in_addr v4;
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	int most, bits;

	if (length >= sizeof(address))
		return "is not a network";
	memcpy(address, text, length);
	address[length] = 0;
	if (inet_pton(AF_INET, address, &v4) == 1) {
		most = 32;
		map(network->at, (const uint8_t *)&v4, false);
	} else if (inet_pton(AF_INET6, address, network->at) == 1) {
		most = 128;
	} else {
		return "is not a network (such as 10.0.0.0/8 or fd00::/8)";
	}
	bits = slash ? prefix_length(slash + 1, most) : most;
	if (bits < 0)
		return "has a prefix length out of range";
	network->bits = (unsigned)bits + (most == 32 ? 96 : 0);
	return has_host_bits(network) ? "has bits set behind its prefix" : NULL;
}

int address_list_parse(struct address_list *list, const struct kk_strings *texts, char *why, size_t why_size)
{
	*list = (struct address_list){0};
	if (texts->count == 0)
		return 0;
	list->at = calloc(texts->count, sizeof(*list->at));
	if (!list->at) {
		snprintf(why, why_size, "out of memory");
		return -1;
	}
	for (list->count = 0; list->count < texts->count; list->count++) {
		const char *wrong = parse_network(&list->at[list->count], texts->at[list->count]);

		if (wrong) {
			snprintf(why, why_size, "allow_networks: \"%s\" %s", texts->at[list->count], wrong);
			address_list_free(list);
			return -1;
		}
	}
	return 0;
}

void address_list_free(struct address_list *list)
{
	free(list->at);
	*list = (struct address_list){0};
}
