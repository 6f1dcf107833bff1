/* SPDX-License-Identifier: Apache-2.0 */
/* The set of ids: what came before, what an heir is told, and what a kill may leave. */
#include "run/scratch.h"
#include "worker/seen.h"

#include "harness.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int scratch(void)
{
	struct kk_error error = {.code = 0};
	int fd = kk_scratch_open(&error);
	if (fd < 0)
		fail_msg("%s", error.text);
	return fd;
}

static struct seen *opened(int fd, bool fresh)
{
	struct seen *seen = seen_open(fd, fresh);
	assert_non_null(seen);
	return seen;
}

/* Ids that look like hashes. */
static int64_t note(struct seen *seen, uint64_t number, uint64_t ordinal, bool count)
{
	uint64_t words[2], x = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
	uint8_t id[SEEN_ID_BYTES];
	for (int i = 0; i < 2; i++) {
		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		words[i] = x ^ x >> 31;
	}
	memcpy(id, words, sizeof(id));
	return seen_note(seen, id, ordinal, count);
}

static void test_what_came_before(void **state)
{
	int fd = scratch();
	struct seen *seen = opened(fd, true);
	(void)state;
	for (int skip = 1; skip >= 0; skip--) {
		uint64_t base = skip ? 0 : 1000;
		assert_int_equal(note(seen, base, base, !skip), 1);
		assert_int_equal(note(seen, base + 1, base + 1, !skip), 1);
		assert_int_equal(note(seen, base, base + 2, !skip), 2);
		assert_int_equal(note(seen, base, base + 3, !skip), skip ? 2 : 3);
		assert_int_equal(note(seen, base + 1, base + 4, !skip), 2);
	}
	seen_close(seen);
	close(fd);
}

/* The heir makes the last items again, by the same numbers, and any number of times. */
static void test_what_an_heir_is_told(void **state)
{
	int fd = scratch();
	(void)state;
	for (int life = 0; life < 3; life++) {
		struct seen *seen = opened(fd, false);
		assert_int_equal(note(seen, 1, 10, true), 1);
		assert_int_equal(note(seen, 2, 11, false), 1);
		assert_int_equal(note(seen, 2, 12, false), 2);
		seen_close(seen);
	}
	for (int life = 0; life < 3; life++) {
		struct seen *seen = opened(fd, false);
		assert_int_equal(note(seen, 1, 13, true), 2);
		assert_int_equal(note(seen, 2, 13, false), 2);
		seen_close(seen);
	}
	struct seen *seen = opened(fd, true);
	assert_int_equal(note(seen, 1, 14, true), 1);
	seen_close(seen);
	close(fd);
}

/* Over several tables, with heirs in between. */
static void test_many(void **state)
{
	enum { COUNT = 300000, LIVES = 5 };
	int fd = scratch();
	uint64_t ordinal = 0;
	struct stat status;
	(void)state;
	for (int life = 0; life < LIVES; life++) {
		struct seen *seen = opened(fd, false);
		for (uint64_t i = (uint64_t)life * COUNT / LIVES; i < (uint64_t)(life + 1) * COUNT / LIVES; i++) {
			assert_int_equal(note(seen, i, ordinal++, true), 1);
			if (i % 7 == 0)
				assert_int_equal(note(seen, i / 2, ordinal++, false), 2);
		}
		seen_close(seen);
	}
	struct seen *seen = opened(fd, false);
	for (uint64_t i = 0; i < COUNT; i++)
		assert_int_equal(note(seen, i, ordinal++, false), 2);
	assert_int_equal(note(seen, COUNT, ordinal, true), 1);
	seen_close(seen);
	assert_int_equal(fstat(fd, &status), 0);
	assert_true(status.st_size <= 64 << 20);
	close(fd);
}

/* An entry that was torn off anywhere is not there, and in nobody's way. */
static void test_torn_entries(void **state)
{
	enum { ENTRY = 24, BUCKETS = 4096, BUCKET = 512 };
	static const char zeros[ENTRY];
	(void)state;
	for (size_t kept = 0; kept < ENTRY; kept++) {
		int fd = scratch();
		struct seen *seen = opened(fd, true);
		char entry[ENTRY];
		assert_int_equal(note(seen, 5, 7, true), 1);
		seen_close(seen);
		for (uint64_t at = 0; at < BUCKETS * BUCKET; at += BUCKET) {
			if (pread(fd, entry, ENTRY, (off_t)at) != ENTRY || memcmp(entry, zeros, ENTRY) == 0)
				continue;
			assert_int_equal(pwrite(fd, zeros, ENTRY - kept, (off_t)(at + kept)), ENTRY - kept);
		}
		seen = opened(fd, false);
		assert_int_equal(note(seen, 5, 8, true), 1);
		assert_int_equal(note(seen, 5, 9, true), 2);
		seen_close(seen);
		close(fd);
	}
}

static void test_a_file_that_cannot_be_written(void **state)
{
	int fd = scratch();
	int reader = open(harness_text("/proc/self/fd/%d", fd), O_RDONLY | O_CLOEXEC);
	(void)state;
	assert_true(reader >= 0);
	struct seen *seen = opened(reader, false);
	assert_int_equal(note(seen, 1, 1, true), -1);
	seen_close(seen);
	close(reader);
	close(fd);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_came_before),
    cmocka_unit_test(test_what_an_heir_is_told),
    cmocka_unit_test(test_many),
    cmocka_unit_test(test_torn_entries),
    cmocka_unit_test(test_a_file_that_cannot_be_written),
};
HARNESS_MAIN(tests)
