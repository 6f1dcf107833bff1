/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/option.h - reads a stage's option rows and (name, text) pairs, produces its filled options struct.
 *
 * The one code path from text to options: `validate` and `run` fill the struct to check a config, each worker fills it
 * again from the texts that the plan carries.
 */
#ifndef ENGINE_CONFIG_OPTION_H
#define ENGINE_CONFIG_OPTION_H

#include "config/store.h"
#include <kakehi/error.h>
#include <kakehi/option.h>
#include <stdbool.h>
#include <stddef.h>

/* One given option. A list of several texts is several pairs of the same name. */
struct kk_option_pair {
	const char *name;
	const char *text;
};

enum kk_option_part { KK_OPTION_PART_NAME, KK_OPTION_PART_TEXT };

/* A mistake: `pair` is the index of the wrong pair, or -1 if a required option is missing; `part` says which half of
 * it is wrong; `nearest` is what was probably meant, or NULL; `secret`: the text must not be shown. */
struct kk_option_mistake {
	long pair;
	const char *option; /* its name */
	enum kk_option_part part;
	bool secret;
	const char *sentence;
	const char *nearest;
};
typedef void (*kk_option_report)(void *user, const struct kk_option_mistake *mistake);

/* kk_options_fill - fills `options` (`options_size` bytes, zeroed first) from `pairs` and, for what they leave out, the
 * rows' defaults. Every mistake is reported through `report`, and the rest still filled. Texts and lists in `options`
 * belong to `store`. Returns the number of mistakes, or KK_ERR_MEMORY. */
int kk_options_fill(const struct kk_option *rows, void *options, size_t options_size,
                    const struct kk_option_pair *pairs, size_t count, struct kk_store *store, kk_option_report report,
                    void *user);

/* kk_options_unpack - the worker: the same from the plan's block of `bytes` bytes, name\0text\0 ... . 0, or
 * KK_ERR_INVALID with the first mistake, or KK_ERR_MEMORY. `block` may be NULL if `bytes` is 0. */
int kk_options_unpack(const struct kk_option *rows, void *options, size_t options_size, const char *block, size_t bytes,
                      struct kk_store *store, struct kk_error *error);

/* kk_options_check_rows - are the rows themselves sound (types, fields within `options_size`, words, defaults that
 * parse)? 0, or KK_ERR_INVALID with a sentence for the author of the stage. */
int kk_options_check_rows(const struct kk_option *rows, size_t options_size, struct kk_error *error);

/* kk_option_type_name - the type of a row for people: "size", "true or false". Static. */
const char *kk_option_type_name(const struct kk_option *row);

/* kk_option_words - a choice of words, closed by NULL: "a, b or c". Returns `to`. */
const char *kk_option_words(const char *const *words, char *to, size_t size);

/* kk_option_range - the range of a row with its unit: "1 to 100 pixels", "at least 1KiB", "" for none. Returns `to`. */
const char *kk_option_range(const struct kk_option *row, char *to, size_t size);

#endif
