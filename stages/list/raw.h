/* SPDX-License-Identifier: Apache-2.0 */
/* stages/list/raw.h - reads a file or standard input, produces its bytes at any offset, to every process that plays the
 * source.
 *
 * What can be read again is read where it lies. What comes through a pipe is moved to a file that the source keeps, by
 * splice(2): the bytes leave the pipe when they are in the file, without passing through the process, so that a kill
 * at any instruction loses none. A socket or terminal cannot be spliced into a file; there a second pipe, which is
 * kept as well, lies in between. (From a device that cannot be spliced at all a killed source loses what it was just
 * reading; the log says so.)
 */
#ifndef STAGES_LIST_RAW_H
#define STAGES_LIST_RAW_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of what was spooled the beginning stays, for who has to read a header again. */
#define RAW_HEAD_KEPT (2 << 20)

struct raw {
	int fd;                     /* what is read: borrowed                                 */
	uint64_t base;              /* offset 0 is here in it                                 */
	bool spooled;               /* all below is for this                                  */
	struct kk_context *context; /* for the log                                            */
	int input, in, out;         /* where it comes from; the pipe's write and read end     */
	bool through_pipe;          /* cannot be spliced into a file                          */
	bool plain;                 /* cannot be spliced at all                               */
	bool ended;                 /* nothing more will come                                 */
	bool full;                  /* the spool cannot take more                             */
	uint64_t size;              /* bytes in the spool                                     */
	uint64_t released;          /* of these the first are needed no more, apart from the head */
};

/* raw_open_file - the file `fd`, which stays the caller's. */
void raw_open_file(struct raw *raw, int fd);

/* raw_open_input - standard input. 0, or -1 with a sentence in `why`. */
int raw_open_input(struct raw *raw, struct kk_context *context, char *why, size_t why_size);

/* raw_read - up to `size` bytes from `at` on, which is not behind what was read before. Returns how many; 0 at the end;
 * -1 with errno, EAGAIN: nothing has come for a while, try again. */
ssize_t raw_read(struct raw *raw, void *to, size_t size, uint64_t at);

/* raw_release - nobody will read before `at` again, apart from the first RAW_HEAD_KEPT bytes. */
void raw_release(struct raw *raw, uint64_t at);

#endif
