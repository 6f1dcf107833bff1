/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/when.h - reads the text of a stage's `when:`, produces the words of a condition (condition.h).
 *
 *   condition   comparison | not condition | condition and condition | condition or condition | ( condition )
 *   comparison  field == != < <= > >= literal | field in ( literal, ... ) | field contains text
 *   field       a name, or {any name}: what names of files may use, and `bytes`, the size of the payload
 *   literal     12, -0.5, 10KiB, "text", 'text', true, false
 *
 * `not` binds closest, then `and`, then `or`.
 */
#ifndef ENGINE_GRAPH_WHEN_H
#define ENGINE_GRAPH_WHEN_H

#include "config/config.h"
#include "graph/condition.h"

/* Where the words go; `add_text` puts a text into the plan and returns its offset there. `field_known`: can an item
 * have a field of that name? If not, the nearest name there is, or NULL, goes to `nearest`. Left out: all are known. */
struct kk_when_code {
	uint32_t (*add_text)(void *arg, const char *text);
	bool (*field_known)(void *arg, const char *field, const char **nearest);
	void *arg;
	uint32_t count;
	uint32_t word[KK_WHEN_MAX_WORDS];
};

/* kk_when_compile - compiles `stage->when`, which is given. The first mistake goes to `diagnostics`. KK_OK or
 * KK_ERR_INVALID; then `code` is not to be used. */
int kk_when_compile(const struct kk_config_stage *stage, struct kk_when_code *code, struct kk_diagnostics *diagnostics);

#endif
