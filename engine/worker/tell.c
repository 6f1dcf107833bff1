/* SPDX-License-Identifier: Apache-2.0 */
/* For who looks at single items: one line for each stage an item has passed, with its verdict, time, sizes and fields.
 */
#include "report/redact.h"
#include "report/text.h"
#include "worker/crew.h"
#include "worker/pair.h"
#include <string.h>

static void add_value(struct kk_text *line, const char *value)
{
	char shown[200];
	kk_redact(value, shown, sizeof(shown));
	kk_text_safe(line, shown, strlen(shown));
}

/* The source's fields lie behind the key of its record, a stage's in the hand. */
static void add_fields(struct kk_text *line, const struct hand *hand)
{
	const struct source_record *record = run_record(hand->worker->run, hand->handle);
	const bool source = hand->worker->stage == 0;
	const char *at = source ? record->bytes + record->key_bytes : hand->fields;
	const char *end = at + (source ? record->field_bytes : hand->field_bytes);
	struct pair field;
	for (const char *before = "; "; pair_next(&at, end, &field); before = " ") {
		kk_text_add(line, "%s", before);
		add_value(line, field.name);
		kk_text_add(line, "=");
		add_value(line, field.value);
	}
}

void tell_item(const struct hand *hand, enum kk_verdict verdict)
{
	static const char *const words[] = {[KK_PASS] = "passed", [KK_SKIP] = "skipped", [KK_FAIL] = "failed"};
	struct worker *worker = hand->worker;
	struct kk_text line = {.at = NULL};
	char took[24];
	kk_text_add(&line, "item %llu %s in %s", (unsigned long long)hand->item.sequence, words[verdict],
	            kk_text_took(kk_span_now() - hand->began_ns, took, sizeof(took)));
	if (worker->stage > 0)
		kk_text_add(&line, ", %zu bytes in", hand->item.size);
	if (verdict == KK_PASS && hand->committed)
		kk_text_add(&line, ", %llu bytes out", (unsigned long long)hand->committed_bytes);
	if (verdict == KK_FAIL)
		kk_text_add(&line, ": %s", hand->text);
	add_fields(&line, hand);
	kk_text_add(&line, " (");
	add_value(&line, hand->item.key ? hand->item.key : "");
	kk_text_add(&line, ")");
	worker_log(worker, worker->plan->only ? KK_LOG_INFO : KK_LOG_DEBUG, "%.*s", (int)line.used,
	           line.at ? line.at : "");
	kk_text_free(&line);
}
