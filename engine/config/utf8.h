/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/utf8.h - reads bytes, produces the length of the character that they begin with.
 */
#ifndef ENGINE_CONFIG_UTF8_H
#define ENGINE_CONFIG_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* kk_utf8_length - bytes of the UTF-8 character at `at`, of which `left` (at least 1) are there: 1 to 4, or 0 if they
 * are none (overlong, surrogates and beyond U+10FFFF are none). */
size_t kk_utf8_length(const char *at, size_t left);

/* kk_utf8_control - is the character at `at` (a sound one) a control character: below U+0020, or U+007F to U+009F? */
bool kk_utf8_control(const char *at);

#endif
