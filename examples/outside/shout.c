/* SPDX-License-Identifier: Apache-2.0 */
/* shout - transform: the payload again, with exclamation marks behind it. */
#include <kakehi/stage.h>
#include <string.h>

struct shout_options {
	int64_t marks;
};

static const struct kk_option rows[] = {
    {.name = "marks",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = offsetof(struct shout_options, marks),
     .def = "3",
     .min = 1,
     .max = 100,
     .text = "Exclamation marks behind each payload."},
    {0},
};

#define LARGEST_PAYLOAD 65536

static int shout_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	(void)options, (void)why, (void)why_size;
	demand->largest = LARGEST_PAYLOAD;
	return 0;
}

static enum kk_verdict shout_process(struct kk_context *context, struct kk_item *item)
{
	const struct shout_options *options = context->options;
	size_t marks = (size_t)options->marks, size = item->size + marks;
	char *to = kk_reserve(item, size);

	if (!to)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "no room for %zu bytes", size);
	if (item->size)
		memcpy(to, item->data, item->size);
	memset(to + item->size, '!', marks);
	return kk_commit(item, size) == 0 ? KK_PASS : kk_fail(item, KK_FAIL_OTHER, "not accepted");
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "shout",
    .text = "Puts exclamation marks behind each payload.",
    .options = rows,
    .options_size = sizeof(struct shout_options),
    .plan = shout_plan,
    .process = shout_process,
};
