/* SPDX-License-Identifier: Apache-2.0 */
/* engine/run/layout.h - what lies where in the shared memory of a run. For engine/run and engine/worker only.
 *
 *   control   run header | roles | table of item headers | group words | notes | rings | arena logs | shared objects
 *   arena[s]  source: records | cursor | data        others: data        and for both: gate | cache
 *   counters  one role_page a role
 *   recorder  its journal
 *
 * Every struct below starts with the table of who writes what. "holder" is the role whose hand an item is in.
 */
#ifndef ENGINE_RUN_LAYOUT_H
#define ENGINE_RUN_LAYOUT_H

#include "run/run.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <kakehi/shm.h>
#include <kakehi/word.h>

#define KK_RUN_MAGIC 0x6b6b72756e303031ULL

/* The rings of a run, by number. A settled item goes back through the ring that says how it ended: what was ever put
 * into these rings *is* the count of items done, failed and skipped, and no kill can make it wrong. */
enum kk_run_ring {
	KK_RING_UNUSED = 0, /* all at the start; those the source took and had no item for */
	KK_RING_DONE,
	KK_RING_FAILED,
	KK_RING_SKIPPED,
	KK_RING_RECORDER, /* failed items on their way to being written down */
	KK_RING_STAGE     /* + stage: what it reads from; the source has none */
};

/* Control segment, first thing in it.
 *   magic .. plan   creator; stop: supervisor; free_items: see kk_event
 */
struct run_header {
	uint64_t magic;
	uint32_t plan_version, reserved;
	uint64_t stop;
	_Alignas(64) struct kk_event free_items; /* entries came to one of the four free rings */
};

/* One role.
 *   life, cause, text   supervisor, before it starts a process (which is ordered behind that)
 *   state, current      the process that plays the role; read by the supervisor and the heir
 */
struct role_entry {
	_Alignas(64) uint32_t life;
	uint32_t cause; /* enum kk_cause: of the end of life - 1 */
	char text[40];
	uint64_t state;   /* enum kk_role_state */
	uint64_t current; /* life:32 | kind:8 | handle:24 - what the stage is being called for */
};

enum current_kind {
	CURRENT_NOTHING = 0, /* outside the stage: nobody is to blame          */
	CURRENT_ITEM,        /* in the stage for this one item                 */
	CURRENT_MANY,        /* in the stage for all that are pending          */
};

/* An item header: an entry of the table. One cache line that every hop touches, and what only failures need. Written by
 * the holder; read by the next holder (ordered by the ring) and by the heir. Its own word: see kakehi/ring.h.
 */
struct item_head {
	_Alignas(64) uint64_t trials; /* charged:8 | present:8 | (unused):16 | life+1 of the last counted death:32 */
	struct kk_block_ref pay[2];   /* its own.side says which one counts */
	uint8_t pay_stage[2];         /* whose arena it lies in         */
	uint8_t lane;
	uint8_t verdict;  /* what was decided: enum kk_verdict        */
	uint8_t replaced; /* decided: the other pay counts from now on */
	uint8_t fail_class, fail_stage;
	uint8_t kept;                /* failed: HEAD_KEPT + the pay that is still held for the dead letters, by the
	                              * recorder HEAD_WRITTEN + the same when it is written down; 0: none was held */
	uint16_t ways;               /* passed: bit i: the i-th edge of this stage and lane takes it */
	uint64_t sequence;           /* of the source item: names this life of the group */
	_Alignas(64) uint64_t noted; /* recorder: the own word under which it was written down */
	uint64_t noted_at;           /* and as which entry of the journal                       */
	uint8_t signal;              /* failed: that its workers died of, or 0                  */
	uint8_t attempts;            /* deliveries to the stage where it failed                 */
	char text[110];              /* why it failed                                           */
};
_Static_assert(sizeof(struct item_head) == 192, "two cache lines for failures, one for everybody");

enum { HEAD_KEPT = 1, HEAD_WRITTEN = 3 };
enum { ITEM_HEAD_HOP = 64 }; /* bytes of a header that every hop touches */

/* What is noted of an item on one lane for the manifest: one for each header, and only if the plan has a manifest.
 *   all of it   the holder, before it decides; read by the next holder, by the recorder
 */
enum { NOTE_FIELDS_ROOM = 1024 };
#define NOTE_NEVER UINT32_MAX /* the item did not come to this stage */
struct item_note {
	_Alignas(64) uint64_t stamp_ns; /* CLOCK_MONOTONIC: when the last stage had done with it             */
	uint64_t ended;                 /* 1 + the sequence of the item that is done and ended on this lane  */
	uint64_t bytes;                 /* of the payload that its last stage got                            */
	unsigned char hash[16];         /* XXH3-128 of it, canonical                                         */
	uint32_t stage;                 /* the last one                                                      */
	uint32_t own_bytes;             /* in `fields`: those that the last stage set come first             */
	uint32_t field_bytes;           /* these and what came with the payload: name\0value\0 ...           */
	char fields[NOTE_FIELDS_ROOM];
	struct note_time {
		uint32_t waited_us, worked_us; /* for the stage, in it; at most 71 minutes are counted       */
	} time[];                              /* [stage]                                                    */
};

/* With branches: one word a source item.  life:32 | worst verdict:4 | last lane:8 | settled lanes:16 ... any holder, by
 * CAS. */

/* A record of the source, one per source item under way. Written by the source before the item's commit, read-only
 * for everybody else. `bytes`: key\0 then name\0value\0 ... of the carried fields. */
