/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/sanitizer.h - reads the compiler's macros, produces KK_SANITIZED: is this a build with a sanitizer that
 * looks at its own process (/proc, ptrace, a helper made by clone) when it reports or searches for leaks? */
#ifndef ENGINE_WORKER_SANITIZER_H
#define ENGINE_WORKER_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define KK_SANITIZED 1
#endif
#endif
#ifndef KK_SANITIZED
#define KK_SANITIZED 0
#endif

#endif
