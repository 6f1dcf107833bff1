/* SPDX-License-Identifier: Apache-2.0 */
/* template - transform: puts a text before each payload, if wanted in capital letters. The smallest complete stage.
 *
 * Copy this file, rename what is called "template", and read docs/write-a-stage.md beside it. A stage is one
 * loadable module; all it exports is the descriptor at the end of this file.
 */
#include <errno.h>
#include <kakehi/stage.h>
#include <string.h>

/* 1. The options, as the functions below want them. The engine fills this struct; nothing here parses text. */
struct template_options {
	const char *prefix;
	bool capitals;
};

/* 2. A row per option. Parsing, range checks, error messages and `kakehi help template` come from these rows.
 *    AFFECTS_OUTPUT: with another value, other bytes come out. */
static const struct kk_option rows[] = {
    {.name = "prefix",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = offsetof(struct template_options, prefix),
     .def = "",
     .text = "Text to put before each payload."},
    {.name = "capitals",
     .type = KK_OPTION_BOOL,
     .flags = KK_OPTION_AFFECTS_OUTPUT,
     .at = offsetof(struct template_options, capitals),
     .def = "true",
     .text = "Turn the letters a-z into A-Z."},
    {0},
};

#define LARGEST_PAYLOAD (1 << 20)

/* 3. What this configuration needs. `largest` bounds every payload the stage makes: the engine sets aside memory for
 *    it. Nothing is asked for in `needs`: this stage gets no network and no files. */
static int template_plan(const void *options, struct kk_demand *demand, char *why, size_t why_size)
{
	(void)options, (void)why, (void)why_size;
	demand->largest = LARGEST_PAYLOAD;
	return 0;
}

static void capitalise(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] = (char)(text[i] - 'a' + 'A');
}

/* 4. One item. item->data is read only and belongs to the stage before; the new payload is written into memory that
 *    kk_reserve hands out and that takes the old one's place by kk_commit. Keep nothing of the item after returning:
 *    the process may be killed at any moment, and the item will then be given to another. */
static enum kk_verdict template_process(struct kk_context *context, struct kk_item *item)
{
	const struct template_options *o = context->options;
	size_t prefix = strlen(o->prefix);
	size_t size = prefix + item->size;
	if (size > LARGEST_PAYLOAD)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%zu bytes, at most %d can be handled", size, LARGEST_PAYLOAD);

	char *to = kk_reserve(item, size);
	if (!to)
		return kk_fail(item, KK_FAIL_MEMORY, "no room for %zu bytes: %s", size, strerror(errno));
	memcpy(to, o->prefix, prefix);
	if (item->size)
		memcpy(to + prefix, item->data, item->size);
	if (o->capitals)
		capitalise(to, size);
	if (kk_commit(item, size) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "the new payload was not accepted");
	return KK_PASS;
}

/* 5. The descriptor: the one symbol of the module. Leave out the callbacks you do not need. */
const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "template",
    .text = "Puts a text before each payload; the example that docs/write-a-stage.md walks through.",
    .options = rows,
    .options_size = sizeof(struct template_options),
    .plan = template_plan,
    .process = template_process,
};
