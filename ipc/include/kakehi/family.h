/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/family.h - reads a size, produces a family: processes that share objects and settle each other's deaths.
 *
 * A family is one segment of shared memory. The process that creates it is its first member; others become members
 * by being forked from one, by being started as a kk_process with the family in its spec, or by kk_family_open with a
 * descriptor that they were given. Locks, queues, dicts, pools and so on live in it and are created by any member:
 *
 *	family = kk_family_create(NULL, &error);
 *	queue = kk_queue_create(family, ...);        ref = kk_queue_ref(queue);
 *	... another member: queue = kk_queue_open(family, ref, &error);
 *
 * A *reference* (ref) is a number that names an object within its family: it may be stored in other objects, put into
 * queues and given to children. 0 names nothing; the reference of an object that was destroyed is recognised.
 *
 * A *seat* is what a thread of a member sits in while it uses objects: 1 .. seats. A thread takes one with its first
 * operation and gives it up when it ends, or its process does. All that somebody holds - a lock, an item, a permit -
 * is recorded under the seat. The kernel marks the seat of a thread that is killed (each seat is a robust mutex that
 * its sitter holds for life), so a death is known exactly, never guessed from a time-out.
 *
 * A death is settled once, by one survivor, for all objects: the first that notices *buries* the seat: locks pass to
 * the next owner with KK_OWNER_DIED, items go back or are reported, permits come back, waiters are woken. Who waits
 * for an object of the family looks after the dead from time to time, so that no death goes unnoticed while somebody
 * waits; kk_process_wait of a member and kk_family_bury do it at once. Survivors killed while burying are buried, with
 * whom they buried.
 *
 * All processes of a family run the same libkakehi in one PID namespace. Handles are private memory of a process; they
 * stay valid in a forked child. Unless a header says otherwise a handle may be used by any number of threads at once.
 * Every `timeout_ms`: 0 does not wait, negative waits for ever.
 */
#ifndef KAKEHI_FAMILY_H
#define KAKEHI_FAMILY_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_FAMILY_BYTES   16777216U /* 16 MiB */
#define KK_FAMILY_SEATS   128U
#define KK_FAMILY_OBJECTS 1024U
#define KK_SEAT_MAX       511U
#define KK_NAME_MAX       47U /* bytes of the name of a member */

struct kk_family; /* private handle, one for each process and family */

/* All zero: the values above. */
struct kk_family_spec {
	uint64_t bytes;    /* of shared memory for all objects; allocated at once, never grows */
	uint32_t seats;    /* threads of all members that use objects at a time, 2 .. KK_SEAT_MAX */
	uint32_t objects;  /* that can exist at a time                                          */
	const char *label; /* in /proc/PID/maps and messages; NULL: "family"                    */
};

/* kk_family_create - makes a family whose only member is the caller. `spec` NULL: all defaults. NULL on error:
 * KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_MEMORY, KK_ERR_SYSTEM (among others: no robust mutexes on this system). End
 * with kk_family_close. */
KK_API struct kk_family *kk_family_create(const struct kk_family_spec *spec, struct kk_error *error);

/* kk_family_open - becomes a member through the descriptor of a family (kk_family_fd of a member), which stays the
 * caller's. Twice in one process gives the same handle, to be closed twice. NULL: KK_ERR_CORRUPT, KK_ERR_VERSION,
 * KK_ERR_MEMORY, KK_ERR_SYSTEM. */
KK_API struct kk_family *kk_family_open(int fd, struct kk_error *error);

/* kk_family_close - gives up the seats of this process, unmaps the memory and frees the handle. No handle of an object
 * may be used after it. The memory is gone with its last member. NULL does nothing. While other threads of this process
 * run that have used the family, its memory stays mapped and their seats are lost to others, empty. */
KK_API void kk_family_close(struct kk_family *family);

/* kk_family_fd - a descriptor to inherit or to send to another process. Owned by the family; close-on-exec. */
KK_API int kk_family_fd(const struct kk_family *family);

/* kk_family_seat - the seat of the calling thread, which takes one if it has none. 1 .. seats, or KK_ERR_FULL: all
 * are taken by the living; KK_ERR_CORRUPT: a seat was there, but its last sitter could not be settled everywhere;
 * KK_ERR_SYSTEM. */
KK_API int kk_family_seat(struct kk_family *family);

/* kk_family_leave - gives up the seat of the calling thread at once, as its end would; what it holds is settled as
 * after a death. 0; KK_ERR_MISSING: it has none. */
KK_API int kk_family_leave(struct kk_family *family);

/* kk_family_bury - settles all deaths that are not settled yet, but for those that another member settles at this very
 * moment. Does not wait. Returns how many it settled itself, or KK_ERR_CORRUPT (an object was not sound; the others
 * were settled all the same, and this one is not tried again), or KK_ERR_MEMORY (this process has not enough: a death
 * is not settled yet, anybody may try again). */
KK_API int kk_family_bury(struct kk_family *family);

/* Who sits, or sat last, in a seat. */
struct kk_sitter {
	char name[KK_NAME_MAX + 1]; /* kk_process_name of it */
	pid_t pid, tid;
	bool alive;
};

/* kk_family_sitter - 0; KK_ERR_MISSING: nobody ever sat there; KK_ERR_INVALID. */
KK_API int kk_family_sitter(const struct kk_family *family, unsigned seat, struct kk_sitter *sitter);

struct kk_family_usage {
	uint64_t bytes, bytes_used;
	uint32_t seats, seats_taken;
	uint32_t objects, objects_used;
	uint64_t deaths; /* settled so far */
};

/* kk_family_usage - counts; exact while nobody creates or destroys. */
KK_API void kk_family_usage(const struct kk_family *family, struct kk_family_usage *usage);

/* kk_family_check - are the family's own words and the directory of its objects sound? 0 or KK_ERR_CORRUPT with a
 * sentence. Any member, also while others work. */
KK_API int kk_family_check(const struct kk_family *family, struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
