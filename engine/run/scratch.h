/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/scratch.h - reads where there is room on a disk, produces a file without a name.
 *
 * Such a file lives as long as a process has it open and is gone afterwards, however that process ended. It is on a
 * disk if one of the usual places is: $TMPDIR, /var/tmp, /tmp; what lies in a tmpfs is memory.
 */
#ifndef ENGINE_RUN_SCRATCH_H
#define ENGINE_RUN_SCRATCH_H

#include <kakehi/error.h>

/* kk_scratch_open - an empty file, for reading and writing, close-on-exec. The descriptor, the caller's; or
 * KK_ERR_SYSTEM with what went wrong at the last place tried. */
int kk_scratch_open(struct kk_error *error);

#endif
