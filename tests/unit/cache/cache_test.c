/* SPDX-License-Identifier: Apache-2.0 */
/* kk_cache: what it gives was stored under that key, whole, whoever wrote at the same time or was killed in it. */
#include "harness.h"
#include <kakehi/cache.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What happens at a point of the library, in this thread. */
static _Thread_local struct {
	const char *site;
	void (*act)(void);
	uint64_t points, die_at;
	uint64_t dice;
} strike;

void kk_point(const char *site);
void kk_point(const char *site)
{
	if (++strike.points == strike.die_at)
		raise(SIGKILL);
	if (strike.dice) {
		strike.dice = strike.dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
		if (strike.dice >> 58 == 0)
			sched_yield();
	}
	if (strike.act && strcmp(strike.site, site) == 0) {
		void (*act)(void) = strike.act;
		strike.act = NULL;
		act();
	}
}

static void *memory;

static struct kk_cache *new_cache(uint32_t entries)
{
	uint64_t bytes = kk_cache_size(entries);
	assert_int_not_equal(bytes, 0);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(kk_cache_init(memory, bytes, entries, NULL), KK_OK);
	struct kk_cache *cache = kk_cache_attach(memory, bytes, NULL);
	assert_non_null(cache);
	return cache;
}

static int store(struct kk_cache *cache, const char *key, const char *what, uint64_t now, uint64_t until)
{
	return kk_cache_store(cache, key, strlen(key), what, strlen(what), now, until);
}

/* Is `what` kept under the key at that time? NULL: is nothing? */
static bool keeps(const struct kk_cache *cache, const char *key, const char *what, uint64_t now)
{
	char to[KK_CACHE_MAX_BYTES];
	int64_t bytes = kk_cache_load(cache, key, strlen(key), to, sizeof(to), now);
	return what ? bytes == (int64_t)strlen(what) && memcmp(to, what, (size_t)bytes) == 0 : bytes == KK_ERR_MISSING;
}

static void test_store_and_load(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(64);
	char large[KK_CACHE_MAX_BYTES + 1], to[KK_CACHE_MAX_BYTES];
	memset(large, 'x', sizeof(large));
	assert_true(keeps(cache, "a", NULL, 1));
	assert_int_equal(store(cache, "a", "one", 10, 20), KK_OK);
	assert_true(keeps(cache, "a", "one", 10));
	assert_true(keeps(cache, "a", "one", 19));
	assert_true(keeps(cache, "a", NULL, 20));
	assert_int_equal(store(cache, "a", "another", 11, 30), KK_OK);
	assert_true(keeps(cache, "a", "another", 20));
	assert_true(keeps(cache, "b", NULL, 20));
	assert_true(keeps(cache, "", NULL, 20));
	assert_int_equal(store(cache, "a", "", 12, 30), KK_OK);
	assert_true(keeps(cache, "a", "", 20));
	assert_int_equal(store(cache, "a", "", 13, 13), KK_OK); /* forget it */
	assert_true(keeps(cache, "a", NULL, 13));
	assert_int_equal(kk_cache_store(cache, "l", 1, large, KK_CACHE_MAX_BYTES, 1, 30), KK_OK);
	assert_int_equal(kk_cache_load(cache, "l", 1, to, sizeof(to), 2), KK_CACHE_MAX_BYTES);
	assert_memory_equal(to, large, sizeof(to));
	assert_int_equal(kk_cache_load(cache, "l", 1, to, sizeof(to) - 1, 2), KK_ERR_NO_ROOM);
	assert_int_equal(kk_cache_store(cache, "l", 1, large, sizeof(large), 1, 30), KK_ERR_INVALID);
	kk_cache_detach(cache);
}

