/* SPDX-License-Identifier: Apache-2.0 */
/* tests/trace/operation.h - reads nothing, produces the tables of operations that a worker is killed in. */
#ifndef TESTS_TRACE_OPERATION_H
#define TESTS_TRACE_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROKEN (-1000) /* a result that is never right */

struct operation {
	const char *name;
	uint64_t start;        /* first position of the rings                                                   */
	void (*arrange)(void); /* in the tracer, before the worker starts; sleepers are started here            */
	int (*run)(void);      /* in the worker                                                                 */
	int expected;          /* what it returns; with a rival in between anything but BROKEN                  */
	void (*rival)(void);   /* what another role does at one instruction of it (at every one, in turn); NULL */
	void (*wake)(void);    /* the worker sleeps: what wakes it; it is also killed asleep. NULL: does not     */
	bool closes;           /* WORK is closed afterwards, by whoever comes next if need be                   */
	bool wakes;            /* when it got to its end, the sleeper has been woken by it                      */
	bool for_room;         /* the sleeper wants room in WORK                                                */
	bool keeps;            /* nobody takes what the sleeper is to get                                       */
	bool full_only;        /* too long for every change                                                     */
};

/* What every operation has; the other fields follow by name. */
#define ROW(name_, arrange_, run_, expected_)                                                                          \
	.name = (name_), .arrange = (arrange_), .run = (run_), .expected = (expected_)

extern const struct operation ring_operations[], block_operations[];
extern const size_t ring_operation_count, block_operation_count;

#endif
