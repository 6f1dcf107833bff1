/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/when.h"
#include "config/nearest.h"
#include "config/quantity.h"
#include <kakehi/error.h>
#include <string.h>

#define MAX_NESTING 24  /* of parentheses: each takes two places on the condition's stack at most */
#define MAX_TEXT    256 /* bytes of a name or literal                                             */

enum token { END, NAME, BRACED, TEXT, NUMBER, SYMBOL, BAD };

struct parser {
	const struct kk_config_stage *stage;
	struct kk_diagnostics *diagnostics;
	struct kk_when_code *code;
	const char *next;
	/* the token in hand */
	enum token token;
	const char *start;      /* where it begins in the text              */
	char text[MAX_TEXT];    /* what it stands for                       */
	char written[MAX_TEXT]; /* as people wrote it, for messages         */
	double number;
	unsigned nesting;
	bool failed;
	/* the first field that no item has: told if nothing else is wrong */
	const char *unknown_at, *unknown_nearest;
	char unknown[MAX_TEXT];
};

/* ---- mistakes */

static void mistake(struct parser *parser, const char *at, const char *nearest, const char *sentence, const char *word)
{
	const char *text = parser->stage->when.text;
	struct kk_place place =
	    kk_diagnostic_inside(parser->diagnostics, parser->stage->when.place, text, (size_t)(at - text));
	struct kk_hint hint = {.nearest = nearest};

	if (!parser->failed)
		kk_diagnostic_error(parser->diagnostics, place, &hint, "\"when\" of stage \"%.80s\": %s%.80s",
		                    parser->stage->name.text ? parser->stage->name.text : "?", sentence, word);
	parser->failed = true;
}

static void unexpected(struct parser *parser, const char *nearest, const char *sentence)
{
	mistake(parser, parser->start, nearest, sentence, parser->token == END ? "nothing" : parser->written);
}

/* ---- tokens */

static const char name_first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
static const char name_rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";
static const char number_rest[] = "0123456789.+-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static void set_token(struct parser *parser, enum token token, const char *text, size_t length, size_t written)
{
	parser->token = token;
	parser->next = parser->start + written;
	if (length >= MAX_TEXT) {
		parser->token = BAD;
		mistake(parser, parser->start, NULL, "this is too long", "");
		length = 0;
	}
	memcpy(parser->text, text, length);
	parser->text[length] = '\0';
	written = written < MAX_TEXT ? written : MAX_TEXT - 1;
	memcpy(parser->written, parser->start, written);
	parser->written[written] = '\0';
}

/* Between quotes: a backslash takes the next character as it is. */
static void read_quoted(struct parser *parser)
{
	char quote = *parser->start, text[MAX_TEXT];
	size_t length = 0;
	const char *at = parser->start + 1;

	for (; *at && *at != quote && length < MAX_TEXT - 1; at++) {
		at += *at == '\\' && at[1];
		text[length++] = *at;
	}
	if (*at == quote) {
		set_token(parser, TEXT, text, length, (size_t)(at + 1 - parser->start));
		return;
	}
	parser->token = BAD;
	mistake(parser, parser->start, NULL, *at ? "this text is too long" : "the quotes of this text are not closed",
	        "");
}

static void read_braced(struct parser *parser)
{
	size_t length = strcspn(parser->start + 1, "{}");

	if (length && parser->start[1 + length] == '}') {
		set_token(parser, BRACED, parser->start + 1, length, length + 2);
		return;
	}
	parser->token = BAD;
	mistake(parser, parser->start, NULL, "expected the name of a field and \"}\" behind \"{\"", "");
}

static void read_number(struct parser *parser)
{
	uint64_t bytes;

	set_token(parser, NUMBER, parser->start, strspn(parser->start, number_rest),
	          strspn(parser->start, number_rest));
	if (parser->token == BAD || kk_quantity_float(parser->text, &parser->number, NULL) == KK_OK)
		return;
	if (kk_quantity_size(parser->text, &bytes, NULL) == KK_OK) {
		parser->number = (double)bytes;
		return;
	}
	parser->token = BAD;
	mistake(parser, parser->start, NULL, "expected a number or a size such as 10KiB, got ", parser->written);
}

