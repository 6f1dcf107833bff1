/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas by themselves: random allocation against a model, grow, shrink, lanes, the big block, an heir. */
#include "block/log.h"
#include "harness.h"
#include <kakehi/block.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct kk_arena_shape shape;
	void *log;
	unsigned char *data;
	struct kk_arena *arena;
};

static void *lines(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
	assert_non_null(memory);
	memset(memory, 0, (bytes + 63) / 64 * 64);
	return memory;
}

static struct kk_arena *attach(struct fixture *f)
{
	struct kk_arena *arena;
	assert_int_equal(
	    kk_arena_attach(&arena, f->log, kk_arena_log_size(&f->shape), f->data, kk_arena_data_size(&f->shape)),
	    KK_OK);
	return arena;
}

static void make(struct fixture *f, struct kk_arena_shape shape)
{
	f->shape = shape;
	f->log = lines(kk_arena_log_size(&shape));
	f->data = lines(kk_arena_data_size(&shape));
	assert_int_equal(kk_arena_init(f->log, &shape), KK_OK);
	f->arena = attach(f);
	assert_int_equal(kk_arena_adopt(f->arena, 0, 1), KK_OK);
}

static void drop(struct fixture *f)
{
	kk_arena_detach(f->arena);
	free(f->log);
	free(f->data);
}

/* Random allocations, growths and releases; every byte of every living block keeps what was written to it. */
static void test_random(void **state)
{
	(void)state;
	struct fixture f;
	enum { LIVE = 40 };
	struct {
		struct kk_block_ref ref;
		uint64_t size;
		unsigned char mark;
	} live[LIVE] = {{.size = 0}};
	make(&f, (struct kk_arena_shape){1, 64, 65536, 4096});
	srand(1);
	unsigned refused = 0, grown = 0;
	for (int round = 0; round < 50000; round++) {
		int i = rand() % LIVE;
		if (live[i].size) {
			const unsigned char *at = kk_block_read(f.arena, &live[i].ref);
			assert_non_null(at);
			for (uint64_t b = 0; b < live[i].size; b += 7)
				assert_int_equal(at[b], live[i].mark);
			assert_true(kk_block_release(f.arena, &live[i].ref, 0));
			assert_false(kk_block_release(f.arena, &live[i].ref, 0));
			assert_null(kk_block_read(f.arena, &live[i].ref));
			live[i].size = 0;
			continue;
		}
		uint64_t size = 1 + (uint64_t)rand() % 3000, first = 1 + (uint64_t)rand() % size;
		struct kk_block_ref ref;
		if (kk_block_alloc(f.arena, first, true, &ref) != KK_OK) {
			refused++;
			continue;
		}
		memset(kk_block_memory(f.arena, &ref), i, first);
		if (kk_block_grow(f.arena, &ref, first, size) != KK_OK)
			size = first;
		else
			grown++;
		memset(kk_block_memory(f.arena, &ref), i, size);
		kk_block_shrink(f.arena, &ref, size);
		ref.size = (uint32_t)size;
		kk_block_share(f.arena, &ref, 1);
		live[i].ref = ref;
		live[i].size = size;
		live[i].mark = (unsigned char)i;
	}
	assert_true(refused > 0);
	assert_true(grown > 1000);
	for (int i = 0; i < LIVE; i++)
		if (live[i].size)
			assert_true(kk_block_release(f.arena, &live[i].ref, 0));
	assert_int_equal(kk_arena_used(f.arena), 0);
	drop(&f);
}

static void test_lanes(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_block_ref ref;
	make(&f, (struct kk_arena_shape){1, 4, 4096, 0});
	assert_int_equal(kk_block_alloc(f.arena, 100, false, &ref), KK_OK);
	kk_block_share(f.arena, &ref, 1);
	kk_block_add_lane(f.arena, &ref, 3);
	kk_block_add_lane(f.arena, &ref, 3);
	assert_false(kk_block_release(f.arena, &ref, 0));
	assert_false(kk_block_release(f.arena, &ref, 0));
	assert_non_null(kk_block_read(f.arena, &ref));
	assert_true(kk_block_release(f.arena, &ref, 3));
	assert_int_equal(kk_arena_used(f.arena), 0);
	drop(&f);
}

/* The region is full of blocks others hold: whoever has nothing in the making gets the big block, one at a time, and
 * can fill it to its end. */
