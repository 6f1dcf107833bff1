/* SPDX-License-Identifier: Apache-2.0 */
/* pass - transform: hands every item on as it is, if wanted after a pause.
 */
#include <errno.h>
#include <kakehi/stage.h>
#include <time.h>

struct pass_options {
	uint64_t delay_ms;
};

static const struct kk_option rows[] = {
    {.name = "delay",
     .type = KK_OPTION_DURATION,
     .at = offsetof(struct pass_options, delay_ms),
     .def = "0s",
     .min = 0,
     .max = 3600000,
     .unit = "milliseconds",
     .text = "How long to hold each item, to stand in for slow work."},
    {0},
};

static int pass_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {NULL};
	(void)options, (void)why, (void)why_size;
	demand->fields = fields;
	demand->largest = 0;
	return 0;
}

static void hold(uint64_t milliseconds)
{
	struct timespec left = {.tv_sec = (time_t)(milliseconds / 1000),
	                        .tv_nsec = (long)(milliseconds % 1000) * 1000000L};
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static enum kk_verdict pass_process(struct kk_context *context, struct kk_item *item)
{
	const struct pass_options *o = context->options;
	(void)item;
	if (o->delay_ms)
		hold(o->delay_ms);
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "pass",
    .text = "Hands every item on unchanged.",
    .options = rows,
    .options_size = sizeof(struct pass_options),
    .plan = pass_plan,
    .process = pass_process,
};
