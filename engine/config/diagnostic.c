/* SPDX-License-Identifier: Apache-2.0 */
#include "config/diagnostic.h"
#include "config/conceal.h"
#include "config/store.h"
#include "config/utf8.h"
#include <kakehi/error.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEPT    100 /* a file that is no config at all need not scroll past thousands of lines */
#define LINE_CHARS  110 /* of a source line that are shown                                         */
#define AHEAD_CHARS 60  /* of these before the caret                                               */
#define SURE_SECRET 16  /* bytes of a secret after which more of the same is no chance              */
#define MIN_SECRET  3   /* bytes; anything shorter would hide half of every sentence, and nothing else */

struct mistake {
	struct kk_place place;
	unsigned order; /* of discovery: keeps the sort stable */
	bool secret;
	const char *severity, *sentence, *nearest, *note;
};

struct region {
	struct kk_place from, to;
};

struct kk_diagnostics {
	const char *file, *source;
	const char *const *set;
	size_t size, set_count;
	size_t count, kept, lost; /* count: mistakes; lost: what could not be kept */
	struct region *regions;
	const char **texts;
	size_t region_count, text_count;
	bool hide_all; /* what is to be hidden could not be kept */
	struct kk_store *store;
	struct mistake mistakes[MAX_KEPT];
};

struct kk_diagnostics *kk_diagnostics_new(const char *file, const char *source, size_t size)
{
	struct kk_diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));

	if (!diagnostics)
		return NULL;
	diagnostics->store = kk_store_new();
	if (!diagnostics->store) {
		free(diagnostics);
		return NULL;
	}
	diagnostics->file = file;
	diagnostics->source = source;
	diagnostics->size = size;
	return diagnostics;
}

void kk_diagnostics_free(struct kk_diagnostics *diagnostics)
{
	if (!diagnostics)
		return;
	kk_store_free(diagnostics->store);
	free(diagnostics->regions);
	free(diagnostics->texts);
	free(diagnostics);
}

void kk_diagnostics_set(struct kk_diagnostics *diagnostics, const char *const *arguments, size_t count)
{
	diagnostics->set = arguments;
	diagnostics->set_count = count;
}

void kk_diagnostics_hide_place(struct kk_diagnostics *diagnostics, struct kk_place from, struct kk_place to)
{
	size_t count = diagnostics->region_count;
	struct region *more = realloc(diagnostics->regions, (count + 1) * sizeof(*more));

	diagnostics->hide_all |= !more;
	if (!more)
		return;
	diagnostics->regions = more;
	more[diagnostics->region_count++] = (struct region){from, to};
}

void kk_diagnostics_hide_text(struct kk_diagnostics *diagnostics, const char *text)
{
	const char *kept = strlen(text) < MIN_SECRET ? NULL : kk_store_text(diagnostics->store, text, strlen(text));
	const char **more = kept ? realloc(diagnostics->texts, (diagnostics->text_count + 1) * sizeof(*more)) : NULL;

	if (strlen(text) < MIN_SECRET)
		return;
	diagnostics->hide_all |= !more;
	if (!more)
		return;
	diagnostics->texts = more;
	more[diagnostics->text_count++] = kept;
}

static const char *copy(struct kk_diagnostics *diagnostics, const char *text)
{
	return text ? kk_store_text(diagnostics->store, text, strlen(text)) : NULL;
}

static void keep(struct kk_diagnostics *diagnostics, const char *severity, struct kk_place place,
                 const struct kk_hint *hint, const char *sentence)
{
	if (diagnostics->kept == MAX_KEPT) {
		diagnostics->lost++;
		return;
	}
	diagnostics->mistakes[diagnostics->kept] = (struct mistake){
	    .place = place,
	    .order = (unsigned)diagnostics->kept,
	    .secret = hint->secret,
	    .severity = severity,
	    .sentence = sentence ? sentence : kk_status_text(KK_ERR_MEMORY),
	    .nearest = copy(diagnostics, hint->nearest),
	    .note = copy(diagnostics, hint->note),
	};
	diagnostics->kept++;
}

static const struct kk_hint no_hint;

void kk_diagnostic_error(struct kk_diagnostics *diagnostics, struct kk_place place, const struct kk_hint *hint,
                         const char *format, ...)
{
	va_list args;

	diagnostics->count++;
	va_start(args, format);
	keep(diagnostics, "error", place, hint ? hint : &no_hint, kk_store_vformat(diagnostics->store, format, args));
	va_end(args);
}

