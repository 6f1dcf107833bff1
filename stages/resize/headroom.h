/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/headroom.h - reads this process's memory limit and use, produces the bytes it may still allocate.
 *
 * GLib ends the process when an allocation fails, so a picture that cannot fit is refused before it is decoded: the
 * item fails with a reason instead of costing three workers.
 */
#ifndef STAGES_RESIZE_HEADROOM_H
#define STAGES_RESIZE_HEADROOM_H

#include <stdint.h>

/* headroom_open - a descriptor for headroom_bytes, or -1 with errno. Before the sandbox closes: it is a file in /proc.
 * The caller closes it. */
int headroom_open(void);

/* headroom_bytes - private memory that this process may still take; UINT64_MAX: no limit, or none that can be read. */
uint64_t headroom_bytes(int fd);

#endif
