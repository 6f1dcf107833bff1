/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/quantity.h - reads the text of a number, size or duration, produces its value, or says what is wrong.
 *
 * Strict: the whole text must be the quantity, without blanks; what overflows, lacks its unit or has an unknown one is
 * an error. Each function returns 0, or KK_ERR_INVALID with a sentence in `error` (which may be NULL) that quotes the
 * text and says what was expected; then *to is untouched.
 */
#ifndef ENGINE_CONFIG_QUANTITY_H
#define ENGINE_CONFIG_QUANTITY_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kk_quantity_bool - true | false. */
int kk_quantity_bool(const char *text, bool *to, struct kk_error *error);

/* kk_quantity_int - a decimal integer with an optional sign. */
int kk_quantity_int(const char *text, int64_t *to, struct kk_error *error);

/* kk_quantity_unsigned - a decimal integer without a sign. */
int kk_quantity_unsigned(const char *text, uint64_t *to, struct kk_error *error);

/* kk_quantity_float - a finite decimal number such as 1, -0.5 or 2.5e3. */
int kk_quantity_float(const char *text, double *to, struct kk_error *error);

/* kk_quantity_size - bytes: a whole number, alone or with B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB
 * (powers of 1024) right behind it. */
int kk_quantity_size(const char *text, uint64_t *bytes, struct kk_error *error);

/* kk_quantity_duration - milliseconds: a whole number with ms, s, m or h right behind it; 0 needs no unit. */
int kk_quantity_duration(const char *text, uint64_t *ms, struct kk_error *error);

/* kk_quantity_size_text, kk_quantity_duration_text - the shortest exact spelling that the functions above read back
 * ("64KiB", "1500ms"). Returns `to`. */
const char *kk_quantity_size_text(uint64_t bytes, char *to, size_t size);
const char *kk_quantity_duration_text(uint64_t ms, char *to, size_t size);

#endif
