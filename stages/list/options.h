/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/options.h - what the config says about a list.
 */
#ifndef STAGES_LIST_OPTIONS_H
#define STAGES_LIST_OPTIONS_H

#include <kakehi/option.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum list_format { FORMAT_AUTO = 0, FORMAT_TEXT, FORMAT_CSV, FORMAT_TSV, FORMAT_NDJSON };

struct list_options {
	const char *path, *key, *separator, *comment;
	struct kk_strings fields;
	uint64_t max_line, max_window;
	int format, compression;
	bool header;
};

/* list_format_of - what to read the list as: never FORMAT_AUTO. */
enum list_format list_format_of(const struct list_options *options);

/* list_separator_of - between columns; 0: there are none. */
char list_separator_of(const struct list_options *options);

/* list_carries - is a column or member of this name to be carried along? *named: it was asked for by name. */
bool list_carries(const struct list_options *options, const char *name, bool *named);

#endif
