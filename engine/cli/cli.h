/* SPDX-License-Identifier: Apache-2.0 */
/* engine/cli/cli.h - reads the command line, produces calls into the engine: the verbs.
 */
#ifndef ENGINE_CLI_CLI_H
#define ENGINE_CLI_CLI_H

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

/* kk_cli_help_fields - prints the fields of a config, each explained: what `help config` ends with. */
void kk_cli_help_fields(void);

#endif
