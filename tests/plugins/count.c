/* SPDX-License-Identifier: Apache-2.0 */
/* count - transform: counts items in objects that the config shares among all workers. Those it does not name are
 * left out.
 */
#include <kakehi/stage.h>
#include <stdlib.h>

struct count_options {
	const char *shared, *kinds, *keys, *list;
	int64_t elements;
};

struct count {
	int shared, kinds, keys, list;
};

#define AT(field) offsetof(struct count_options, field)
static const struct kk_option rows[] = {
    {.name = "shared",
     .type = KK_OPTION_STRING,
     .at = AT(shared),
     .def = "seen",
     .text = "A value: grows by 1 with every item."},
    {.name = "kinds",
     .type = KK_OPTION_STRING,
     .at = AT(kinds),
     .def = "kinds",
     .text = "An array: the element of the item's number modulo `elements` grows by 1."},
    {.name = "elements",
     .type = KK_OPTION_INT,
     .at = AT(elements),
     .def = "4",
     .min = 1,
     .max = 1e6,
     .text = "How many elements of `kinds` to use."},
    {.name = "keys",
     .type = KK_OPTION_STRING,
     .at = AT(keys),
     .def = "keys",
     .text = "A dict: gets an entry per item, its key with the value \"seen\"."},
    {.name = "list",
     .type = KK_OPTION_STRING,
     .at = AT(list),
     .def = "list",
     .text = "A list: gets the key of every item."},
    {0},
};
#undef AT

static int count_open(struct kk_context *context)
{
	const struct count_options *o = context->options;
	struct count *c = malloc(sizeof(*c));
	if (!c) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return -1;
	}
	*c = (struct count){.shared = kk_shared(context, o->shared),
	                    .kinds = kk_shared(context, o->kinds),
	                    .keys = kk_shared(context, o->keys),
	                    .list = kk_shared(context, o->list)};
	context->state = c;
	return 0;
}

static enum kk_verdict count_process(struct kk_context *context, struct kk_item *item)
{
	const struct count_options *o = context->options;
	const struct count *c = context->state;
	double now;
	if (c->shared >= 0 && (kk_shared_add(context, c->shared, 0, 1, &now) != 0 || now < 1))
		return kk_fail(item, KK_FAIL_OTHER, "cannot count in \"%s\"", o->shared);
	if (c->kinds >= 0 && kk_shared_add(context, c->kinds, item->sequence % (uint64_t)o->elements, 1, NULL) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "cannot count in \"%s\"", o->kinds);
	if (c->keys >= 0 && kk_shared_enter(context, c->keys, item->key, "seen") != 0)
		return kk_fail(item, KK_FAIL_OTHER, "cannot make an entry in \"%s\"", o->keys);
	if (c->list >= 0 && kk_shared_append(context, c->list, item->key) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "cannot append to \"%s\"", o->list);
	return KK_PASS;
}

static void count_close(struct kk_context *context)
{
	free(context->state);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "count",
    .text = "For tests: counts items in shared objects.",
    .options = rows,
    .options_size = sizeof(struct count_options),
    .open = count_open,
    .process = count_process,
    .close = count_close,
};
