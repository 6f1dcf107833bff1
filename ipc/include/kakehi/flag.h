/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/flag.h - reads a family, produces a flag that others can wait for: Python's Event. (kakehi/wait.h has an
 * event, which is something else.)
 *
 *	kk_flag_wait(ready, -1);          ... meanwhile in another process: kk_flag_set(ready);
 *
 * Who waits while it is set goes on, also if it is cleared again before he has looked. Nobody holds a flag, so deaths
 * change nothing but this: if somebody is killed while he sets it, those that wait are woken by his burial.
 */
#ifndef KAKEHI_FLAG_H
#define KAKEHI_FLAG_H

#include <kakehi/family.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_flag; /* private handle */

/* kk_flag_create - a flag that is not set. NULL on error: KK_ERR_NO_ROOM, KK_ERR_FULL (no seat), KK_ERR_MEMORY,
 * KK_ERR_CORRUPT. */
KK_API struct kk_flag *kk_flag_create(struct kk_family *family, struct kk_error *error);

/* kk_flag_open - a handle of the flag that `ref` names. NULL on error: KK_ERR_MISSING (destroyed), KK_ERR_INVALID (no
 * flag), KK_ERR_VERSION, KK_ERR_MEMORY, KK_ERR_CORRUPT. */
KK_API struct kk_flag *kk_flag_open(struct kk_family *family, uint64_t ref, struct kk_error *error);

/* kk_flag_ref - its name in its family. */
KK_API uint64_t kk_flag_ref(const struct kk_flag *flag);

/* kk_flag_close - frees the handle. NULL does nothing. */
KK_API void kk_flag_close(struct kk_flag *flag);

/* kk_flag_destroy - destroys the flag, which nobody may use any more, and frees the handle. NULL does nothing. */
KK_API void kk_flag_destroy(struct kk_flag *flag);

/* kk_flag_set - sets it and wakes all that wait. kk_flag_clear - the contrary. Any thread, without a seat. */
KK_API void kk_flag_set(struct kk_flag *flag);
KK_API void kk_flag_clear(struct kk_flag *flag);

/* kk_flag_is_set - is it, at the moment? What was written before it was set can be read after it was seen set. */
KK_API bool kk_flag_is_set(const struct kk_flag *flag);

/* kk_flag_wait - until it is set, at most `timeout_ms`. 0: it is, or was meanwhile; KK_ERR_TIMEOUT. Any thread, without
 * a seat. */
KK_API int kk_flag_wait(struct kk_flag *flag, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
