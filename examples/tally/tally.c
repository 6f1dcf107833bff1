/* SPDX-License-Identifier: Apache-2.0 */
/* tally - transform: adds up the sizes of all payloads in numbers that the config shares among its workers.
 *
 * configs/plugin.yaml uses it. docs/write-a-stage.md explains how it is built outside of this tree.
 */
#include <kakehi/stage.h>

struct tally_options {
	const char *total, *largest;
};

static const struct kk_option rows[] = {
    {.name = "total",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_REQUIRED,
     .at = offsetof(struct tally_options, total),
     .text = "The shared value to which each payload's size is added."},
    {.name = "largest",
     .type = KK_OPTION_STRING,
     .at = offsetof(struct tally_options, largest),
     .text = "The shared value that holds the size of the largest; empty: none."},
    {0},
};

/* The objects' numbers: there is one worker to a process. */
static struct {
	int total, largest;
} tally;

static int tally_open(struct kk_context *context)
{
	const struct tally_options *o = context->options;
	tally.total = kk_shared(context, o->total);
	tally.largest = *o->largest ? kk_shared(context, o->largest) : -1;
	if (tally.total >= 0 && (tally.largest >= 0 || !*o->largest))
		return 0;
	kk_log(context, KK_LOG_ERROR, "the config shares no \"%s\"", tally.total < 0 ? o->total : o->largest);
	return -1;
}

static enum kk_verdict tally_process(struct kk_context *context, struct kk_item *item)
{
	double size = (double)item->size, most = 0;
	kk_shared_add(context, tally.total, 0, size, NULL);
	/* two workers may both find theirs the larger: what is lost then is a record, not a sum */
	if (tally.largest >= 0 && kk_shared_get(context, tally.largest, 0, &most) == 0 && size > most)
		kk_shared_set(context, tally.largest, 0, size);
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "tally",
    .text = "Adds up the sizes of all payloads in shared values.",
    .options = rows,
    .options_size = sizeof(struct tally_options),
    .open = tally_open,
    .process = tally_process,
};
