/* SPDX-License-Identifier: Apache-2.0 */
#include "dns.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, RCODE_NONE = 0, RCODE_FAIL = 2, RCODE_NO_NAME = 3 };

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

static void add_record(struct message *message, const struct record *record)
{
	uint8_t size = record->type == TYPE_A ? 4 : 16;
	const uint8_t head[] = {0xc0, 12, 0, (uint8_t)record->type, 0, 1, 0, 0, 0, 60, 0, size};

	add(message, head, sizeof(head));
	add(message, record->data, size);
}

static bool answer(struct message *message, const char *name, uint16_t type)
{
	static unsigned late[2];
	uint8_t rcode = RCODE_NO_NAME, count = 0;

	if (strcasecmp(name, "silent.test") == 0)
		return false;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		if (strcasecmp(records[i].name, name) != 0)
			continue;
		rcode = RCODE_NONE;
		if (records[i].type == type) {
			add_record(message, &records[i]);
			count++;
		}
	}
	if (strcasecmp(name, "fail.test") == 0 || (strcasecmp(name, "late.test") == 0 && late[type == TYPE_A]++ < 2))
		rcode = RCODE_FAIL;
	message->at[2] = 0x84; /* an answer, authoritative */
	message->at[3] = rcode;
	message->at[7] = rcode == RCODE_NONE ? count : 0;
	memset(message->at + 8, 0, 4);
	return true;
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