void kk_diagnostic_warning(struct kk_diagnostics *diagnostics, struct kk_place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	keep(diagnostics, "warning", place, &no_hint, kk_store_vformat(diagnostics->store, format, args));
	va_end(args);
}

size_t kk_diagnostics_count(const struct kk_diagnostics *diagnostics)
{
	return diagnostics->count;
}

static int by_place(const void *left, const void *right)
{
	const struct mistake *a = left, *b = right;

	if (a->place.set != b->place.set)
		return a->place.set ? 1 : -1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The bytes of a place's line, without its end; NULL if there is no such line. */
static const char *find_line(const struct kk_diagnostics *diagnostics, struct kk_place place, size_t *length)
{
	const char *at = diagnostics->source, *end = at + diagnostics->size;
	uint32_t line = place.line;

	if (place.set) {
		at = line && line <= diagnostics->set_count ? diagnostics->set[line - 1] : NULL;
		*length = at ? strlen(at) : 0;
		return at;
	}
	for (uint32_t i = 1; i < line && at; i++) {
		at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
		at = at ? at + 1 : NULL;
	}
	if (!at || at == end || !line)
		return NULL;
	const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
	*length = (size_t)((stop ? stop : end) - at);
	if (*length && at[*length - 1] == '\r')
		--*length;
	return at;
}

/* Bytes of the character at `at`; one that is no UTF-8 is a character of its own, as an editor shows it. */
static size_t character(const char *at, size_t left)
{
	size_t length = kk_utf8_length(at, left);

	return length ? length : 1;
}

struct kk_place kk_diagnostic_inside(const struct kk_diagnostics *diagnostics, struct kk_place place, const char *text,
                                     size_t offset)
{
	size_t length = 0, at = 0, bytes = strlen(text);
	const char *line = find_line(diagnostics, place, &length);

	for (uint32_t i = 1; line && i < place.column && at < length; i++)
		at += character(line + at, length - at);
	if (!line || at >= length)
		return place;
	size_t quote = line[at] == '"' || line[at] == '\'' ? 1 : 0;
	if (quote && length - at > bytes && memcmp(line + at + 1, text, bytes) == 0)
		place.column++;
	else if (length - at < bytes || memcmp(line + at, text, bytes) != 0)
		return place;
	for (size_t i = 0; i < offset && i < bytes; i += character(text + i, bytes - i))
		place.column++;
	return place;
}

/* What must not reach a terminal becomes a question mark. */
static void put_character(const char *at, size_t left, const char *harmless, FILE *to)
{
	size_t length = kk_utf8_length(at, left);

	if (!length || (kk_utf8_control(at) && !strchr(harmless, *at)))
		fputc('?', to);
	else
		fwrite(at, 1, length, to);
}

/* The text, with control characters of whatever it quotes made harmless. */
static void put_text(FILE *to, const char *text)
{
	for (size_t left = strlen(text); left;) {
		size_t length = character(text, left);
		put_character(text, left, "\n", to);
		text += length;
		left -= length;
	}
}

/* Of a long line the part around the column is shown: characters `first` to `first` + LINE_CHARS - 1, from 1. */
static uint32_t first_shown(struct kk_place place)
{
	return place.column > AHEAD_CHARS ? place.column - AHEAD_CHARS : 1;
}

static void write_line(const char *line, size_t length, struct kk_place place, FILE *to)
{
	uint32_t first = first_shown(place), number = 1;

	fputs(first > 1 ? "..." : "", to);
	for (size_t i = 0; i < length; i += character(line + i, length - i), number++) {
		if (number >= first && number < first + LINE_CHARS)
			put_character(line + i, length - i, "\t", to);
	}
	fputs(number > first + LINE_CHARS ? "...\n" : "\n", to);
}

/* Tabs of the line stay tabs here, so that the caret stands below its character whatever a tab is wide. */
static void write_caret(const char *line, size_t length, struct kk_place place, FILE *to)
{
	uint32_t first = first_shown(place), number = 1;

	fputs(first > 1 ? "   " : "", to);
	for (size_t i = 0; i < length && number < place.column; i += character(line + i, length - i), number++) {
		if (number >= first)
			fputc(line[i] == '\t' ? '\t' : ' ', to);
	}
	fputs("^\n", to);
}

static void write_source(const char *line, size_t length, struct kk_place place, FILE *to)
{
	int margin = fprintf(to, "%5u", place.line);

	fputs(" | ", to);
	write_line(line, length, place, to);
	fprintf(to, "%*s | ", margin, "");
	write_caret(line, length, place, to);
}

/* ---- what must not be shown */

static bool before(struct kk_place a, struct kk_place b)
{
	return a.line != b.line ? a.line < b.line : a.column < b.column;
}

static bool is_hidden(const struct kk_diagnostics *diagnostics, struct kk_place place)
{
	for (size_t i = 0; i < diagnostics->region_count; i++) {
		const struct region *region = &diagnostics->regions[i];
		if (region->from.set == place.set && !before(place, region->from) && before(place, region->to))
			return true;
	}
	return false;
}

/* A copy of the line with an asterisk for each character that must not be shown. NULL: it cannot be shown at all. */
static char *cover_line(const struct kk_diagnostics *diagnostics, const char *line, size_t length,
                        struct kk_place place, size_t *covered)
{
	char *copy = diagnostics->hide_all ? NULL : malloc(length + 1);
	size_t used = 0;

	place.column = 1;
	for (size_t i = 0, next; copy && i < length; i = next, place.column++) {
		next = i + character(line + i, length - i);
		if (is_hidden(diagnostics, place)) {
			copy[used++] = '*';
		} else {
			memcpy(copy + used, line + i, next - i);
			used += next - i;
		}
	}
	if (copy) {
		copy[used] = '\0';
		*covered = kk_conceal_urls(copy, used);
	}
	return copy;
}

/* How much of `text` is the secret, or the beginning of it that a quotation was cut to. */
static size_t same(const char *text, const char *secret)
{
	size_t length = 0, all = strlen(secret), enough = all < SURE_SECRET ? all : SURE_SECRET;

	while (length < all && text[length] == secret[length])
		length++;
	return length >= enough ? length : 0;
}

static void put_sentence(const struct kk_diagnostics *diagnostics, const char *sentence, FILE *to)
{
	char *copy = diagnostics->hide_all ? NULL : malloc(3 * strlen(sentence) + 1), *end = copy;

	for (const char *at = sentence; copy && *at;) {
		size_t length = 0;
		for (size_t i = 0; i < diagnostics->text_count && !length; i++)
			length = same(at, diagnostics->texts[i]);
		if (length) {
			end = stpcpy(end, "***");
			at += length;
		} else {
			*end++ = *at++;
		}
	}
	if (copy) {
		*end = '\0';
		kk_conceal_urls(copy, (size_t)(end - copy));
	}
	put_text(to, copy ? copy : kk_status_text(KK_ERR_MEMORY));
	free(copy);
}

static void write_place(const struct kk_diagnostics *diagnostics, struct kk_place place, FILE *to)
{
	put_text(to, place.set ? "--set" : diagnostics->file);
	if (place.line)
		fprintf(to, ":%u:%u", place.line, place.column);
}

static void write_mistake(const struct kk_diagnostics *diagnostics, const struct mistake *mistake, FILE *to)
{
	size_t length = 0, covered = 0;
	const char *line = find_line(diagnostics, mistake->place, &length);
	char *shown = line && !mistake->secret ? cover_line(diagnostics, line, length, mistake->place, &covered) : NULL;

	write_place(diagnostics, mistake->place, to);
	fprintf(to, ": %s: ", mistake->severity);
	put_sentence(diagnostics, mistake->sentence, to);
	fputc('\n', to);
	if (shown)
		write_source(shown, covered, mistake->place, to);
	free(shown);
	if (mistake->nearest) {
		fputs("        did you mean \"", to);
		put_text(to, mistake->nearest);
		fputs("\"?\n", to);
	}
	for (const char *at = mistake->note; at && *at;) {
		size_t part = strcspn(at, "\n");
		fprintf(to, "        %.*s\n", (int)part, at);
		at += part + (at[part] == '\n');
	}
}

int kk_diagnostics_write(struct kk_diagnostics *diagnostics, FILE *to)
{
	qsort(diagnostics->mistakes, diagnostics->kept, sizeof(diagnostics->mistakes[0]), by_place);
	for (size_t i = 0; i < diagnostics->kept; i++)
		write_mistake(diagnostics, &diagnostics->mistakes[i], to);
	if (diagnostics->lost) {
		put_text(to, diagnostics->file);
		fprintf(to, ": error: and %zu more mistakes\n", diagnostics->lost);
	}
	return fflush(to) || ferror(to) ? KK_ERR_SYSTEM : KK_OK;
}
