/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/codes.h - reads `skip_codes` and `fail_codes`, produces what each exit status of a program means. */
#ifndef STAGES_EXEC_CODES_H
#define STAGES_EXEC_CODES_H

#include <kakehi/stage.h>

struct codes {
	struct {
		enum kk_verdict verdict;
		enum kk_fail_class class; /* of KK_FAIL */
	} of[256];
};

/* codes_read - 0 passes, all others fail as "other" unless the lists ("3"; "65=not-an-image") say otherwise. 0, or -1
 * with a sentence in `why`. */
int codes_read(struct codes *codes, const struct kk_strings *skip, const struct kk_strings *fail, char *why,
               size_t why_size);

/* codes_class - the failure class that a word names; -1: none. */
int codes_class(const char *word);

#endif
