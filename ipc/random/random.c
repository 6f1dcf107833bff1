/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/random/random.c - xoshiro256**, and what is drawn from it. */
#include "process/self.h"
#include <errno.h>
#include <kakehi/random.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

/* How many forks lie between the first process and this one: written in a child while it has one thread. */
static uint64_t forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	forks++;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

/* The next of SplitMix64 after x: a bijection. */
static uint64_t mixed(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t kk_random_worker(uint64_t seed, uint64_t worker)
{
	return mixed(seed ^ mixed(worker));
}

void kk_random_seed(struct kk_random *random, uint64_t seed)
{
	pthread_once(&once, watch_forks);
	/* Never all zero, where the generator would stay: four different numbers have four different images. */
	for (unsigned i = 0; i < 4; i++)
		random->state[i] = mixed(seed + i);
	random->forks = forks;
}

int kk_random_surprise(struct kk_random *random)
{
	uint64_t seed;
	ssize_t n;

	do
		n = getrandom(&seed, sizeof(seed), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(seed))
		return KK_ERR_SYSTEM;
	kk_random_seed(random, seed);
	return KK_OK;
}

/* In a child that has inherited it. */
static void part(struct kk_random *random)
{
	kk_random_seed(random, kk_random_worker(random->state[0] ^ random->state[3], kk_self_salt()));
}

uint64_t kk_random_next(struct kk_random *random)
{
	uint64_t *s = random->state;

	if (__builtin_expect(random->forks != forks, 0))
		part(random);
	uint64_t product = s[1] * 5, shifted = s[1] << 17;
	uint64_t result = (product << 7 | product >> 57) * 9;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = s[3] << 45 | s[3] >> 19;
	return result;
}

/* Lemire's: the upper half of a product, drawn again while the lower half is one of those that come once too often. */
uint64_t kk_random_below(struct kk_random *random, uint64_t limit)
{
	unsigned __int128 product;

	if (limit == 0)
		return kk_random_next(random);
	product = (unsigned __int128)kk_random_next(random) * limit;
	if ((uint64_t)product < limit) {
		uint64_t least = -limit % limit;
		while ((uint64_t)product < least)
			product = (unsigned __int128)kk_random_next(random) * limit;
	}
	return (uint64_t)(product >> 64);
}

int64_t kk_random_between(struct kk_random *random, int64_t low, int64_t high)
{
	int64_t least = low < high ? low : high, most = low < high ? high : low;

	/* Unsigned, where it wraps: the width of all 64 bits is 0, which kk_random_below takes for 2^64. */
	return (int64_t)((uint64_t)least + kk_random_below(random, (uint64_t)most - (uint64_t)least + 1));
}

double kk_random_double(struct kk_random *random)
{
	return (double)(kk_random_next(random) >> 11) * 0x1p-53;
}

static void swap(char *one, char *other, size_t size)
{
	char held[256];

	while (size > 0) {
		size_t part_bytes = size < sizeof(held) ? size : sizeof(held);
		memcpy(held, one, part_bytes);
		memcpy(one, other, part_bytes);
		memcpy(other, held, part_bytes);
		one += part_bytes;
		other += part_bytes;
		size -= part_bytes;
	}
}

void kk_random_shuffle(struct kk_random *random, void *things, size_t count, size_t size)
{
	char *base = things;

	for (size_t left = count; left > 1; left--) {
		size_t chosen = (size_t)kk_random_below(random, left);
		if (chosen != left - 1)
			swap(base + chosen * size, base + (left - 1) * size, size);
	}
}

void kk_random_bytes(struct kk_random *random, void *to, size_t bytes)
{
	for (char *at = to; bytes > 0;) {
		uint64_t word = kk_random_next(random);
		size_t some = bytes < sizeof(word) ? bytes : sizeof(word);
		memcpy(at, &word, some);
		at += some;
		bytes -= some;
	}
}
