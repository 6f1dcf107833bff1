/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/trap.h - reads errors of libjpeg, produces a jump back into the function that called it.
 *
 *	if (setjmp(trap->back) != 0)
 *		return -1;               trap->text says why
 *	... calls of libjpeg ...
 *
 * What changes between the two and is needed after the jump lives in a struct, not in local variables.
 */
#ifndef STAGES_RESIZE_TRAP_H
#define STAGES_RESIZE_TRAP_H

#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>
#include <stdbool.h>

struct trap {
	struct jpeg_error_mgr manager; /* first: libjpeg hands back a pointer to it     */
	jmp_buf back;
	bool memory; /* the error was a lack of memory                                   */
	char text[JMSG_LENGTH_MAX];
};

/* trap_set - makes this trap the error manager of a decoder or encoder; it must not move while they live. */
struct jpeg_error_mgr *trap_set(struct trap *trap);

/* trap_spring - jumps back with a sentence of our own. */
_Noreturn void trap_spring(struct trap *trap, const char *text);

#endif
