/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/verb.h - reads nothing, produces the table of verbs, which main() and `help` share.
 */
#ifndef ENGINE_CLI_VERB_H
#define ENGINE_CLI_VERB_H

#include <stdio.h>

struct kk_argument;

struct kk_verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;          /* as usage shows them                         */
	const char *text;               /* one line                                    */
	const struct kk_argument *rows; /* its options, closed by one without a name   */
	const char *help;               /* what `VERB --help` says beneath the options */
	void (*more)(void);             /* prints what help adds to that; or NULL      */
};

/* The verbs, closed by one without a name. */
extern const struct kk_verb kk_verbs[];

/* kk_verb_find - the verb of this name, or NULL; then *nearest is the one that was probably meant, or NULL. */
const struct kk_verb *kk_verb_find(const char *name, const char **nearest);

/* kk_verb_usage - writes what `kakehi help` says. */
void kk_verb_usage(FILE *to);

/* kk_verb_help - what `kakehi VERB --help` says; returns the exit code. */
int kk_verb_help(const struct kk_verb *verb);

#endif
