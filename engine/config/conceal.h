/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/conceal.h - reads a text that is about to be shown, hides what in its URLs gives access.
 */
#ifndef ENGINE_CONFIG_CONCEAL_H
#define ENGINE_CONFIG_CONCEAL_H

#include <stdbool.h>
#include <stddef.h>

/* kk_conceal_urls - puts asterisks over the users, passwords and signatures of all URLs in the `length` bytes of
 * `text`, one for each byte, so that everything else keeps its place. Returns `length`. */
size_t kk_conceal_urls(char *text, size_t length);

/* kk_conceal_suspect - is this, `length` bytes, the name of an option or of a query's parameter that usually holds a
 * secret (token, password, ...)? */
bool kk_conceal_suspect(const char *name, size_t length);

#endif
