/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/exec.h - what the files of this stage share: the options, and a worker's state.
 *
 *   exec.c      options -> plan, worker; its life
 *   each.c      an item -> a program of its own: payload to stdin or a file, result from stdout or a file
 *   standing.c  an item -> a question to the program that runs already
 *   result.c    what either got -> the item's new payload and fields
 *   command.c, codes.c, frame.c, scratch.c, child.c, flow.c   what they are made of
 */
#ifndef STAGES_EXEC_EXEC_H
#define STAGES_EXEC_EXEC_H

#include "child.h"
#include "codes.h"
#include "command.h"
#include "scratch.h"
#include <kakehi/stage.h>

/* Bytes of a field's name. */
enum { FIELD_NAME_MAX = 48 };

enum mode { MODE_EACH, MODE_STANDING };
enum result { RESULT_NEW, RESULT_SAME };

struct options {
	struct kk_strings command, env, skip_codes, fail_codes, fields, write;
	int mode, result;
	uint64_t timeout_ms, max_bytes, max_input, memory;
	const char *cwd, *temp;
	bool facts, network;
};

struct exec {
	struct kk_context *context;
	const struct options *options;
	struct codes codes;
	struct command *command;
	char program[4096];
	struct scratch scratch;
	struct child child;
	/* Standing: a file in memory for each direction, the payload's twice: the program's end is for reading. */
	int payload, payload_theirs, result;
};

/* each_process, standing_process - one item. */
enum kk_verdict each_process(struct exec *exec, struct kk_item *item);
enum kk_verdict standing_process(struct exec *exec, struct kk_item *item);

/* standing_prepare - makes the files. 0, or -1 with errno. standing_stop - lets the program end, for a while. */
int standing_prepare(struct exec *exec);
void standing_stop(struct exec *exec);

/* result_copy, result_read - these bytes, or those of a file, become the item's new payload. KK_PASS, or KK_FAIL with
 * the reason set. result_same - the item's own once more, so that fields can travel with it. */
enum kk_verdict result_copy(struct kk_item *item, const void *data, size_t size);
enum kk_verdict result_read(struct kk_item *item, int fd, uint64_t size);
enum kk_verdict result_same(struct kk_item *item);
/* result_field - sets a field that a program gave, if it can be one; else says so in the log. */
void result_field(struct kk_item *item, const char *name, const char *value);

#endif
