/* SPDX-License-Identifier: Apache-2.0 */
#include "remembered.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Names that are longer are no names; nothing is kept for them. */
#define KEY_BYTES 300

/* What is kept of an answer; all but the addresses that count are zero. */
struct packed {
	uint8_t state, count;
	struct resolve_address address[RESOLVE_ADDRESSES];
};

/* Case does not matter in names of hosts. False: too long. */
static bool make_key(char key[KEY_BYTES], const char *what, const char *host)
{
	int length = snprintf(key, KEY_BYTES, "%s %s", what, host);

	for (char *c = key; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return length < KEY_BYTES;
}

void remembered_store(struct kk_context *context, const char *host, const struct resolve_answer *answer,
                      uint64_t keep_ms)
{
	struct packed packed = {.state = (uint8_t)answer->state, .count = (uint8_t)answer->count};
	char key[KEY_BYTES];

	if ((answer->state != RESOLVE_FOUND && answer->state != RESOLVE_NONE) || !make_key(key, "dns", host))
		return;
	memcpy(packed.address, answer->address, answer->count * sizeof(packed.address[0]));
	/* Where nothing can be kept, names are looked up more often. */
	(void)kk_remember(context, key, &packed, sizeof(packed), keep_ms);
}

static bool is_sound(const struct packed *packed)
{
	if (packed->state == RESOLVE_NONE)
		return packed->count == 0;
	if (packed->state != RESOLVE_FOUND || packed->count == 0 || packed->count > RESOLVE_ADDRESSES)
		return false;
	for (unsigned i = 0; i < packed->count; i++)
		if (packed->address[i].family != AF_INET && packed->address[i].family != AF_INET6)
			return false;
	return true;
}

bool remembered_find(struct kk_context *context, const char *host, struct resolve_answer *answer)
{
	struct packed packed;
	char key[KEY_BYTES];

	if (!make_key(key, "dns", host) || kk_recall(context, key, &packed, sizeof(packed)) != (long)sizeof(packed) ||
	    !is_sound(&packed))
		return false;
	answer->state = (enum resolve_state)packed.state;
	answer->why = "there is no such name, or it has no address";
	answer->count = packed.count;
	memcpy(answer->address, packed.address, sizeof(packed.address));
	return true;
}

void remembered_refuse(struct kk_context *context, const char *host, enum kk_fail_class why, uint64_t keep_ms)
{
	uint8_t byte = (uint8_t)why;
	char key[KEY_BYTES];

	if (make_key(key, "refuses", host))
		(void)kk_remember(context, key, &byte, sizeof(byte), keep_ms);
}

bool remembered_refusal(struct kk_context *context, const char *host, enum kk_fail_class *why)
{
	char key[KEY_BYTES];
	uint8_t byte;

	if (!make_key(key, "refuses", host) || kk_recall(context, key, &byte, sizeof(byte)) != 1 ||
	    (byte != KK_FAIL_HTTP_429 && byte != KK_FAIL_HTTP_5XX))
		return false;
	*why = (enum kk_fail_class)byte;
	return true;
}
