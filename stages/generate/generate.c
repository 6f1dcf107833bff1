/* SPDX-License-Identifier: Apache-2.0 */
/* generate - source: items numbered 0 .. count-1, each with a payload of `size` bytes that can be verified.
 *
 * For tests and benchmarks, so `next` does as little as it can. Position: the number of the next item.
 */
#include "../pattern/pattern.h"
#include <errno.h>
#include <kakehi/stage.h>
#include <stdlib.h>
#include <string.h>

struct generate_options {
	int64_t count;
	uint64_t size;
	int64_t seed;
};

struct generate {
	uint64_t next, count, size, seed;
};

#define AT(field) offsetof(struct generate_options, field)
static const struct kk_option rows[] = {
    {.name = "count",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(count),
     .min = 0,
     .max = 9007199254740992.0,
     .unit = "items",
     .text = "How many items to make; their keys are the numbers from 0."},
    {.name = "size",
     .type = KK_OPTION_SIZE,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(size),
     .def = "0",
     .min = 0,
     .max = 4294967296.0,
     .unit = "bytes",
     .text = "Payload of every item; 0: items without a payload."},
    {.name = "seed",
     .type = KK_OPTION_INT,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = AT(seed),
     .def = "0",
     .text = "Selects the payloads' contents; `discard` with verify needs the same."},
    {0},
};
#undef AT

static int generate_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	static const char *const fields[] = {NULL};
	const struct generate_options *o = options;
	(void)why, (void)why_size;
	demand->fields = fields;
	demand->largest = o->size;
	demand->unique = 1;
	return 0;
}

static int generate_open(struct kk_context *context)
{
	const struct generate_options *o = context->options;
	struct generate *g = malloc(sizeof(*g));
	if (!g) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	*g = (struct generate){
	    .next = context->position.at, .count = (uint64_t)o->count, .size = o->size, .seed = (uint64_t)o->seed};
	context->state = g;
	return 0;
}

/* decimal - writes `number` so that it ends at `end`; returns its first character. */
static char *decimal(char *end, uint64_t number)
{
	do
		*--end = (char)('0' + number % 10);
	while (number /= 10);
	return end;
}

static enum kk_verdict fill_payload(struct kk_item *item, const struct generate *g)
{
	void *room = kk_reserve(item, g->size);
	if (!room)
		return kk_fail(item, KK_FAIL_MEMORY, "no room for the payload: %s", strerror(errno));
	pattern_fill(room, g->size, g->seed, g->next);
	if (kk_commit(item, g->size) != 0)
		return kk_fail(item, KK_FAIL_MEMORY, "the payload was not accepted");
	return KK_PASS;
}

static enum kk_verdict generate_next(struct kk_context *context, struct kk_item *item)
{
	struct generate *g = context->state;
	if (g->next >= g->count)
		return KK_END;

	char digits[20];
	char *end = digits + sizeof(digits);
	char *first = decimal(end, g->next);
	enum kk_verdict verdict = KK_PASS;
	if (kk_set_key(item, first, (size_t)(end - first)) < 0)
		verdict = kk_fail(item, KK_FAIL_OTHER, "the key was not accepted");
	else if (g->size)
		verdict = fill_payload(item, g);
	item->position.at = ++g->next;
	return verdict;
}

static void generate_close(struct kk_context *context)
{
	free(context->state);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SOURCE,
    .name = "generate",
    .text = "Makes numbered items with verifiable payloads, for tests and benchmarks.",
    .options = rows,
    .options_size = sizeof(struct generate_options),
    .plan = generate_plan,
    .open = generate_open,
    .next = generate_next,
    .close = generate_close,
};
