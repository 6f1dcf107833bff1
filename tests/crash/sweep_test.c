/* SPDX-License-Identifier: Apache-2.0 */
/* Kills at every point of every role, heirs and their heirs included, asleep, and at random. */
#include "harness.h"
#include "sanitizers.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>

/* Sanitizers make starting a process slow, and so does a processor that is emulated, where KAKEHI_TEST_PART is set (by
 * scripts/arm64-init): a part has to do there. */
#define INSTRUMENTED (WITH_ASAN || WITH_TSAN)
/* Is only a part to do? */
#define A_PART (INSTRUMENTED || getenv("KAKEHI_TEST_PART") != NULL)

enum { FIRST, HEIR, HEIRS_HEIR, LIVES };

/* How often each site was struck, by the life it was struck in. */
static unsigned struck[256][LIVES];

static const struct world_shape wrapping = {6, 2, (UINT64_C(1) << 40) - 7, 1024, 2048, false};
static const struct world_shape narrow = {5, 1, 0, 768, 2048, false};

static struct world_result run(const struct world_shape *shape, const struct world_kill *kills, unsigned count)
{
	struct world_result result = world_run(shape, kills, count, 0, 1);
	const struct world_kill *k = kills;
	const char *where = k->site == ANY_SITE ? "any point" : world_sites[k->site];
	if (result.bad || result.backstops)
		fail_msg("%s %u killed at hit %llu of \"%s\", last at \"%s\": %s", world_role_name(k->role), k->role,
		         (unsigned long long)k->hit, where, result.site,
		         result.bad ? result.bad : "a wake-up was lost");
	for (unsigned i = 0; i < count; i++)
		if (result.struck >> i & 1 && kills[i].site != ANY_SITE)
			struck[kills[i].site][kills[i].life - 1]++;
	return result;
}

/* Every site that the role comes to in its first life, the first few times. */
static void sweep_first_lives(const struct world_shape *shape, uint64_t hits)
{
	for (unsigned role = 1; role <= ROLES; role++)
		for (unsigned site = 0; site < world_site_count; site++)
			for (uint64_t hit = 1; hit <= hits; hit++) {
				struct world_kill kill_at = {role, 1, (int)site, hit, false};
				if (!run(shape, &kill_at, 1).struck)
					break;
			}
}

/* Deaths that leave something behind. */
static const char *const firsts[] = {"K2", "K3", "commit: done", "share", "L2", "alloc: claimed", "put: done"};
enum { FIRSTS = sizeof(firsts) / sizeof(firsts[0]) };

/* The heir dies at every site too, and its heir at the same one or another, after first deaths that leave something to
 * inherit. */
static void sweep_heirs(const struct world_shape *shape)
{
	for (unsigned role = 1; role <= ROLES; role++)
		for (unsigned site = 0; site < world_site_count; site++)
			for (unsigned way = 0; way < FIRSTS; way += A_PART ? 4 : 1) {
				unsigned third = way % 2 ? site : (site * 5 + way * 31) % world_site_count;
				struct world_kill kills[] = {
				    {role, 1, role == CLOSER ? world_site("close") : world_site(firsts[way]),
				     1 + way % 3, false},
				    {role, 2, (int)site, 1, false},
				    {role, 3, (int)third, 1, false},
				};
				run(shape, kills, 3);
			}
}

/* One dies, and then another one of the same stage, which came upon what the first left. */
static void sweep_siblings(const struct world_shape *shape)
{
	for (unsigned role = 1; role < CLOSER; role++)
		for (unsigned site = 0; site < world_site_count; site++)
			for (unsigned way = 0; way < FIRSTS; way++) {
				unsigned sibling = role % 2 ? role + 1 : role - 1;
				struct world_kill kills[] = {
				    {role, 1, world_site(firsts[way]), 1 + site % 3, false},
				    {sibling, 1, (int)site, 1 + way % 2, false},
				};
				run(shape, kills, 2);
			}
}

