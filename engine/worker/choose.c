/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/choose.h"

#include "worker/name.h"
#include "worker/seen.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)SEEN_ID_BYTES == (int)KK_NAME_HASH_BYTES, "ids are noted whole");

struct chooser {
	const char *source;
	const char *only; /* "": all                                  */
	bool only_id;     /* it has the form of an id: may be either  */
	bool keep;
	uint32_t shard, shards;
	struct seen *seen; /* NULL: nobody need look */
};

static bool is_id(const char *text)
{
	size_t digits = 0;
	while (isdigit((unsigned char)text[digits]) || (text[digits] >= 'a' && text[digits] <= 'f'))
		digits++;
	return digits == KK_NAME_ID_SIZE - 1 && !text[digits];
}

struct chooser *chooser_open(const struct kk_plan *plan, int seen_fd, bool begun)
{
	struct chooser *chooser = calloc(1, sizeof(*chooser));
	if (!chooser)
		return NULL;
	*chooser = (struct chooser){
	    .source = kk_plan_text(plan, plan->stage[0].name),
	    .only = kk_plan_text(plan, plan->only),
	    .keep = plan->duplicates == KK_DUPLICATES_KEEP,
	    .shard = plan->shard,
	    .shards = plan->shards,
	};
	chooser->only_id = is_id(chooser->only);
	/* As long as there is no item, its heir begins at the very start, and so does the set. */
	if (seen_fd >= 0 && plan->duplicates != KK_DUPLICATES_NONE) {
		chooser->seen = seen_open(seen_fd, !begun);
		if (!chooser->seen) {
			int error = errno;
			free(chooser);
			errno = error;
			return NULL;
		}
	}
	return chooser;
}

void chooser_close(struct chooser *chooser)
{
	if (chooser)
		seen_close(chooser->seen);
	free(chooser);
}

/* All occurrences of a key belong to the same shard. */
static bool in_shard(const struct chooser *chooser, const uint8_t hash[KK_NAME_HASH_BYTES])
{
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof(number); i++)
		number = number << 8 | hash[i];
	return number % chooser->shards + 1 == chooser->shard;
}

static bool named(const struct chooser *chooser, const char *key, uint32_t occurrence)
{
	char id[KK_NAME_ID_SIZE];
	if (strcmp(chooser->only, key) == 0)
		return true;
	if (!chooser->only_id)
		return false;
	kk_name_id(chooser->source, key, occurrence, id);
	return strcmp(chooser->only, id) == 0;
}

bool chooser_wants(const struct chooser *chooser, const char *key)
{
	uint8_t hash[KK_NAME_HASH_BYTES];
	if (chooser->shards) {
		kk_name_hash(chooser->source, key, 0, hash);
		if (!in_shard(chooser, hash))
			return false;
	}
	/* A later occurrence may be the one: nobody knows which one this is before it is noted. */
	return !*chooser->only || (chooser->only_id && chooser->keep) || named(chooser, key, 0);
}

enum choice chooser_choose(struct chooser *chooser, const char *key, bool whole, uint64_t ordinal, uint32_t *occurrence)
{
	uint8_t hash[KK_NAME_HASH_BYTES];
	*occurrence = 0;
	if (!chooser_wants(chooser, key))
		return CHOICE_LEAVE;
	if (chooser->seen && whole) {
		kk_name_hash(chooser->source, key, 0, hash);
		int64_t number = seen_note(chooser->seen, hash, ordinal, chooser->keep);
		if (number < 0)
			return CHOICE_BROKEN;
		if (number > 1 && !chooser->keep)
			return CHOICE_DUPLICATE;
		*occurrence = number > 1 ? (uint32_t)number : 0;
	}
	return !*chooser->only || named(chooser, key, *occurrence) ? CHOICE_TAKE : CHOICE_LEAVE;
}

bool chooser_satisfied(const struct chooser *chooser, uint64_t taken)
{
	return taken > 0 && *chooser->only && (!chooser->keep || chooser->only_id);
}
