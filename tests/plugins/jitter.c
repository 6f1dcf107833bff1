/* SPDX-License-Identifier: Apache-2.0 */
/* jitter - transform: takes a random time for each item, and makes a payload of random size. Items whose number leaves
 * a remainder of 1 fail, of 2 are skipped.
 */
#include <kakehi/stage.h>
#include <string.h>
#include <time.h>

struct jitter_options {
	int64_t max_us, max_bytes, every;
};

#define AT(field) offsetof(struct jitter_options, field)
static const struct kk_option rows[] = {
    {.name = "max_us", .type = KK_OPTION_INT, .at = AT(max_us), .def = "1000", .max = 1e6, .text = "Longest time."},
    {.name = "max_bytes",
     .type = KK_OPTION_INT,
     .at = AT(max_bytes),
     .def = "0",
     .max = 1e8,
     .text = "Largest payload; 0: it is left as it is."},
    {.name = "every",
     .type = KK_OPTION_INT,
     .at = AT(every),
     .def = "0",
     .max = 1e15,
     .text = "Of so many items one fails and one is skipped; 0: none."},
    {0},
};
#undef AT

static int jitter_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct jitter_options *o = options;
	(void)why;
	(void)why_size;
	demand->largest = (uint64_t)o->max_bytes;
	demand->heap = 1 << 20;
	return 0;
}

static enum kk_verdict jitter_process(struct kk_context *context, struct kk_item *item)
{
	const struct jitter_options *o = context->options;
	const struct timespec pause = {.tv_nsec = (long)(kk_random(context) % ((uint64_t)o->max_us + 1)) * 1000};
	nanosleep(&pause, NULL);
	if (o->every && item->sequence % (uint64_t)o->every == 1)
		return kk_fail(item, KK_FAIL_OTHER, "jitter");
	if (o->every && item->sequence % (uint64_t)o->every == 2)
		return KK_SKIP;
	if (!o->max_bytes)
		return KK_PASS;
	size_t bytes = (size_t)(kk_random(context) % (uint64_t)o->max_bytes) + 1;
	void *to = kk_reserve(item, bytes);
	if (!to)
		return kk_fail(item, KK_FAIL_OTHER, "no room");
	memset(to, (int)item->sequence, bytes);
	return kk_commit(item, bytes) == 0 ? KK_PASS : kk_fail(item, KK_FAIL_OTHER, "no commit");
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "jitter",
    .text = "For tests: takes a random time for each item.",
    .options = rows,
    .options_size = sizeof(struct jitter_options),
    .plan = jitter_plan,
    .process = jitter_process,
};
