/* SPDX-License-Identifier: Apache-2.0 */
#include "head/head.h"

#include <inttypes.h>

int head_check(const struct head *head, const void *memory, uint64_t bytes, struct kk_error *error)
{
	const uint32_t *found = memory;
	if (!memory || (uintptr_t)memory % 64 != 0 || bytes < head->bytes || found[0] != head->magic)
		return kk_error_set(error, KK_ERR_CORRUPT, "there is no %s in this memory", head->what);
	if (found[1] != head->version)
		return kk_error_set(error, KK_ERR_VERSION,
		                    "the %s has layout version %" PRIu32 ", this library has %" PRIu32, head->what,
		                    found[1], head->version);
	return KK_OK;
}