static void test_what_makes_room(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(8); /* one set */
	char key[8] = "k0";
	for (unsigned i = 0; i < 8; i++, key[1]++)
		assert_int_equal(store(cache, key, key, 10 + i, i == 4 ? 50 : 100), KK_OK);
	assert_int_equal(store(cache, "k2", "newer", 30, 100), KK_OK); /* over its own */
	assert_int_equal(store(cache, "n1", "n1", 60, 100), KK_OK);    /* over k4, whose time is over */
	assert_int_equal(store(cache, "n2", "n2", 61, 100), KK_OK);    /* over k0, the oldest */
	assert_int_equal(store(cache, "n3", "n3", 62, 100), KK_OK);    /* over k1 */
	assert_int_equal(store(cache, "n4", "n4", 63, 100), KK_OK);    /* over k3 */
	static const char *const there[] = {"n1", "n2", "n3", "n4", "k5", "k6", "k7"};
	for (unsigned i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		assert_true(keeps(cache, there[i], there[i], 70));
	assert_true(keeps(cache, "k2", "newer", 70));
	kk_cache_detach(cache);
}

static void test_holds_about_as_much_as_it_has_room_for(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(1024);
	unsigned kept = 0;
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(store(cache, harness_text("host%u", i), "x", i + 1, 10000), KK_OK);
	for (unsigned i = 0; i < 1024; i++)
		kept += keeps(cache, harness_text("host%u", i), "x", 2000);
	assert_true(kept > 820);
	kk_cache_detach(cache);
}

/* No word of an entry can be another one without its being missed. */
static void test_damage_reads_as_nothing(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(8);
	char what[101];
	memset(what, 'w', sizeof(what));
	what[100] = 0;
	assert_int_equal(store(cache, "a", what, 10, 100), KK_OK);
	unsigned char *entry = (unsigned char *)memory + 64;
	unsigned noticed = 0;
	for (unsigned bit = 0; bit < 512 * 8; bit++) {
		entry[bit / 8] ^= (unsigned char)(1u << bit % 8);
		bool there = keeps(cache, "a", what, 20);
		noticed += !there;
		assert_true(there || keeps(cache, "a", NULL, 20));
		entry[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(noticed, (48 + 104) * 8); /* all that is in use */
	assert_true(keeps(cache, "a", what, 20));
	kk_cache_detach(cache);
}

static struct kk_cache *rival_cache;

static void rivals_store(void)
{
	assert_int_equal(store(rival_cache, "other", "other", 11, 100), KK_OK);
	assert_int_equal(store(rival_cache, "key", "newer", 12, 50), KK_OK);
}

/* A writer that was slow to write has chosen a place, and others have stored the key at another one meanwhile. */
static void test_a_key_at_two_places(void **state)
{
	(void)state;
	for (unsigned end = 0; end < 2; end++) {
		struct kk_cache *cache = new_cache(8);
		rival_cache = cache;
		strike.site = "C1";
		strike.act = rivals_store;
		assert_int_equal(store(cache, "key", "older", 10, 100), KK_OK);
		assert_true(keeps(cache, "key", "newer", 20));
		assert_true(keeps(cache, "key", NULL, 60)); /* the older one does not come back */
		assert_int_equal(store(cache, "key", "newest", 70, end ? 200 : 70), KK_OK);
		assert_true(keeps(cache, "key", end ? "newest" : NULL, 71));
		kk_cache_detach(cache);
	}
}

static void test_killed_at_every_point(void **state)
{
	(void)state;
	uint64_t n = 1;
	unsigned torn = 0;
	for (bool done = false; !done; n++) {
		struct kk_cache *cache = new_cache(8);
		int status;
		assert_int_equal(store(cache, "a", "the first contents", 10, 100), KK_OK);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			strike.points = 0;
			strike.die_at = n;
			_exit(store(cache, "a", "a little longer contents, the second", 20, 90) != KK_OK);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		assert_true(done || WIFSIGNALED(status));
		bool first = keeps(cache, "a", "the first contents", 30);
		bool second = keeps(cache, "a", "a little longer contents, the second", 30);
		assert_true(first || second || keeps(cache, "a", NULL, 30));
		assert_true(second || !done);
		torn += !first && !second;
		assert_int_equal(store(cache, "a", "third", 40, 100), KK_OK);
		assert_true(keeps(cache, "a", "third", 50));
		kk_cache_detach(cache);
	}
	assert_true(n > 50 && torn > 3);
}

/* ---- many at once: a value says which key it belongs to, and follows from its number */

enum { WRITERS = 4, KEYS = 12, STORES = 4000 };

static size_t make_value(unsigned char *to, unsigned key, uint64_t number)
{
	size_t bytes = 16 + number * 2654435761U % (KK_CACHE_MAX_BYTES - 15);
	uint64_t head[2] = {key, number};
	memcpy(to, head, sizeof(head));
	for (size_t i = sizeof(head); i < bytes; i++)
		to[i] = (unsigned char)(number * 31 + key * 7 + i);
	return bytes;
}

static bool value_ok(const unsigned char *value, int64_t bytes, unsigned key)
{
	unsigned char should[KK_CACHE_MAX_BYTES];
	uint64_t head[2];
	if (bytes == KK_ERR_MISSING)
		return true;
	if (bytes < (int64_t)sizeof(head))
		return false;
	memcpy(head, value, sizeof(head));
	return head[0] == key && make_value(should, key, head[1]) == (size_t)bytes &&
	       memcmp(value, should, (size_t)bytes) == 0;
}

/* 0, or 1: something was there that nobody stored. `hits` counts what was found. */
static int store_and_load(struct kk_cache *cache, unsigned writer, unsigned *hits)
{
	unsigned char value[KK_CACHE_MAX_BYTES];
	strike.dice = writer + 1;
	for (uint64_t i = 1; i <= STORES; i++) {
		unsigned key = (unsigned)(i * (writer + 3)) % KEYS;
		size_t bytes = make_value(value, key, i * WRITERS + writer);
		if (kk_cache_store(cache, &key, sizeof(key), value, bytes, i, i + 1000000) != KK_OK)
			return 1;
		key = (unsigned)(i * (writer + 5)) % KEYS;
		int64_t got = kk_cache_load(cache, &key, sizeof(key), value, sizeof(value), i);
		if (!value_ok(value, got, key))
			return 1;
		*hits += got >= 0;
	}
	return 0;
}

static void test_processes(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(16); /* less than they use, so that they get into each other's way */
	pid_t child[WRITERS];
	for (unsigned i = 0; i < WRITERS; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		unsigned hits = 0;
		if (child[i] == 0)
			_exit(store_and_load(cache, i, &hits) == 0 && hits > 0 ? 0 : 1);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	kk_cache_detach(cache);
}

struct thread {
	struct kk_cache *cache;
	unsigned number, hits;
	int bad;
	pthread_t id;
};

static void *run(void *arg)
{
	struct thread *thread = arg;
	thread->bad = store_and_load(thread->cache, thread->number, &thread->hits);
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	struct kk_cache *cache = new_cache(16);
	struct thread thread[WRITERS];
	for (unsigned i = 0; i < WRITERS; i++) {
		thread[i] = (struct thread){.cache = cache, .number = i};
		assert_int_equal(pthread_create(&thread[i].id, NULL, run, &thread[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(pthread_join(thread[i].id, NULL), 0);
		assert_int_equal(thread[i].bad, 0);
		assert_true(thread[i].hits > 0);
	}
	kk_cache_detach(cache);
}

static void test_attach_checks(void **state)
{
	(void)state;
	struct kk_error error = {.code = 0};
	assert_int_equal(kk_cache_size(0), 0);
	assert_int_equal(kk_cache_size(KK_CACHE_MAX_ENTRIES + 1), 0);
	struct kk_cache *cache = new_cache(9);
	uint64_t bytes = kk_cache_size(9);
	assert_int_equal(bytes, 64 + 16 * 512);
	assert_null(kk_cache_attach(memory, bytes - 1, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(kk_cache_check(cache, &error), KK_OK);
	((uint32_t *)memory)[2] = 0x7fffffff;
	assert_int_equal(kk_cache_check(cache, &error), KK_ERR_CORRUPT);
	assert_int_equal(store(cache, "a", "one", 10, 20), KK_OK); /* it is not led astray */
	assert_true(keeps(cache, "a", "one", 10));
	assert_null(kk_cache_attach(memory, bytes, &error));
	((uint32_t *)memory)[1] = 7;
	assert_null(kk_cache_attach(memory, bytes, &error));
	assert_int_equal(error.code, KK_ERR_VERSION);
	kk_cache_detach(cache);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_store_and_load),
    cmocka_unit_test(test_what_makes_room),
    cmocka_unit_test(test_holds_about_as_much_as_it_has_room_for),
    cmocka_unit_test(test_damage_reads_as_nothing),
    cmocka_unit_test(test_a_key_at_two_places),
    cmocka_unit_test(test_killed_at_every_point),
    cmocka_unit_test(test_processes),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_attach_checks),
};
HARNESS_MAIN(tests)
