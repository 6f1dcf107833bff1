/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/letter.h - reads the payload of a failed item, produces a file of it: a dead letter. */
#ifndef ENGINE_WORKER_LETTER_H
#define ENGINE_WORKER_LETTER_H

#include <stddef.h>

/* letters_open - the directory, made if it is not there (its parent is). A descriptor, the caller's to close; -1 with
 * errno. Before the sandbox closes. */
int letters_open(const char *directory);

/* letters_write - the file appears under its name with all of its bytes or not at all; one that was there is replaced.
 * `name` is one component without a leading dot. 0, or -1 with errno. */
int letters_write(int directory, const char *name, const void *data, size_t size);

#endif
