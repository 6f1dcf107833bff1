/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/command.h - reads the option `command` and an item, produces the program, its arguments and environment.
 *
 * No shell is involved. In an argument {in}, {in.jpg}, {out}, {out.webp} (with a suffix of one's own) stand for file
 * names and {id} for the item's id; all else, braces too, stays as it is. What strangers may have chosen, such as the
 * item's key, comes by the environment alone, where nothing takes it for an option.
 */
#ifndef STAGES_EXEC_COMMAND_H
#define STAGES_EXEC_COMMAND_H

#include <kakehi/stage.h>

struct command;

/* command_find - the absolute path of a program: `name` itself if it has a slash, else from PATH. 0, or -1. */
int command_find(const char *name, const char *path, char *to, size_t size);

/* command_new - of the arguments and the list "NAME=value" of the environment, both of which must outlive it. NULL: no
 * memory. command_env_ok - is this an element of such a list? */
struct command *command_new(const struct kk_strings *args, const struct kk_strings *env);
void command_free(struct command *command);
int command_env_ok(const char *element);

/* command_in, command_out - the file names that {in...} and {out...} stand for ("in.jpg"); NULL: they do not occur.
 * Arguments that name different ones share the first. Before command_fill. */
const char *command_in(const struct command *command);
const char *command_out(const struct command *command);

/* command_fill - makes arguments and environment for an item; `item` NULL: for a standing program. `dir` is where the
 * files lie. `fields`: names to hand on. 0, or -1: no memory. */
int command_fill(struct command *command, const struct kk_context *context, const struct kk_item *item, const char *dir,
                 const struct kk_strings *fields);
const char *const *command_argv(const struct command *command);
const char *const *command_environment(const struct command *command);
/* command_set - one more variable, until the next command_fill. 0, or -1: no memory. */
int command_set(struct command *command, const char *name, const char *value);

#endif
