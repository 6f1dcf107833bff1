/* SPDX-License-Identifier: Apache-2.0 */
/* The ring by itself: order, full, empty, the wrap of positions, the sentinel; and threads standing in for workers, so
 * that a thread sanitizer can look on. What kills do to it is in tests/crash. */
#include "harness.h"
#include <kakehi/ring.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES = 64 };

struct entry {
	_Alignas(64) uint64_t value;
};

struct fixture {
	void *table_memory, *ring_memory[2];
	size_t table_bytes, ring_bytes;
	struct kk_table *table;
	struct kk_ring *ring;
};

static void *lines(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0, (bytes + 63) / 64 * 64);
	return memory;
}

static void make(struct fixture *f, uint32_t slots, uint64_t start)
{
	f->table_bytes = kk_table_size(ENTRIES, sizeof(struct entry));
	f->ring_bytes = kk_ring_size(slots);
	f->table_memory = lines(f->table_bytes);
	f->ring_memory[0] = lines(f->ring_bytes);
	f->ring_memory[1] = NULL;
	assert_int_equal(kk_table_init(f->table_memory, ENTRIES, sizeof(struct entry)), KK_OK);
	assert_int_equal(kk_ring_init(f->ring_memory[0], slots, 3, start), KK_OK);
	assert_int_equal(kk_table_attach(&f->table, f->table_memory, f->table_bytes, 1), KK_OK);
	assert_int_equal(kk_ring_attach(&f->ring, f->ring_memory[0], f->ring_bytes, f->table), KK_OK);
}

static void drop(struct fixture *f)
{
	kk_ring_detach(f->ring);
	kk_table_detach(f->table);
	free(f->table_memory);
	free(f->ring_memory[0]);
}

static void test_order_full_empty(void **state)
{
	(void)state;
	struct fixture f;
	uint32_t got[8];
	make(&f, 4, 0);
	assert_int_equal(kk_ring_take(f.ring, got, 8), KK_ERR_EMPTY);
	for (uint32_t h = 0; h < 4; h++)
		assert_int_equal(kk_ring_put(f.ring, h, h & 1), KK_OK);
	assert_int_equal(kk_ring_put(f.ring, 4, 0), KK_ERR_FULL);
	assert_int_equal(kk_table_own(f.table, 4).state, KK_OWN_IDLE);
	assert_int_equal(kk_ring_count(f.ring), 4);
	assert_int_equal(kk_ring_take(f.ring, got, 3), 3);
	assert_int_equal(got[0], 0);
	assert_int_equal(got[2], 2);
	struct kk_own own = kk_table_own(f.table, 1);
	assert_int_equal(own.state, KK_OWN_CLAIMED);
	assert_int_equal(own.role, 1);
	assert_int_equal(own.ring, 3);
	assert_int_equal(own.side, 1);
	assert_int_equal(own.position, 1);
	assert_int_equal(kk_ring_take(f.ring, got, 8), 1);
	assert_int_equal(kk_ring_take(f.ring, got, 8), KK_ERR_EMPTY);
	assert_int_equal(kk_ring_puts(f.ring), 4);
	drop(&f);
}

/* Through the wrap of the 40-bit positions, several times around a small ring. */
static void test_wrap(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_error error;
	make(&f, 2, (UINT64_C(1) << KK_POSITION_BITS) - 5);
	for (uint64_t i = 0; i < 40; i++) {
		uint32_t got, handle = i % ENTRIES;
		assert_int_equal(kk_ring_put(f.ring, handle, 0), KK_OK);
		if (i % 2)
			continue; /* leave one in, take two next time */
		assert_int_equal(kk_ring_count(f.ring), i ? 2 : 1);
		for (uint64_t n = 0; n < (i ? 2u : 1u); n++)
			assert_int_equal(kk_ring_take(f.ring, &got, 1), 1);
		assert_int_equal(got, handle);
		assert_int_equal(kk_ring_puts(f.ring), i + 1);
		assert_int_equal(kk_ring_check(f.ring, &error), KK_OK);
	}
	drop(&f);
}

static void test_sentinel(void **state)
{
	(void)state;
	struct fixture f;
	uint32_t got;
	make(&f, 2, 7);
	assert_int_equal(kk_ring_put(f.ring, 0, 0), KK_OK);
	assert_int_equal(kk_ring_put(f.ring, 1, 0), KK_OK);
	assert_int_equal(kk_ring_close(f.ring), KK_ERR_FULL);
	assert_int_equal(kk_ring_take(f.ring, &got, 1), 1);
	assert_int_equal(kk_ring_close(f.ring), KK_OK);
	assert_int_equal(kk_ring_close(f.ring), KK_OK);
	assert_true(kk_ring_closed(f.ring));
	assert_int_equal(kk_ring_take(f.ring, &got, 1), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_ring_take(f.ring, &got, 1), KK_ERR_CLOSED);
	assert_int_equal(kk_ring_puts(f.ring), 2);
	assert_int_equal(kk_ring_count(f.ring), 0);
	drop(&f);
}

static void test_garbage_is_noticed(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_error error = {.code = 0};
	uint32_t got;
	make(&f, 4, 0);
	assert_int_equal(kk_ring_put(f.ring, 0, 0), KK_OK);
	memset((char *)f.ring_memory[0] + f.ring_bytes - 64, 0xa5, 64);
	assert_int_equal(kk_ring_check(f.ring, &error), KK_ERR_CORRUPT);
	assert_int_equal(kk_ring_take(f.ring, &got, 1), KK_ERR_CORRUPT);
	memset(f.ring_memory[0], 0x11, 64);
	struct kk_ring *other;
	assert_int_equal(kk_ring_attach(&other, f.ring_memory[0], f.ring_bytes, f.table), KK_ERR_VERSION);
	drop(&f);
}

