/* SPDX-License-Identifier: Apache-2.0 */
/* discard - sink: drops every item; with `verify` only after its payload was found to be what `generate` made.
 */
#include "../pattern/pattern.h"
#include <errno.h>
#include <inttypes.h>
#include <kakehi/stage.h>
#include <stdlib.h>

struct discard_options {
	bool verify;
	int64_t seed;
};

#define AT(field) offsetof(struct discard_options, field)
static const struct kk_option rows[] = {
    {.name = "verify",
     .type = KK_OPTION_BOOL,
     .at = AT(verify),
     .def = "false",
     .text = "Fail items whose payload is not what `generate` made for their key."},
    {.name = "seed", .type = KK_OPTION_INT, .at = AT(seed), .def = "0", .text = "The seed that `generate` was given."},
    {0},
};
#undef AT

/* number_of - reads a key made by `generate`. 0, or -1: it is not a number. */
static int number_of(const char *key, uint64_t *number)
{
	if (!key || *key < '0' || *key > '9')
		return -1;
	char *end;
	errno = 0;
	*number = strtoull(key, &end, 10);
	return errno == 0 && *end == '\0' ? 0 : -1;
}

static enum kk_verdict verify(struct kk_item *item, uint64_t seed)
{
	uint64_t number;
	if (number_of(item->key, &number) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "cannot verify: the key is not a number of `generate`");
	size_t same = pattern_check(item->data, item->size, seed, number);
	if (same != item->size)
		return kk_fail(item, KK_FAIL_OTHER, "payload of item %" PRIu64 " differs near byte %zu of %zu", number,
		               same, item->size);
	return KK_PASS;
}

static enum kk_verdict discard_process(struct kk_context *context, struct kk_item *item)
{
	const struct discard_options *o = context->options;
	return o->verify ? verify(item, (uint64_t)o->seed) : KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SINK,
    .name = "discard",
    .text = "Drops every item, if wanted after verifying its payload.",
    .options = rows,
    .options_size = sizeof(struct discard_options),
    .process = discard_process,
};
