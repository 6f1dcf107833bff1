/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/random.h - reads a seed, produces a stream of random numbers that is the same in every run, and another one in
 * each worker.
 *
 *	kk_random_seed(&random, kk_random_worker(2026, worker));
 *	dice = 1 + kk_random_below(&random, 6);
 *
 * A generator (xoshiro256** by Blackman and Vigna) is private memory of one thread. One that a forked child inherits
 * goes on differently there: by the number of the process (Process-1, Process-2, ...) if it is a kk_process, so that
 * this is reproducible, too; else at random. Not for secrets.
 */
#ifndef KAKEHI_RANDOM_H
#define KAKEHI_RANDOM_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; to be seeded before it is used. */
struct kk_random {
	uint64_t state[4];
	uint64_t forks;
};

/* kk_random_seed - begins the stream of `seed`. */
KK_API void kk_random_seed(struct kk_random *random, uint64_t seed);

/* kk_random_worker - the seed of one of the workers that share a seed. */
KK_API uint64_t kk_random_worker(uint64_t seed, uint64_t worker);

/* kk_random_surprise - begins a stream that nobody has seen. 0, or KK_ERR_SYSTEM: the kernel gives no random bytes. */
KK_API int kk_random_surprise(struct kk_random *random);

/* kk_random_next - 64 random bits. */
KK_API uint64_t kk_random_next(struct kk_random *random);

/* kk_random_below - 0 .. limit-1, each as likely as any other; `limit` 0 stands for 2^64. Python's randrange(limit). */
KK_API uint64_t kk_random_below(struct kk_random *random, uint64_t limit);

/* kk_random_between - low .. high, both of which may come, in either order. Python's randint(low, high). */
KK_API int64_t kk_random_between(struct kk_random *random, int64_t low, int64_t high);

/* kk_random_double - 0.0 <= x < 1.0, a multiple of 2^-53. Python's random(). */
KK_API double kk_random_double(struct kk_random *random);

/* kk_random_shuffle - puts `count` things of `size` bytes each into any order, each as likely as any other. */
KK_API void kk_random_shuffle(struct kk_random *random, void *things, size_t count, size_t size);

/* kk_random_bytes - fills `to`. Python's randbytes(bytes). */
KK_API void kk_random_bytes(struct kk_random *random, void *to, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
