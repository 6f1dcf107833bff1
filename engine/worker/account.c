/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/account.h"
#include "report/redact.h"
#include "worker/name.h"
#include "worker/pair.h"
#include <kakehi/process.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 4096 };

static size_t record_room(const struct account *about)
{
	return about->plan->record_bytes - offsetof(struct source_record, bytes);
}

void account_key(const struct account *about, char *to, size_t size)
{
	kk_redact(about->record->bytes, to, size);
}

static void item_id(const struct account *about, char to[KK_NAME_ID_SIZE])
{
	const struct kk_plan *plan = about->plan;
	kk_name_id(kk_plan_text(plan, plan->stage[0].name), about->record->bytes, about->record->occurrence, to);
}

const char *account_stage(const struct account *about)
{
	const struct kk_plan *plan = about->plan;
	unsigned stage = about->head->fail_stage < plan->stage_count ? about->head->fail_stage : 0;
	return kk_plan_text(plan, plan->stage[stage].name);
}

enum kk_fail_class account_class(const struct account *about)
{
	return about->head->fail_class < KK_FAIL_CLASS_COUNT ? (enum kk_fail_class)about->head->fail_class
	                                                     : KK_FAIL_OTHER;
}

void account_letter(const struct account *about, char to[ACCOUNT_LETTER_SIZE])
{
	char id[KK_NAME_ID_SIZE];
	item_id(about, id);
	int length = snprintf(to, ACCOUNT_LETTER_SIZE, "%s.%.64s.%s", id, account_stage(about),
	                      kk_text_class(account_class(about)));
	for (int i = 0; i < length && to[i]; i++) {
		bool plain = (to[i] >= '0' && to[i] <= '9') || (to[i] >= 'A' && to[i] <= 'Z') ||
		             (to[i] >= 'a' && to[i] <= 'z') || strchr(".-_", to[i]);
		if (!plain)
			to[i] = '_';
	}
}

/* ---- fields */

/* The pairs of an item, those first that a stage would find first. */
struct fields {
	const char *at[3], *end[3]; /* carried by the source; set by the last stage; by those before */
};

static struct fields all_fields(const struct account *about)
{
	struct fields all = {.at = {NULL}};
	const struct source_record *record = about->record;
	const struct item_note *note = about->note;
	size_t room = record_room(about);
	if (record->key_bytes <= room && record->field_bytes <= room - record->key_bytes) {
		all.at[0] = record->bytes + record->key_bytes;
		all.end[0] = all.at[0] + record->field_bytes;
	}
	if (note && note->field_bytes <= sizeof(note->fields) && note->own_bytes <= note->field_bytes) {
		all.at[1] = note->fields;
		all.end[1] = all.at[2] = note->fields + note->own_bytes;
		all.end[2] = note->fields + note->field_bytes;
	}
	return all;
}

/* What the last stage itself has said under this name; NULL: nothing. */
static const char *own_field(const struct account *about, const char *name)
{
	struct fields all = all_fields(about);
	return pair_find(all.at[1], all.end[1], name);
}

static bool was_named(struct fields all, const char *name)
{
	struct pair field;
	for (unsigned part = 0; part < 3; part++)
		while (pair_next(&all.at[part], all.end[part], &field)) {
			if (field.name == name)
				return false;
			if (strcmp(field.name, name) == 0)
				return true;
		}
	return false;
}

static bool has_column(unsigned part, const char *name)
{
	return part == 1 && (strcmp(name, "output") == 0 || strcmp(name, "bytes") == 0);
}

static void add_value(struct kk_text *line, const char *value)
{
	char shown[VALUE_MAX];
	kk_redact(value, shown, sizeof(shown));
	kk_text_json(line, shown, strlen(shown));
}

