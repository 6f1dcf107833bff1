/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"
#include <inttypes.h>
#include <stdio.h>

/* name_failed - gives a record that fails a key to be known by: its beginning, or its line's number. */
static void name_failed(struct kk_item *item, struct span text, uint64_t line)
{
	char key[READER_NAME_BYTES];
	struct span span = span_trim(text);
	size_t length = 0;
	for (; length < sizeof(key) - 1 && length < span.length; length++)
		key[length] = span.at[length] >= ' ' && span.at[length] < 0x7f ? span.at[length] : '?';
	if (length == 0)
		length = (size_t)snprintf(key, sizeof(key), "line %" PRIu64, line);
	kk_set_key(item, key, length);
}

enum kk_verdict row_fail(struct kk_item *item, enum kk_fail_class class, struct span text, uint64_t line,
                         const char *why)
{
	name_failed(item, text, line);
	return kk_fail(item, class, "line %" PRIu64 ": %s", line, why);
}

enum kk_verdict row_set_key(struct kk_item *item, struct span key, uint64_t line)
{
	static const char *const faults[] = {[SPAN_NOT_UTF8] = "not valid UTF-8",
	                                     [SPAN_NUL] = "has a NUL byte",
	                                     [SPAN_CONTROL] = "has a control character"};
	enum span_fault fault = span_fault(key);
	if (fault != SPAN_CLEAN)
		return row_fail(item, KK_FAIL_BAD_URL, key, line, faults[fault]);
	if (key.length == 0)
		return row_fail(item, KK_FAIL_BAD_URL, key, line, "the key is empty");
	int status = kk_set_key(item, key.at, key.length);
	if (status < 0)
		return row_fail(item, KK_FAIL_BAD_URL, key, line, "the key is too long for the source's records");
	return status == 0 ? KK_PASS : KK_SKIP;
}

/* set_fields - carries columns along. Each is closed with a NUL in place: behind it stands a separator, a quote, the
 * line end or the feed's spare byte, none of which is needed any more. */
static enum kk_verdict set_fields(struct kk_item *item, const struct header *header, struct span *fields,
                                  struct span name, uint64_t line)
{
	for (int i = 0; i < header->count; i++) {
		if (!header->carried[i])
			continue;
		enum span_fault fault = span_fault(fields[i]);
		if (fault == SPAN_NOT_UTF8 || fault == SPAN_NUL)
			return row_fail(item, KK_FAIL_BAD_URL, name, line, "a column is not valid UTF-8 text");
		fields[i].at[fields[i].length] = '\0';
		if (kk_set_field(item, header->name[i], fields[i].at) != 0)
			return row_fail(item, KK_FAIL_TOO_LARGE, name, line,
			                "the columns are too long for the source's records: `fields` chooses some");
	}
	return KK_PASS;
}

static enum kk_verdict take_columns(struct kk_item *item, const struct reader *reader)
{
	const struct header *header = &reader->header;
	struct span fields[HEADER_MAX_COLUMNS];
	char why[100];
	int count = record_split(reader->record, reader->rules.separator, fields, HEADER_MAX_COLUMNS);
	if (count < 0)
		return row_fail(item, KK_FAIL_OTHER, (struct span){0}, reader->line,
		                count == -1 ? "text behind a closing quote" : "too many columns");
	struct span name = fields[header->key < count ? header->key : 0];
	if (count != header->count) {
		snprintf(why, sizeof(why), "%d columns, the %s row has %d", count,
		         reader->options->header ? "header" : "first", header->count);
		return row_fail(item, KK_FAIL_OTHER, name, reader->line, why);
	}
	enum kk_verdict verdict = row_set_key(item, span_trim(name), reader->line);
	return verdict == KK_PASS ? set_fields(item, header, fields, name, reader->line) : verdict;
}

enum kk_verdict row_take(struct kk_item *item, struct reader *reader)
{
	char why[100];
	if (reader->end == RECORD_TOO_LONG) {
		snprintf(why, sizeof(why), "longer than max_line, %" PRIu64 " bytes", reader->options->max_line);
		return row_fail(item, KK_FAIL_BAD_URL, reader->record, reader->line, why);
	}
	if (reader->end == RECORD_UNCLOSED) {
		snprintf(why, sizeof(why), "a quoted field is not closed within %" PRIu64 " bytes",
		         reader->options->max_line);
		return row_fail(item, KK_FAIL_OTHER, reader->record, reader->line, why);
	}
	if (reader->rules.separator)
		return take_columns(item, reader);
	if (list_format_of(reader->options) == FORMAT_NDJSON)
		return row_take_json(item, reader->options, reader->record, reader->line);
	return row_set_key(item, span_trim(reader->record), reader->line);
}
