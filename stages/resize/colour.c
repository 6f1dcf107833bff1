/* SPDX-License-Identifier: Apache-2.0 */
#include "colour.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	struct colour colour;
} names[] = {
    {"aqua", {0, 255, 255}},     {"beige", {245, 245, 220}}, {"black", {0, 0, 0}},       {"blue", {0, 0, 255}},
    {"brown", {165, 42, 42}},    {"cyan", {0, 255, 255}},    {"fuchsia", {255, 0, 255}}, {"gray", {128, 128, 128}},
    {"green", {0, 128, 0}},      {"grey", {128, 128, 128}},  {"ivory", {255, 255, 240}}, {"lime", {0, 255, 0}},
    {"magenta", {255, 0, 255}},  {"maroon", {128, 0, 0}},    {"navy", {0, 0, 128}},      {"olive", {128, 128, 0}},
    {"orange", {255, 165, 0}},   {"pink", {255, 192, 203}},  {"purple", {128, 0, 128}},  {"red", {255, 0, 0}},
    {"silver", {192, 192, 192}}, {"teal", {0, 128, 128}},    {"white", {255, 255, 255}}, {"yellow", {255, 255, 0}},
};

/* parse_digits - three or six hexadecimal digits. 0 or -1. */
static int parse_digits(const char *text, struct colour *to)
{
	size_t length = strlen(text);
	if ((length != 3 && length != 6) || strspn(text, "0123456789abcdefABCDEF") != length)
		return -1;
	unsigned long value = strtoul(text, NULL, 16);
	if (length == 3)
		value = (value >> 8 & 0xf) * 0x110000 + (value >> 4 & 0xf) * 0x1100 + (value & 0xf) * 0x11;
	*to = (struct colour){(unsigned char)(value >> 16), (unsigned char)(value >> 8), (unsigned char)value};
	return 0;
}

int colour_parse(const char *text, struct colour *to)
{
	if (text[0] == '#')
		return parse_digits(text + 1, to);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*to = names[i].colour;
			return 0;
		}
	}
	return -1;
}
