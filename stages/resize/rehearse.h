/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/rehearse.h - reads nothing, produces a process that has made a picture of every kind once: its threads
 * and tables are there before the first item, and counted in what it has at its start.
 */
#ifndef STAGES_RESIZE_REHEARSE_H
#define STAGES_RESIZE_REHEARSE_H

#include "save.h"
#include <stddef.h>

/* rehearse - shrinks and writes a small picture in every format of `formats` (bits 1 << enum format) that can be
 * written. Threads it starts are as confined as the one that calls: behind the sandbox. 0, or -1 with one line in
 * `why`. */
int rehearse(unsigned formats, const struct save_settings *how, struct jpeg_writer *writer, char *why, size_t why_size);

#endif
