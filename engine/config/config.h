/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/config.h - reads the tree of a config file, produces checked values, each with its place.
 *
 * Here every field has the right form and range on its own. Whether stages exist and like their options is for
 * resolve.h to say, whether they fit together for graph/graph.h.
 */
#ifndef ENGINE_CONFIG_CONFIG_H
#define ENGINE_CONFIG_CONFIG_H

#include "config/diagnostic.h"
#include "config/node.h"
#include "config/store.h"
#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KK_CONFIG_MAX_WORKERS 480

/* place.line 0: not in the file, `value` is the default then. */
struct kk_config_number {
	uint64_t value;
	struct kk_place place;
};

struct kk_config_text {
	const char *text; /* NULL: not given */
	struct kk_place place;
};

/* The source or a stage, as written and, below, as resolved. */
struct kk_config_stage {
	struct kk_config_text name, use;
	struct kk_place place;
	const struct kk_config_text *from;
	size_t from_count;
	struct kk_place from_place; /* line 0: no `from:`, it reads from the one above */
	struct kk_config_number workers, queue, heap, timeout;
	struct kk_config_text when;    /* which items it takes; NULL: all    */
	struct kk_config_number order; /* 1: in the order of the source      */
	int keep_duplicates;           /* source: also a key that came before */
	bool workers_auto;             /* `workers` is the number of usable CPUs; fewer will do if memory is short */
	const struct kk_node *with;    /* NULL: no options given */
	struct kk_place with_place;

	const char *module; /* absolute path; NULL: not resolved, a mistake was reported */
	const struct kk_stage *stage;
	struct kk_demand demand;
	const char *options; /* the plan's option texts */
	size_t options_bytes;
};

enum kk_config_shared_kind { KK_CONFIG_VALUE, KK_CONFIG_ARRAY, KK_CONFIG_DICT, KK_CONFIG_LIST };

struct kk_config_shared {
	struct kk_config_text name;
	int kind;     /* enum kk_config_shared_kind */
	int is_float; /* 0: int64, 1: double        */
	struct kk_config_number length, item_max;
	double initial;
};

/* Which items of the source a run takes: not the config says it, but the command line. */
struct kk_selection {
	uint64_t limit;         /* the first so many; 0: all                     */
	uint32_t shard, shards; /* part `shard`, 1 .., of `shards`; 0, 0: all    */
	const char *only;       /* the one with this key; NULL: all              */
};

struct kk_config {
	struct kk_config_text pipeline;
	struct kk_config_number memory, seed, groups, shutdown_timeout, attempts, max_failures;
	double max_failures_share;
	struct kk_config_text errors_file, dead_letter, manifest_file;
	int manifest_csv;
	struct kk_selection selection;
	struct kk_config_stage source;
	struct kk_config_stage *stages;
	size_t stage_count;
	struct kk_config_shared *shared;
	size_t shared_count;
};

/* kk_config_read - the values of a document. All mistakes go to `diagnostics`; what can be read beside them is. The
 * result belongs to `store` and points into `document`, so both must outlive it. NULL: out of memory. */
struct kk_config *kk_config_read(const struct kk_document *document, struct kk_store *store,
                                 struct kk_diagnostics *diagnostics);

#endif