/* Slots each of which claims that the ring's end lies behind the next one: nobody may search for ever. */
static void test_circle_ends(void **state)
{
	(void)state;
	struct fixture f;
	uint32_t got;
	make(&f, 4, 0);
	uint64_t *slot = (uint64_t *)(void *)((char *)f.ring_memory[0] + f.ring_bytes - 64);
	for (uint64_t i = 0; i < 4; i++)
		slot[i] = ((i + 1) & 3) << (KK_POSITION_BITS - 4) << 24 | i;
	assert_int_equal(kk_ring_put(f.ring, 0, 0), KK_ERR_CORRUPT);
	assert_int_equal(kk_ring_close(f.ring), KK_ERR_CORRUPT);
	assert_int_equal(kk_ring_take(f.ring, &got, 1), KK_ERR_CORRUPT);
	kk_ring_puts(f.ring);
	kk_ring_count(f.ring);
	drop(&f);
}

/* What is looked at must be in one's own hand, and of one claim. */
static void test_look(void **state)
{
	(void)state;
	struct fixture f;
	struct entry copy;
	struct kk_own own;
	uint32_t got;
	make(&f, 4, 0);
	struct entry *entry = kk_table_entry(f.table, 0);
	entry->value = 7;
	assert_false(kk_table_look(f.table, 0, &copy, sizeof(copy), &own));
	assert_int_equal(kk_ring_put(f.ring, 0, 1), KK_OK);
	assert_false(kk_table_look(f.table, 0, &copy, sizeof(copy), &own));
	assert_int_equal(kk_ring_take(f.ring, &got, 1), 1);
	assert_true(kk_table_look(f.table, 0, &copy, sizeof(copy), &own));
	assert_int_equal(copy.value, 7);
	assert_int_equal(own.side, 1);
	kk_table_commit(f.table, 0);
	assert_true(kk_table_look(f.table, 0, &copy, sizeof(copy), &own));
	assert_int_equal(own.state, KK_OWN_COMMIT);
	kk_table_idle(f.table, 0);
	assert_false(kk_table_look(f.table, 0, &copy, sizeof(copy), &own));
	drop(&f);
}

/* ---- threads standing in for workers: A -> B -> A, each its own role and handles */

enum { THREADS = 4, ROUNDS = 20000 };

struct stand_in {
	struct fixture *f;
	unsigned role;
	void *from, *to;
	uint64_t sum;
};

static void *carry(void *arg)
{
	struct stand_in *me = arg;
	struct kk_table *table;
	struct kk_ring *from, *to;
	if (kk_table_attach(&table, me->f->table_memory, me->f->table_bytes, me->role) != KK_OK ||
	    kk_ring_attach(&from, me->from, me->f->ring_bytes, table) != KK_OK ||
	    kk_ring_attach(&to, me->to, me->f->ring_bytes, table) != KK_OK)
		abort();
	for (int done = 0; done < ROUNDS;) {
		uint32_t handles[3], ticket = kk_event_prepare(kk_ring_items_event(from));
		/* Never more than its share: the others wait for theirs. */
		int taken = kk_ring_take(from, handles, ROUNDS - done < 3 ? ROUNDS - done : 3);
		if (taken < 0)
			kk_event_sleep(kk_ring_items_event(from), ticket, 1000000);
		for (int i = 0; i < taken; i++) {
			struct entry *entry = kk_table_entry(table, handles[i]);
			entry->value++; /* plain: the ring must order it */
			if (kk_ring_put(to, handles[i], 0) != KK_OK)
				abort();
		}
		if (taken > 0) {
			kk_ring_announce(to, taken);
			done += taken;
			me->sum += (uint64_t)taken;
		}
	}
	kk_ring_detach(from);
	kk_ring_detach(to);
	kk_table_detach(table);
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	struct fixture f;
	struct stand_in me[THREADS];
	pthread_t thread[THREADS];
	uint64_t value = 0, sum = 0;
	make(&f, ENTRIES, 0);
	f.ring_memory[1] = lines(f.ring_bytes);
	assert_int_equal(kk_ring_init(f.ring_memory[1], ENTRIES, 4, 99), KK_OK);
	assert_int_equal(kk_ring_fill(f.ring, 0, ENTRIES), KK_OK);
	for (unsigned i = 0; i < THREADS; i++) {
		me[i] = (struct stand_in){&f, i + 1, f.ring_memory[i % 2], f.ring_memory[!(i % 2)], 0};
		assert_int_equal(pthread_create(&thread[i], NULL, carry, &me[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += me[i].sum;
	}
	for (uint32_t h = 0; h < ENTRIES; h++)
		value += ((struct entry *)kk_table_entry(f.table, h))->value;
	assert_int_equal(value, sum);
	free(f.ring_memory[1]);
	drop(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_order_full_empty), cmocka_unit_test(test_wrap),
    cmocka_unit_test(test_sentinel),         cmocka_unit_test(test_garbage_is_noticed),
    cmocka_unit_test(test_circle_ends),      cmocka_unit_test(test_look),
    cmocka_unit_test(test_threads),
};
HARNESS_MAIN(tests)
