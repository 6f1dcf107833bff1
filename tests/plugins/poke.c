/* SPDX-License-Identifier: Apache-2.0 */
/* poke - transform: writes into memory of an earlier stage on marked items, which it must not survive.
 */
#include "marked.h"

enum poke_into { INTO_KEY = 0, INTO_PAYLOAD };
static const char *const into_words[] = {[INTO_KEY] = "key", [INTO_PAYLOAD] = "payload", NULL};

struct poke_options {
	struct marks marks;
	int into;
};

static const struct kk_option rows[] = {
    MARKS_ROWS,
    {.name = "into",
     .type = KK_OPTION_ENUM,
     .at = offsetof(struct poke_options, into),
     .def = "key",
     .words = into_words,
     .text = "What to write into: the source's memory, or that of the stage before."},
    {0},
};

static enum kk_verdict poke_process(struct kk_context *context, struct kk_item *item)
{
	const struct poke_options *o = context->options;
	char *at = (char *)(o->into == INTO_KEY ? item->key : item->data);
	if (at && is_marked(&o->marks, item))
		*at ^= 1;
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "poke",
    .text = "For tests: writes into memory of an earlier stage on marked items.",
    .options = rows,
    .options_size = sizeof(struct poke_options),
    .process = poke_process,
};
