/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "config/exit.h"
#include <stdio.h>

int kk_cli_version(int argc, char **argv)
{
	if (kk_arguments_read(&(struct kk_asked){0}, kk_arguments_none, 0, 0, argc, argv) < 0)
		return KK_EXIT_USAGE;
	puts("kakehi " KAKEHI_VERSION);
	return 0;
}
