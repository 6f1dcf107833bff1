/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/sanitizers.h - reads what the compiler says, produces WITH_ASAN and WITH_TSAN, 0 or 1: gcc and clang
 * have different words for it. */
#ifndef TESTS_HARNESS_SANITIZERS_H
#define TESTS_HARNESS_SANITIZERS_H

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WITH_ASAN)
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(WITH_TSAN)
#define WITH_TSAN 1
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif
#ifndef WITH_TSAN
#define WITH_TSAN 0
#endif

#endif
