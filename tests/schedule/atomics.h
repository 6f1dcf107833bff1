/* SPDX-License-Identifier: Apache-2.0 */
/* tests/schedule/atomics.h - reads the library's sources as they are, produces a yield in front of each of their
 * accesses to shared memory. To be included before anything else in them (-include). The KK_POINTs name the places. */
#ifndef TESTS_SCHEDULE_ATOMICS_H
#define TESTS_SCHEDULE_ATOMICS_H

#include <stdatomic.h>
#include <unistd.h>

void schedule_yield(const char *function);
struct timespec;
long schedule_futex(void *word, int operation, unsigned value, const struct timespec *timeout);

#define YIELDING(access) (schedule_yield(__func__), (access))

#ifdef __clang__
#define PLAIN(name, ...) __c11_atomic_##name(__VA_ARGS__)
#define PLAIN_SWAP(object, expected, desired, success, failure)                                                        \
	__c11_atomic_compare_exchange_strong(object, expected, desired, success, failure)
#else
#define PLAIN_load(...)      __atomic_load_n(__VA_ARGS__)
#define PLAIN_store(...)     __atomic_store_n(__VA_ARGS__)
#define PLAIN_fetch_or(...)  __atomic_fetch_or(__VA_ARGS__)
#define PLAIN_fetch_add(...) __atomic_fetch_add(__VA_ARGS__)
#define PLAIN(name, ...)     PLAIN_##name(__VA_ARGS__)
#define PLAIN_SWAP(object, expected, desired, success, failure)                                                        \
	__atomic_compare_exchange_n(object, expected, desired, false, success, failure)
#endif

#undef atomic_load
#undef atomic_load_explicit
#undef atomic_store
#undef atomic_store_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit

#define atomic_load_explicit(object, order)             YIELDING(PLAIN(load, object, order))
#define atomic_store_explicit(object, value, order)     YIELDING(PLAIN(store, object, value, order))
#define atomic_fetch_or_explicit(object, value, order)  YIELDING(PLAIN(fetch_or, object, value, order))
#define atomic_fetch_add_explicit(object, value, order) YIELDING(PLAIN(fetch_add, object, value, order))
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)                           \
	YIELDING(PLAIN_SWAP(object, expected, desired, success, failure))
#define atomic_compare_exchange_weak_explicit(object, expected, desired, success, failure)                             \
	YIELDING(PLAIN_SWAP(object, expected, desired, success, failure))

#define atomic_load(object)             atomic_load_explicit(object, memory_order_seq_cst)
#define atomic_store(object, value)     atomic_store_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_or(object, value)  atomic_fetch_or_explicit(object, value, memory_order_seq_cst)
#define atomic_fetch_add(object, value) atomic_fetch_add_explicit(object, value, memory_order_seq_cst)
#define atomic_compare_exchange_strong(object, expected, desired)                                                      \
	atomic_compare_exchange_strong_explicit(object, expected, desired, memory_order_seq_cst, memory_order_seq_cst)

/* The only system call that the library makes by number. */
#define syscall(number, word, operation, value, timeout, ...)                                                          \
	((void)(number), schedule_futex((void *)(word), operation, value, timeout))

#endif
