/* SPDX-License-Identifier: Apache-2.0 */
/* Kills at every point of every role, heirs included, and at random. */
#include "harness.h"
#include "world.h"
#include <stdio.h>

static const uint64_t near_wrap = (UINT64_C(1) << 40) - 7;

static void assert_sound(const struct world_result *result, const struct world_kill *kill_at)
{
	if (result->bad)
		fail_msg("role %u life %u point %llu (%s): %s", kill_at->role, kill_at->life,
		         (unsigned long long)kill_at->point, result->site, result->bad);
	if (result->backstops)
		fail_msg("role %u life %u point %llu (%s): a wake-up was lost", kill_at->role, kill_at->life,
		         (unsigned long long)kill_at->point, result->site);
}

/* Every point that the role comes to in its first life, one run for each. */
static void sweep(const struct world_shape *shape)
{
	unsigned struck = 0;
	for (unsigned role = 1; role <= ROLES; role++) {
		unsigned misses = 0;
		for (uint64_t point = 1; misses < 3; point++) {
			struct world_kill kill_at = {role, 1, point};
			struct world_result result = world_run(shape, &kill_at, 1, 0, 1);
			assert_sound(&result, &kill_at);
			struck += result.reached;
			misses = result.reached ? 0 : misses + 1;
		}
	}
	print_message("%u kill points struck\n", struck);
	assert_true(struck > 200);
}

static void test_every_point(void **state)
{
	(void)state;
	const struct world_shape shape = {6, 2, near_wrap, 4096, 2048};
	sweep(&shape);
}

static void test_every_point_in_a_ring_of_one(void **state)
{
	(void)state;
	const struct world_shape shape = {5, 1, 0, 2048, 2048};
	sweep(&shape);
}

/* The heir dies as well, at each of its first points. */
static void test_heirs(void **state)
{
	(void)state;
	const struct world_shape shape = {6, 2, 100, 4096, 2048};
	unsigned struck = 0;
	for (unsigned role = 1; role <= ROLES; role++) {
		for (uint64_t point = 5; point < 90; point += 6) {
			for (uint64_t again = 1; again < 60; again += 5) {
				struct world_kill kills[] = {
				    {role, 1, point}, {role, 2, again}, {role, 3, again / 2 + 1}};
				struct world_result result = world_run(&shape, kills, 3, 0, 1);
				assert_sound(&result, kills);
				struck += result.deaths;
			}
		}
	}
	print_message("%u deaths\n", struck);
	assert_true(struck > 500);
}

static void test_random(void **state)
{
	(void)state;
	unsigned deaths = 0;
	for (unsigned seed = 1; seed <= 6; seed++) {
		const struct world_shape shape = {4000, 1u << seed, near_wrap - seed, 8192, 2048};
		struct world_kill none = {0, 0, 0};
		struct world_result result = world_run(&shape, &none, 0, 300, seed);
		assert_sound(&result, &none);
		deaths += result.deaths;
	}
	print_message("%u deaths\n", deaths);
	assert_true(deaths > 50);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_point),
    cmocka_unit_test(test_every_point_in_a_ring_of_one),
    cmocka_unit_test(test_heirs),
    cmocka_unit_test(test_random),
};
HARNESS_MAIN(tests)
