/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/directory.h - reads payloads, produces files beneath a directory, each whole or not there.
 */
#ifndef STAGES_UPLOAD_DIRECTORY_H
#define STAGES_UPLOAD_DIRECTORY_H

#include <kakehi/stage.h>
#include <sys/types.h>

enum existing { EXISTING_OVERWRITE = 0, EXISTING_SKIP, EXISTING_ERROR };
enum durability { DURABILITY_NONE = 0, DURABILITY_NORMAL, DURABILITY_FULL };

/* Items that may wait for their directories to reach the disk together, with DURABILITY_FULL. */
#define DIRECTORY_BATCH 32

struct directory_settings {
	const char *root, *rest; /* the two parts of the pattern (target.h) */
	enum existing existing;
	enum durability durability;
	mode_t mode;
	unsigned subfolders; /* levels of directories named by the item's id */
};

struct directory;

/* directory_new - opens the root, making it if it is missing, and removes what a killed worker of this number left.
 * NULL after kk_log. The texts of `settings` must outlive it. */
struct directory *directory_new(struct kk_context *context, const struct directory_settings *settings);
void directory_free(struct directory *directory);

/* directory_store - publishes the item's payload under its name. KK_PASS, KK_SKIP, KK_FAIL; or KK_PENDING: its name has
 * yet to reach the disk, directory_flush settles it. Of those there may be DIRECTORY_BATCH. */
enum kk_verdict directory_store(struct directory *directory, struct kk_item *item);

/* directory_flush - makes the names of all pending items last, and settles them; each directory is written once for all
 * items in it. directory_pending - is there any? */
void directory_flush(struct directory *directory);
bool directory_pending(const struct directory *directory);

#endif
