/* SPDX-License-Identifier: Apache-2.0 */
/* engine/graph/plan.h - reads a checked config, produces the plan: everything the supervisor and the workers need.
 *
 * The plan is one flat block of memory without pointers: the describe child makes it, sends it through a pipe, and
 * the supervisor, which parses no YAML and loads no module, works from it. Each worker gets a copy that holds the
 * options of its own stage only. Texts and option values lie behind the fixed part, named by their offset from the
 * start of the plan; offset 0 means "none".
 */
#ifndef ENGINE_GRAPH_PLAN_H
#define ENGINE_GRAPH_PLAN_H

#include <stdint.h>

#define KK_PLAN_MAGIC      0x6b6b706cU
#define KK_PLAN_VERSION    3
#define KK_PLAN_MAX_STAGES 48
#define KK_PLAN_MAX_EDGES  256
#define KK_PLAN_MAX_LANES  16
#define KK_PLAN_MAX_ROLES  500
#define KK_PLAN_MAX_SHARED 32

/* What an arena can be. A payload's size has 32 bits, and the big extent has some room beside the largest payload. */
#define KK_PLAN_MAX_LARGEST      ((UINT64_C(1) << 32) - (UINT64_C(1) << 16))
#define KK_PLAN_MAX_REGION_BYTES ((UINT64_C(1) << 40) - (UINT64_C(1) << 16))
#define KK_PLAN_MAX_BLOCKS       ((UINT64_C(1) << 24) - 2) /* of all regions together */

/* What the workers of a stage can have in common: kakehi/gate.h, kakehi/cache.h. */
#define KK_PLAN_MAX_PERMITS 1024 /* more mean any number */
#define KK_PLAN_MAX_CACHED  (UINT32_C(1) << 20)
#define KK_PLAN_MIN_RATE    1e-6
#define KK_PLAN_MAX_RATE    1e9

/* One stage. stage[0] is the source, the others follow in an order in which every stage stands behind all it
 * reads from. The recorder, which writes down failures, is not a stage of the config: its role is the last one. */
struct kk_plan_stage {
	uint32_t name;            /* text: in the config                                             */
	uint32_t use;             /* text: the stage's own name                                      */
	uint32_t module;          /* text: file to load                                              */
	uint32_t kind;            /* enum kk_stage_kind                                              */
	uint32_t workers;         /* 1 ..                                                            */
	uint32_t first_role;      /* its workers play roles first_role .. first_role + workers - 1   */
	uint32_t in_flight;       /* items one worker may hold                                       */
	uint32_t needs;           /* enum kk_need                                                    */
	uint32_t asynchronous;    /* 1: submit/poll/wait                                             */
	uint32_t ring_slots;      /* capacity of the ring it reads from, a power of two; source: 0   */
	uint32_t options;         /* offset of its option texts: name\0value\0 ... ; lists repeat    */
	uint32_t options_bytes;   /* the name, defaults are not written out                          */
	uint64_t region_bytes;    /* of each worker's own part of the stage's arena; 0: no payloads  */
	uint64_t big_bytes;       /* of the arena's one extent for an item that fits nowhere else    */
	uint64_t largest;         /* bytes of the largest payload it may make                        */
	uint64_t heap;            /* bytes: RLIMIT_DATA beyond what a worker has at `open`           */
	uint64_t item_timeout_ms; /* 0: none                                                         */
	uint32_t blocks;          /* block descriptors of each worker's region                       */
	uint32_t permits;         /* under way at one key at once; 0: any number                     */
	uint32_t cached;          /* things its workers remember; 0: none                            */
	double key_rate;          /* admissions a second at one key; 0: any                          */
	double rate;              /* in all; 0: any                                                  */
	uint32_t when;            /* offset of the condition under which it takes an item; 0: always */
	uint32_t when_words;      /* of 32 bits: see condition.h                                     */
	uint32_t when_text;       /* text: the same as the config has it                             */
	uint32_t ordering;        /* 1: no stage of the config; hands on in the order of the source  */
	uint32_t in_order;        /* 1: what it makes may wait for its turn at one that does         */
};

