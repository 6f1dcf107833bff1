/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/killing.h - reads an operation on objects of a family, produces its deaths: a member killed after every
 * single instruction of it, and those who bury the dead killed after every instruction of the burial.
 *
 *	static struct kk_family *family;
 *
 *	static const struct killing put = {
 *	    .name = "put into a queue", .family = &family,
 *	    .setup = make_queue, .join = open_queue, .act = put_one, .verify = is_whole, .teardown = drop_queue,
 *	};
 *	killing_sweep(&put);
 *
 * A death is: setup(); a forked child runs join() and then so many instructions of act(); SIGKILL; it is reaped;
 * kk_family_bury; kk_family_check; the child's seat must be free again; verify(); teardown(). One death after every
 * instruction of act(), then one at its end. A system call is one instruction.
 * After that the undertaker dies: at some of those deaths another child buries, killed after every instruction of that.
 *
 * Quick runs take a sample, evenly spread; KAKEHI_KILLS=all takes every instruction. The way is found by a
 * breakpoint, so a death costs about a millisecond. The same setup must lead to the same way: it makes a
 * family of its own, with few seats and objects (a burial looks at all of them).
 * Link with kakehi_killing, and with LINKER:-z,now (else the dynamic linker's look-ups are killed, too). Under
 * ThreadSanitizer nobody can be stepped: the test is skipped.
 */
#ifndef TESTS_HARNESS_KILLING_H
#define TESTS_HARNESS_KILLING_H

#include <kakehi/family.h>
#include <stdbool.h>

/* One death, for verify(). */
struct killing_death {
	long at;       /* after so many instructions of act()                      */
	bool finished; /* it was through: `result` is what it returned             */
	int result;
	bool woken;         /* it slept, and wake() was called                              */
	bool asleep;        /* killed while it slept in the kernel (killing_asleep)     */
	long undertaker_at; /* -1: nobody died burying it                               */
};

/* setup, teardown, meanwhile and verify run in the test; all but the last may use cmocka's asserts. join and act run in
 * the child, where they must not: killing_must. Any but `act`, `name` and `family` may be NULL. */
struct killing {
	const char *name;
	struct kk_family **family; /* where setup() leaves the family. The child inherits handles and all */
	void (*setup)(void);
	void (*join)(void); /* not killed here: takes the seat, opens handles, takes what is to be held */
	int (*act)(void);
	void (*wake)(void);                                       /* act() sleeps: called once, lets it go on */
	const char *(*verify)(const struct killing_death *death); /* NULL: all is well; else what is not */
	void (*teardown)(void);
	long most;               /* deaths of a quick run, in all. 0: 200 (fewer with sanitizers)            */
	bool no_undertakers;     /* nobody dies burying                                                      */
	bool seats_may_stay;     /* act() or verify() leave other seats taken than setup() did               */
	void (*meanwhile)(void); /* after the death, before the first burial                             */
};

/* For verify(): says what is wrong. */
#define KILLING_CHECK(condition)                                                                                       \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return "not so: " #condition;                                                                  \
	} while (0)

/* killing_sweep - kills everywhere; fails the test at the first death after which something is wrong, and prints how
 * many there were. Returns that. */
long killing_sweep(const struct killing *killing);

/* killing_asleep - the same with one death: as soon as act() sleeps in the kernel. One that does not within 10 s fails
 * the test. */
void killing_asleep(const struct killing *killing);

/* killing_must - in the child: ends it, so that the test fails, if something did not work. */
void killing_must(bool worked);

#endif
