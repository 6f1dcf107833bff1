/* SPDX-License-Identifier: Apache-2.0 */
#include "parsed.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static enum kk_verdict no_item(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	(void)item;
	return KK_END;
}

static const struct kk_stage stages[] = {
    {.kind = KK_SOURCE, .name = "source", .next = no_item},
    {.kind = KK_TRANSFORM, .name = "transform", .process = no_item},
    {.kind = KK_TRANSFORM, .name = "flight", .submit = no_item},
    {.kind = KK_SINK, .name = "sink", .process = no_item},
};

static void give_stage(struct kk_config_stage *stage)
{
	stage->demand = (struct kk_demand){.struct_size = sizeof(stage->demand), .heap = 1 << 20, .in_flight = 1};
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (!stage->use.text || strcmp(stages[i].name, stage->use.text) != 0)
			continue;
		stage->stage = &stages[i];
		stage->module = "/module.so";
		stage->demand.in_flight = stages[i].submit ? 64 : 1;
	}
}

void parsed_config(struct parsed *parsed, const char *text)
{
	parsed->store = kk_store_new();
	parsed->diagnostics = kk_diagnostics_new("t", text, strlen(text));
	assert_non_null(parsed->store);
	assert_non_null(parsed->diagnostics);
	parsed->document = kk_document_parse(text, strlen(text), parsed->diagnostics);
	parsed->config = parsed->document ? kk_config_read(parsed->document, parsed->store, parsed->diagnostics) : NULL;
	if (!parsed->config)
		return;
	give_stage(&parsed->config->source);
	for (size_t i = 0; i < parsed->config->stage_count; i++)
		give_stage(&parsed->config->stages[i]);
}

void parsed_free(struct parsed *parsed)
{
	kk_document_free(parsed->document);
	kk_store_free(parsed->store);
	kk_diagnostics_free(parsed->diagnostics);
}

const char *parsed_messages(struct parsed *parsed)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(kk_diagnostics_write(parsed->diagnostics, to), 0);
	fclose(to);
	return harness_keep(text);
}
