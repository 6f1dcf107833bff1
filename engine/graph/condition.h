/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/condition.h - reads the words of a compiled `when:`, produces whether they hold for an item.
 *
 * A condition is a list of 32-bit words in the plan, made by when.h, and worked through from the left with a stack of
 * truth values:
 *
 *   AND, OR, NOT            one word; takes two values (one) off the stack and puts their result there
 *   compare                 KK_WHEN_COMPARE | operator << 8 | literal << 16, then the offset of the field's name in the
 *                           plan, then the literal: the offset of a text, or the two halves of a double
 *
 * A worker evaluates what the supervisor has checked, but must survive anything: every step is bounded, and the stack
 * is one word of bits.
 */
#ifndef ENGINE_GRAPH_CONDITION_H
#define ENGINE_GRAPH_CONDITION_H

#include "graph/plan.h"
#include <stdbool.h>

#define KK_WHEN_MAX_WORDS 1024
#define KK_WHEN_MAX_DEPTH 64

enum kk_when_step { KK_WHEN_COMPARE = 1, KK_WHEN_AND, KK_WHEN_OR, KK_WHEN_NOT };
enum kk_when_operator { KK_WHEN_EQ = 0, KK_WHEN_NE, KK_WHEN_LT, KK_WHEN_LE, KK_WHEN_GT, KK_WHEN_GE, KK_WHEN_CONTAINS };
enum kk_when_literal { KK_WHEN_TEXT = 0, KK_WHEN_NUMBER };

/* What a condition is asked about. `field` returns the value of a field, or NULL if the item has none of that name; the
 * text need only live until the next call. */
struct kk_when_item {
	const char *(*field)(void *arg, const char *name);
	void *arg;
};

/* kk_condition_check - are the words at this offset of the plan a condition? Any process. */
bool kk_condition_check(const struct kk_plan *plan, uint32_t offset, uint32_t words);

/* kk_condition_holds - the answer; false for words that are no condition. A comparison with a field that the item does
 * not have, or with a number where the field holds none, is false. */
bool kk_condition_holds(const struct kk_plan *plan, uint32_t offset, uint32_t words, const struct kk_when_item *item);

#endif
