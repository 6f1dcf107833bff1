/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include <stdio.h>

enum { EXIT_USAGE = 2 };

int kk_cli_version(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "kakehi version: unexpected argument \"%s\"\n", argv[1]);
		return EXIT_USAGE;
	}
	puts("kakehi " KAKEHI_VERSION);
	return 0;
}
