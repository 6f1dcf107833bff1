/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/arguments.h - reads the arguments of a verb by a table of its options, produces what they ask for.
 */
#ifndef ENGINE_CLI_ARGUMENTS_H
#define ENGINE_CLI_ARGUMENTS_H

#include "config/describe.h"
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stdio.h>

#define KK_ARGUMENTS_MAX_SETS 1000

/* What a command line asks for. All texts are argv's. */
struct kk_asked {
	struct kk_describe_request describe; /* `file` is set by the verb that has one */
	const char *sets[KK_ARGUMENTS_MAX_SETS];
	enum kk_log_level level;
	bool json, quiet, dry_run;
	char **operands; /* what is no option, in its order */
	int operand_count;
};

/* One option of a verb. */
struct kk_argument {
	const char *name;  /* without the dashes; one letter: written with one dash                     */
	const char *alias; /* another name, or NULL                                                     */
	const char *value; /* what stands behind it, for people; NULL: nothing                          */
	const char *text;  /* one sentence                                                              */
	/* Takes it in. `word` is NULL if it has no value. NULL, or what the word should have been. */
	const char *(*take)(struct kk_asked *asked, const char *word);
};

/* Options that several verbs have. Each list is closed by one without a name. */
extern const struct kk_argument kk_arguments_run[], kk_arguments_config[], kk_arguments_none[];

/* kk_arguments_read - sorts the arguments of `verb` (argv[0] is the verb) into *asked; options may stand anywhere
 * before a "--". `least` and `most` operands are right; most < 0: any number. 0, or -1 after a mistake was told on
 * stderr. */
int kk_arguments_read(struct kk_asked *asked, const struct kk_argument *rows, int least, int most, int argc,
                      char **argv);

/* kk_arguments_help - writes a line for each option. */
void kk_arguments_help(const struct kk_argument *rows, FILE *to);

#endif
