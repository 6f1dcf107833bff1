/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/row.h - reads a record of a list, produces an item: its key and the fields it carries along.
 *
 * A record that is no item fails by itself, with its line and the reason. It is known by how it begins, or by its line.
 */
#ifndef STAGES_LIST_ROW_H
#define STAGES_LIST_ROW_H

#include "reader.h"
#include <kakehi/stage.h>

/* row_take - makes the reader's record an item, taking it apart in place. */
enum kk_verdict row_take(struct kk_item *item, struct reader *reader);

/* row_fail - `text`: what is known of the record. Returns KK_FAIL. */
enum kk_verdict row_fail(struct kk_item *item, enum kk_fail_class class, struct span text, uint64_t line,
                         const char *why);

/* row_set_key - KK_PASS; KK_SKIP: this run does not want it; or what became of it. */
enum kk_verdict row_set_key(struct kk_item *item, struct span key, uint64_t line);

/* row_take_json - a record that is a JSON object. */
enum kk_verdict row_take_json(struct kk_item *item, const struct list_options *options, struct span text,
                              uint64_t line);

#endif
