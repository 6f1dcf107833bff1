/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/robots.h - reads a header line, produces whether the image's owner wants it left alone.
 */
#ifndef STAGES_DOWNLOAD_ROBOTS_H
#define STAGES_DOWNLOAD_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

/* robots_denies - does this header line (of any name) opt out: an X-Robots-Tag with noai, noimageai, noindex,
 * noimageindex or none, for all robots or for the one called `robot`; or TDM-Reservation: 1? */
bool robots_denies(const char *line, size_t length, const char *robot);

#endif