static void test_big(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_block_ref small, big, none;
	make(&f, (struct kk_arena_shape){1, 8, 1024, 8192});
	assert_int_equal(kk_block_alloc(f.arena, 1024, false, &small), KK_OK);
	assert_int_equal(kk_block_alloc(f.arena, 64, false, &none), KK_ERR_NO_ROOM);
	assert_int_equal(kk_block_alloc(f.arena, 64, true, &big), KK_OK);
	assert_int_equal(kk_block_capacity(f.arena, &big), 8192);
	assert_int_equal(kk_block_grow(f.arena, &big, 64, 8192), KK_OK);
	assert_int_equal(kk_block_alloc(f.arena, 64, true, &none), KK_ERR_NO_ROOM);
	assert_int_equal(kk_block_alloc(f.arena, 9000, true, &none), KK_ERR_INVALID);
	assert_int_equal(kk_block_grow(f.arena, &small, 1024, 2000), KK_ERR_NO_ROOM);
	kk_block_cancel(f.arena, &big);
	memset(kk_block_memory(f.arena, &small), 7, 1024);
	assert_int_equal(kk_block_grow(f.arena, &small, 1024, 2000), KK_OK);
	assert_int_equal(((unsigned char *)kk_block_memory(f.arena, &small))[1023], 7);
	kk_block_cancel(f.arena, &small);
	assert_int_equal(kk_block_claimed(f.arena), 0);
	assert_int_equal(kk_arena_used(f.arena), 0);
	drop(&f);
}

static void test_heir(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_block_ref shared, lost, big, next;
	make(&f, (struct kk_arena_shape){2, 8, 1024, 2048});
	assert_int_equal(kk_block_alloc(f.arena, 512, true, &shared), KK_OK);
	memset(kk_block_memory(f.arena, &shared), 9, 512);
	shared.size = 512;
	kk_block_share(f.arena, &shared, 1);
	assert_int_equal(kk_block_alloc(f.arena, 256, true, &lost), KK_OK);
	assert_int_equal(kk_block_alloc(f.arena, 2000, false, &big), KK_ERR_NO_ROOM);
	assert_int_equal(kk_block_grow(f.arena, &lost, 256, 2000), KK_OK);
	kk_arena_detach(f.arena); /* as if killed */
	f.arena = attach(&f);
	assert_int_equal(kk_arena_adopt(f.arena, 0, 1), KK_OK);
	assert_int_equal(kk_arena_used(f.arena), 1);
	assert_int_equal(kk_block_alloc(f.arena, 512, false, &next), KK_OK);
	memset(kk_block_memory(f.arena, &next), 1, 512);
	assert_int_equal(((const unsigned char *)kk_block_read(f.arena, &shared))[511], 9);
	assert_int_equal(kk_block_alloc(f.arena, 64, false, &big), KK_ERR_NO_ROOM);
	drop(&f);
}

static void test_stale_and_wild_refs(void **state)
{
	(void)state;
	struct fixture f;
	make(&f, (struct kk_arena_shape){1, 4, 4096, 0});
	struct kk_block_ref ref = {0}, wild = {.index = 4000000, .generation = 1, .size = 5};
	assert_null(kk_block_read(f.arena, &ref));
	assert_null(kk_block_read(f.arena, &wild));
	assert_false(kk_block_release(f.arena, &wild, 0));
	assert_int_equal(kk_block_alloc(f.arena, 100, false, &ref), KK_OK);
	kk_block_share(f.arena, &ref, 1);
	ref.size = 5000; /* says more than the block has */
	assert_null(kk_block_read(f.arena, &ref));
	drop(&f);
}

/* Others can write into the log. Whatever they make of it, the owner of a block writes only where he allocated it, and
 * his own book stays in order. */
static void test_broken_log(void **state)
{
	(void)state;
	struct fixture f;
	struct kk_block_ref ref, next;
	make(&f, (struct kk_arena_shape){1, 2, 4096, 4096});
	struct arena_memory *memory = f.log;
	assert_int_equal(kk_block_alloc(f.arena, 1000, false, &ref), KK_OK);
	unsigned char *at = kk_block_memory(f.arena, &ref);
	atomic_store(&memory->block[ref.index - 1].offset, 8192 - 64);
	atomic_store(&memory->block[ref.index - 1].length, 64);
	assert_ptr_equal(kk_block_memory(f.arena, &ref), at);
	atomic_store(&memory->block[ref.index - 1].length, 8192);
	assert_int_equal(kk_block_capacity(f.arena, &ref), 1024);
	assert_int_equal(kk_block_grow(f.arena, &ref, 1000, 5000), KK_ERR_INVALID);

	atomic_store(&memory->block[ref.index - 1].word, word_make(BLOCK_FREE, 0, ref.generation, 0));
	assert_int_equal(kk_block_alloc(f.arena, 4096, false, &next), KK_OK);
	for (int i = 0; i < 100; i++)
		kk_block_cancel(f.arena, &ref);
	for (int i = 0; i < 100; i++)
		kk_block_cancel(f.arena, &next);
	assert_int_equal(kk_block_alloc(f.arena, 4096, false, &next), KK_OK);
	drop(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_random),
    cmocka_unit_test(test_lanes),
    cmocka_unit_test(test_big),
    cmocka_unit_test(test_heir),
    cmocka_unit_test(test_stale_and_wild_refs),
    cmocka_unit_test(test_broken_log),
};
HARNESS_MAIN(tests)
