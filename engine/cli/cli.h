/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/cli.h - reads the command line, produces calls into the engine: the verbs.
 */
#ifndef ENGINE_CLI_CLI_H
#define ENGINE_CLI_CLI_H

#include <stddef.h>

/* A verb gets its own name as argv[0] and returns the exit code of the program (docs/design.md, exit codes). */
int kk_cli_run(int argc, char **argv);
int kk_cli_validate(int argc, char **argv);
int kk_cli_config(int argc, char **argv);
int kk_cli_graph(int argc, char **argv);
int kk_cli_init(int argc, char **argv);
int kk_cli_schema(int argc, char **argv);
int kk_cli_list(int argc, char **argv);
int kk_cli_help(int argc, char **argv);
int kk_cli_version(int argc, char **argv);

struct kk_module;
/* kk_cli_stages - all stages there are, for a verb without arguments. An exit code; 0: *list is the caller's, to be
 * freed with kk_module_list_free. */
int kk_cli_stages(int argc, char **argv, struct kk_module **list, size_t *count);

/* kk_cli_help_fields - prints the fields of a config, each explained: what `help config` ends with. */
void kk_cli_help_fields(void);

#endif
