/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/condition.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A comparison, taken apart. */
struct comparison {
	enum kk_when_operator relation;
	enum kk_when_literal literal;
	const char *field, *text;
	double number;
};

/* The words from `at` on; a plan has its texts, and so the words among them, at any offset. */
struct reader {
	const struct kk_plan *plan;
	uint32_t offset, words, at;
};

static bool in_plan(const struct kk_plan *plan, uint32_t offset, uint32_t words)
{
	return words && words <= KK_WHEN_MAX_WORDS && offset >= sizeof(*plan) && offset < plan->bytes &&
	       words <= (plan->bytes - offset) / sizeof(uint32_t);
}

static uint32_t next_word(struct reader *reader)
{
	uint32_t word;

	if (reader->at >= reader->words)
		return 0;
	memcpy(&word, (const char *)reader->plan + reader->offset + sizeof(word) * reader->at, sizeof(word));
	reader->at++;
	return word;
}

/* False: it does not end, or is none. */
static bool next_comparison(struct reader *reader, uint32_t step, struct comparison *to)
{
	uint32_t relation = step >> 8 & 0xff, literal = step >> 16;
	uint32_t left = reader->words - reader->at, field = next_word(reader);

	if (relation > KK_WHEN_CONTAINS || literal > KK_WHEN_NUMBER || left < (literal == KK_WHEN_NUMBER ? 3 : 2))
		return false;
	to->relation = (enum kk_when_operator)relation;
	to->literal = (enum kk_when_literal)literal;
	to->field = kk_plan_text(reader->plan, field);
	to->text = "";
	to->number = 0;
	if (literal == KK_WHEN_NUMBER) {
		uint64_t bits = next_word(reader);
		bits |= (uint64_t)next_word(reader) << 32;
		memcpy(&to->number, &bits, sizeof(bits));
	} else {
		to->text = kk_plan_text(reader->plan, next_word(reader));
	}
	return true;
}

bool kk_condition_check(const struct kk_plan *plan, uint32_t offset, uint32_t words)
{
	struct reader reader = {plan, offset, words, 0};
	struct comparison comparison;
	unsigned depth = 0;

	if (!in_plan(plan, offset, words))
		return false;
	while (reader.at < words) {
		uint32_t step = next_word(&reader);
		unsigned takes = step == KK_WHEN_NOT ? 1 : 2;
		if ((step & 0xff) == KK_WHEN_COMPARE) {
			if (!next_comparison(&reader, step, &comparison) || ++depth > KK_WHEN_MAX_DEPTH)
				return false;
			continue;
		}
		if (step < KK_WHEN_AND || step > KK_WHEN_NOT || depth < takes)
			return false;
		depth -= takes - 1;
	}
	return depth == 1;
}

/* ---- evaluating */

static bool order_holds(enum kk_when_operator relation, int order)
{
	switch (relation) {
	case KK_WHEN_EQ:
		return order == 0;
	case KK_WHEN_NE:
		return order != 0;
	case KK_WHEN_LT:
		return order < 0;
	case KK_WHEN_LE:
		return order <= 0;
	case KK_WHEN_GT:
		return order > 0;
	case KK_WHEN_GE:
		return order >= 0;
	case KK_WHEN_CONTAINS:
		break;
	}
	return false;
}

static bool holds(const struct comparison *comparison, const char *value)
{
	char *end;

	if (!value)
		return false;
	if (comparison->relation == KK_WHEN_CONTAINS)
		return strstr(value, comparison->text) != NULL;
	if (comparison->literal == KK_WHEN_TEXT)
		return order_holds(comparison->relation, strcmp(value, comparison->text));
	double number = strtod(value, &end);
	if (end == value || *end || isnan(number))
		return false;
	return order_holds(comparison->relation, (number > comparison->number) - (number < comparison->number));
}

bool kk_condition_holds(const struct kk_plan *plan, uint32_t offset, uint32_t words, const struct kk_when_item *item)
{
	struct reader reader = {plan, offset, words, 0};
	struct comparison comparison;
	uint64_t stack = 0; /* the top is bit 0 */

	if (!in_plan(plan, offset, words))
		return false;
	while (reader.at < words) {
		uint32_t step = next_word(&reader);
		switch ((enum kk_when_step)(step & 0xff)) {
		case KK_WHEN_COMPARE:
			if (!next_comparison(&reader, step, &comparison))
				return false;
			stack = stack << 1 | holds(&comparison, item->field(item->arg, comparison.field));
			break;
		case KK_WHEN_AND:
			stack = (stack >> 1 & ~UINT64_C(1)) | (stack & stack >> 1 & 1);
			break;
		case KK_WHEN_OR:
			stack = stack >> 1 | (stack & 1);
			break;
		case KK_WHEN_NOT:
			stack ^= 1;
			break;
		default:
			return false;
		}
	}
	return stack & 1;
}
