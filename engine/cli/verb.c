/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verb.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "config/nearest.h"
#include <string.h>

const struct kk_verb kk_verbs[] = {
    {.name = "run",
     .run = kk_cli_run,
     .arguments = "[OPTION...] CONFIG",
     .text = "run a pipeline to its end",
     .rows = kk_arguments_run,
     .help = "Exit status: 0 if every item is done, 1 if some failed, 2 for a wrong command line, 70 for an internal "
             "error,\n"
             "74 if a file of its own cannot be written (a full disk), 75 if --limit stopped it early, 78 if the "
             "config is wrong.\n"
             "The first SIGINT or SIGTERM finishes what is under way, the second ends at once; then it dies of the "
             "first.\n"},
    {.name = "validate",
     .run = kk_cli_validate,
     .arguments = "[--set PATH=VALUE] CONFIG...",
     .text = "check configs as `run` does, without running them",
     .rows = kk_arguments_config,
     .help = "Prints every mistake with its place in the file, or one line about what would run.\n"
             "Exit status: 0 if all are right, 78 if one is wrong, 70 if a stage failed while it was asked.\n"},
    {.name = "init",
     .run = kk_cli_init,
     .arguments = "[DIR]",
     .text = "write a first config that runs",
     .rows = kk_arguments_none,
     .help = "Writes kakehi.yaml and an item for it into DIR, or here; a file that is there already is left alone.\n"},
    {.name = "config",
     .run = kk_cli_config,
     .arguments = "[--set PATH=VALUE] CONFIG",
     .text = "print a config with everything it leaves out",
     .rows = kk_arguments_config,
     .help = "Variables are replaced; secrets are not shown. What is printed is a config that means the same.\n"
             "Exit status: as of `validate`.\n",
     .more = kk_cli_help_fields},
    {.name = "graph",
     .run = kk_cli_graph,
     .arguments = "[--set PATH=VALUE] CONFIG",
     .text = "print a config's stages as a drawing for dot",
     .rows = kk_arguments_config,
     .help = "kakehi graph CONFIG | dot -Tsvg >graph.svg\nExit status: as of `validate`.\n"},
    {.name = "schema",
     .run = kk_cli_schema,
     .arguments = "",
     .text = "print the JSON Schema of configs, for editors",
     .rows = kk_arguments_none,
     .help = "It knows the options of all stages that `kakehi list` shows. With the YAML language server, write\n"
             "above a config: # yaml-language-server: $schema=FILE\n"},
    {.name = "list",
     .run = kk_cli_list,
     .arguments = "",
     .text = "list the stages there are",
     .rows = kk_arguments_none,
     .help = "Stages are looked for in the directories of $KAKEHI_STAGES (colon separated), in stages/ beside\n"
             "the program, and where kakehi was installed.\n"},
    {.name = "help",
     .run = kk_cli_help,
     .arguments = "[STAGE | VERB]",
     .text = "explain a stage and its options, or a verb; `help config`: the config",
     .rows = kk_arguments_none,
     .help = "STAGE is a name that `kakehi list` shows, or the path of a module.\n"},
    {.name = "version",
     .run = kk_cli_version,
     .arguments = "",
     .text = "print the version",
     .rows = kk_arguments_none,
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
		fprintf(to, "%*s%s\n", used < 40 ? 40 - used : 1, "", verb->text);
	}
	fputs("\n`kakehi VERB --help` tells more about one of them.\n", to);
}

int kk_verb_help(const struct kk_verb *verb)
{
	printf("usage: kakehi %s%s%s\n\n%c%s.\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
	       verb->text[0] - 'a' + 'A', verb->text + 1);
	if (verb->rows->name)
		putchar('\n');
	kk_arguments_help(verb->rows, stdout);
	printf("%s%s", verb->rows->name ? "\n" : "", verb->help);
	if (verb->more)
		verb->more();
	return 0;
}
