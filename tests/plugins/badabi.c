/* SPDX-License-Identifier: Apache-2.0 */
/* badabi - transform: claims to be built for a later version of the stage ABI.
 */
#include <kakehi/stage.h>

static enum kk_verdict badabi_process(struct kk_context *context, struct kk_item *item)
{
	(void)context, (void)item;
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage) + 8,
    .abi_version = KK_STAGE_ABI + 1,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "badabi",
    .text = "For tests: of another version.",
    .process = badabi_process,
};
