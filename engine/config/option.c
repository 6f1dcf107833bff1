/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS  200
#define UNBOUNDED 9007199254740991.0 /* 2^53 - 1: a `max` from here on is no bound worth telling */

/* One call of kk_options_fill. */
struct filling {
	const struct kk_option *rows;
	unsigned char *options;
	const struct kk_option_pair *pairs;
	size_t count;
	struct kk_store *store;
	kk_option_report report;
	void *user;
	int mistakes;
	bool out_of_memory;
};

static const char *memory_text(void)
{
	return kk_status_text(KK_ERR_MEMORY);
}

/* ---- one value of each type: reads `text`, stores it at `to` */

static int put_bool(const struct kk_option *row, const char *text, void *to, struct kk_error *error)
{
	(void)row;
	return kk_quantity_bool(text, to, error);
}

static const char *bound_text(const struct kk_option *row, double bound, char *to, size_t size)
{
	if (row->type == KK_OPTION_SIZE)
		return kk_quantity_size_text((uint64_t)bound, to, size);
	if (row->type == KK_OPTION_DURATION)
		return kk_quantity_duration_text((uint64_t)bound, to, size);
	snprintf(to, size, "%.15g", bound);
	return to;
}

const char *kk_option_range(const struct kk_option *row, char *to, size_t size)
{
	bool measure = row->type == KK_OPTION_SIZE || row->type == KK_OPTION_DURATION;
	const char *gap = row->unit && !measure ? " " : "", *unit = row->unit && !measure ? row->unit : "";
	char low[40], high[40];

	to[0] = '\0';
	if (row->min == 0 && row->max == 0)
		return to;
	bound_text(row, row->min, low, sizeof(low));
	bound_text(row, row->max, high, sizeof(high));
	if (row->max >= UNBOUNDED)
		snprintf(to, size, "at least %s%s%s", low, gap, unit);
	else
		snprintf(to, size, "%s to %s%s%s", low, high, gap, unit);
	return to;
}

static int check_range(const struct kk_option *row, double value, const char *text, struct kk_error *error)
{
	char range[160];

	if ((row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max))
		return KK_OK;
	return kk_error_set(error, KK_ERR_INVALID, "%.80s is out of range: %s", text,
	                    kk_option_range(row, range, sizeof(range)));
}

static int put_int(const struct kk_option *row, const char *text, void *to, struct kk_error *error)
{
	int64_t value;
	int status = kk_quantity_int(text, &value, error);

	if (status == KK_OK)
		status = check_range(row, (double)value, text, error);
	if (status == KK_OK)
		memcpy(to, &value, sizeof(value));
	return status;
}

static int put_float(const struct kk_option *row, const char *text, void *to, struct kk_error *error)
{
	double value;
	int status = kk_quantity_float(text, &value, error);

	if (status == KK_OK)
		status = check_range(row, value, text, error);
	if (status == KK_OK)
		memcpy(to, &value, sizeof(value));
	return status;
}

static int put_measure(const struct kk_option *row, const char *text, void *to, struct kk_error *error)
{
	uint64_t value;
	int status = row->type == KK_OPTION_SIZE ? kk_quantity_size(text, &value, error)
	                                         : kk_quantity_duration(text, &value, error);

	if (status == KK_OK)
		status = check_range(row, (double)value, text, error);
	if (status == KK_OK)
		memcpy(to, &value, sizeof(value));
	return status;
}

const char *kk_option_words(const char *const *words, char *to, size_t size)
{
	size_t used = 0;

	to[0] = '\0';
	for (size_t i = 0; words[i] && used < size; i++) {
		const char *joint = !i ? "" : words[i + 1] ? ", " : " or ";
		int length = snprintf(to + used, size - used, "%s%s", joint, words[i]);
		used += length > 0 ? (size_t)length : 0;
	}
	return to;
}

static int put_enum(const struct kk_option *row, const char *text, void *to, struct kk_error *error)
{
	char words[300];

	for (int i = 0; row->words[i]; i++) {
		if (strcmp(row->words[i], text) == 0) {
			memcpy(to, &i, sizeof(i));
			return KK_OK;
		}
	}
	return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not one of the choices: %s", text,
	                    kk_option_words(row->words, words, sizeof(words)));
}

/* The types: how many bytes the field has, and how one text is stored in it. Texts and lists are stored by their own
 * functions below, since they need memory. */
struct type {
	const char *name;
	size_t bytes, align;
	int (*put)(const struct kk_option *row, const char *text, void *to, struct kk_error *error);
};

static const struct type types[] = {
    [KK_OPTION_BOOL] = {"true or false", sizeof(bool), _Alignof(bool), put_bool},
    [KK_OPTION_INT] = {"integer", sizeof(int64_t), _Alignof(int64_t), put_int},
    [KK_OPTION_FLOAT] = {"number", sizeof(double), _Alignof(double), put_float},
    [KK_OPTION_SIZE] = {"size", sizeof(uint64_t), _Alignof(uint64_t), put_measure},
    [KK_OPTION_DURATION] = {"duration", sizeof(uint64_t), _Alignof(uint64_t), put_measure},
    [KK_OPTION_STRING] = {"text", sizeof(char *), _Alignof(char *), NULL},
    [KK_OPTION_ENUM] = {"word", sizeof(int), _Alignof(int), put_enum},
    [KK_OPTION_LIST] = {"list of texts", sizeof(struct kk_strings), _Alignof(struct kk_strings), NULL},
};

