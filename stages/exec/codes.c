/* SPDX-License-Identifier: Apache-2.0 */
#include "codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
#define KK_X(name, word) word,
    KK_FAIL_CLASSES(KK_X)
#undef KK_X
};

int codes_class(const char *word)
{
	for (int i = 0; i < KK_FAIL_CLASS_COUNT; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* An exit status from 1 to 255; *rest points behind it. 0: it is none. */
static long status_of(const char *text, char **rest)
{
	long status = strtol(text, rest, 10);
	return *rest != text && status >= 1 && status <= 255 ? status : 0;
}

int codes_read(struct codes *codes, const struct kk_strings *skip, const struct kk_strings *fail, char *why,
               size_t why_size)
{
	char *rest;
	for (int i = 0; i < 256; i++) {
		codes->of[i].verdict = i ? KK_FAIL : KK_PASS;
		codes->of[i].class = KK_FAIL_OTHER;
	}
	for (size_t i = 0; i < skip->count; i++) {
		long status = status_of(skip->at[i], &rest);
		if (status == 0 || *rest) {
			snprintf(why, why_size, "skip_codes: \"%.80s\" is not an exit status from 1 to 255",
			         skip->at[i]);
			return -1;
		}
		codes->of[status].verdict = KK_SKIP;
	}
	for (size_t i = 0; i < fail->count; i++) {
		long status = status_of(fail->at[i], &rest);
		int class = status && *rest == '=' ? codes_class(rest + 1) : -1;
		if (class < 0) {
			snprintf(why, why_size,
			         "fail_codes: \"%.80s\" is not an exit status and a failure class, such as "
			         "\"65=not-an-image\"",
			         fail->at[i]);
			return -1;
		}
		codes->of[status].verdict = KK_FAIL;
		codes->of[status].class = (enum kk_fail_class) class;
	}
	return 0;
}
