/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/config/parsed.h - reads the text of a config, produces its values, with stages that need no modules. */
#ifndef TESTS_UNIT_CONFIG_PARSED_H
#define TESTS_UNIT_CONFIG_PARSED_H

#include "config/config.h"

struct parsed {
	struct kk_store *store;
	struct kk_diagnostics *diagnostics;
	struct kk_document *document;
	struct kk_config *config; /* NULL: there is no tree */
};

/* parsed_config - reads `text`, which must outlive the result. `use: source`, `transform`, `sink` and `flight` (a
 * transform with many items in flight) get stages that need nothing; others stay unresolved. */
void parsed_config(struct parsed *parsed, const char *text);
void parsed_free(struct parsed *parsed);

/* parsed_messages - all mistakes as text; the test's until its end. */
const char *parsed_messages(struct parsed *parsed);

#endif
