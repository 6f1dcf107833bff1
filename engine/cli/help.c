/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verb.h"
#include "config/module.h"
#include "config/option.h"
#include "config/quantity.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, MIN_COLUMNS = 40, MAX_COLUMNS = 110, INDENT = 6 };

/* ---- text in lines */

static int columns(void)
{
	struct winsize size;
	const char *variable = getenv("COLUMNS");
	uint64_t wanted = 80;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		wanted = size.ws_col;
	else if (variable && kk_quantity_unsigned(variable, &wanted, NULL) != KK_OK)
		wanted = 80;
	return wanted < MIN_COLUMNS ? MIN_COLUMNS : wanted > MAX_COLUMNS ? MAX_COLUMNS : (int)wanted;
}

/* Prints words, `indent` blanks before each line, no line longer than the terminal unless one word is. */
static void print_wrapped(const char *text, int indent)
{
	int width = columns(), column = 0;

	while (*(text += strspn(text, " \n"))) {
		size_t length = strcspn(text, " \n");
		if (column && column + 1 + (int)length > width) {
			putchar('\n');
			column = 0;
		}
		int gap = column ? 1 : indent;
		printf("%*s%.*s", gap, "", (int)length, text);
		column += gap + (int)length;
		text += length;
	}
	putchar('\n');
}

/* ---- options */

static void print_type(const struct kk_option *row)
{
	if (row->type != KK_OPTION_ENUM) {
		fputs(kk_option_type_name(row), stdout);
		return;
	}
	for (size_t i = 0; row->words[i]; i++)
		printf("%s%s", i ? " | " : "", row->words[i]);
}

static void print_option(const struct kk_option *row)
{
	char range[160];

	printf("\n  %s: ", row->name);
	print_type(row);
	if (*kk_option_range(row, range, sizeof(range)))
		printf(", %s", range);
	if (row->flags & KK_OPTION_REQUIRED)
		fputs("; required", stdout);
	else if (row->def && *row->def)
		printf("; default %s", row->def);
	else
		fputs("; default none", stdout);
	if (row->flags & KK_OPTION_SECRET)
		fputs("; secret", stdout);
	putchar('\n');
	print_wrapped(row->text, INDENT);
}

static void print_stage(const struct kk_stage *stage)
{
	static const char *const kinds[] = {[KK_SOURCE] = "source", [KK_TRANSFORM] = "transform", [KK_SINK] = "sink"};

	printf("%s (%s%s)\n", stage->name, kinds[stage->kind], stage->submit ? ", many items in flight" : "");
	print_wrapped(stage->text, 2);
	if (stage->options && stage->options->name)
		fputs("\nOptions, under `with:`\n", stdout);
	else
		fputs("\nIt has no options.\n", stdout);
	for (const struct kk_option *row = stage->options; row && row->name; row++)
		print_option(row);
}

static int help_stage(const char *use)
{
	const struct kk_stage *stage = NULL;
	struct kk_error error = {0};
	char *path = NULL, nearest[100];

	int status = kk_module_find(use, &path, nearest, sizeof(nearest), &error);
	if (status == KK_OK)
		status = kk_module_load(path, &stage, &error);
	free(path);
	if (status == KK_OK) {
		print_stage(stage);
		return 0;
	}
	fprintf(stderr, "kakehi help: %s\n", error.text);
	if (*nearest)
		fprintf(stderr, "        did you mean \"%s\"?\n", nearest);
	return EXIT_USAGE;
}

int kk_cli_help(int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "kakehi help: unexpected argument \"%s\"\n", argv[2]);
		return EXIT_USAGE;
	}
	if (argc < 2) {
		kk_verb_usage(stdout);
		return 0;
	}
	const struct kk_verb *verb = kk_verb_find(argv[1], NULL);
	return verb ? kk_verb_help(verb) : help_stage(argv[1]);
}
