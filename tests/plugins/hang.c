/* SPDX-License-Identifier: Apache-2.0 */
/* hang - transform: never comes back from marked items; if wanted deaf to SIGTERM, so that it must be killed.
 */
#include "marked.h"
#include <signal.h>
#include <unistd.h>

struct hang_options {
	struct marks marks;
	bool deaf;
};

static const struct kk_option rows[] = {
    MARKS_ROWS,
    {.name = "deaf",
     .type = KK_OPTION_BOOL,
     .at = offsetof(struct hang_options, deaf),
     .def = "false",
     .text = "Ignore SIGTERM."},
    {0},
};

static enum kk_verdict hang_process(struct kk_context *context, struct kk_item *item)
{
	const struct hang_options *o = context->options;
	if (!is_marked(&o->marks, item))
		return KK_PASS;
	if (o->deaf)
		signal(SIGTERM, SIG_IGN);
	for (;;)
		pause();
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "hang",
    .text = "For tests: never comes back from marked items.",
    .options = rows,
    .options_size = sizeof(struct hang_options),
    .process = hang_process,
};