static void read_symbol(struct parser *parser)
{
	static const char *const doubled[] = {"==", "!=", "<=", ">=", "&&", "||"};
	size_t length = 1;

	for (size_t i = 0; i < sizeof(doubled) / sizeof(doubled[0]); i++)
		if (strncmp(parser->start, doubled[i], 2) == 0)
			length = 2;
	while ((parser->start[length] & 0xc0) == 0x80) /* the rest of a character */
		length++;
	set_token(parser, SYMBOL, parser->start, length, length);
}

static void advance(struct parser *parser)
{
	parser->start = parser->next + strspn(parser->next, " \t\r\n");
	char first = *parser->start;
	bool sign = one_of(first, "+-.") && one_of(parser->start[1], "0123456789.");

	if (!first)
		set_token(parser, END, "", 0, 0);
	else if (one_of(first, name_first))
		set_token(parser, NAME, parser->start, strspn(parser->start, name_rest),
		          strspn(parser->start, name_rest));
	else if (one_of(first, "0123456789") || sign)
		read_number(parser);
	else if (first == '"' || first == '\'')
		read_quoted(parser);
	else if (first == '{')
		read_braced(parser);
	else
		read_symbol(parser);
}

static bool is(const struct parser *parser, enum token token, const char *text)
{
	return parser->token == token && strcmp(parser->text, text) == 0;
}

/* ---- code */

static void emit(struct parser *parser, uint32_t word)
{
	struct kk_when_code *code = parser->code;

	if (code->count == KK_WHEN_MAX_WORDS)
		mistake(parser, parser->start, NULL, "the condition is too long", "");
	else
		code->word[code->count++] = word;
}

static void emit_comparison(struct parser *parser, uint32_t field, enum kk_when_operator relation)
{
	struct kk_when_code *code = parser->code;
	enum kk_when_literal literal = parser->token == NUMBER ? KK_WHEN_NUMBER : KK_WHEN_TEXT;

	emit(parser, KK_WHEN_COMPARE | (uint32_t)relation << 8 | (uint32_t)literal << 16);
	emit(parser, field);
	if (literal == KK_WHEN_NUMBER) {
		uint64_t bits;
		memcpy(&bits, &parser->number, sizeof(bits));
		emit(parser, (uint32_t)bits);
		emit(parser, (uint32_t)(bits >> 32));
	} else {
		emit(parser, code->add_text(code->arg, parser->text));
	}
}

/* ---- comparisons */

static const struct {
	enum token token;
	const char *text;
	enum kk_when_operator relation;
} operators[] = {
    {SYMBOL, "==", KK_WHEN_EQ}, {SYMBOL, "!=", KK_WHEN_NE},
    {SYMBOL, "<", KK_WHEN_LT},  {SYMBOL, "<=", KK_WHEN_LE},
    {SYMBOL, ">", KK_WHEN_GT},  {SYMBOL, ">=", KK_WHEN_GE},
    {NAME, "in", KK_WHEN_EQ},   {NAME, "contains", KK_WHEN_CONTAINS},
};

/* The operator in hand; false: it is none. */
static bool read_operator(struct parser *parser, enum kk_when_operator *relation, bool *list)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (!is(parser, operators[i].token, operators[i].text))
			continue;
		*relation = operators[i].relation;
		*list = strcmp(operators[i].text, "in") == 0;
		return true;
	}
	unexpected(parser, is(parser, SYMBOL, "=") ? "==" : NULL,
	           "expected ==, !=, <, <=, >, >=, in or contains behind the field, got ");
	return false;
}

/* Does the literal in hand go with the field and the operator? */
static bool check_literal(struct parser *parser, const char *field, enum kk_when_operator relation)
{
	bool truth = is(parser, NAME, "true") || is(parser, NAME, "false");
	bool ordered = relation >= KK_WHEN_LT && relation <= KK_WHEN_GE;

	if (parser->token == NAME && !truth)
		unexpected(parser, NULL, "a text stands in quotes; without them is ");
	else if (parser->token != NUMBER && parser->token != TEXT && !truth)
		unexpected(parser, NULL, "expected a number, a text in quotes, true or false, got ");
	else if (truth && ordered)
		unexpected(parser, NULL, "true and false are only equal or not, neither more nor less: ");
	else if (relation == KK_WHEN_CONTAINS && parser->token != TEXT)
		unexpected(parser, NULL, "\"contains\" looks for a text in quotes, not for ");
	else if (strcmp(field, "bytes") == 0 && (parser->token != NUMBER || relation == KK_WHEN_CONTAINS))
		unexpected(parser, NULL, "\"bytes\" is a number and cannot be compared with ");
	return !parser->failed;
}

