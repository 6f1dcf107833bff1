/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "config/exit.h"
#include "config/module.h"
#include <stdio.h>
#include <string.h>

static void print_modules(const struct kk_module *list, size_t count)
{
	size_t width = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = list[i].stage ? strlen(list[i].stage->name) : 0;
		width = length > width ? length : width;
	}
	for (size_t i = 0; i < count; i++) {
		const struct kk_stage *stage = list[i].stage;
		if (stage)
			printf("%-*s  %-9s  %s\n", (int)width, stage->name, kk_module_kind(stage->kind), stage->text);
		else
			fprintf(stderr, "kakehi list: %s\n", list[i].error.text);
	}
	if (!count)
		fputs("kakehi list: no stages found; see `kakehi list --help`\n", stderr);
}

int kk_cli_stages(int argc, char **argv, struct kk_module **list, size_t *count)
{
	struct kk_error error = {0};

	if (kk_arguments_read(&(struct kk_asked){0}, kk_arguments_none, 0, 0, argc, argv) < 0)
		return KK_EXIT_USAGE;
	if (kk_module_list(list, count, &error) == KK_OK)
		return KK_EXIT_DONE;
	fprintf(stderr, "kakehi %s: %s\n", argv[0], error.text);
	return KK_EXIT_INTERNAL;
}

int kk_cli_list(int argc, char **argv)
{
	struct kk_module *list = NULL;
	size_t count = 0;
	int code = kk_cli_stages(argc, argv, &list, &count);

	if (code != KK_EXIT_DONE)
		return code;
	print_modules(list, count);
	kk_module_list_free(list, count);
	return code;
}
