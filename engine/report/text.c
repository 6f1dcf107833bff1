/* SPDX-License-Identifier: Apache-2.0 */
/* A growing block of text. */
#include "report/text.h"
#include "config/utf8.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int reserve(struct kk_text *text, size_t more)
{
	size_t size = text->size ? text->size : 256;
	char *at;

	if (text->used + more <= text->size)
		return 0;
	while (size < text->used + more)
		size *= 2;
	at = realloc(text->at, size);
	if (!at) {
		text->lost = true;
		return -1;
	}
	text->at = at;
	text->size = size;
	return 0;
}

static void add_bytes(struct kk_text *text, const char *from, size_t length)
{
	if (length == 0 || reserve(text, length) < 0)
		return;
	memcpy(text->at + text->used, from, length);
	text->used += length;
}

void kk_text_add(struct kk_text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || reserve(text, (size_t)n + 1) < 0)
		return;
	va_start(args, format);
	vsnprintf(text->at + text->used, (size_t)n + 1, format, args);
	va_end(args);
	text->used += (size_t)n;
}

void kk_text_append(struct kk_text *text, struct kk_text *from)
{
	add_bytes(text, from->at, from->used);
	text->lost = text->lost || from->lost;
	kk_text_free(from);
}

/* The length of the UTF-8 character at `at`, its code point in *point; 0 if these bytes are none. */
static size_t next_character(const unsigned char *at, size_t left, uint32_t *point)
{
	size_t n = kk_utf8_length((const char *)at, left);

	if (n == 0)
		return 0;
	*point = n == 1 ? at[0] : at[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*point = *point << 6 | (at[i] & 0x3f);
	return n;
}

/* Characters that act on a terminal, or on the order or look of the text around them, instead of being seen. */
static bool is_unseen(uint32_t point)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},     {0x061c, 0x061c}, {0x200b, 0x200f},
	    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	}
	return false;
}

void kk_text_safe(struct kk_text *text, const char *from, size_t length)
{
	const unsigned char *at = (const unsigned char *)from;
	uint32_t point = 0;

	for (size_t i = 0, n; i < length; i += n) {
		n = next_character(at + i, length - i, &point);
		if (n == 0) {
			kk_text_add(text, "\\x%02x", at[i]);
			n = 1;
		} else if (point == '\t') {
			add_bytes(text, " ", 1);
		} else if (is_unseen(point)) {
			kk_text_add(text, point < 0x80 ? "\\x%02x" : "\\u{%x}", point);
		} else {
			add_bytes(text, from + i, n);
		}
	}
}

static void add_json_escape(struct kk_text *text, uint32_t point)
{
	if (point >= 0x10000)
		kk_text_add(text, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10), 0xdc00 + (point & 0x3ff));
	else
		kk_text_add(text, "\\u%04x", point);
}

void kk_text_json(struct kk_text *text, const char *from, size_t length)
{
	const unsigned char *at = (const unsigned char *)from;
	uint32_t point = 0;

	add_bytes(text, "\"", 1);
	for (size_t i = 0, n; i < length; i += n) {
		n = next_character(at + i, length - i, &point);
		if (n == 0) {
			add_bytes(text, "\xef\xbf\xbd", 3);
			n = 1;
		} else if (point == '"' || point == '\\') {
			kk_text_add(text, "\\%c", (char)point);
		} else if (is_unseen(point)) {
			add_json_escape(text, point);
		} else {
			add_bytes(text, from + i, n);
		}
	}
	add_bytes(text, "\"", 1);
}

/* Everything from Hangul Jamo on may be shown two columns wide; counting too many never wraps a line. */
static unsigned width_of(uint32_t point)
{
	return point >= 0x1100 && !(point >= 0x2000 && point <= 0x206f) ? 2 : 1;
}

