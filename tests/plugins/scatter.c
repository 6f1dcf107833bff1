/* SPDX-License-Identifier: Apache-2.0 */
/* scatter - transform with many items in flight: finishes them in a random order, each with a payload that has grown
 * several times.
 */
#include <errno.h>
#include <kakehi/stage.h>
#include <string.h>

enum { IN_FLIGHT = 16 };

struct scatter_options {
	int64_t max_bytes;
};

static const struct kk_option rows[] = {
    {.name = "max_bytes",
     .type = KK_OPTION_INT,
     .at = offsetof(struct scatter_options, max_bytes),
     .def = "1000",
     .min = 1,
     .max = 1e8,
     .text = "Largest payload."},
    {0},
};

static struct {
	struct kk_item *item;
	size_t bytes, wanted;
} pending[IN_FLIGHT];

static int scatter_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct scatter_options *o = options;
	(void)why;
	(void)why_size;
	demand->largest = (uint64_t)o->max_bytes;
	demand->heap = 1 << 20;
	demand->in_flight = IN_FLIGHT;
	return 0;
}

static enum kk_verdict scatter_submit(struct kk_context *context, struct kk_item *item)
{
	const struct scatter_options *o = context->options;
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		if (pending[i].item)
			continue;
		if (!kk_reserve(item, 1))
			return errno == EAGAIN ? KK_LATER : kk_fail(item, KK_FAIL_OTHER, "no room");
		pending[i].item = item;
		pending[i].bytes = 1;
		pending[i].wanted = (size_t)(kk_random(context) % (uint64_t)o->max_bytes) + 1;
		return KK_PENDING;
	}
	return KK_LATER;
}

/* Lets one of them grow; who has no room waits. */
static void go_on(unsigned i)
{
	struct kk_item *item = pending[i].item;
	size_t bytes = pending[i].bytes + pending[i].wanted / 3 + 1;
	if (bytes > pending[i].wanted)
		bytes = pending[i].wanted;
	char *to = kk_grow(item, bytes);
	if (!to && errno == EAGAIN)
		return;
	pending[i].bytes = bytes;
	if (to && bytes < pending[i].wanted)
		return;
	pending[i].item = NULL;
	if (!to || kk_commit(item, bytes) < 0)
		kk_finish(item, kk_fail(item, KK_FAIL_OTHER, "no room"));
	else
		kk_finish(item, KK_PASS);
}

static int scatter_poll(struct kk_context *context)
{
	unsigned first = (unsigned)(kk_random(context) % IN_FLIGHT);
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		unsigned at = (first + i) % IN_FLIGHT;
		if (pending[at].item && kk_random(context) % 2)
			go_on(at);
	}
	return 0;
}

static int scatter_wait(struct kk_context *context, int *timeout_ms)
{
	(void)context;
	*timeout_ms = 1;
	return -1;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "scatter",
    .text = "For tests: finishes items in a random order.",
    .options = rows,
    .options_size = sizeof(struct scatter_options),
    .plan = scatter_plan,
    .submit = scatter_submit,
    .poll = scatter_poll,
    .wait = scatter_wait,
};
