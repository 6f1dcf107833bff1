/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/srgb.h - reads an ICC profile, produces whether it says no more than sRGB, as most profiles in
 * photographs do: then there is nothing to convert.
 */
#ifndef STAGES_RESIZE_SRGB_H
#define STAGES_RESIZE_SRGB_H

#include "metadata.h"
#include <stdbool.h>

struct srgb;

/* srgb_new - judges profiles and remembers the judgements about the last few; NULL: no memory. srgb_free - NULL is
 * allowed. */
struct srgb *srgb_new(void);
void srgb_free(struct srgb *srgb);

/* srgb_same - does conversion from this RGB profile to sRGB change nothing that can be seen? Profiles of more than
 * 16 KiB are never said to be the same. */
bool srgb_same(struct srgb *srgb, const struct blob *profile);

#endif
