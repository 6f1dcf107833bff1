/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/variable.h - reads a text with ${VAR} and ${VAR:-default}, produces it with the environment's values.
 */
#ifndef ENGINE_CONFIG_VARIABLE_H
#define ENGINE_CONFIG_VARIABLE_H

#include "config/store.h"
#include <kakehi/error.h>
#include <stddef.h>

/* kk_variable_expand - replaces every ${VAR} by the variable's value and every ${VAR:-default} by its value or, if it
 * is unset or empty, by the default, which reaches to the next '}'. `$${` stands for a plain `${`; what is put in is
 * not expanded again. *to belongs to `store` and may be `text` itself. 0; KK_ERR_INVALID with a sentence: a variable
 * without default that is not set, a bad name, no '}', or a result above 64 KiB; KK_ERR_MEMORY. */
int kk_variable_expand(const char *text, struct kk_store *store, const char **to, struct kk_error *error);

#endif
