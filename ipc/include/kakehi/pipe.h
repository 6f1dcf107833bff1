/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/pipe.h - reads messages at one end, produces them at the other: Pipe() and Connection of multiprocessing.
 *
 *	struct kk_connection *end[2];
 *	kk_pipe_create(family, true, 0, end, &error);
 *	kk_connection_send_bytes(end[0], "hello", 5, -1);
 *	kk_connection_recv_bytes_into(end[1], buffer, sizeof(buffer), &bytes, -1);
 *
 * Messages arrive whole, once and in order. They may be of any size, whatever the size of the pipe; two that send to
 * each other at once do not block each other: a sender that finds no room takes what comes meanwhile into private
 * memory, where its process receives it later. An end may be shared by threads and processes: each message goes to one
 * of them. Of several processes at one end somebody has to receive, since nobody takes in what may be for another.
 *
 * Who is at the other end? A process uses an end from its first operation on, until it closes it or ends; having a
 * handle does not count, so the parent of a child need not close the child's end. When the last user of an end
 *   - closes it or ends in peace, the other end is told KK_ERR_CLOSED,
 *   - is killed, the other end is told KK_ERR_DIED: receivers after all that was sent completely, senders at once.
 * A message that was half sent then is dropped. An end that nobody has used yet is waited for; so is one whose users
 * are gone after kk_connection_renew, which is called before a process is started in place of a dead one. Then the pipe
 * works again, with what nobody received still in it. kk_connection_shut ends a pipe for good.
 *
 * Errors of all operations, beside those that are named: KK_ERR_CLOSED, KK_ERR_DIED, KK_ERR_TIMEOUT, KK_ERR_INVALID
 * (the end is not for that direction), KK_ERR_FULL (no seat in the family), KK_ERR_CORRUPT.
 */
#ifndef KAKEHI_PIPE_H
#define KAKEHI_PIPE_H

#include <kakehi/family.h>
#include <kakehi/memory.h>
#include <kakehi/wait_any.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_PIPE_BYTES     65536U /* of each direction, if nothing else is asked for */
#define KK_PIPE_BYTES_MIN 256U
#define KK_PIPE_BYTES_MAX 1073741824U /* 1 GiB */

/* One process's handle of one end. Private memory; any number of threads. */
struct kk_connection;

/* kk_pipe_create - makes a pipe and fills `ends` with its two. `duplex`: both ends send and receive; else ends[0]
 * receives and ends[1] sends, as in Python. `bytes`: room in each direction, 0: KK_PIPE_BYTES; rounded up to a power of
 * two. 0; KK_ERR_INVALID, KK_ERR_NO_ROOM, KK_ERR_FULL, KK_ERR_MEMORY, KK_ERR_CORRUPT: `ends` are NULL then. */
KK_API int kk_pipe_create(struct kk_family *family, bool duplex, uint64_t bytes, struct kk_connection *ends[2],
                          struct kk_error *error);

/* kk_connection_open - the end that `ref` names. A second time in one process gives the same handle, to be closed
 * twice. NULL: KK_ERR_MISSING, KK_ERR_INVALID, KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_connection *kk_connection_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_connection_ref - the name of this end in the family; each end has its own. */
KK_API uint64_t kk_connection_ref(const struct kk_connection *connection);

/* kk_connection_readable, kk_connection_writable - is this end for receiving, for sending? */
KK_API bool kk_connection_readable(const struct kk_connection *connection);
KK_API bool kk_connection_writable(const struct kk_connection *connection);

/* kk_connection_close - this process is through with this end, all its threads; frees the handle, and messages that a
 * sender had to take in and nobody received since. NULL does nothing. */
KK_API void kk_connection_close(struct kk_connection *connection);

/* kk_connection_shut - this end is closed for good, whoever uses it and whether or not anybody has: the other end is
 * told KK_ERR_CLOSED after what was sent, this end at once. The handle stays. */
KK_API void kk_connection_shut(struct kk_connection *connection);

/* kk_connection_renew - somebody new is to come to the other end: that its users closed it or died is told no longer.
 * What was not received stays. Nothing happens while it is used, or after kk_connection_shut. */
KK_API void kk_connection_renew(struct kk_connection *connection);

/* kk_connection_destroy - destroys the pipe with both ends and closes this handle; the one of the other end is to be
 * closed before. By anybody, once all are through with it. NULL does nothing. */
KK_API void kk_connection_destroy(struct kk_connection *connection);

/* kk_connection_send_bytes - sends one message of `bytes` bytes (0 is fine). 0: it is in the pipe, or, if it is longer
 * than half of it, its last part is; else nobody will receive any of it. */
KK_API int kk_connection_send_bytes(struct kk_connection *connection, const void *data, size_t bytes, int timeout_ms);

/* kk_connection_send_memory - sends a part of a memory of the family without copying it: the receiver gets a pointer to
 * it. Until he is through with it (which only the program can know) it must not be changed or destroyed.
 * KK_ERR_INVALID: there is no such part, or it lies in another family. */
KK_API int kk_connection_send_memory(struct kk_connection *connection, const struct kk_memory *memory, uint64_t offset,
                                     uint64_t bytes, int timeout_ms);

/* kk_connection_recv_bytes - receives the next message into memory that it allocates: *data is the caller's, to be
 * freed with free(3), never NULL; *bytes its length. KK_ERR_MEMORY: the message stays. */
KK_API int kk_connection_recv_bytes(struct kk_connection *connection, void **data, size_t *bytes, int timeout_ms);

/* kk_connection_recv_bytes_into - receives the next message into `size` bytes at `to`. *bytes (NULL: not interested):
 * its length. KK_ERR_NO_ROOM: it is longer, *bytes says how long, and stays. */
KK_API int kk_connection_recv_bytes_into(struct kk_connection *connection, void *to, size_t size, size_t *bytes,
                                         int timeout_ms);

/* Where a message lies that was sent with kk_connection_send_memory. */
struct kk_range {
	uint64_t ref; /* of the kk_memory             */
	void *data;   /* in this process              */
	uint64_t offset, bytes;
};

/* kk_connection_recv_memory - receives the next message where it lies. KK_ERR_INVALID also: the next message was not
 * sent like that, and stays. KK_ERR_MISSING: its memory was destroyed; the message is gone. (The other two receive such
 * a message as well, as a copy.) */
KK_API int kk_connection_recv_memory(struct kk_connection *connection, struct kk_range *range, int timeout_ms);

/* kk_connection_poll - waits until there is something to receive: 0, also if a receiver would now be told KK_ERR_CLOSED
 * or KK_ERR_DIED; or KK_ERR_TIMEOUT. Of a long message of which only a part has come it says that there is one only if
 * other processes receive at this end as well. */
KK_API int kk_connection_poll(struct kk_connection *connection, int timeout_ms);

/* kk_connection_waitable - the same as one of many things to wait for. */
KK_API struct kk_waitable kk_connection_waitable(struct kk_connection *connection);

#ifdef __cplusplus
}
#endif
#endif
