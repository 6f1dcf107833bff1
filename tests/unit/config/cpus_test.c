/* SPDX-License-Identifier: Apache-2.0 */
#include "config/cpus.h"
#include "harness.h"

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
	assert_true(kk_cpus_usable() >= 1);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_version_2), cmocka_unit_test(test_version_1),
                                          cmocka_unit_test(test_here)};
HARNESS_MAIN(tests)
