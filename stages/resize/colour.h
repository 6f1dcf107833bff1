/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/colour.h - reads the name or hexadecimal form of a colour, produces its parts. */
#ifndef STAGES_RESIZE_COLOUR_H
#define STAGES_RESIZE_COLOUR_H

struct colour {
	unsigned char red, green, blue; /* sRGB */
};

/* colour_parse - "#rrggbb", "#rgb" or one of the 16 basic names of CSS and a few more, in any case. 0, or -1. */
int colour_parse(const char *text, struct colour *to);

#endif
