/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/order.h - reads the spec of a call, produces one block of bytes that says all of it: read as it is by a
 * forked child, and through a memfd by a fork server or a program that was started afresh.
 */
#ifndef IPC_PROCESS_ORDER_H
#define IPC_PROCESS_ORDER_H

#include <kakehi/log.h>
#include <kakehi/process.h>

#define KK_ORDER_MAGIC    UINT64_C(0x726f6968656b616b) /* "kakehior" */
#define KK_FUNCTION_NAME  101
#define KK_IDENTITY_BYTES 40
#define KK_LEVELS_BYTES   (KK_LOG_RULES * (KK_LOG_MODULE + sizeof("=WARNING,")))

/* Places are offsets in the block; a length of 0 is nothing. */
struct kk_order {
	uint64_t magic, bytes;
	uint64_t args_at, args_bytes;               /* 16-byte aligned                                  */
	uint64_t environment_at, environment_bytes; /* strings, one after the other                     */
	uint64_t limits_at, limit_count;            /* struct kk_process_limit                          */
	uint64_t targets_at, target_count;          /* int: the numbers of the descriptors that come    */
	uint64_t directory_at, directory_bytes;

	bool serve;            /* no call: be a fork server                                               */
	bool member;           /* a family's descriptor comes along                                       */
	bool replaces;         /* `environment` instead of what is inherited, also if it is empty         */
	bool fresh;            /* for a program that was started afresh                                   */
	kk_function *call;     /* means something in a fork of the parent only                            */
	struct kk_family *kin; /* the same                                                               */
	int carry, hello;      /* numbers in a program that was started afresh; -1: none                  */
	pid_t parent;
	bool named, daemon, own_group, own_session, set_umask;
	mode_t umask;

	char name[KK_NAME_MAX + 1];
	char identity[KK_IDENTITY_BYTES]; /* "2:1": the first child of the second                     */
	char function[KK_FUNCTION_NAME];  /* or empty: it has no name                                  */
	char levels[KK_LEVELS_BYTES];     /* of the log                                                 */
};

/* kk_order_make - the order for the call of `spec`, or for a fork server if it has none. NULL with `error`. Ended with
 * free. */
struct kk_order *kk_order_make(const struct kk_process_spec *spec, struct kk_error *error);

/* kk_order_send - a memfd that holds it, private and close-on-exec; -1 with errno. */
int kk_order_send(const struct kk_order *order);

/* kk_order_receive - maps what kk_order_send has made; NULL: it is something else. Ended with kk_order_unmap. */
const struct kk_order *kk_order_receive(int fd);
void kk_order_unmap(const struct kk_order *order);

/* kk_order_find - the function it means, in a process that knows it by name, or (`fork`) is a fork of its parent; NULL:
 * it is not known here. */
kk_function *kk_order_find(const struct kk_order *order, bool fork);

/* kk_order_run - does it in this process, which is a child made for it: with `carry`, the family's descriptor or the
 * server's socket (-1: none; closed). Returns the exit status. */
int kk_order_run(const struct kk_order *order, kk_function *function, int carry);

#endif
