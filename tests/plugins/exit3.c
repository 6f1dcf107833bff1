/* SPDX-License-Identifier: Apache-2.0 */
/* exit3 - transform: ends its process with status 3 on marked items. */
#include "marked.h"
#include <unistd.h>

static const struct kk_option rows[] = {MARKS_ROWS, {0}};

static enum kk_verdict exit3_process(struct kk_context *context, struct kk_item *item)
{
	const struct marks *marks = context->options;
	if (is_marked(marks, item))
		_exit(3);
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "exit3",
    .text = "For tests: ends its process with status 3 on marked items.",
    .options = rows,
    .options_size = sizeof(struct marks),
    .process = exit3_process,
};