/* The bytes of `from` that fit in `width` columns; *columns gets what they take. */
static size_t fitting(const char *from, size_t length, unsigned width, unsigned *columns)
{
	size_t i = 0, n;
	uint32_t point = 0;

	for (*columns = 0; i < length; i += n) {
		n = next_character((const unsigned char *)from + i, length - i, &point);
		if (n == 0) {
			n = 1;
			point = 0;
		}
		if (*columns + width_of(point) > width)
			break;
		*columns += width_of(point);
	}
	return i;
}

unsigned kk_text_columns(const char *from, size_t length)
{
	unsigned columns;

	fitting(from, length, ~0u, &columns);
	return columns;
}

void kk_text_cut(struct kk_text *text, unsigned width)
{
	size_t line = text->used;
	unsigned columns;

	while (line > 0 && text->at[line - 1] != '\n')
		line--;
	if (line < text->used)
		text->used = line + fitting(text->at + line, text->used - line, width, &columns);
}

/* A pipe that is ready takes this much without blocking, and so does a terminal as good as always. */
static bool is_ready(int fd, int wait_ms)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	int ready;

	do
		ready = poll(&room, 1, wait_ms);
	while (ready < 0 && errno == EINTR);
	return ready != 0;
}

int kk_text_write(struct kk_text *text, int fd, int wait_ms)
{
	size_t written = 0;
	int rc = 0;

	while (written < text->used && is_ready(fd, wait_ms)) {
		size_t left = text->used - written;
		ssize_t n = write(fd, text->at + written, left < PIPE_BUF ? left : PIPE_BUF);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			rc = -1;
			written = text->used;
			break;
		}
		written += (size_t)n;
	}
	if (written > 0) {
		memmove(text->at, text->at + written, text->used - written);
		text->used -= written;
		text->lost = false;
	}
	return rc < 0 ? -1 : text->used > 0;
}

void kk_text_free(struct kk_text *text)
{
	free(text->at);
	*text = (struct kk_text){0};
}

const char *kk_text_class(enum kk_fail_class class)
{
	static const char *const words[] = {
#define KK_X(name, word) [KK_FAIL_##name] = word,
	    KK_FAIL_CLASSES(KK_X)
#undef KK_X
	};

	return words[(unsigned)class < KK_FAIL_CLASS_COUNT ? class : KK_FAIL_OTHER];
}

const char *kk_text_rate(double rate, char *to, size_t size)
{
	static const char *const units[] = {"", "k", "M", "G"};
	size_t unit = 0;

	while (rate >= 9999.5 && unit < sizeof(units) / sizeof(*units) - 1) {
		rate /= 1000;
		unit++;
	}
	snprintf(to, size, rate < 99.95 ? "%.1f%s" : "%.0f%s", rate, units[unit]);
	return to;
}

const char *kk_text_span(double seconds, char *to, size_t size)
{
	unsigned long whole = seconds > 0 ? (unsigned long)seconds : 0;

	if (seconds < 60)
		snprintf(to, size, "%.1f s", seconds > 0 ? seconds : 0);
	else if (whole < 3600)
		snprintf(to, size, "%lu:%02lu", whole / 60, whole % 60);
	else
		snprintf(to, size, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
	return to;
}

const char *kk_text_took(uint64_t ns, char *to, size_t size)
{
	static const struct {
		uint64_t below;
		double unit;
		const char *name;
	} rows[] = {{1000000, 1e3, "us"}, {1000000000, 1e6, "ms"}, {60000000000, 1e9, "s"}};

	if (ns < 1000) {
		snprintf(to, size, "%u ns", (unsigned)ns);
		return to;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double value = (double)ns / rows[i].unit;
		if (ns >= rows[i].below)
			continue;
		snprintf(to, size, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, rows[i].name);
		return to;
	}
	return kk_text_span((double)ns / 1e9, to, size);
}

const char *kk_text_clock(char *to, size_t size)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(to, size, "%H:%M:%S", &utc);
	return to;
}

const char *kk_text_now(char *to, size_t size)
{
	struct timespec now;
	struct tm utc;
	char seconds[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(to, size, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
	return to;
}