/* What depends on who is faster, made certain: nobody has freed yet what a dead source shared, and nobody has moved on
 * the tail that another one left behind. */
static void sweep_late(void)
{
	static const struct world_shape shape = {6, 2, 0, 1024, 2048, true};
	static const char *const left[] = {"put: jump tail", "adopt: read extent"};
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		struct world_kill kills[] = {
		    {1, 1, world_site("K3"), 1, false},
		    {1, 2, world_site(left[i]), 1, false},
		};
		run(&shape, kills, 2);
	}
}

static void print_sites(void)
{
	unsigned total = 0, missed = 0;
	print_message("%-26s %8s %8s %12s\n", "killed at", "first", "heir", "heir's heir");
	for (unsigned site = 0; site < world_site_count; site++) {
		const unsigned *n = struck[site];
		print_message("%-26s %8u %8u %12u\n", world_sites[site], n[FIRST], n[HEIR], n[HEIRS_HEIR]);
		total += n[FIRST] + n[HEIR] + n[HEIRS_HEIR];
		if (n[FIRST] + n[HEIR] + n[HEIRS_HEIR] == 0) {
			print_message("never struck: %s\n", world_sites[site]);
			missed++;
		}
	}
	print_message("%u kills at %u sites, nothing lost, doubled, leaked or stuck\n", total, world_site_count);
	assert_int_equal(missed, 0);
}

static void test_every_site(void **state)
{
	(void)state;
	sweep_first_lives(&wrapping, A_PART ? 1 : 3);
	sweep_first_lives(&narrow, A_PART ? 1 : 2);
	sweep_heirs(&wrapping);
	sweep_late();
	if (!A_PART)
		sweep_siblings(&narrow);
	print_sites();
}

/* Every point in order, whatever its name: also those that a role comes to for the twentieth time. */
static void test_every_point(void **state)
{
	(void)state;
	unsigned deaths = 0;
	for (unsigned role = 1; role <= ROLES; role++) {
		unsigned misses = 0;
		for (uint64_t point = 1; misses < 3; point += A_PART ? 7 : 1) {
			struct world_kill kill_at = {role, 1, ANY_SITE, point, false};
			unsigned died = run(&wrapping, &kill_at, 1).struck;
			deaths += died;
			misses = died ? 0 : misses + 1;
		}
	}
	print_message("%u deaths\n", deaths);
	assert_true(deaths > 100);
}

/* Parked workers die in their sleep: one who waits for items, for room in a ring, for room in memory. */
static void test_asleep(void **state)
{
	(void)state;
	unsigned deaths = 0;
	for (unsigned role = 1; role <= ROLES; role++)
		for (uint64_t hit = 1; hit <= 8; hit++) {
			struct world_kill kill_at = {role, 1, world_site("P3"), hit, true};
			deaths += run(hit % 2 ? &narrow : &wrapping, &kill_at, 1).struck;
		}
	print_message("%u deaths asleep\n", deaths);
	assert_true(deaths > 2);
}

static void test_random(void **state)
{
	(void)state;
	unsigned deaths = 0;
	for (unsigned seed = 1; seed <= 6; seed++) {
		const struct world_shape shape = {
		    A_PART ? 400 : 4000, 1u << seed, wrapping.start - seed, 8192, 2048, false};
		const struct world_kill none = {0, 0, ANY_SITE, 0, false};
		struct world_result result = world_run(&shape, &none, 0, A_PART ? 10000 : 300, seed);
		if (result.bad || result.backstops)
			fail_msg("seed %u, %u deaths: %s", seed, result.deaths,
			         result.bad ? result.bad : "a wake-up was lost");
		deaths += result.deaths;
	}
	print_message("%u deaths\n", deaths);
	assert_true(deaths > (A_PART ? 5 : 50));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_site),
    cmocka_unit_test(test_every_point),
    cmocka_unit_test(test_asleep),
    cmocka_unit_test(test_random),
};
HARNESS_MAIN(tests)
