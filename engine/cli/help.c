/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/verb.h"
#include "config/exit.h"
#include "config/field.h"
#include "config/module.h"
#include "config/option.h"
#include "config/quantity.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MIN_COLUMNS = 40, MAX_COLUMNS = 110, INDENT = 6 };

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
	printf("%s (%s%s)\n", stage->name, kk_module_kind(stage->kind), stage->submit ? ", many items in flight" : "");
	print_wrapped(stage->text, 2);
	if (stage->options && stage->options->name)
		fputs("\nOptions, under `with:`\n", stdout);
	else
		fputs("\nIt has no options.\n", stdout);
	for (const struct kk_option *row = stage->options; row && row->name; row++)
		print_option(row);
}

/* ---- the config's own fields */

static void print_field(const struct kk_field *field)
{
	char range[100];

	printf("\n  %s: ", field->name);
	if (field->form == KK_FIELD_WORD) {
		for (size_t i = 0; field->words[i]; i++)
			printf("%s%s", i ? " | " : "", field->words[i]);
	} else {
		fputs(kk_field_form_text(field->form), stdout);
	}
	if (*kk_field_range(field, range, sizeof(range)))
		printf(", %s", range);
	if (field->required)
		fputs("; required", stdout);
	else if (field->def)
		printf("; default %s", field->def);
	putchar('\n');
	print_wrapped(field->text, INDENT);
}

static void print_group(const char *heading, const struct kk_field_group *group)
{
	printf("\n%s\n", heading);
	for (const struct kk_field *field = group->fields; field->name; field++)
		print_field(field);
	for (const struct kk_field *field = group->fields; field->name; field++) {
		char below[100];
		snprintf(below, sizeof(below), "Fields of %s`%s:`", field->form == KK_FIELD_MAP ? "" : "each in ",
		         field->name);
		if (field->group)
			print_group(below, field->group);
	}
}

void kk_cli_help_fields(void)
{
	print_group("Fields of a config", &kk_config_fields);
	putchar('\n');
	print_wrapped(
	    "Sizes are written 4096, 64KiB, 50MiB or 1GB, durations 500ms, 30s, 5m or 2h. ${VAR} and "
	    "${VAR:-default} are replaced from the environment, ${file:PATH} by the secret in a file; $${ is a "
	    "plain ${.",
	    0);
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
	const char *verb = NULL;
	kk_verb_find(use, &verb);
	fprintf(stderr, "kakehi help: %s\n", error.text);
	if (*nearest || verb)
		fprintf(stderr, "        did you mean \"%s\"?\n", *nearest ? nearest : verb);
	return KK_EXIT_USAGE;
}

int kk_cli_help(int argc, char **argv)
{
	struct kk_asked asked = {0};

	if (kk_arguments_read(&asked, kk_arguments_none, 0, 1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	if (!asked.operand_count) {
		kk_verb_usage(stdout);
		return 0;
	}
	const struct kk_verb *verb = kk_verb_find(asked.operands[0], NULL);
	return verb ? kk_verb_help(verb) : help_stage(asked.operands[0]);
}
