/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/gate.h - reads "may one more thing begin at this key?", produces yes, or how long to wait before asking again:
 * limits that processes keep together, whoever of them is killed when.
 *
 *   admit -> 0: it is under way -> leave        admit -> n: nothing was taken; ask again in n nanoseconds
 *
 * A limit holds for a *place*: a key belongs to one by its hash, and keys that share a place share its limits, so
 * that these may be stricter than asked for and are never laxer. Each limit is a word of its own:
 *
 *   permits    so many things under way at once. Taking one and recording who has it are one compare-and-swap; what a
 *              dead process had is given back by its heir (kk_gate_inherit) and by nobody else. Who has none at a
 *              place for a quarter of a second, whenever it asks, is let in first: the others leave it one
 *   key_rate   things a second at a place. Evenly spaced; if the spacing is under KK_GATE_BURST_NS, those of that time
 *              may come together. A process killed in `admit` may waste one turn, it never gives one away twice
 *   rate       the same for all places together
 *   hold-off   nothing before a time
 *
 * Callers act as a role: a number from 1 to `roles` that one process (and of it one thread) at a time plays. Nobody
 * waits for anybody. Times are nanoseconds of one clock that all callers read alike: CLOCK_MONOTONIC.
 * Whoever can write the memory can make its users rude or slow, nothing else.
 */
#ifndef KAKEHI_GATE_H
#define KAKEHI_GATE_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_GATE_MAX_PLACES  1048576U
#define KK_GATE_MAX_PERMITS 4096U
#define KK_GATE_MAX_ROLES   511U
#define KK_GATE_MIN_RATE    1e-6
#define KK_GATE_BURST_NS    10000000U

struct kk_gate_shape {
	uint32_t places;  /* a power of two, 1 .. KK_GATE_MAX_PLACES                    */
	uint32_t permits; /* under way at one place at once; 0: any number              */
	uint32_t roles;   /* callers are 1 .. roles                                     */
	double key_rate;  /* admissions a second at one place, KK_GATE_MIN_RATE .. 1e9; 0: any */
	double rate;      /* in all; likewise                                           */
};

/* One process's handle of a gate. Private memory; used by one thread at a time. */
struct kk_gate;

/* kk_gate_size - bytes of shared memory that such a gate takes; 0: the shape is out of range. */
KK_API uint64_t kk_gate_size(const struct kk_gate_shape *shape);

/* kk_gate_init - lays a gate that nobody has passed yet out in `memory`, 64-byte aligned, of at least
 * kk_gate_size(shape) bytes. Before anybody attaches. 0, KK_ERR_INVALID or KK_ERR_SYSTEM (no random bytes). */
KK_API int kk_gate_init(void *memory, uint64_t bytes, const struct kk_gate_shape *shape, struct kk_error *error);

/* kk_gate_attach - a handle of the gate that lies in `memory`, which must outlive it; `bytes`: how much memory there
 * is. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION, KK_ERR_MEMORY. Free with kk_gate_detach. */
KK_API struct kk_gate *kk_gate_attach(void *memory, uint64_t bytes, struct kk_error *error);
KK_API void kk_gate_detach(struct kk_gate *gate);

/* kk_gate_inherit - gives back all permits of the last process that played `role`. By the next one, after the death of
 * the last one is certain and before anything else; may be repeated. Returns how many there were, or KK_ERR_INVALID. */
KK_API int kk_gate_inherit(struct kk_gate *gate, unsigned role);

/* kk_gate_admit - may one more thing begin at `key`? `now_ns`: the clock. 0: yes, and it is under way until
 * kk_gate_leave; > 0: no, and nothing was taken; in so many nanoseconds it is worth asking again (exact for rates and
 * hold-off; for permits, whose return nobody foresees, 10 to 20 ms); KK_ERR_INVALID: no such role. */
KK_API int64_t kk_gate_admit(struct kk_gate *gate, unsigned role, const void *key, size_t key_bytes, uint64_t now_ns);

/* kk_gate_leave - one thing that this role began at `key` is through. Once for each admission. 0, or KK_ERR_MISSING:
 * none is under way. */
KK_API int kk_gate_leave(struct kk_gate *gate, unsigned role, const void *key, size_t key_bytes);

/* kk_gate_hold_off - nothing more begins at `key` before `until_ns`. The latest wish counts. */
KK_API void kk_gate_hold_off(struct kk_gate *gate, const void *key, size_t key_bytes, uint64_t until_ns);

/* kk_gate_held - permits that a role has (0: all roles together), and at one key. Exact while nobody calls. */
KK_API uint32_t kk_gate_held(const struct kk_gate *gate, unsigned role);
KK_API uint32_t kk_gate_held_at(const struct kk_gate *gate, const void *key, size_t key_bytes);

/* kk_gate_check - does the shared header still say what it said at attach? 0 or KK_ERR_CORRUPT. */
KK_API int kk_gate_check(const struct kk_gate *gate, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
