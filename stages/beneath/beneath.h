/* SPDX-License-Identifier: Apache-2.0 */
/* stages/beneath/beneath.h - reads relative paths, produces descriptors of what lies beneath a directory and nowhere
 * else.
 *
 * Symbolic links and ".." are not followed: by openat2 where the kernel has it (5.6) and lets us, component by
 * component otherwise. The folder is no stage: two stages share it.
 */
#ifndef STAGES_BENEATH_BENEATH_H
#define STAGES_BENEATH_BENEATH_H

/* beneath_make_root - opens the directory `path`, made with its parents if it is missing; links in it are the user's
 * own. The descriptor, or -1 with errno. */
int beneath_make_root(const char *path);

/* beneath_open_dir - opens the directory `path` beneath `root`, making what is missing. The descriptor, or -1 with
 * errno: ELOOP or ENOTDIR if something else is in the way. */
int beneath_open_dir(int root, const char *path);

/* beneath_open_file - opens the file `path` beneath `root` for reading, without waiting for anything. The descriptor,
 * or -1 with errno: ELOOP or EXDEV for links and "..". */
int beneath_open_file(int root, const char *path);

#endif