static void add_fields(struct kk_text *line, const struct account *about)
{
	const struct fields all = all_fields(about);
	struct fields left = all;
	struct pair field;
	const char *before = "{";
	for (unsigned part = 0; part < 3; part++)
		while (pair_next(&left.at[part], left.end[part], &field)) {
			if (has_column(part, field.name) || was_named(all, field.name))
				continue;
			kk_text_add(line, "%s", before);
			kk_text_json(line, field.name, strlen(field.name));
			kk_text_add(line, ":");
			add_value(line, field.value);
			before = ",";
		}
	kk_text_add(line, *before == '{' ? "{}" : "}");
}

/* ---- the errors file */

static void add_begin(struct kk_text *line, const struct account *about)
{
	char id[KK_NAME_ID_SIZE], key[VALUE_MAX];
	item_id(about, id);
	account_key(about, key, sizeof(key));
	kk_text_add(line, "{\"sequence\":%llu,\"id\":\"%s\",\"key\":", (unsigned long long)about->record->sequence, id);
	kk_text_json(line, key, strlen(key));
}

void account_failure(struct kk_text *line, const struct account *about)
{
	const char *stage = account_stage(about);
	const struct item_head *head = about->head;
	char letter[ACCOUNT_LETTER_SIZE], name[24], now[48];
	add_begin(line, about);
	kk_text_add(line, ",\"stage\":");
	kk_text_json(line, stage, strlen(stage));
	kk_text_add(line, ",\"class\":\"%s\",\"error\":", kk_text_class(account_class(about)));
	kk_text_json(line, head->text, strnlen(head->text, sizeof(head->text)));
	if (head->signal)
		kk_text_add(line, ",\"signal\":\"%s\"", kk_process_signal_name(head->signal, name, sizeof(name)));
	kk_text_add(line, ",\"attempts\":%u,\"time\":\"%s\"", head->attempts, kk_text_now(now, sizeof(now)));
	if (head->kept >= HEAD_WRITTEN) {
		account_letter(about, letter);
		kk_text_add(line, ",\"dead_letter\":\"%s\"", letter);
	}
	kk_text_add(line, "}\n");
}

/* ---- the manifest */

static const char *last_stage(const struct account *about)
{
	const struct kk_plan *plan = about->plan;
	unsigned stage = about->note->stage < plan->stage_count ? about->note->stage : 0;
	return kk_plan_text(plan, plan->stage[stage].name);
}

static void hash_text(const struct item_note *note, char to[33])
{
	for (size_t i = 0; i < sizeof(note->hash); i++)
		snprintf(to + 2 * i, 3, "%02x", note->hash[i]);
}

/* What the sink says it has stored, if that is a number; else what it was given. */
static uint64_t stored_bytes(const struct account *about)
{
	const char *said = own_field(about, "bytes");
	unsigned long long bytes;
	char rest;
	if (said && strspn(said, "0123456789") == strlen(said) && strlen(said) < 19 &&
	    sscanf(said, "%llu%c", &bytes, &rest) == 1)
		return bytes;
	return about->note->bytes;
}

static void add_times(struct kk_text *line, const struct account *about)
{
	const char *before = "{";
	for (unsigned s = 0; s < about->plan->stage_count; s++) {
		const struct note_time *time = &about->note->time[s];
		const char *name = kk_plan_text(about->plan, about->plan->stage[s].name);
		if (time->waited_us == NOTE_NEVER)
			continue;
		kk_text_add(line, "%s", before);
		kk_text_json(line, name, strlen(name));
		kk_text_add(line, ":{\"wait_ms\":%.3f,\"work_ms\":%.3f}", (double)time->waited_us / 1e3,
		            (double)time->worked_us / 1e3);
		before = ",";
	}
	kk_text_add(line, *before == '{' ? "{}" : "}");
}

static void output_ndjson(struct kk_text *line, const struct account *about)
{
	const char *stage = last_stage(about), *output = own_field(about, "output");
	char hash[33], now[48];
	hash_text(about->note, hash);
	add_begin(line, about);
	kk_text_add(line, ",\"stage\":");
	kk_text_json(line, stage, strlen(stage));
	kk_text_add(line, ",\"output\":");
	if (output)
		add_value(line, output);
	else
		kk_text_add(line, "null");
	kk_text_add(line, ",\"bytes\":%llu,\"hash\":\"%s\",\"time\":\"%s\",\"fields\":",
	            (unsigned long long)stored_bytes(about), hash, kk_text_now(now, sizeof(now)));
	add_fields(line, about);
	kk_text_add(line, ",\"times\":");
	add_times(line, about);
	kk_text_add(line, "}\n");
}