/* An item on `lane` that `stage` has passed goes to stage `to`, there on lane `to_lane`. Where a stage feeds several
 * others its item continues on one lane for each; a stage without edges for a lane ends it (the item is done). The
 * first edge of a (stage, lane) always has to_lane == lane. A source item starts on lane 0. */
struct kk_plan_edge {
	uint16_t stage, lane, to, to_lane;
};

/* What becomes of an item whose key came before; the last: the source says that none does. */
enum kk_duplicates { KK_DUPLICATES_SKIP = 0, KK_DUPLICATES_KEEP, KK_DUPLICATES_NONE };

enum kk_shared_kind { KK_SHARED_VALUE = 1, KK_SHARED_ARRAY, KK_SHARED_DICT, KK_SHARED_LIST };

struct kk_plan_shared {
	uint32_t name;     /* text                                                                  */
	uint32_t kind;     /* enum kk_shared_kind                                                   */
	uint32_t is_float; /* 0: int64, 1: double (value, array)                                    */
	uint32_t length;   /* elements of an array, keys of a dict, items of a list; value: 1       */
	uint32_t item_max; /* bytes: dict: a key plus its value; list: an item                      */
	uint32_t reserved;
	double initial; /* value, array: every element at the start                              */
};

struct kk_plan {
	uint32_t magic, version;
	uint64_t bytes;  /* of the whole plan                                                 */
	uint32_t name;   /* text: pipeline:                                                   */
	uint32_t config; /* text: the config's file name                                      */
	uint64_t memory; /* the ceiling, bytes                                                */
	uint64_t seed;
	uint32_t stage_count, edge_count, shared_count;
	uint32_t role_count;       /* all workers and the recorder; roles are numbered 1 .. role_count  */
	uint32_t groups;           /* source items that can be under way at once                        */
	uint32_t lanes;            /* item headers per source item: 1 for a graph without branches      */
	uint32_t record_bytes;     /* of one record of the source: key and carried fields               */
	uint32_t attempts;         /* deliveries before an item that kills its workers is dead-lettered */
	uint64_t max_failures;     /* stop after this many failed items; 0: never                       */
	double max_failures_share; /* stop when more than this share failed (after 100 items); 0: never */
	uint32_t errors_file;      /* text: NDJSON of failed items, or none                             */
	uint32_t dead_letter;      /* text: directory that keeps the bytes of failed items, or none     */
	uint32_t manifest_file;    /* text: what became of each output, or none                         */
	uint32_t manifest_csv;     /* 0: NDJSON, 1: CSV                                                 */
	uint32_t shard, shards;    /* --shard i/n: only items of part i, 1 .. n, of n; 0, 0: all        */
	uint32_t only;             /* text: --only KEY, the one item that is taken, or none             */
	uint32_t duplicates;       /* enum kk_duplicates: of the source's keys                          */
	uint64_t shutdown_timeout_ms;
	uint64_t limit;    /* stop after this many source items (--limit); 0: none              */
	uint64_t smallest; /* bytes: the smallest ceiling with which this pipeline works        */
	struct kk_plan_stage stage[KK_PLAN_MAX_STAGES];
	struct kk_plan_edge edge[KK_PLAN_MAX_EDGES];
	struct kk_plan_shared shared[KK_PLAN_MAX_SHARED];
};

/* kk_plan_rate_ok - can this be a rate of a plan: 0, or from KK_PLAN_MIN_RATE to KK_PLAN_MAX_RATE? */
static inline int kk_plan_rate_ok(double rate)
{
	return rate == 0 || (rate >= KK_PLAN_MIN_RATE && rate <= KK_PLAN_MAX_RATE);
}

/* kk_plan_text - the text at an offset of the plan; "" for 0 or an offset outside of it. */
const char *kk_plan_text(const struct kk_plan *plan, uint32_t offset);

/* kk_plan_stage_of - the index of the stage whose worker plays `role`; plan->stage_count for the recorder. */
unsigned kk_plan_stage_of(const struct kk_plan *plan, unsigned role);

/* kk_plan_check - is this block of `bytes` a sound plan (magic, version, every index and offset in range)? 0 or -1. */
int kk_plan_check(const struct kk_plan *plan, uint64_t bytes);

#endif
