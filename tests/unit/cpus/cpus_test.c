/* SPDX-License-Identifier: Apache-2.0 */
#include "cpus/quota.h"
#include "harness.h"
#include <kakehi/cpus.h>
#include <sched.h>

static void put(const char *path, const char *text)
{
	harness_write_text(harness_path("%s", path), "%s", text);
}

static unsigned quota(void)
{
	return kk_cpus_quota(harness_path("list"), harness_path("root"));
}

static void test_version_2(void **state)
{
	(void)state;
	harness_make_dir(harness_path("root"));
	harness_make_dir(harness_path("root/a"));
	harness_make_dir(harness_path("root/a/b"));
	put("list", "0::/a/b\n");
	assert_int_equal(quota(), 0);
	put("root/a/b/cpu.max", "max 100000\n");
	assert_int_equal(quota(), 0);
	put("root/a/b/cpu.max", "250000 100000\n");
	assert_int_equal(quota(), 3);
	put("root/a/cpu.max", "100000 100000\n");
	assert_int_equal(quota(), 1);
	put("root/a/cpu.max", "rubbish\n");
	assert_int_equal(quota(), 3);
	put("list", "0::/elsewhere/in/another/namespace\n");
	put("root/cpu.max", "50000 100000\n");
	assert_int_equal(quota(), 1);
}

static void test_version_1(void **state)
{
	(void)state;
	harness_make_dir(harness_path("root"));
	harness_make_dir(harness_path("root/cpu"));
	harness_make_dir(harness_path("root/cpu/job"));
	put("list", "12:cpuset:/job\n5:cpu,cpuacct:/job\n1:name=systemd:/\n");
	put("root/cpu/cpu.cfs_quota_us", "-1\n");
	put("root/cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota(), 0);
	put("root/cpu/job/cpu.cfs_quota_us", "400000\n");
	put("root/cpu/job/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota(), 4);
}

static void test_here(void **state)
{
	(void)state;
	assert_int_equal(kk_cpus_quota("/nowhere/at/all", "/"), 0);
	assert_true(kk_cpus() >= 1);
}

static void test_affinity(void **state)
{
	cpu_set_t allowed, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_true(kk_cpus() <= (unsigned)CPU_COUNT(&allowed));
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, &one);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(kk_cpus(), 1);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_2), cmocka_unit_test(test_version_1),
                                          cmocka_unit_test(test_here), cmocka_unit_test(test_affinity)};
HARNESS_MAIN(tests)
