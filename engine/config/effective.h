/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/effective.h - reads a checked config, produces it as YAML with everything it leaves out: what
 * `kakehi config` prints.
 */
#ifndef ENGINE_CONFIG_EFFECTIVE_H
#define ENGINE_CONFIG_EFFECTIVE_H

#include "config/config.h"

/* kk_effective_make - the text, *bytes long with its NUL, the caller's to free(); NULL: out of memory. `file` is the
 * config's name. Variables are replaced; secrets are not: ${file:PATH} stays as it is written, another secret becomes
 * "***". Without such a one, the text is a config that means the same. */
char *kk_effective_make(const struct kk_config *config, const struct kk_document *document, const char *file,
                        size_t *bytes);

#endif
