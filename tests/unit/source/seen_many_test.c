/* SPDX-License-Identifier: Apache-2.0 */
/* Ten million ids take no more memory than ten thousand. */
#include "run/scratch.h"
#include "worker/seen.h"

#include "harness.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static long peak_kib(void)
{
	struct rusage usage;
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static int64_t note(struct seen *seen, uint64_t number, uint64_t ordinal)
{
	uint64_t words[2], x = number;
	uint8_t id[SEEN_ID_BYTES];
	for (int i = 0; i < 2; i++) {
		x += UINT64_C(0x9e3779b97f4a7c15);
		words[i] = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		words[i] = (words[i] ^ words[i] >> 27) * UINT64_C(0x94d049bb133111eb);
		words[i] ^= words[i] >> 31;
	}
	memcpy(id, words, sizeof(id));
	return seen_note(seen, id, ordinal, false);
}

static void test_ten_million(void **state)
{
	enum { FEW = 10000, MANY = 10000000 };
	struct kk_error error = {.code = 0};
	int fd = kk_scratch_open(&error);
	(void)state;
	assert_true(fd >= 0);
	struct seen *seen = seen_open(fd, true);
	assert_non_null(seen);
	for (uint64_t i = 0; i < FEW; i++)
		assert_int_equal(note(seen, i, i), 1);
	long base = peak_kib();
	for (uint64_t i = FEW; i < MANY; i++)
		if (note(seen, i, i) != 1)
			fail_msg("id %llu came before", (unsigned long long)i);
	for (uint64_t i = 0; i < MANY; i += 997)
		assert_int_equal(note(seen, i, MANY + i), 2);
	seen_close(seen);
	seen = seen_open(fd, false);
	assert_non_null(seen);
	assert_int_equal(note(seen, MANY - 1, 3 * (uint64_t)MANY), 2);
	assert_int_equal(note(seen, MANY, 3 * (uint64_t)MANY + 1), 1);
	seen_close(seen);
	close(fd);
	printf("seen: %d ids, %ld KiB more than %d\n", MANY, peak_kib() - base, FEW);
	assert_true(peak_kib() - base < 1024);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_million)};
HARNESS_MAIN(tests)
