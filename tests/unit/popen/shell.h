/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/popen/shell.h - reads a script, produces a command that runs it, for the children of these tests.
 */
#ifndef TESTS_UNIT_POPEN_SHELL_H
#define TESTS_UNIT_POPEN_SHELL_H

#include "harness.h"
#include <kakehi/popen.h>

/* shell - `script` run by /bin/sh, which the command names itself; its words are the test's. */
struct kk_command shell(const char *script);
/* piped - the same with pipes to 0, 1 and 2. */
struct kk_command piped(const char *script);
/* start - kk_popen, or the test fails. */
struct kk_popen *start(const struct kk_command *command);
/* open_fds - how many descriptors this process has open. */
unsigned open_fds(void);
/* pattern - `bytes` bytes that repeat nowhere soon. */
char *pattern(size_t bytes);

#endif
