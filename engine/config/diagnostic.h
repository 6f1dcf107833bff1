/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/diagnostic.h - reads mistakes as they are found, produces what people read: all of them, in the order
 * of the file, each with its position, its source line and, where there is one, the word that was probably meant.
 */
#ifndef ENGINE_CONFIG_DIAGNOSTIC_H
#define ENGINE_CONFIG_DIAGNOSTIC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where something stands in the file, both from 1, columns in characters; line 0: the file as a whole. What the command
 * line sets stands in a text of its own, called --set: argument n is its line n. */
struct kk_place {
	uint32_t line, column;
	bool set; /* in that text, not in the file */
};

/* What a mistake says besides its sentence. All may be left out. */
struct kk_hint {
	const char *nearest; /* "did you mean ...?"                                             */
	const char *note;    /* further lines, separated by '\n', without a final one           */
	bool secret;         /* the source line holds something that must not be printed        */
};

struct kk_diagnostics;

/* kk_diagnostics_new - a collector without mistakes, owned by the caller. `file` is the name that is printed, `source`
 * the `size` bytes of the file, from which lines are quoted; both must outlive it. NULL: out of memory. */
struct kk_diagnostics *kk_diagnostics_new(const char *file, const char *source, size_t size);
void kk_diagnostics_free(struct kk_diagnostics *diagnostics);

/* kk_diagnostics_set - the arguments of --set, `count` of them, which must outlive the collector. */
void kk_diagnostics_set(struct kk_diagnostics *diagnostics, const char *const *arguments, size_t count);

/* kk_diagnostics_hide_place - what stands from `from` up to, not with, `to` is shown as asterisks where its line is
 * quoted. kk_diagnostics_hide_text - `text` is shown as "***" wherever a sentence quotes it, or the beginning of it.
 * (URLs' passwords and signatures are hidden without being asked for.) Both hold also for what was added before. */
void kk_diagnostics_hide_place(struct kk_diagnostics *diagnostics, struct kk_place from, struct kk_place to);
void kk_diagnostics_hide_text(struct kk_diagnostics *diagnostics, const char *text);

/* kk_diagnostic_error - adds a mistake; texts are copied; `hint` may be NULL. */
void kk_diagnostic_error(struct kk_diagnostics *diagnostics, struct kk_place place, const struct kk_hint *hint,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));

/* kk_diagnostic_warning - the same for what is no mistake, but should be known. It is not counted as one. */
void kk_diagnostic_warning(struct kk_diagnostics *diagnostics, struct kk_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* kk_diagnostic_inside - where byte `offset` of `text` stands if the text, perhaps in quotes, stands as it is at
 * `place` in one line of the file; else `place`. */
struct kk_place kk_diagnostic_inside(const struct kk_diagnostics *diagnostics, struct kk_place place, const char *text,
                                     size_t offset);

/* kk_diagnostics_count - mistakes so far. It counts also those that could not be kept for want of memory. */
size_t kk_diagnostics_count(const struct kk_diagnostics *diagnostics);

/* kk_diagnostics_write - writes all mistakes to `to`, sorted by position. Returns 0, or KK_ERR_SYSTEM if the stream
 * has failed. */
int kk_diagnostics_write(struct kk_diagnostics *diagnostics, FILE *to);

#endif
