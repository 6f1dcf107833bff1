/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/directory.h - reads payloads, produces files beneath a directory, each whole or not there.
 */
#ifndef STAGES_UPLOAD_DIRECTORY_H
#define STAGES_UPLOAD_DIRECTORY_H

#include <kakehi/stage.h>
#include <sys/types.h>

enum existing { EXISTING_OVERWRITE = 0, EXISTING_SKIP, EXISTING_ERROR };
enum durability { DURABILITY_NONE = 0, DURABILITY_NORMAL, DURABILITY_FULL };

struct directory_settings {
	const char *root, *rest; /* the two parts of the pattern (target.h) */
	enum existing existing;
	enum durability durability;
	mode_t mode;
};

struct directory;

/* directory_new - opens the root, making it if it is missing, and removes what a killed worker of this number left.
 * NULL after kk_log. The texts of `settings` must outlive it. */
struct directory *directory_new(struct kk_context *context, const struct directory_settings *settings);
void directory_free(struct directory *directory);

/* directory_store - publishes the item's payload under its name. KK_PASS, KK_SKIP or KK_FAIL. */
enum kk_verdict directory_store(struct directory *directory, struct kk_item *item);

#endif
