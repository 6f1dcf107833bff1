/* SPDX-License-Identifier: Apache-2.0 */
/* A program that starts itself afresh without expecting it: it would do so without end. Prints why it does not. */
#include <kakehi/process.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int do_nothing(struct kk_call *call)
{
	(void)call;
	return 0;
}
KK_FUNCTION(do_nothing)

int main(int argc, char **argv)
{
	struct kk_error error = {0};
	struct kk_process_spec spec = {.call = do_nothing};

	spec.method = argc == 2 ? (enum kk_start_method)atoi(argv[1]) : KK_START_SPAWN;
	struct kk_process *process = kk_process_spawn(&spec, &error);
	if (!process && strstr(error.text, "main has to call kk_function_main"))
		fputs("main has to call kk_function_main", stdout);
	kk_process_free(process);
	return process ? 0 : 1;
}
