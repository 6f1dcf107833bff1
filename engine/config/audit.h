/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/audit.h - reads a resolved config, produces the mistakes that a run would only meet on its way: files
 * that are not there or cannot be written, reports that would overwrite what is read, names of outputs that no item can
 * have, or that two stages would share.
 */
#ifndef ENGINE_CONFIG_AUDIT_H
#define ENGINE_CONFIG_AUDIT_H

#include "config/config.h"
#include "config/nearest.h"

/* kk_audit_files - of one stage, before its own code is asked: are the files there that its options say must be?
 * Returns the number of mistakes. */
size_t kk_audit_files(const struct kk_config_stage *stage, struct kk_diagnostics *diagnostics);

/* kk_audit_field - can an item have this field? True also if a stage does not say what it gives. All names that are
 * known to be are offered to `near`. */
bool kk_audit_field(const struct kk_config *config, const char *field, struct kk_nearest *near);

/* kk_audit - all the rest; looks at the file system as it is now; all mistakes go to `diagnostics`. `file` is the
 * name of the config itself; "-": it came from standard input, so nothing else can. */
void kk_audit(const struct kk_config *config, const char *file, struct kk_diagnostics *diagnostics);

#endif
