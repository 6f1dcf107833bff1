/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/module.h - reads the name or path of a stage, produces its descriptor. The only part that loads code.
 *
 * A loaded module is never unloaded: the libraries of stages (GLib, OpenSSL) leave threads and handlers behind.
 */
#ifndef ENGINE_CONFIG_MODULE_H
#define ENGINE_CONFIG_MODULE_H

#include <kakehi/error.h>
#include <kakehi/stage.h>
#include <stddef.h>

/* Directories, colon separated, that are searched before the program's own. */
#define KK_MODULE_VARIABLE "KAKEHI_STAGES"

/* One stage that can be used. `path` as it was found, freed by kk_module_list_free; `stage` lives as long as the
 * process. `stage` is NULL if the file is no sound stage: then `error` says why. */
struct kk_module {
	char *path;
	const struct kk_stage *stage;
	struct kk_error error;
};

/* kk_module_kind - how people call a kind of stage. Static. */
const char *kk_module_kind(enum kk_stage_kind kind);

/* kk_module_find - the file of the stage called `use`: a name is looked for in $KAKEHI_STAGES, then in `stages/` beside
 * the program, then where stages are installed; a `use` with a '/' is a path. *path is absolute and the caller's to
 * free. 0, KK_ERR_MISSING (`nearest`, if not NULL, gets the name that was probably meant or "", `nearest_size` bytes)
 * or KK_ERR_INVALID. */
int kk_module_find(const char *use, char **path, char *nearest, size_t nearest_size, struct kk_error *error);

/* kk_module_load - loads the file and checks that it holds a stage this program understands. *stage lives as long as
 * the process. 0, KK_ERR_MISSING, KK_ERR_VERSION or KK_ERR_INVALID. */
int kk_module_load(const char *path, const struct kk_stage **stage, struct kk_error *error);

/* kk_module_list - loads every stage of all directories, sorted by name; of two with the same name the one that
 * kk_module_find would take. *list is the caller's, to be freed by kk_module_list_free. 0 or KK_ERR_MEMORY. */
int kk_module_list(struct kk_module **list, size_t *count, struct kk_error *error);
void kk_module_list_free(struct kk_module *list, size_t count);

#endif