static const struct type *type_of(const struct kk_option *row)
{
	unsigned index = (unsigned)row->type;

	return index < sizeof(types) / sizeof(types[0]) && types[index].name ? &types[index] : NULL;
}

const char *kk_option_type_name(const struct kk_option *row)
{
	const struct type *type = type_of(row);

	return type ? type->name : "?";
}

/* ---- reporting */

static void report(struct filling *filling, const struct kk_option *row, long pair, enum kk_option_part part,
                   const char *nearest, const char *sentence)
{
	struct kk_option_mistake mistake = {.pair = pair,
	                                    .option = row ? row->name : filling->pairs[pair].name,
	                                    .part = part,
	                                    .secret = row && (row->flags & KK_OPTION_SECRET),
	                                    .sentence = sentence,
	                                    .nearest = nearest};

	filling->mistakes++;
	filling->report(filling->user, &mistake);
}

/* What is wrong with the text of a pair; a secret one is not quoted. */
static void report_text(struct filling *filling, const struct kk_option *row, long pair, const char *why)
{
	char sentence[700];
	bool secret = row->flags & KK_OPTION_SECRET;
	const char *nearest = NULL;

	if (secret)
		snprintf(sentence, sizeof(sentence), "option \"%s\": its value is not a valid %s", row->name,
		         kk_option_type_name(row));
	else
		snprintf(sentence, sizeof(sentence), "option \"%s\": %s", row->name, why);
	if (row->type == KK_OPTION_ENUM && !secret && pair >= 0)
		nearest = kk_nearest_of(filling->pairs[pair].text, row->words);
	report(filling, row, pair, KK_OPTION_PART_TEXT, nearest, sentence);
}

/* ---- one row */

static void put_one(struct filling *filling, const struct kk_option *row, const char *text, long pair)
{
	struct kk_error error = {0};
	void *to = filling->options + row->at;

	if (row->type == KK_OPTION_STRING) {
		const char *copy = kk_store_text(filling->store, text, strlen(text));
		filling->out_of_memory |= !copy;
		memcpy(to, &copy, sizeof(copy));
		return;
	}
	if (type_of(row)->put(row, text, to, &error) != KK_OK)
		report_text(filling, row, pair, error.text);
}

/* The default of a list is written as in a config's flow form, with or without the brackets: "[jpeg, png]". */
static const char *next_default(const char **at, size_t *length)
{
	const char *start = *at + strspn(*at, "[], ");

	*length = strcspn(start, "],");
	*at = start + *length;
	while (*length && start[*length - 1] == ' ')
		--*length;
	return *length ? start : NULL;
}

static void put_list(struct filling *filling, const struct kk_option *row)
{
	struct kk_strings list = {0};
	const char *text, *at = row->def ? row->def : "";
	size_t length, given = 0, room = filling->count + strlen(at) + 1;

	char **texts = kk_store_alloc(filling->store, room * sizeof(*texts));
	filling->out_of_memory |= !texts;
	for (size_t i = 0; texts && i < filling->count; i++) {
		if (strcmp(filling->pairs[i].name, row->name) != 0)
			continue;
		text = filling->pairs[i].text;
		texts[given] = kk_store_text(filling->store, text, strlen(text));
		filling->out_of_memory |= !texts[given++];
	}
	list.count = given;
	while (texts && !given && (text = next_default(&at, &length))) {
		texts[list.count] = kk_store_text(filling->store, text, length);
		filling->out_of_memory |= !texts[list.count++];
	}
	list.at = (const char *const *)texts;
	memcpy(filling->options + row->at, &list, sizeof(list));
}

static void fill_row(struct filling *filling, const struct kk_option *row)
{
	long last = -1;

	for (size_t i = 0; i < filling->count; i++) {
		if (strcmp(filling->pairs[i].name, row->name) != 0)
			continue;
		if (last >= 0 && row->type != KK_OPTION_LIST)
			report_text(filling, row, (long)i, "it takes one value, not several");
		last = (long)i;
	}
	if (last < 0 && (row->flags & KK_OPTION_REQUIRED)) {
		char sentence[200];
		snprintf(sentence, sizeof(sentence), "option \"%.100s\" is missing: it has no default", row->name);
		report(filling, row, -1, KK_OPTION_PART_NAME, NULL, sentence);
	} else if (row->type == KK_OPTION_LIST) {
		put_list(filling, row);
	} else if (last >= 0) {
		put_one(filling, row, filling->pairs[last].text, last);
	} else if (row->def || row->type == KK_OPTION_STRING) {
		put_one(filling, row, row->def ? row->def : "", -1);
	}
}

