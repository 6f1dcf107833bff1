/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/audit.h - reads a resolved config, produces the mistakes that a run would only meet on its way: files
 * that are not there or cannot be written, names of outputs that no item can have, or that two stages would share.
 */
#ifndef ENGINE_CONFIG_AUDIT_H
#define ENGINE_CONFIG_AUDIT_H

#include "config/config.h"

/* kk_audit_files - of one stage, before its own code is asked: are the files there that its options say must be?
 * Returns the number of mistakes. */
size_t kk_audit_files(const struct kk_config_stage *stage, struct kk_diagnostics *diagnostics);

/* kk_audit - all the rest; looks at the file system as it is now; all mistakes go to `diagnostics`. `from_stdin`: the
 * config itself came from standard input, so nothing else can. */
void kk_audit(const struct kk_config *config, bool from_stdin, struct kk_diagnostics *diagnostics);

#endif