struct source_record {
	_Alignas(64) uint64_t own; /* the own word of the claim it was written under */
	uint64_t sequence;
	struct kk_position after;        /* where the source stands behind this item       */
	uint32_t key_bytes, field_bytes; /* incl. the NULs                           */
	uint32_t handle;
	uint32_t occurrence; /* of the key, where keys may come again: 2 for the second; else 0 */
	uint64_t born_ns;    /* CLOCK_MONOTONIC, about: when the item began to exist */
	char bytes[];
};

/* The source's cursor: `next` is the commit of an item; position[next & 1] and read[next & 1] belong to it. `ended`
 * stands here, where no other stage can claim it. Source only. */
struct source_cursor {
	_Alignas(64) uint64_t next; /* sequence of the next item to begin */
	struct kk_position position[2];
	uint64_t read[2]; /* items the source had read, also those that are none of this run */
	uint64_t ended;   /* the source has said KK_END */
};

/* The recorder's journal: `entries` is the commit; state[entries & 1] belongs to it. Recorder only. */
struct journal {
	_Alignas(64) uint64_t entries;
	struct journal_state {
		uint64_t errors_bytes;   /* of the errors file that count */
		uint64_t manifest_bytes; /* of the manifest               */
		uint64_t by_class[KK_FAIL_CLASS_COUNT];
	} state[2];
};

/* The page of one role. Its worker only. */
struct role_page {
	struct kk_counters counters;
	struct kk_spans calls_took, items_took;
};

/* Offsets into the control segment and the arenas, computed from the plan alone. */
struct run_layout {
	uint32_t heads; /* groups * lanes */
	uint64_t roles, table, table_bytes, groups;
	uint64_t notes, note_stride; /* stride 0: there are none */
	uint64_t ring[KK_RING_STAGE + KK_PLAN_MAX_STAGES];
	uint32_t ring_slots[KK_RING_STAGE + KK_PLAN_MAX_STAGES];
	uint64_t log[KK_PLAN_MAX_STAGES]; /* 0: this stage has no arena */
	uint64_t shared[KK_PLAN_MAX_SHARED];
	uint64_t control_bytes;
	uint64_t record_stride, cursor, source_data; /* within the source's arena */
	uint64_t gate[KK_PLAN_MAX_STAGES];           /* within the stage's arena; 0: it has none */
	uint64_t cache[KK_PLAN_MAX_STAGES];
	uint64_t arena_bytes[KK_PLAN_MAX_STAGES]; /* 0: no such segment */
};
void kk_run_layout(const struct kk_plan *plan, struct run_layout *layout);
void kk_run_shape(const struct kk_plan_stage *stage, struct kk_arena_shape *shape);

struct kk_run {
	const struct kk_plan *plan;
	struct run_layout layout;
	unsigned role; /* 0: the supervisor */

	/* The creator's segments; empty in a worker. */
	struct kk_shm *control_shm, *recorder_shm;
	struct kk_shm *arena_shm[KK_PLAN_MAX_STAGES];
	struct kk_shm *counters_shm[KK_PLAN_MAX_ROLES + 1];
	int bell[KK_PLAN_MAX_STAGES];
	int seen;                /* the creator's: the ids of the source's keys, or -1  */
	int keep[KK_KEEP_KINDS]; /* the creator's: what the source keeps, or -1        */

	/* Mappings. */
	unsigned char *control;
	unsigned char *arena_memory[KK_PLAN_MAX_STAGES];
	struct role_page *page[KK_PLAN_MAX_ROLES + 1]; /* a worker has only its own */
	struct journal *journal;

	/* Views into them. */
	struct run_header *header;
	struct role_entry *roles; /* [role] */
	struct kk_table *table;
	struct kk_ring *ring[KK_RING_STAGE + KK_PLAN_MAX_STAGES]; /* NULL: does not exist */
	struct kk_arena *arena[KK_PLAN_MAX_STAGES];
	struct source_cursor *cursor;
	struct run_shared *shared;

	/* A worker: what its stage's workers have in common, or NULL; see run/commons.h. */
	struct kk_gate *gate;
	struct kk_cache *cache;
	unsigned gate_role;
};

/* kk_run_attach - a worker: maps what it was given. Only its own arena is writable. */
struct kk_run *kk_run_attach(const struct kk_plan *plan, unsigned role, const struct kk_run_fds *fds,
                             struct kk_error *error);
/* run_views - tables, rings and arenas on mapped memory: shared by kk_run_create and kk_run_attach. */
int kk_run_views(struct kk_run *run, struct kk_error *error);

static inline struct item_head *run_head(const struct kk_run *run, uint32_t handle)
{
	return kk_table_entry(run->table, handle);
}
static inline struct source_record *run_record(const struct kk_run *run, uint32_t handle)
{
	uint32_t group = handle / run->plan->lanes;
	return (struct source_record *)(void *)(run->arena_memory[0] + group * run->layout.record_stride);
}
static inline uint64_t *run_group(const struct kk_run *run, uint32_t handle)
{
	return (uint64_t *)(void *)(run->control + run->layout.groups) + handle / run->plan->lanes;
}
/* run_note - of a header; only in a run that has notes. */
static inline struct item_note *run_note(const struct kk_run *run, uint32_t handle)
{
	return (struct item_note *)(void *)(run->control + run->layout.notes + handle * run->layout.note_stride);
}

#endif