/* ( literal, ... ): the comparisons with each, joined by OR. */
static void read_list(struct parser *parser, const char *name, uint32_t field)
{
	const char *close = is(parser, SYMBOL, "[") ? "]" : ")";

	if (!is(parser, SYMBOL, "(") && !is(parser, SYMBOL, "[")) {
		unexpected(parser, NULL, "expected a list such as (\"a\", \"b\") behind \"in\", got ");
		return;
	}
	for (bool first = true; !parser->failed; first = false) {
		advance(parser);
		if (parser->failed || !check_literal(parser, name, KK_WHEN_EQ))
			return;
		emit_comparison(parser, field, KK_WHEN_EQ);
		if (!first)
			emit(parser, KK_WHEN_OR);
		advance(parser);
		if (!is(parser, SYMBOL, ","))
			break;
	}
	if (!parser->failed && !is(parser, SYMBOL, close))
		unexpected(parser, NULL, "expected \",\" or the end of the list, got ");
}

static void read_comparison(struct parser *parser)
{
	char name[MAX_TEXT];
	enum kk_when_operator relation;
	bool list, known = parser->token == BRACED || (parser->token == NAME && !is(parser, NAME, "in"));

	if (!known) {
		unexpected(parser, is(parser, SYMBOL, "!") ? "not" : NULL, "expected the name of a field, got ");
		return;
	}
	memcpy(name, parser->text, sizeof(name));
	if (!parser->unknown_at && parser->code->field_known &&
	    !parser->code->field_known(parser->code->arg, name, &parser->unknown_nearest)) {
		parser->unknown_at = parser->start;
		memcpy(parser->unknown, name, sizeof(name));
	}
	uint32_t field = parser->code->add_text(parser->code->arg, name);
	advance(parser);
	if (parser->failed || !read_operator(parser, &relation, &list))
		return;
	advance(parser);
	if (parser->failed)
		return;
	if (list)
		read_list(parser, name, field);
	else if (check_literal(parser, name, relation))
		emit_comparison(parser, field, relation);
	if (!parser->failed)
		advance(parser);
}

/* ---- conditions */

static void read_condition(struct parser *parser);

static void read_factor(struct parser *parser)
{
	bool turned = false;

	for (; is(parser, NAME, "not"); advance(parser))
		turned = !turned;
	if (!is(parser, SYMBOL, "(")) {
		read_comparison(parser);
	} else if (++parser->nesting > MAX_NESTING) {
		mistake(parser, parser->start, NULL, "too many parentheses within each other", "");
	} else {
		advance(parser);
		read_condition(parser);
		if (!parser->failed && !is(parser, SYMBOL, ")"))
			unexpected(parser, NULL, "expected and, or or \")\", got ");
		parser->nesting--;
		if (!parser->failed)
			advance(parser);
	}
	if (turned)
		emit(parser, KK_WHEN_NOT);
}

static void read_term(struct parser *parser)
{
	read_factor(parser);
	while (!parser->failed && is(parser, NAME, "and")) {
		advance(parser);
		read_factor(parser);
		emit(parser, KK_WHEN_AND);
	}
}

static void read_condition(struct parser *parser)
{
	read_term(parser);
	while (!parser->failed && is(parser, NAME, "or")) {
		advance(parser);
		read_term(parser);
		emit(parser, KK_WHEN_OR);
	}
}

int kk_when_compile(const struct kk_config_stage *stage, struct kk_when_code *code, struct kk_diagnostics *diagnostics)
{
	struct parser parser = {.stage = stage, .diagnostics = diagnostics, .code = code, .next = stage->when.text};

	code->count = 0;
	advance(&parser);
	if (!parser.failed)
		read_condition(&parser);
	if (!parser.failed && parser.token != END)
		unexpected(&parser,
		           is(&parser, SYMBOL, "&&")   ? "and"
		           : is(&parser, SYMBOL, "||") ? "or"
		                                       : NULL,
		           "expected and, or or the end of the condition, got ");
	if (!parser.failed && parser.unknown_at)
		mistake(&parser, parser.unknown_at, parser.unknown_nearest, "no item has a field called ",
		        parser.unknown);
	return parser.failed ? KK_ERR_INVALID : KK_OK;
}
