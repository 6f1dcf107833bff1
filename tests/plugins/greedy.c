/* SPDX-License-Identifier: Apache-2.0 */
/* greedy - transform: takes memory without end on marked items. */
#include "marked.h"
#include <stdlib.h>

#define CHUNK (1 << 20)

/* What libraries do that cannot live without memory: end the process. The chunks are chained, so that no compiler may
 * leave them out. */
static _Noreturn void take_all(void)
{
	void *last = NULL;
	for (;;) {
		void **chunk = malloc(CHUNK);
		if (!chunk)
			abort();
		memset(chunk, 1, CHUNK);
		*chunk = last;
		last = chunk;
	}
}

static const struct kk_option rows[] = {MARKS_ROWS, {0}};

static enum kk_verdict greedy_process(struct kk_context *context, struct kk_item *item)
{
	const struct marks *marks = context->options;
	if (is_marked(marks, item))
		take_all();
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "greedy",
    .text = "For tests: takes memory without end on marked items.",
    .options = rows,
    .options_size = sizeof(struct marks),
    .process = greedy_process,
};
