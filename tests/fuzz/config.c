/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/config.c - any bytes as a config: the tree, the fields, the graph, the plan and the messages. No module is
 * loaded: three stages of its own stand for all. */
#include "config/config.h"
#include "graph/build.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses what it works with when a scalar in single quotes has more than a few quotes within (in
 * fy_token_get_text). A config is read once in a process, so that does no harm; here it must not hide leaks of ours. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static enum kk_verdict no_item(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	(void)item;
	return KK_END;
}

static const struct kk_stage stages[] = {{.kind = KK_SOURCE, .name = "source", .next = no_item},
                                         {.kind = KK_TRANSFORM, .name = "transform", .process = no_item},
                                         {.kind = KK_SINK, .name = "sink", .process = no_item}};

static void give_stage(struct kk_config_stage *stage, struct kk_diagnostics *diagnostics)
{
	stage->demand = (struct kk_demand){.heap = 1 << 20, .in_flight = 1};
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (stage->use.text && strcmp(stages[i].name, stage->use.text) == 0) {
			stage->stage = &stages[i];
			stage->module = "/module.so";
			stage->demand.largest = i == 1 ? 100000 : 0;
			return;
		}
	}
	kk_diagnostic_error(diagnostics, stage->use.place, NULL, "no stage");
}

static void check(const char *text, size_t size, struct kk_store *store, struct kk_diagnostics *diagnostics, FILE *to)
{
	struct kk_document *document = kk_document_parse(text, size, diagnostics);
	struct kk_config *config = document ? kk_config_read(document, store, diagnostics) : NULL;

	if (!document && !kk_diagnostics_count(diagnostics))
		abort();
	if (config) {
		give_stage(&config->source, diagnostics);
		for (size_t i = 0; i < config->stage_count; i++)
			give_stage(&config->stages[i], diagnostics);
		struct kk_plan *plan = kk_plan_build(config, "fuzz", diagnostics);
		if (!plan != (kk_diagnostics_count(diagnostics) > 0))
			abort();
		free(plan);
	}
	kk_diagnostics_write(diagnostics, to);
	kk_document_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *messages = NULL;
	size_t length;
	struct kk_store *store = kk_store_new();
	FILE *to = open_memstream(&messages, &length);

	if (!text || !store || !to)
		abort();
	memcpy(text, data, size);
	struct kk_diagnostics *diagnostics = kk_diagnostics_new("fuzz", text, size);
	if (!diagnostics)
		abort();
	check(text, size, store, diagnostics, to);
	kk_diagnostics_free(diagnostics);
	kk_store_free(store);
	fclose(to);
	free(messages);
	free(text);
	return 0;
}
