/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages/source_test.h - reads a source stage and its options, produces all its items as text.
 */
#ifndef TESTS_UNIT_STAGES_SOURCE_TEST_H
#define TESTS_UNIT_STAGES_SOURCE_TEST_H

#include "stage_host.h" /* before cmocka, which makes a macro of `fail` */

#include <stddef.h>

/* source_start - starts `stage` with options in pairs, closed by NULL, at a position (NULL: the start). Fails the test
 * if that does not work. */
struct stage_host *source_start(const char *stage, const char *const *options, const struct kk_position *from);

/* source_plan_error - why `plan` refuses these options; fails the test if it does not. */
const char *source_plan_error(const char *stage, const char *const *options);

/* source_rest - a line for every item that is left: "key", " name=value" for each field, " [payload]" if there is one;
 * or "! key: message". positions (may be NULL) gets where the source stands behind each of the first `max` items. */
char *source_rest(struct stage_host *host, struct kk_position *positions, size_t max);

/* source_all - start, rest, unload. */
char *source_all(const char *stage, const char *const *options);

/* source_resumes_everywhere - is what comes after each position the rest of what came without a stop? */
void source_resumes_everywhere(const char *stage, const char *const *options);

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