static void check_name(struct filling *filling, size_t pair)
{
	struct kk_nearest nearest = {.word = filling->pairs[pair].name};
	char sentence[200];

	for (const struct kk_option *row = filling->rows; row && row->name; row++) {
		if (strcmp(row->name, nearest.word) == 0)
			return;
		kk_nearest_offer(&nearest, row->name);
	}
	snprintf(sentence, sizeof(sentence), "unknown option \"%.100s\"", nearest.word);
	report(filling, NULL, (long)pair, KK_OPTION_PART_NAME, nearest.best, sentence);
}

int kk_options_fill(const struct kk_option *rows, void *options, size_t options_size,
                    const struct kk_option_pair *pairs, size_t count, struct kk_store *store,
                    kk_option_report report_to, void *user)
{
	struct filling filling = {.rows = rows,
	                          .options = options,
	                          .pairs = pairs,
	                          .count = count,
	                          .store = store,
	                          .report = report_to,
	                          .user = user};

	if (options_size)
		memset(options, 0, options_size);
	for (size_t i = 0; i < count; i++)
		check_name(&filling, i);
	for (const struct kk_option *row = rows; row && row->name; row++)
		fill_row(&filling, row);
	return filling.out_of_memory ? KK_ERR_MEMORY : filling.mistakes;
}

/* ---- from the plan's block */

static void keep_first(void *user, const struct kk_option_mistake *mistake)
{
	struct kk_error *error = user;

	if (error->code == KK_OK)
		kk_error_set(error, KK_ERR_INVALID, "%s", mistake->sentence);
}

/* Splits name\0text\0 ... into pairs (if `pairs` is given); returns how many there are, or -1 if the block is torn. */
static long split_block(const char *block, size_t bytes, struct kk_option_pair *pairs)
{
	const char *parts[2];
	size_t at = 0;
	long count = 0;

	if (bytes && block[bytes - 1] != '\0')
		return -1;
	while (at < bytes) {
		for (int i = 0; i < 2; i++) {
			if (at >= bytes)
				return -1;
			parts[i] = block + at;
			at += strlen(parts[i]) + 1;
		}
		if (pairs)
			pairs[count] = (struct kk_option_pair){parts[0], parts[1]};
		count++;
	}
	return count;
}

int kk_options_unpack(const struct kk_option *rows, void *options, size_t options_size, const char *block, size_t bytes,
                      struct kk_store *store, struct kk_error *error)
{
	struct kk_error first = {0};
	long count = split_block(block, bytes, NULL);

	if (count < 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the plan's option texts are torn");
	struct kk_option_pair *pairs = kk_store_alloc(store, ((size_t)count + 1) * sizeof(*pairs));
	if (!pairs)
		return kk_error_set(error, KK_ERR_MEMORY, "%s", memory_text());
	split_block(block, bytes, pairs);
	int mistakes = kk_options_fill(rows, options, options_size, pairs, (size_t)count, store, keep_first, &first);
	if (mistakes < 0)
		return kk_error_set(error, mistakes, "%s", memory_text());
	return mistakes ? kk_error_set(error, KK_ERR_INVALID, "%s", first.text) : KK_OK;
}

/* ---- the rows themselves */

static int check_row(const struct kk_option *row, size_t options_size, struct kk_error *error)
{
	const struct type *type = type_of(row);

	if (!type)
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" has the unknown type %d", row->name,
		                    (int)row->type);
	if (row->at > options_size || type->bytes > options_size - row->at || row->at % type->align)
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" is stored outside of the options struct",
		                    row->name);
	if (!row->text)
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" has no text for people", row->name);
	if (row->type == KK_OPTION_ENUM && (!row->words || !row->words[0]))
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" has no words to choose from", row->name);
	if (!(row->min <= row->max))
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" has a minimum above its maximum",
		                    row->name);
	if ((row->flags & KK_OPTION_REQUIRED) && row->def)
		return kk_error_set(error, KK_ERR_INVALID, "option \"%.80s\" is required and has a default", row->name);
	return KK_OK;
}

static int check_default(const struct kk_option *row, struct kk_error *error)
{
	struct kk_error why = {0};
	union {
		_Alignas(max_align_t) unsigned char bytes[sizeof(struct kk_strings)];
	} scratch;

	if (!row->def || !type_of(row)->put || type_of(row)->put(row, row->def, scratch.bytes, &why) == KK_OK)
		return KK_OK;
	return kk_error_set(error, KK_ERR_INVALID, "the default of option \"%.80s\" is wrong: %s", row->name, why.text);
}

int kk_options_check_rows(const struct kk_option *rows, size_t options_size, struct kk_error *error)
{
	int status = KK_OK;

	for (size_t i = 0; rows && rows[i].name && status == KK_OK; i++) {
		if (i == MAX_ROWS)
			return kk_error_set(error, KK_ERR_INVALID, "more than %d option rows: is the last one empty?",
			                    MAX_ROWS);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(rows[i].name, rows[j].name) == 0)
				return kk_error_set(error, KK_ERR_INVALID, "two options are called \"%.80s\"",
				                    rows[i].name);
		}
		status = check_row(&rows[i], options_size, error);
		if (status == KK_OK)
			status = check_default(&rows[i], error);
	}
	return status;
}
