/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/error.h - how functions of the toolkit say that something went wrong.
 *
 * A function returns 0 (or a count) or one of the negative codes below. Functions that can say more take a
 * `struct kk_error *` as last parameter (NULL: not interested); it carries one sentence that callers on the way up
 * may wrap with context. The library never prints and never exits.
 */
#ifndef KAKEHI_ERROR_H
#define KAKEHI_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(KK_BUILDING_LIBRARY)
#define KK_API __attribute__((visibility("default")))
#else
#define KK_API
#endif

#define KK_ERRORS(X)                                                                                                   \
	X(KK_ERR_INVALID, -1, "invalid argument")                                                                      \
	X(KK_ERR_MEMORY, -2, "out of memory")                                                                          \
	X(KK_ERR_NO_ROOM, -3, "not enough room")                                                                       \
	X(KK_ERR_SYSTEM, -4, "system call failed")                                                                     \
	X(KK_ERR_CORRUPT, -5, "shared memory is not what it should be")                                                \
	X(KK_ERR_VERSION, -6, "layout or ABI version does not match")                                                  \
	X(KK_ERR_TIMEOUT, -7, "timed out")                                                                             \
	X(KK_ERR_CLOSED, -8, "closed")                                                                                 \
	X(KK_ERR_EXISTS, -9, "already there")                                                                          \
	X(KK_ERR_MISSING, -10, "not found")                                                                            \
	X(KK_ERR_FULL, -11, "full")                                                                                    \
	X(KK_ERR_EMPTY, -12, "empty")                                                                                  \
	X(KK_ERR_DIED, -13, "a process that this depends on has died")                                                 \
	X(KK_ERR_BROKEN, -14, "broken")                                                                                \
	X(KK_ERR_CANCELLED, -15, "cancelled")                                                                          \
	X(KK_ERR_NOT_OWNER, -16, "not held by the caller")                                                             \
	X(KK_ERR_FAILED, -17, "the function that was called has failed")

enum kk_status {
	KK_OK = 0,
	KK_OWNER_DIED = 1, /* done, and: the last holder died holding it, so what it guards may be half changed */
#define KK_X(name, code, text) name = code,
	KK_ERRORS(KK_X)
#undef KK_X
};

struct kk_error {
	int code;       /* enum kk_status; 0 as long as nothing was set       */
	int system;     /* errno at the time, or 0                            */
	char text[500]; /* one sentence without final stop, NUL-terminated    */
};

/* kk_status_text - the fixed text of a code; never NULL. Any process, any thread. */
KK_API const char *kk_status_text(int status);

/* kk_error_set - stores code, the current errno if code is KK_ERR_SYSTEM, and a formatted sentence (with strerror
 * appended then). Returns code, so that `return kk_error_set(...)` reads well. `error` may be NULL. */
KK_API int kk_error_set(struct kk_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* kk_error_wrap - puts "context: " before the sentence. Returns the code already stored. `error` may be NULL. */
KK_API int kk_error_wrap(struct kk_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
