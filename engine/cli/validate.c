/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi validate, config, graph: read a config, produce what there is to say about it without running it. */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/outline.h"
#include "config/describe.h"
#include "config/exit.h"
#include <stdio.h>
#include <stdlib.h>

static void tell(const char *verb, const char *text)
{
	if (text)
		fputs(text, stderr);
	else
		fprintf(stderr, "kakehi %s: out of memory\n", verb);
}

static int validate(const struct kk_asked *asked, const char *file)
{
	struct kk_describe_request request = asked->describe;
	struct kk_plan *plan = NULL;
	char *text = NULL;

	request.file = file;
	int code = kk_describe(&request, &plan, &text);
	tell("validate", text);
	if (code == 0)
		kk_outline_line(plan, stdout);
	free(text);
	free(plan);
	return code;
}

int kk_cli_validate(int argc, char **argv)
{
	struct kk_asked asked = {0};
	int code = 0;

	if (kk_arguments_read(&asked, kk_arguments_config, 1, -1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	for (int i = 0; i < asked.operand_count; i++) {
		int one = validate(&asked, asked.operands[i]);
		/* of several failures, one of the program itself is the one to tell */
		if (!code || one == KK_EXIT_INTERNAL)
			code = one;
	}
	return code;
}

int kk_cli_config(int argc, char **argv)
{
	struct kk_asked asked = {0};
	char *config = NULL, *text = NULL;

	if (kk_arguments_read(&asked, kk_arguments_config, 1, 1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	asked.describe.file = asked.operands[0];
	int code = kk_describe_config(&asked.describe, &config, &text);
	tell("config", text);
	if (code == 0)
		fputs(config, stdout);
	free(config);
	free(text);
	return code;
}

int kk_cli_graph(int argc, char **argv)
{
	struct kk_asked asked = {0};
	struct kk_plan *plan = NULL;
	char *text = NULL;

	if (kk_arguments_read(&asked, kk_arguments_config, 1, 1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	asked.describe.file = asked.operands[0];
	int code = kk_describe(&asked.describe, &plan, &text);
	tell("graph", text);
	if (code == 0)
		kk_outline_dot(plan, stdout);
	free(text);
	free(plan);
	return code;
}
