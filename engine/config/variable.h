/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/variable.h - reads a text with ${VAR}, ${VAR:-default} and ${file:PATH}, produces it with the values of
 * the environment and the secrets of the files.
 */
#ifndef ENGINE_CONFIG_VARIABLE_H
#define ENGINE_CONFIG_VARIABLE_H

#include "config/store.h"
#include <kakehi/error.h>
#include <stddef.h>

/* Told of each secret that was put in; `warning` is NULL, or a sentence about its file, for the call alone. */
typedef void (*kk_variable_secret)(void *user, const char *secret, const char *warning);

/* kk_variable_expand - replaces every ${VAR} by the variable's value, every ${VAR:-default} by its value or, if it is
 * unset or empty, by the default, which reaches to the next '}', and every ${file:PATH} by what the file holds, without
 * the line feeds at its end. `$${` stands for a plain `${`; what is put in is not expanded again. *to belongs to
 * `store` and may be `text` itself. 0; KK_ERR_INVALID with a sentence: a variable without default that is not set, a
 * file that cannot be read, is empty or no text, a bad name, no '}', or a result above 64 KiB; KK_ERR_MEMORY. */
int kk_variable_expand(const char *text, struct kk_store *store, const char **to, kk_variable_secret secret, void *user,
                       struct kk_error *error);

#endif