/* One cell, RFC 4180. What a spreadsheet would take for a formula gets a quotation mark in front. */
static void add_cell(struct kk_text *line, const char *value, size_t length)
{
	struct kk_text safe = {.at = NULL};
	kk_text_safe(&safe, value, length);
	bool quoted = safe.used > 0 && (memchr(safe.at, '"', safe.used) || memchr(safe.at, ',', safe.used) ||
	                                safe.at[0] == ' ' || safe.at[safe.used - 1] == ' ');
	kk_text_add(line, quoted ? "\"" : "");
	if (safe.used > 0 && strchr("=+-@", safe.at[0]))
		kk_text_add(line, "'");
	for (size_t i = 0; i < safe.used;) {
		const char *quote = quoted ? memchr(safe.at + i, '"', safe.used - i) : NULL;
		size_t upto = quote ? (size_t)(quote - safe.at) + 1 : safe.used;
		kk_text_add(line, "%.*s%s", (int)(upto - i), safe.at + i, quote ? "\"" : "");
		i = upto;
	}
	kk_text_add(line, quoted ? "\"" : "");
	line->lost = line->lost || safe.lost;
	kk_text_free(&safe);
}

static void output_csv(struct kk_text *line, const struct account *about)
{
	const char *stage = last_stage(about), *output = own_field(about, "output");
	char id[KK_NAME_ID_SIZE], hash[33], now[48], shown[VALUE_MAX];
	struct kk_text fields = {.at = NULL};
	hash_text(about->note, hash);
	item_id(about, id);
	account_key(about, shown, sizeof(shown));
	kk_text_add(line, "%llu,%s,", (unsigned long long)about->record->sequence, id);
	add_cell(line, shown, strlen(shown));
	kk_text_add(line, ",");
	add_cell(line, stage, strlen(stage));
	kk_redact(output ? output : "", shown, sizeof(shown));
	kk_text_add(line, ",");
	add_cell(line, shown, strlen(shown));
	kk_text_add(line, ",%llu,%s,%s,", (unsigned long long)stored_bytes(about), hash, kk_text_now(now, sizeof(now)));
	add_fields(&fields, about);
	add_cell(line, fields.at ? fields.at : "", fields.used);
	line->lost = line->lost || fields.lost;
	kk_text_free(&fields);
	for (unsigned s = 0; s < about->plan->stage_count; s++) {
		const struct note_time *time = &about->note->time[s];
		if (time->waited_us == NOTE_NEVER)
			kk_text_add(line, ",,");
		else
			kk_text_add(line, ",%.3f,%.3f", (double)time->waited_us / 1e3, (double)time->worked_us / 1e3);
	}
	kk_text_add(line, "\r\n");
}

void account_output(struct kk_text *line, const struct account *about)
{
	if (about->plan->manifest_csv)
		output_csv(line, about);
	else
		output_ndjson(line, about);
}

void account_titles(struct kk_text *line, const struct kk_plan *plan)
{
	if (!plan->manifest_csv)
		return;
	kk_text_add(line, "sequence,id,key,stage,output,bytes,hash,time,fields");
	for (unsigned s = 0; s < plan->stage_count; s++) {
		static const char *const what[] = {"wait_ms", "work_ms"};
		char title[200];
		for (unsigned i = 0; i < 2; i++) {
			snprintf(title, sizeof(title), "%.150s_%s", kk_plan_text(plan, plan->stage[s].name), what[i]);
			kk_text_add(line, ",");
			add_cell(line, title, strlen(title));
		}
	}
	kk_text_add(line, "\r\n");
}
