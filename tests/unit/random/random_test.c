/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the same in every run, different in every process, as likely as they should be. */
#include "harness.h"
#include <fcntl.h>
#include <kakehi/process.h>
#include <kakehi/random.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_random shared;

static struct kk_random seeded(uint64_t seed)
{
	struct kk_random random;

	kk_random_seed(&random, seed);
	return random;
}

static void test_streams_are_reproducible(void **state)
{
	struct kk_random one = seeded(1), again = seeded(1), other = seeded(2);
	struct kk_random first = seeded(kk_random_worker(1, 0)), second = seeded(kk_random_worker(1, 1));
	unsigned same = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t number = kk_random_next(&one);
		assert_int_equal(kk_random_next(&again), number);
		same += kk_random_next(&other) == number;
		same += kk_random_next(&first) == kk_random_next(&second);
	}
	assert_int_equal(same, 0);
}

/* Worked out from the published sources of xoshiro256** and SplitMix64. */
static void test_numbers_are_the_published_ones(void **state)
{
	static const uint64_t expected[] = {UINT64_C(0x65094a0ab526fa3a), UINT64_C(0x14790c77058b9213),
	                                    UINT64_C(0x545e14c068d2cdfc), UINT64_C(0x5efa9b61ab5324b2)};
	struct kk_random random = seeded(0);

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_int_equal(kk_random_next(&random), expected[i]);
}

static void test_below(void **state)
{
	struct kk_random random = seeded(3);
	unsigned counts[6] = {0}, low = 0;

	(void)state;
	for (int i = 0; i < 60000; i++)
		counts[kk_random_below(&random, 6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range(counts[i], 9500, 10500);
	/* The remainder of a 64-bit number would make the lower half twice as likely. */
	for (int i = 0; i < 30000; i++)
		low += kk_random_below(&random, UINT64_C(3) << 62) < UINT64_C(3) << 61;
	assert_in_range(low, 14500, 15500);
	for (int i = 0; i < 100; i++)
		assert_int_equal(kk_random_below(&random, 1), 0);
	struct kk_random same = random;
	assert_int_equal(kk_random_below(&random, 0), kk_random_next(&same));
}

static void test_between(void **state)
{
	struct kk_random random = seeded(4);
	unsigned seen = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t number = kk_random_between(&random, -1, 2);
		assert_in_range(number + 1, 0, 3);
		seen |= 1U << (number + 1);
		number = kk_random_between(&random, 5, 4);
		assert_in_range(number, 4, 5);
		assert_int_equal(kk_random_between(&random, INT64_MIN, INT64_MIN), INT64_MIN);
	}
	assert_int_equal(seen, 15);
	seen = 0;
	for (int i = 0; i < 100; i++)
		seen |= kk_random_between(&random, INT64_MIN, INT64_MAX) < 0 ? 1 : 2;
	assert_int_equal(seen, 3);
}

static void test_double(void **state)
{
	struct kk_random random = seeded(5);
	double total = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		double number = kk_random_double(&random);
		assert_true(number >= 0 && number < 1);
		total += number;
	}
	assert_true(total > 4800 && total < 5200);
}

static void test_shuffle(void **state)
{
	struct kk_random random = seeded(6);
	unsigned orders[27] = {0}, made = 0;
	struct large {
		char bytes[300];
	} large[5];

	(void)state;
	for (int i = 0; i < 6000; i++) {
		short things[3] = {0, 1, 2};
		kk_random_shuffle(&random, things, 3, sizeof(things[0]));
		orders[things[0] * 9 + things[1] * 3 + things[2]]++;
	}
	for (int i = 0; i < 27; i++) {
		made += orders[i] > 0;
		assert_true(orders[i] == 0 || (orders[i] > 850 && orders[i] < 1150));
	}
	assert_int_equal(made, 6);
	for (int i = 0; i < 5; i++)
		memset(&large[i], i, sizeof(large[i]));
	kk_random_shuffle(&random, large, 5, sizeof(large[0]));
	made = 0;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(large[i].bytes[0], large[i].bytes[299]);
		made |= 1U << large[i].bytes[0];
	}
	assert_int_equal(made, 31);
	kk_random_shuffle(&random, NULL, 0, 8);
}

