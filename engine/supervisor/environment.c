/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/environment.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* "NAME=" is that variable, "NAME" all that begin so. */
static const char *const kept[] = {"PATH=", "LANG=", "LC_", "TZ=", "TMPDIR=",
                                   /* where stages are looked for */
                                   "KAKEHI_STAGES=",
                                   /* builds that watch or count themselves */
                                   "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS=", "GCOV_",
                                   "LLVM_PROFILE_FILE="};

static bool is_kept(const char *variable)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
			return true;
	}
	return false;
}

const char **kk_environment_make(char *const *from, const char *extra)
{
	size_t count = 0, kept_count = 0;
	const char **list;

	while (from[count])
		count++;
	list = calloc(count + 2, sizeof(*list));
	if (!list)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (is_kept(from[i]))
			list[kept_count++] = from[i];
	}
	list[kept_count] = extra;
	return list;
}
