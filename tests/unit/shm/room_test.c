/* SPDX-License-Identifier: Apache-2.0 */
/* kk_room: the least of what the machine and the cgroups leave, from files that a test writes itself. */
#include "harness.h"
#include "shm/room.h"

#include <string.h>
#include <sys/sysinfo.h>

static uint64_t room;
static char where[256];

/* Asks with the files of this test. */
static void ask(void)
{
	struct kk_room_sources sources = {
	    .meminfo = harness_path("meminfo"),
	    .cgroup = harness_path("cgroup"),
	    .v1 = harness_path("v1"),
	    .v2 = harness_path("v2"),
	    .v2_mixed = harness_path("mixed"),
	};
	kk_room_memory(&sources, &room, where, sizeof(where));
}

static void group_v1(const char *dir, const char *limit, const char *usage, const char *stat)
{
	harness_make_dir(harness_path("v1"));
	if (*dir)
		harness_make_dir(harness_path("v1%s", dir));
	harness_write_text(harness_path("v1%s/memory.limit_in_bytes", dir), "%s\n", limit);
	harness_write_text(harness_path("v1%s/memory.usage_in_bytes", dir), "%s\n", usage);
	harness_write_text(harness_path("v1%s/memory.stat", dir), "cache 1\n%s", stat);
}

static void group_v2(const char *dir, const char *limit, const char *usage, const char *stat)
{
	harness_make_dir(harness_path("v2"));
	if (*dir)
		harness_make_dir(harness_path("v2%s", dir));
	harness_write_text(harness_path("v2%s/memory.max", dir), "%s\n", limit);
	harness_write_text(harness_path("v2%s/memory.current", dir), "%s\n", usage);
	harness_write_text(harness_path("v2%s/memory.stat", dir), "anon 1\n%s", stat);
}

/* Nothing was to be read: what is free bounds, no more than the machine has. */
static void assert_free_memory(void)
{
	struct sysinfo machine;

	assert_int_equal(sysinfo(&machine), 0);
	assert_true(room <= ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit);
	assert_string_equal(where, "free memory of this machine");
}

static void test_nothing_known(void **state)
{
	(void)state;
	ask();
	assert_free_memory();
}

static void test_machine(void **state)
{
	(void)state;
	harness_write_text(harness_path("meminfo"), "MemTotal: 99 kB\nMemAvailable:   20 kB\nSwapFree:  5 kB\n");
	ask();
	assert_int_equal(room, 25 * 1024);
	assert_string_equal(where, "memory of this machine");
}

static void test_v2_least_on_the_way_up(void **state)
{
	(void)state;
	harness_write_text(harness_path("meminfo"), "MemAvailable:   1000 kB\n");
	harness_write_text(harness_path("cgroup"), "0::/a/b\n");
	group_v2("", "max", "5", "");
	group_v2("/a", "10000", "4000", "inactive_file 1000\n");
	group_v2("/a/b", "max", "3000", "");
	ask();
	assert_int_equal(room, 7000);
	assert_string_equal(where, "cgroup /a");
	group_v2("/a/b", "8000", "3000", "");
	ask();
	assert_int_equal(room, 5000);
	assert_string_equal(where, "cgroup /a/b");
	group_v2("/a/b", "8000", "9000", "");
	ask();
	assert_int_equal(room, 0);
}

static void test_v1(void **state)
{
	(void)state;
	harness_write_text(harness_path("cgroup"), "5:cpu,cpuacct:/x\n4:hugetlb,memory:/a\n0::/\n");
	group_v1("", "9223372036854771712", "7000", "");
	group_v1("/a", "50000", "20000", "inactive_file 9999\ntotal_inactive_file 1000\n");
	ask();
	assert_int_equal(room, 31000);
	assert_string_equal(where, "cgroup /a");
}

/* In a container the path may be the host's: what counts then is the mount point itself. */
static void test_path_of_another_world(void **state)
{
	(void)state;
	harness_write_text(harness_path("cgroup"), "4:memory:/docker/0123/x\n0::/../..\n");
	group_v1("", "50000", "20000", "");
	ask();
	assert_int_equal(room, 30000);
	assert_string_equal(where, "cgroup /");
}

static void test_garbage_does_not_bound(void **state)
{
	(void)state;
	harness_write_text(harness_path("meminfo"), "nothing to see\n\n\n");
	harness_write_text(harness_path("cgroup"), "\n:\n::\n4\n4:memory\n4:memory:\n0::\n");
	ask();
	assert_free_memory();
}

static void test_directory(void **state)
{
	(void)state;
	uint64_t bytes = 0;
	assert_int_equal(kk_room_directory(harness_dir(), &bytes), 0);
	assert_true(bytes > 0);
	assert_int_equal(kk_room_directory(harness_path("missing"), &bytes), -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_nothing_known),
    cmocka_unit_test(test_machine),
    cmocka_unit_test(test_v2_least_on_the_way_up),
    cmocka_unit_test(test_v1),
    cmocka_unit_test(test_path_of_another_world),
    cmocka_unit_test(test_garbage_does_not_bound),
    cmocka_unit_test(test_directory),
};
HARNESS_MAIN(tests)
