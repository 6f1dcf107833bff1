/* SPDX-License-Identifier: Apache-2.0 */
#include "dns.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { TYPE_A = 1, TYPE_AAAA = 28 };

/* What becomes of a name; the first three are the codes of an answer. */
enum fate { FATE_FOUND = 0, FATE_FAILS = 2, FATE_NO_NAME = 3, FATE_SILENCE };

struct record {
	const char *name;
	uint16_t type;
	uint8_t data[16];
};

static const struct record records[] = {
    {"good.test", TYPE_A, {127, 0, 0, 1}},
    {"private.test", TYPE_A, {10, 1, 2, 3}},
    {"both.test", TYPE_A, {10, 1, 2, 3}},
    {"both.test", TYPE_A, {127, 0, 0, 1}},
    {"late.test", TYPE_A, {127, 0, 0, 1}},
    {"mapped.test", TYPE_AAAA, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}},
    {"six.test", TYPE_AAAA, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"six.test", TYPE_A, {127, 0, 0, 1}},
    {"v4-compatible.test", TYPE_AAAA, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1}},
    {"v4-nat64.test", TYPE_AAAA, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1}},
    {"v4-local64.test", TYPE_AAAA, {0, 0x64, 0xff, 0x9b, 0, 1, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1}},
    {"v4-6to4.test", TYPE_AAAA, {0x20, 2, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"v4-teredo.test", TYPE_AAAA, {0x20, 1, 0, 0, 127, 0, 0, 1, 0, 0, 0xf2, 0x27, 128, 255, 255, 254}},
    {"ula.test", TYPE_AAAA, {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"linklocal.test", TYPE_AAAA, {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"metadata.test", TYPE_A, {169, 254, 169, 254}},
    {"zero.test", TYPE_A, {0, 0, 0, 0}},
    {"loop6.test", TYPE_AAAA, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
    {"cgnat.test", TYPE_A, {100, 64, 0, 1}},
    {"multicast.test", TYPE_A, {224, 0, 0, 1}},
};

/* Names whose answers are not in the table. */
static const struct {
	const char *name;
	enum fate fate;
} fates[] = {
    {"fail.test", FATE_FAILS},
    {"silent.test", FATE_SILENCE},
};

static const char mix_domain[] = ".mix.test";
static const struct {
	const char *begin;
	enum fate fate;
} mix_fates[] = {
    {"gone", FATE_NO_NAME},
    {"busy", FATE_FAILS},
    {"mute", FATE_SILENCE},
    {"", FATE_FOUND},
};

struct message {
	uint8_t at[512];
	size_t length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned questions;

unsigned dns_questions(void)
{
	unsigned count;

	pthread_mutex_lock(&mutex);
	count = questions;
	pthread_mutex_unlock(&mutex);
	return count;
}

static void add(struct message *message, const void *bytes, size_t length)
{
	if (message->length + length <= sizeof(message->at))
		memcpy(message->at + message->length, bytes, length);
	message->length += length;
}

/* The name of the question, with dots; its end in the message, 0 if it is malformed. */
static size_t read_name(const struct message *message, char name[256])
{
	size_t at = 12, length = 0;

	while (at < message->length && message->at[at] != 0) {
		size_t label = message->at[at++];

		if (label > 63 || at + label > message->length || length + label + 1 > 255)
			return 0;
		if (length > 0)
			name[length++] = '.';
		memcpy(name + length, message->at + at, label);
		length += label;
		at += label;
	}
	name[length] = 0;
	return at + 5 <= message->length ? at + 1 : 0;
}

static void add_record(struct message *message, uint16_t type, const uint8_t *data, uint8_t ttl)
{
	uint8_t size = type == TYPE_A ? 4 : 16;
	const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, ttl, 0, size};

	add(message, head, sizeof(head));
	add(message, data, size);
	message->at[7]++;
}

/* Beneath mix.test the beginning decides. */
static bool answer_mix(struct message *message, const char *name, uint16_t type, enum fate *fate)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	size_t length = strlen(name), tail = sizeof(mix_domain) - 1, i = 0;

	if (length <= tail || strcasecmp(name + length - tail, mix_domain) != 0)
		return false;
	while (strncasecmp(name, mix_fates[i].begin, strlen(mix_fates[i].begin)) != 0)
		i++;
	*fate = mix_fates[i].fate;
	if (*fate == FATE_FOUND && type == TYPE_A)
		add_record(message, type, loopback, 60);
	return true;
}

/* Names that answer differently from time to time. */
static bool answer_in_turn(struct message *message, const char *name, uint16_t type, enum fate *fate)
{
	static unsigned late[2], rebind;
	uint8_t address[4] = {127, 0, 0, 1};

	if (strcasecmp(name, "rebind.test") == 0) {
		*fate = FATE_FOUND;
		address[3] = rebind > 0 ? 2 : 1;
		rebind += type == TYPE_A;
		if (type == TYPE_A)
			add_record(message, type, address, 0);
		return true;
	}
	if (strcasecmp(name, "late.test") != 0 || late[type == TYPE_A]++ >= 2)
		return false;
	*fate = FATE_FAILS;
	return true;
}

static enum fate answer_from_table(struct message *message, const char *name, uint16_t type)
{
	enum fate fate = FATE_NO_NAME;

	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++)
		if (strcasecmp(fates[i].name, name) == 0)
			fate = fates[i].fate;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		if (strcasecmp(records[i].name, name) != 0)
			continue;
		fate = FATE_FOUND;
		if (records[i].type == type)
			add_record(message, type, records[i].data, 60);
	}
	return fate;
}

static bool answer(struct message *message, const char *name, uint16_t type)
{
	enum fate fate;

	message->at[7] = 0;
	memset(message->at + 8, 0, 4);
	if (!answer_mix(message, name, type, &fate) && !answer_in_turn(message, name, type, &fate))
		fate = answer_from_table(message, name, type);
	message->at[2] = 0x84; /* an answer, authoritative */
	message->at[3] = (uint8_t)fate;
	return fate != FATE_SILENCE;
}

void dns_serve(int fd)
{
	for (;;) {
		struct sockaddr_storage from;
		socklen_t from_size = sizeof(from);
		struct message message;
		char name[256];
		uint16_t type;
		ssize_t got = recvfrom(fd, message.at, sizeof(message.at), 0, (struct sockaddr *)&from, &from_size);

		if (got < 12)
			continue;
		message.length = (size_t)got;
		size_t end = read_name(&message, name);
		if (end == 0)
			continue;
		type = (uint16_t)(message.at[end] << 8 | message.at[end + 1]);
		message.length = end + 4;
		pthread_mutex_lock(&mutex);
		questions += type == TYPE_A;
		pthread_mutex_unlock(&mutex);
		if (answer(&message, name, type))
			(void)sendto(fd, message.at, message.length, 0, (struct sockaddr *)&from, from_size);
	}
}
