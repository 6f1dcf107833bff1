/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/account.h - reads what is known of an item on one lane, produces its line of the errors file or of the
 * manifest.
 *
 * Keys, fields and texts come from outside. In a line stands nothing that is not UTF-8 and no control character; one
 * line is one item, whatever it is called. User, password and signatures of a URL are left out.
 */
#ifndef ENGINE_WORKER_ACCOUNT_H
#define ENGINE_WORKER_ACCOUNT_H

#include "report/text.h"
#include "run/layout.h"

/* Copies, which nobody changes any more. Borrowed for the call. */
struct account {
	const struct kk_plan *plan;
	const struct source_record *record; /* plan->record_bytes, the last of them a NUL */
	const struct item_head *head;
	const struct item_note *note; /* NULL: there are none                                     */
};

enum { ACCOUNT_LETTER_SIZE = 160 };

/* account_key - the item's key, cut at `size`, as it may be shown. */
void account_key(const struct account *about, char *to, size_t size);
/* account_stage, account_class - where and how it failed. */
const char *account_stage(const struct account *about);
enum kk_fail_class account_class(const struct account *about);
/* account_letter - the file name of a failed item's dead letter: id, stage and class. */
void account_letter(const struct account *about, char to[ACCOUNT_LETTER_SIZE]);

/* account_failure - a line of the errors file. */
void account_failure(struct kk_text *line, const struct account *about);
/* account_output - a line of the manifest, NDJSON or CSV as the plan says. account_titles - what stands above them. */
void account_output(struct kk_text *line, const struct account *about);
void account_titles(struct kk_text *line, const struct kk_plan *plan);

#endif
