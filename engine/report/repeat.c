/* SPDX-License-Identifier: Apache-2.0 */
#include "report/repeat.h"
#include <stdio.h>
#include <string.h>

/* FNV-1a. */
static uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static uint64_t kind_of(enum kk_log_level level, const char *line, size_t length)
{
	uint64_t hash = hash_byte(UINT64_C(0xcbf29ce484222325), (unsigned char)level);
	unsigned depth = 0;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '(')
			depth++;
		if (depth == 0 && !(line[i] >= '0' && line[i] <= '9'))
			hash = hash_byte(hash, (unsigned char)line[i]);
		if (line[i] == ')' && depth > 0)
			depth--;
	}
	return hash ? hash : 1;
}

static bool is_over(const struct kk_repeat *repeat, uint64_t now_ns)
{
	return now_ns - repeat->since_ns >= KK_REPEAT_SPAN_NS;
}

/* The kind's place, a free one, or NULL: then all places are taken by kinds of which lines were left out. */
static struct kk_repeat *find(struct kk_repeats *repeats, uint64_t kind)
{
	struct kk_repeat *place = NULL;

	for (unsigned i = 0; i < KK_REPEAT_KINDS; i++) {
		struct kk_repeat *at = &repeats->at[i];
		if (at->kind == kind)
			return at;
		if (at->count <= KK_REPEAT_SHOWN && (!place || at->since_ns < place->since_ns))
			place = at;
	}
	return place;
}

bool kk_repeats_see(struct kk_repeats *repeats, uint64_t now_ns, enum kk_log_level level, const char *who,
                    const char *line, size_t length)
{
	uint64_t kind = kind_of(level, line, length);
	struct kk_repeat *at = find(repeats, kind);

	if (!at)
		return true;
	if (at->kind != kind || (is_over(at, now_ns) && at->count <= KK_REPEAT_SHOWN))
		*at = (struct kk_repeat){.kind = kind, .since_ns = now_ns, .level = level};
	if (++at->count == KK_REPEAT_SHOWN + 1) {
		snprintf(at->who, sizeof(at->who), "%s", who ? who : "");
		snprintf(at->line, sizeof(at->line), "%.*s", (int)(length < 150 ? length : 150), line);
	}
	return at->count <= KK_REPEAT_SHOWN;
}

bool kk_repeats_over(struct kk_repeats *repeats, uint64_t now_ns, bool all, struct kk_repeat *to)
{
	for (unsigned i = 0; i < KK_REPEAT_KINDS; i++) {
		struct kk_repeat *at = &repeats->at[i];
		if (at->count <= KK_REPEAT_SHOWN || !(all || is_over(at, now_ns)))
			continue;
		*to = *at;
		*at = (struct kk_repeat){0};
		return true;
	}
	return false;
}
