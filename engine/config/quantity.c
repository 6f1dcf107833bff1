/* SPDX-License-Identifier: Apache-2.0 */
#include "config/quantity.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10},
    {"TB", UINT64_C(1000000000000)},
    {"GB", UINT64_C(1000000000)},
    {"MB", UINT64_C(1000000)},
    {"KB", UINT64_C(1000)},
    {"B", UINT64_C(1)},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"h", UINT64_C(3600000)}, {"m", UINT64_C(60000)}, {"s", UINT64_C(1000)}, {"ms", UINT64_C(1)}, {NULL, 0},
};

static const struct unit no_unit = {"", 1};

/* What one kind of quantity is and how it may be written. */
struct measure {
	const char *what;
	const char *examples;
	const struct unit *units;
	bool bare; /* a number without unit is fine */
};

static const struct measure size_measure = {
    .what = "size", .examples = "4096, 64KiB, 50MiB or 1GB", .units = size_units, .bare = true};
static const struct measure duration_measure = {
    .what = "duration", .examples = "500ms, 30s, 5m or 2h", .units = duration_units, .bare = false};

int kk_quantity_bool(const char *text, bool *to, struct kk_error *error)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not a truth value: write true or false", text);
	*to = text[0] == 't';
	return KK_OK;
}

/* Reads decimal digits; returns what follows them, or NULL if there are none. */
static const char *read_digits(const char *text, uint64_t *value, bool *overflow)
{
	if (!isdigit((unsigned char)*text))
		return NULL;
	*value = 0;
	*overflow = false;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*text - '0'), value))
			*overflow = true;
	}
	return text;
}

int kk_quantity_unsigned(const char *text, uint64_t *to, struct kk_error *error)
{
	uint64_t value;
	bool overflow;
	const char *end = read_digits(text, &value, &overflow);

	if (!end && text[0] == '-' && isdigit((unsigned char)text[1]))
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is negative: write a number from 0", text);
	if (!end || *end)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not a whole number", text);
	if (overflow)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is too large for a 64-bit number", text);
	*to = value;
	return KK_OK;
}

int kk_quantity_int(const char *text, int64_t *to, struct kk_error *error)
{
	bool negative = text[0] == '-';
	uint64_t value;
	bool overflow;
	const char *end = read_digits(text + (negative || text[0] == '+'), &value, &overflow);

	if (!end || *end)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not a whole number", text);
	if (overflow || value > (uint64_t)INT64_MAX + negative)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is too large for a 64-bit number", text);
	*to = negative ? (int64_t)(0 - value) : (int64_t)value;
	return KK_OK;
}

/* strtod also takes hexadecimal, "inf", leading blanks and the locale's comma: let only decimal notation through. */
static bool looks_decimal(const char *text)
{
	text += *text == '-' || *text == '+';
	return isdigit((unsigned char)text[text[0] == '.']) && !text[strspn(text, "0123456789.eE+-")];
}

int kk_quantity_float(const char *text, double *to, struct kk_error *error)
{
	char *end = NULL;
	locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);

	if (!c_locale)
		return kk_error_set(error, KK_ERR_MEMORY, "%s", kk_status_text(KK_ERR_MEMORY));
	double value = looks_decimal(text) ? strtod_l(text, &end, c_locale) : 0;
	freelocale(c_locale);
	if (!end || *end)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not a number", text);
	if (!isfinite(value))
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is too large for a number", text);
	*to = value;
	return KK_OK;
}

static const struct unit *find_unit(const struct measure *measure, const char *name)
{
	const struct unit *unit = measure->units;

	while (unit->name && strcmp(unit->name, name) != 0)
		unit++;
	return unit->name ? unit : NULL;
}

static int unit_error(const struct measure *measure, const char *text, const char *rest, struct kk_error *error)
{
	if (!*rest)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" has no unit: write a %s as %s", text,
		                    measure->what, measure->examples);
	if (*rest == '.' || *rest == ',')
		return kk_error_set(error, KK_ERR_INVALID,
		                    "\"%.80s\" is not a whole number: take a smaller unit, as in %s", text,
		                    measure->examples);
	if (isspace((unsigned char)*rest))
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" has a blank in it: write a %s as %s", text,
		                    measure->what, measure->examples);
	return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" has the unknown unit \"%.40s\": write a %s as %s", text,
	                    rest, measure->what, measure->examples);
}

static int read_measure(const struct measure *measure, const char *text, uint64_t *to, struct kk_error *error)
{
	uint64_t value;
	bool overflow;
	const char *rest = read_digits(text, &value, &overflow);

	if (!rest && text[0] == '-' && isdigit((unsigned char)text[1]))
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is negative: write a %s as %s", text,
		                    measure->what, measure->examples);
	if (!rest)
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is not a %s: write it as %s", text, measure->what,
		                    measure->examples);
	const struct unit *unit = *rest || !(measure->bare || value == 0) ? find_unit(measure, rest) : &no_unit;
	if (!unit)
		return unit_error(measure, text, rest, error);
	if (overflow || __builtin_mul_overflow(value, unit->factor, &value))
		return kk_error_set(error, KK_ERR_INVALID, "\"%.80s\" is too large for a %s", text, measure->what);
	*to = value;
	return KK_OK;
}

int kk_quantity_size(const char *text, uint64_t *bytes, struct kk_error *error)
{
	return read_measure(&size_measure, text, bytes, error);
}

int kk_quantity_duration(const char *text, uint64_t *ms, struct kk_error *error)
{
	return read_measure(&duration_measure, text, ms, error);
}

/* With the largest unit of which the value is a whole number. */
static const char *write_measure(const struct unit *units, uint64_t value, char *to, size_t size)
{
	const struct unit *best = &no_unit;

	for (const struct unit *unit = units; value && unit->name; unit++) {
		if (value % unit->factor == 0 && unit->factor >= best->factor)
			best = unit;
	}
	snprintf(to, size, "%" PRIu64 "%s", value / best->factor, best->name);
	return to;
}

const char *kk_quantity_size_text(uint64_t bytes, char *to, size_t size)
{
	return write_measure(size_units, bytes, to, size);
}

const char *kk_quantity_duration_text(uint64_t ms, char *to, size_t size)
{
	return write_measure(duration_units, ms, to, size);
}
