/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"
#include "cli/cli.h"
#include "config/nearest.h"
#include <string.h>

const struct kk_verb kk_verbs[] = {
    {.name = "run", .run = kk_cli_run, .arguments = "[OPTION...] CONFIG", .text = "run a pipeline to its end"},
    {.name = "validate",
     .run = kk_cli_validate,
     .arguments = "CONFIG...",
     .text = "check configs as `run` does, without running them",
     .help = "Prints every mistake with its place in the file, or one line about what would run.\n"
             "Exit status: 0 if all are right, 78 if one is wrong, 70 if a stage failed while it was asked.\n"},
    {.name = "list",
     .run = kk_cli_list,
     .arguments = "",
     .text = "list the stages there are",
     .help = "Stages are looked for in the directories of $KAKEHI_STAGES (colon separated), in stages/ beside\n"
             "the program, and where kakehi was installed.\n"},
    {.name = "help",
     .run = kk_cli_help,
     .arguments = "[STAGE | VERB]",
     .text = "explain a stage and its options, or a verb",
     .help = "STAGE is a name that `kakehi list` shows, or the path of a module.\n"},
    {.name = "version",
     .run = kk_cli_version,
     .arguments = "",
     .text = "print the version",
     .help = "One line on standard output.\n"},
    {.name = NULL},
};

const struct kk_verb *kk_verb_find(const char *name, const char **nearest)
{
	struct kk_nearest near = {.word = name};

	for (const struct kk_verb *verb = kk_verbs; verb->name; verb++) {
		if (strcmp(verb->name, name) == 0)
			return verb;
		kk_nearest_offer(&near, verb->name);
	}
	if (nearest)
		*nearest = near.best;
	return NULL;
}

void kk_verb_usage(FILE *to)
{
	fputs("usage: kakehi VERB [ARGUMENT...]\n\n", to);
	for (const struct kk_verb *verb = kk_verbs; verb->name; verb++) {
		int used = fprintf(to, "  %s %s", verb->name, verb->arguments);
		fprintf(to, "%*s%s\n", used < 30 ? 30 - used : 1, "", verb->text);
	}
	fputs("\n`kakehi VERB --help` tells more about one of them.\n", to);
}

int kk_verb_help(const struct kk_verb *verb)
{
	char *ask[] = {(char *)(void *)verb->name, "--help", NULL};

	if (!verb->help)
		return verb->run(2, ask);
	printf("usage: kakehi %s%s%s\n\n%c%s.\n%s", verb->name, *verb->arguments ? " " : "", verb->arguments,
	       verb->text[0] - 'a' + 'A', verb->text + 1, verb->help);
	return 0;
}
