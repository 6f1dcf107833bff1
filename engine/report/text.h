/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/text.h - reads pieces of text, some of them hostile, produces one block that is written at once.
 *
 * What comes from outside (names, keys, log lines) goes through kk_text_safe or kk_text_json: control characters,
 * characters that reorder a line, and bytes that are not UTF-8 never reach a terminal or a JSON reader as they are.
 */
#ifndef ENGINE_REPORT_TEXT_H
#define ENGINE_REPORT_TEXT_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise it. `lost`: memory ran out, a part is missing. */
struct kk_text {
	char *at;
	size_t used, size;
	bool lost;
};

void kk_text_add(struct kk_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* kk_text_safe - for people: what must not be shown becomes \xNN or \u{NNNN}. */
void kk_text_safe(struct kk_text *text, const char *from, size_t length);
/* kk_text_json - a JSON string with its quotes: the same characters become \uNNNN, other bytes U+FFFD. */
void kk_text_json(struct kk_text *text, const char *from, size_t length);
/* kk_text_append - moves all of `from` behind it; `from` is empty then and holds no memory. */
void kk_text_append(struct kk_text *text, struct kk_text *from);
/* kk_text_cut - ends the text at most `width` terminal columns after its last line feed. */
void kk_text_cut(struct kk_text *text, unsigned width);
/* kk_text_columns - how many columns `length` bytes of safe text take (wide characters count two). */
unsigned kk_text_columns(const char *from, size_t length);

/* kk_text_write - writes to `fd` what it takes without blocking, waiting up to `wait_ms` for each piece; what is left
 * stays in the text. 0: all is written; 1: something is left; -1 with errno: it fails, all is dropped. */
int kk_text_write(struct kk_text *text, int fd, int wait_ms);
void kk_text_free(struct kk_text *text);

/* kk_text_class - the word of a failure class. */
const char *kk_text_class(enum kk_fail_class class);
/* kk_text_rate - "0.3", "98.2", "1234", "15.2k", "1.1M": at most five characters for what is below 10^12. */
const char *kk_text_rate(double rate, char *to, size_t size);
/* kk_text_span - a span of time: "4.2 s", "3:07", "2:15:00". */
const char *kk_text_span(double seconds, char *to, size_t size);
/* kk_text_took - nanoseconds as "640 ns", "12.3 us", "4.56 ms", "1.20 s", "3:07": at most eight characters. */
const char *kk_text_took(uint64_t ns, char *to, size_t size);
/* kk_text_clock - the present time of the day, UTC, to the second. */
const char *kk_text_clock(char *to, size_t size);
/* kk_text_now - the present time, UTC, RFC 3339 with milliseconds. */
const char *kk_text_now(char *to, size_t size);

#endif
