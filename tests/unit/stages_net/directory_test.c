/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `upload` into a directory: names, links, permissions, what is there already, and kills. */
#include "net.h"
#include "worker/name.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage_host *stage(const char *to)
{
	struct stage_host *host = net_stage("upload");

	stage_host_set(host, "to", to);
	return host;
}

static struct stage_item *put(struct stage_host *host, const char *key, const char *text)
{
	struct stage_item *item = stage_host_put(host, key, text, strlen(text));

	assert_int_equal(stage_host_settle(host, 10000), 0);
	assert_true(item->settled);
	return item;
}

static void expect_file(const char *path, const char *text)
{
	size_t size;
	const char *got = harness_read(path, &size);

	assert_int_equal(size, strlen(text));
	assert_string_equal(got, text);
}

static void test_files(void **state)
{
	const char *out = harness_path("a/b/out");
	struct stage_host *host = stage(harness_text("%s/{name}.{ext}", out));
	struct stat status;

	(void)state;
	umask(022);
	net_start(host);
	assert_int_equal(host->demand.needs, KK_NEED_READ | KK_NEED_WRITE);
	net_expect_pass(put(host, "http://h/one.jpg", "first"));
	net_expect_pass(put(host, "http://h/two.png", "second"));
	net_expect_pass(put(host, "http://h/one.jpg", "again"));
	net_expect_pass(stage_host_put(host, "empty.x", "", 0));
	net_expect_pass(put(host, "http://h/bare", "third"));
	net_end(host);
	expect_file(harness_text("%s/one.jpg", out), "again");
	expect_file(harness_text("%s/two.png", out), "second");
	expect_file(harness_text("%s/empty.x", out), "");
	expect_file(harness_text("%s/bare", out), "third");
	assert_int_equal(harness_count_files(out), 4);
	assert_int_equal(stat(harness_text("%s/one.jpg", out), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
}

static void test_mode_and_durability(void **state)
{
	static const char *const levels[] = {"none", "normal", "full"};

	(void)state;
	umask(027);
	for (unsigned i = 0; i < 3; i++) {
		struct stage_host *host = stage(harness_path("out%u/{n}/{name}", i));
		struct stat status;

		stage_host_set(host, "mode", "0666");
		stage_host_set(host, "durability", levels[i]);
		net_start(host);
		net_expect_pass(put(host, "x.jpg", "data"));
		net_end(host);
		expect_file(harness_path("out%u/000000000/x", i), "data");
		assert_int_equal(stat(harness_path("out%u/000000000/x", i), &status), 0);
		assert_int_equal(status.st_mode & 07777, 0640);
	}
}

/* Many items reach the disk together, and each of them is told. */
static void test_durable_batch(void **state)
{
	struct stage_host *host = stage(harness_path("out/{field}/deep/{name}"));
	struct stage_item *item[100];

	(void)state;
	stage_host_set(host, "durability", "full");
	net_start(host);
	assert_true(host->demand.in_flight > 1);
	for (unsigned i = 0; i < 100; i++) {
		item[i] = stage_host_item(host, harness_text("%u.x", i), "data", 4);
		stage_host_add_field(item[i], "field", i % 2 ? "odd" : "even");
		stage_host_give(host, item[i]);
		/* As many as the stage has said, as in the engine. */
		if (host->pending == host->demand.in_flight)
			assert_int_equal(stage_host_poll(host, 0), 0);
	}
	assert_int_equal(stage_host_settle(host, 10000), 0);
	for (unsigned i = 0; i < 100; i++)
		net_expect_pass(item[i]);
	net_end(host);
	assert_int_equal(harness_count_files(harness_path("out/odd/deep")), 50);
	assert_int_equal(harness_count_files(harness_path("out/even/deep")), 50);
}

/* Where a file lies behind three levels of folders, by the id of its key. */
static const char *spread(const char *folder, const char *key, const char *file)
{
	char id[KK_NAME_ID_SIZE];

	kk_name_id("", key, 1, id);
	return harness_path("out/%s/%.2s/%.2s/%.2s/%s", folder, id, id + 2, id + 4, file);
}

static void test_subfolders_and_facts(void **state)
{
	struct stage_host *host = stage(harness_path("out/a-{key}/{name}.x"));
	struct stage_item *item;
	const char *con;

	(void)state;
	stage_host_set(host, "subfolders", "3");
	net_start(host);
	item = put(host, "con", "data");
	net_expect_pass(item);
	con = spread("a-con", "con", "_con.x");
	assert_string_equal(stage_host_field(item, "output"), con);
	assert_string_equal(stage_host_field(item, "bytes"), "4");
	item = put(host, "x/nul", "data");
	assert_string_equal(stage_host_field(item, "output"), spread("a-x_nul", "x/nul", "_nul.x"));
	net_end(host);
	expect_file(con, "data");
}

static void test_existing(void **state)
{
	const char *out = harness_path("out");
	const char *file = harness_text("%s/x", out);
	struct stage_host *host = stage(harness_text("%s/{name}", out));

	(void)state;
	harness_make_dir(out);
	harness_write_text(file, "old");
	stage_host_set(host, "existing", "skip");
	net_start(host);
	assert_int_equal(put(host, "x", "new")->verdict, KK_SKIP);
	net_expect_pass(put(host, "y", "new"));
	net_end(host);
	expect_file(file, "old");
	host = stage(harness_text("%s/{name}", out));
	stage_host_set(host, "existing", "error");
	net_start(host);
	net_expect_fail(put(host, "x", "new"), KK_FAIL_IO, "x: exists already");
	net_end(host);
	expect_file(file, "old");
	assert_int_equal(harness_count_files(out), 2);
}

static void test_own_source(void **state)
{
	const char *file = harness_path("x");
	const char *link = harness_path("y");
	struct stage_host *host = stage(harness_path("{name}"));

	(void)state;
	harness_write_text(file, "old");
	assert_int_equal(symlink(file, link), 0);
	net_start(host);
	net_expect_fail(put(host, file, "new"), KK_FAIL_IO, "x: would overwrite the file that it is made from");
	net_expect_pass(put(host, link, "new")); /* replaces the link, not the file */
	net_end(host);
	expect_file(file, "old");
	expect_file(link, "new");
}

static void test_names(void **state)
{
	static const char *const keys[] = {"..",
	                                   ".",
	                                   "../../etc/passwd",
	                                   "/etc/passwd",
	                                   "a/../../b",
	                                   ".hidden",
	                                   "a\nb",
	                                   "-rf",
	                                   "con",
	                                   "\xff\xfe",
	                                   "x/..",
	                                   "%2e%2e%2fup",
	                                   ".kakehi-stage-0.0.part"};
	const char *out = harness_path("deep/out");
	struct stage_host *host = stage(harness_text("%s/{key}/{name}.jpg", out));

	(void)state;
	net_start(host);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		net_expect_pass(put(host, keys[i], "data"));
	net_end(host);
	/* Everything lies beneath the root. */
	assert_int_equal(harness_count_files(harness_dir()), 0);
	assert_int_equal(harness_count_files(harness_path("deep")), 0);
	assert_int_equal(harness_count_files(out), 0);
}

static void test_bad_names(void **state)
{
	struct stage_host *host = stage(harness_path("out/{field}/.{ext}")), *long_name;
	struct stage_item *item;
	char key[400];

	(void)state;
	net_start(host);
	net_expect_fail(put(host, "x", "data"), KK_FAIL_BAD_NAME, "{field}");
	item = stage_host_item(host, "x", "data", 4);
	stage_host_add_field(item, "field", "a");
	stage_host_give(host, item);
	net_expect_fail(item, KK_FAIL_BAD_NAME, "not a file name");
	net_expect_fail(stage_host_put(host, "x", NULL, 0), KK_FAIL_OTHER, "no payload");
	net_end(host);
	memset(key, 'x', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	long_name = stage(harness_path("out/{name}-{name}"));
	net_start(long_name);
	net_expect_fail(put(long_name, key, "data"), KK_FAIL_BAD_NAME, "not a file name");
	net_end(long_name);
}

/* Links beneath the root are never followed; at its own path they are the user's. */
static void test_links(void **state)
{
	const char *real = harness_path("real"), *outside = harness_path("outside");
	struct stage_host *host;
	struct stat status;

	(void)state;
	harness_make_dir(real);
	harness_make_dir(outside);
	harness_write_text(harness_path("outside/victim"), "precious");
	assert_int_equal(symlink(real, harness_path("out")), 0);
	assert_int_equal(symlink(outside, harness_path("real/way")), 0);
	assert_int_equal(symlink("../outside", harness_path("real/relative")), 0);
	assert_int_equal(symlink(harness_path("outside/victim"), harness_path("real/file")), 0);
	host = stage(harness_path("out/{key}/{n}"));
	net_start(host);
	net_expect_fail(put(host, "way", "data"), KK_FAIL_IO, "directory");
	net_expect_fail(put(host, "relative", "data"), KK_FAIL_IO, "directory");
	net_expect_pass(put(host, "fine", "data"));
	net_end(host);
	assert_int_equal(harness_count_files(outside), 1);
	/* A link under the final name is replaced, not written through. */
	host = stage(harness_path("out/{key}"));
	net_start(host);
	net_expect_pass(put(host, "file", "data"));
	net_expect_fail(put(host, "fine", "data"), KK_FAIL_IO, "rename");
	net_end(host);
	expect_file(harness_path("outside/victim"), "precious");
	expect_file(harness_path("real/file"), "data");
	assert_int_equal(lstat(harness_path("real/file"), &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(harness_count_files(real), 1);
}

/* A kernel without openat2, as seen by this process and its children from now on. */
static void forbid_openat2(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	assert_int_equal(syscall(SYS_openat2, -1, "", NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

static void test_links_without_openat2(void **state)
{
	forbid_openat2();
	test_links(state);
}

static void test_names_without_openat2(void **state)
{
	forbid_openat2();
	test_names(state);
}

/* What a killed worker leaves is a part file, which the next one of its number removes. */
static void test_leftovers(void **state)
{
	const char *out = harness_path("out");
	struct stage_host *host = stage(harness_text("%s/{name}", out));

	(void)state;
	harness_make_dir(out);
	harness_write_text(harness_text("%s/.kakehi-store-1.0.part", out), "half");
	harness_write_text(harness_text("%s/.kakehi-store-1.2.part", out), "half");
	harness_write_text(harness_text("%s/.kakehi-store-7.0.part", out), "half");
	harness_write_text(harness_text("%s/.kakehi-store-0.0.part", out), "of a living sibling");
	host->context.stage = "store";
	host->context.worker = 1;
	host->context.workers = 3;
	net_start(host);
	assert_false(harness_exists(harness_text("%s/.kakehi-store-1.0.part", out)));
	assert_false(harness_exists(harness_text("%s/.kakehi-store-1.2.part", out)));
	assert_false(harness_exists(harness_text("%s/.kakehi-store-7.0.part", out)));
	assert_true(harness_exists(harness_text("%s/.kakehi-store-0.0.part", out)));
	net_expect_pass(put(host, "x", "whole"));
	net_end(host);
	expect_file(harness_text("%s/x", out), "whole");
	assert_int_equal(harness_count_files(out), 2);
}

/* Another run that writes to the same directory under the same names is not disturbed. */
static void test_two_runs(void **state)
{
	const char *out = harness_path("out");
	const char *theirs = harness_text("%s/.kakehi-stage-0.0.part", out);
	struct stage_host *host = stage(harness_text("%s/{name}", out));
	int fd;

	(void)state;
	harness_make_dir(out);
	fd = open(theirs, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(write(fd, "half", 4), 4);
	net_start(host);
	net_expect_pass(put(host, "x", "ours"));
	net_end(host);
	expect_file(theirs, "half");
	expect_file(harness_text("%s/x", out), "ours");
	assert_int_equal(harness_count_files(out), 2);
	close(fd);
}

/* Kills a process that stores one item after the other, some time after its first `items`. */
static void kill_while_writing(struct stage_host *host, const char *data, size_t size, unsigned items)
{
	int told[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (;;) {
			stage_host_put(host, "x", data, size);
			if (write(told[1], "x", 1) != 1)
				_exit(1);
		}
	}
	close(told[1]);
	for (unsigned i = 0; i < items; i++)
		assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(told[0]);
}

/* Killed at any moment, under its final name is nothing or the whole. */
static void test_kills(void **state)
{
	const char *out = harness_path("out");
	const size_t size = 300000;
	char *data = malloc(size), *got;
	size_t got_size;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', size);
	for (unsigned i = 0; i < 60; i++) {
		struct stage_host *host = stage(harness_text("%s/{name}", out));

		net_start(host);
		kill_while_writing(host, data, size, i % 10);
		net_end(host);
		if (!harness_exists(harness_text("%s/x", out)))
			continue;
		got = harness_read(harness_text("%s/x", out), &got_size);
		assert_int_equal(got_size, size);
		assert_memory_equal(got, data, size);
	}
	/* The next to come cleans up. */
	struct stage_host *host = stage(harness_text("%s/{name}", out));
	net_start(host);
	net_expect_pass(put(host, "x", "last"));
	net_end(host);
	assert_int_equal(harness_count_files(out), 1);
	free(data);
}

static void test_no_space(void **state)
{
	const char *out = harness_path("out");
	struct stage_host *host = stage(harness_text("%s/{name}", out));
	struct rlimit limit = {1000, 1000};
	char *data = calloc(1, 5000);

	(void)state;
	assert_non_null(data);
	net_start(host);
	/* A full disk is hard to have; a file size limit fails in the same place. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	net_expect_fail(stage_host_put(host, "x", data, 5000), KK_FAIL_IO, "x: cannot write: File too large");
	net_expect_pass(put(host, "y", "small"));
	net_end(host);
	assert_int_equal(harness_count_files(out), 1);
	free(data);
}

/* A file system of 64 KiB that only this process sees, and that ends with it. */
static bool mount_small(const char *path)
{
	harness_make_dir(path);
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", path, "tmpfs", 0, "size=64k") == 0;
}

static void test_full_device(void **state)
{
	const char *small = harness_path("small");
	struct stage_host *host;
	char *data;

	(void)state;
	if (!mount_small(small))
		skip(); /* needs root */
	data = calloc(1, 1000000);
	assert_non_null(data);
	host = stage(harness_text("%s/{name}", small));
	net_start(host);
	net_expect_fail(stage_host_put(host, "x", data, 1000000), KK_FAIL_IO, "No space left");
	assert_int_equal(host->log_count[KK_LOG_ERROR], 1);
	net_expect_pass(put(host, "y", "small"));
	net_end(host);
	assert_int_equal(harness_count_files(small), 1);
	assert_int_equal(umount(small), 0);
	free(data);
}

static void test_root_in_the_way(void **state)
{
	struct stage_host *host = stage(harness_path("file/out/{id}"));

	(void)state;
	harness_write_text(harness_path("file"), "x");
	assert_int_equal(stage_host_start(host), -1);
	assert_non_null(strstr(host->why, "file/out"));
	stage_host_unload(host);
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *to, *name, *value, *words;
	} rows[] = {
	    {NULL, NULL, NULL, "to"},
	    {"out/x.jpg", NULL, NULL, "placeholder"},
	    {"out/{id}", "mode", "abc", "mode"},
	    {"out/{id}", "mode", "0999", "mode"},
	    {"out/{id}", "mode", "07777", "mode"},
	    {"out/{id}", "existing", "maybe", "existing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stage_host *host = net_stage("upload");

		if (rows[i].to)
			stage_host_set(host, "to", rows[i].to);
		if (rows[i].name)
			stage_host_set(host, rows[i].name, rows[i].value);
		if (stage_host_plan(host) == 0 || !strstr(host->why, rows[i].words))
			fail_msg("row %zu: \"%s\"", i, host->why);
		stage_host_unload(host);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_files),
    cmocka_unit_test(test_mode_and_durability),
    cmocka_unit_test(test_durable_batch),
    cmocka_unit_test(test_subfolders_and_facts),
    cmocka_unit_test(test_existing),
    cmocka_unit_test(test_own_source),
    cmocka_unit_test(test_names),
    cmocka_unit_test(test_bad_names),
    cmocka_unit_test(test_links),
    cmocka_unit_test(test_links_without_openat2),
    cmocka_unit_test(test_names_without_openat2),
    cmocka_unit_test(test_leftovers),
    cmocka_unit_test(test_two_runs),
    cmocka_unit_test(test_kills),
    cmocka_unit_test(test_no_space),
    cmocka_unit_test(test_full_device),
    cmocka_unit_test(test_root_in_the_way),
    cmocka_unit_test(test_wrong_options),
};
HARNESS_MAIN(tests)
