/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/sync/lock.h - reads the memory of a lock, produces what other objects need to have one inside them.
 * Inside ipc only. Why it is right: ipc/MEMORY.md, "Locks and their kin".
 */
#ifndef IPC_SYNC_LOCK_H
#define IPC_SYNC_LOCK_H

#include "sync/turnstile.h"
#include <kakehi/lock.h>

/* Shared; zeroed and lock_init() make a free one.
 *   field       written by                              read by
 *   word        who takes it (CAS), its owner, burial   all
 *   depth       its owner                               its owner
 *   buried      burials, before word                    burials
 *   recursive   lock_init                               all */
struct lock_memory {
	_Atomic uint32_t word;
	_Atomic uint32_t depth; /* how often a recursive lock is held; of no meaning unless it is */
	uint32_t recursive;
	_Atomic uint32_t buried; /* who had it when his burial took it off him, last */
	struct turnstile turnstile;
};

struct kk_lock {
	struct kk_object object; /* ref 0: inside another object */
	struct lock_memory *memory;
	struct turnstile_user user;
};

void lock_init(struct lock_memory *memory, bool recursive);
/* lock_handle - makes `lock` the handle of a lock that lies inside another object. */
void lock_handle(struct kk_lock *lock, struct kk_family *family, struct lock_memory *memory);
/* lock_bury - the burial of a lock. */
void lock_bury(struct lock_memory *memory, unsigned seat);

/* lock_is_owner - does `seat` have it? lock_was_of - for who buries `seat`: does it, or did it until its burial took it
 * off it? Says yes also if that was true of an earlier sitter. */
bool lock_is_owner(const struct lock_memory *memory, unsigned seat);
bool lock_was_of(const struct lock_memory *memory, unsigned seat);

/* lock_give_up - the owner gives it back however often he has it, which is returned. lock_resume - waits until he has
 * it as often again; as kk_lock_acquire. */
uint32_t lock_give_up(struct kk_lock *lock, unsigned seat);
int lock_resume(struct kk_lock *lock, unsigned seat, uint32_t depth);

#endif
