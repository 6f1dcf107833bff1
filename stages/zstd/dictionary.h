/* SPDX-License-Identifier: Apache-2.0 */
/* stages/zstd/dictionary.h - reads the file of a dictionary, produces its bytes.
 */
#ifndef STAGES_ZSTD_DICTIONARY_H
#define STAGES_ZSTD_DICTIONARY_H

#include <stddef.h>

#define DICTIONARY_MAX (32u << 20)

struct dictionary {
	void *bytes;
	size_t size;
};

/* dictionary_read - the whole file; nothing for an empty path. 0, or -1 with a sentence in `why`. */
int dictionary_read(struct dictionary *dictionary, const char *path, char *why, size_t why_size);

/* dictionary_free - a zeroed one may be freed. */
void dictionary_free(struct dictionary *dictionary);

#endif
