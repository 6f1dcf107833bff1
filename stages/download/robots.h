/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/robots.h - reads an X-Robots-Tag header, produces whether its owner wants the image left alone.
 */
#ifndef STAGES_DOWNLOAD_ROBOTS_H
#define STAGES_DOWNLOAD_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

/* robots_denies - does this header line (of any name) opt out: noai, noimageai, noindex, noimageindex or none, for all
 * robots or for the one called `robot`? */
bool robots_denies(const char *line, size_t length, const char *robot);

#endif
