/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/scratch.h - reads a directory for temporary files, produces one of the worker's own in it.
 *
 * It is locked as long as its worker lives: what a killed one left is found unlocked, and removed, by the next
 * worker that begins, of whatever run.
 */
#ifndef STAGES_EXEC_SCRATCH_H
#define STAGES_EXEC_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

struct scratch {
	int fd; /* of the directory, locked; -1: none */
	char path[512];
};

/* scratch_make - sweeps, then makes an empty directory beneath `where`. 0, or -1 with errno. Before the sandbox. */
int scratch_make(struct scratch *scratch, const char *where);
/* scratch_remove - with all that is in it. */
void scratch_remove(struct scratch *scratch);

/* scratch_empty - removes all that is in it. */
void scratch_empty(struct scratch *scratch);
/* scratch_put - writes a file. 0, or -1 with errno. */
int scratch_put(const struct scratch *scratch, const char *name, const void *data, size_t size);
/* scratch_open - opens a regular file for reading; its descriptor, or -1 with errno. */
int scratch_open(const struct scratch *scratch, const char *name, uint64_t *size);

#endif
