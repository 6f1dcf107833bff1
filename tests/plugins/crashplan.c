/* SPDX-License-Identifier: Apache-2.0 */
/* crashplan - transform: dies when it is asked for its needs.
 */
#include <kakehi/stage.h>
#include <signal.h>

static int crashplan_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	(void)options, (void)demand, (void)why, (void)why_size;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static enum kk_verdict crashplan_process(struct kk_context *context, struct kk_item *item)
{
	(void)context, (void)item;
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "crashplan",
    .text = "For tests: dies when it is asked for its needs.",
    .plan = crashplan_plan,
    .process = crashplan_process,
};