static void test_bytes(void **state)
{
	struct kk_random random = seeded(7), same = random;
	unsigned char bytes[13], again[13];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	kk_random_bytes(&random, bytes, sizeof(bytes));
	kk_random_bytes(&same, again, sizeof(again));
	assert_memory_equal(bytes, again, sizeof(bytes));
	kk_random_bytes(&random, bytes, 0);
	assert_memory_equal(bytes, again, sizeof(bytes));
}

static void test_surprises(void **state)
{
	struct kk_random one, other;

	(void)state;
	assert_int_equal(kk_random_surprise(&one), KK_OK);
	assert_int_equal(kk_random_surprise(&other), KK_OK);
	assert_int_not_equal(kk_random_next(&one), kk_random_next(&other));
}

/* ---- forks */

static int draw(struct kk_call *call)
{
	uint64_t number = kk_random_next(&shared);

	(void)call;
	return write(1, &number, sizeof(number)) == sizeof(number) ? 0 : 1;
}

/* The first number of each of four children that inherit a generator. */
static void draw_in_children(uint64_t numbers[4])
{
	struct kk_error error = {0};
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct kk_process_fd fd = {ends[1], 1};
	for (int i = 0; i < 4; i++) {
		struct kk_process *process =
		    kk_process_spawn(&(struct kk_process_spec){.call = draw, .fds = &fd, .fd_count = 1}, &error);
		assert_non_null(process);
		assert_int_equal(read(ends[0], &numbers[i], sizeof(numbers[i])), sizeof(numbers[i]));
		assert_int_equal(kk_process_join(process, 10000), KK_OK);
		kk_process_free(process);
	}
	close(ends[0]);
	close(ends[1]);
}

static int draw_all(struct kk_call *call)
{
	uint64_t numbers[5];

	kk_random_seed(&shared, 8);
	draw_in_children(numbers);
	numbers[4] = kk_random_next(&shared);
	(void)call;
	return write(1, numbers, sizeof(numbers)) == sizeof(numbers) ? 0 : 1;
}

/* Two runs of a program whose children draw, too: the same numbers, none twice. */
static void test_calls_go_on_differently_but_reproducibly(void **state)
{
	uint64_t runs[2][5];
	struct kk_error error = {0};

	(void)state;
	for (int run = 0; run < 2; run++) {
		int ends[2];
		pid_t pid;
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		/* A process of its own each, so that the children have the same numbers. */
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct kk_process_fd fd = {ends[1], 1};
			struct kk_process *process = kk_process_spawn(
			    &(struct kk_process_spec){.call = draw_all, .fds = &fd, .fd_count = 1}, &error);
			_exit(process && kk_process_join(process, 10000) == KK_OK ? 0 : 1);
		}
		int how;
		assert_int_equal(waitpid(pid, &how, 0), pid);
		assert_int_equal(how, 0);
		assert_int_equal(read(ends[0], runs[run], sizeof(runs[run])), sizeof(runs[run]));
		close(ends[0]);
		close(ends[1]);
	}
	assert_memory_equal(runs[0], runs[1], sizeof(runs[0]));
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(runs[0][i], runs[0][j]);
	/* The parent's own stream is not disturbed. */
	struct kk_random undisturbed = seeded(8);
	assert_int_equal(runs[0][4], kk_random_next(&undisturbed));
}

static void test_bare_forks_do_not_share(void **state)
{
	uint64_t numbers[3];
	int ends[2];

	(void)state;
	kk_random_seed(&shared, 9);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			uint64_t number = kk_random_next(&shared);
			_exit(write(ends[1], &number, sizeof(number)) == sizeof(number) ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(read(ends[0], &numbers[i], sizeof(numbers[i])), sizeof(numbers[i]));
	}
	numbers[2] = kk_random_next(&shared);
	assert_int_not_equal(numbers[0], numbers[1]);
	assert_int_not_equal(numbers[0], numbers[2]);
	assert_int_not_equal(numbers[1], numbers[2]);
	close(ends[0]);
	close(ends[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_streams_are_reproducible),
    cmocka_unit_test(test_numbers_are_the_published_ones),
    cmocka_unit_test(test_below),
    cmocka_unit_test(test_between),
    cmocka_unit_test(test_double),
    cmocka_unit_test(test_shuffle),
    cmocka_unit_test(test_bytes),
    cmocka_unit_test(test_surprises),
    cmocka_unit_test(test_calls_go_on_differently_but_reproducibly),
    cmocka_unit_test(test_bare_forks_do_not_share),
};
HARNESS_MAIN(tests)
