/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/asleep.h - reads a process id, produces whether the process sleeps in the kernel (state S). */
#ifndef TESTS_HARNESS_ASLEEP_H
#define TESTS_HARNESS_ASLEEP_H

#include <stdbool.h>
#include <sys/types.h>

bool asleep(pid_t pid);

#endif
