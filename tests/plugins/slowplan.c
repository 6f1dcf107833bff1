/* SPDX-License-Identifier: Apache-2.0 */
/* slowplan - transform: never comes back from being asked for its needs.
 */
#include <kakehi/stage.h>
#include <unistd.h>

static int slowplan_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	(void)options, (void)demand, (void)why, (void)why_size;
	while (pause() != 0)
		;
	return 0;
}

static enum kk_verdict slowplan_process(struct kk_context *context, struct kk_item *item)
{
	(void)context, (void)item;
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "slowplan",
    .text = "For tests: never comes back from being asked for its needs.",
    .plan = slowplan_plan,
    .process = slowplan_process,
};
