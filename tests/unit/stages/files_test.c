/* SPDX-License-Identifier: Apache-2.0 */
/* The source `files`: order, patterns, links, what cannot be read, and going on from everywhere. */
#include "source_test.h"

#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes a tree of files, each containing its own path, and goes there. */
static void make_tree(void)
{
	static const char *const directories[] = {"in", "in/b", "in/b/deep", "in/.cache", "in/empty", "other"};
	static const char *const names[] = {"in/c.jpg",        "in/a.JPG",      "in/b/2.png",    "in/b/10.png",
	                                    "in/b/deep/x.txt", "in/.cache/y",   "in/.hidden",    "in/b.txt",
	                                    "other/o.jpg",     "other/[x].jpg", "in/b/deep/.jpg"};
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		harness_make_dir(harness_path("%s", directories[i]));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		harness_write_text(harness_path("%s", names[i]), "%s", strrchr(names[i], '/') + 1);
	assert_int_equal(chdir(harness_dir()), 0);
}

static void assert_files(const char *const *options, const char *expected)
{
	assert_string_equal(source_all("files", options), expected);
	source_resumes_everywhere("files", options);
}

static void test_order(void **state)
{
	(void)state;
	make_tree();
	assert_files(OPTIONS("paths", "in"),
	             "in/a.JPG [a.JPG]\nin/b/10.png [10.png]\nin/b/2.png [2.png]\nin/b/deep/x.txt [x.txt]\n"
	             "in/b.txt [b.txt]\nin/c.jpg [c.jpg]\n");
	assert_files(OPTIONS("paths", "other/", "paths", "in/c.jpg", "content", "false"),
	             "other/[x].jpg\nother/o.jpg\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "recursive", "false", "content", "false"),
	             "in/a.JPG\nin/b.txt\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "hidden", "true", "content", "false"),
	             "in/.cache/y\nin/.hidden\nin/a.JPG\nin/b/10.png\nin/b/2.png\nin/b/deep/.jpg\nin/b/deep/x.txt\n"
	             "in/b.txt\nin/c.jpg\n");
}

static void test_types(void **state)
{
	(void)state;
	make_tree();
	assert_files(OPTIONS("paths", "in", "types", "jpg", "types", ".png", "content", "false"),
	             "in/a.JPG\nin/b/10.png\nin/b/2.png\nin/c.jpg\n");
	assert_string_equal(source_all("files", OPTIONS("paths", "in", "types", "gif")), "");
}

static void test_patterns(void **state)
{
	(void)state;
	make_tree();
	assert_files(OPTIONS("paths", "in/*.[jJ]*", "content", "false"), "in/a.JPG\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "*/b*", "content", "false"),
	             "in/b/10.png\nin/b/2.png\nin/b/deep/x.txt\nin/b.txt\n");
	assert_files(OPTIONS("paths", "other/[x].jpg", "content", "false"), "other/[x].jpg\n");
	assert_files(OPTIONS("paths", "in/.h*", "content", "false"), "in/.hidden\n");
}

static void test_links(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(symlink("../other/o.jpg", "in/d.jpg"), 0);
	assert_int_equal(symlink("../other", "in/e"), 0);
	assert_int_equal(symlink("..", "in/b/up"), 0);
	assert_int_equal(symlink("nowhere", "in/f.jpg"), 0);
	assert_int_equal(symlink("self", "in/self"), 0);
	assert_int_equal(symlink("other", "link"), 0);
	assert_files(OPTIONS("paths", "in"),
	             "in/a.JPG [a.JPG]\nin/b/10.png [10.png]\nin/b/2.png [2.png]\nin/b/deep/x.txt [x.txt]\n"
	             "in/b.txt [b.txt]\nin/c.jpg [c.jpg]\nin/d.jpg [o.jpg]\n"
	             "! in/f.jpg: cannot open: No such file or directory\n"
	             "! in/self: cannot open: Too many levels of symbolic links\n");
	assert_files(OPTIONS("paths", "link", "types", "jpg", "content", "false"), "link/[x].jpg\nlink/o.jpg\n");
}

static void test_what_cannot_be_read_fails_alone(void **state)
{
	(void)state;
	make_tree();
	harness_write_text("in/big", "0123456789");
	harness_write_text("in/none", "%s", "");
	assert_int_equal(mkfifo("in/pipe", 0600), 0);
	assert_int_equal(mkfifo("start", 0600), 0);
	assert_files(OPTIONS("paths", "in", "paths", "start", "max_bytes", "9"),
	             "in/a.JPG [a.JPG]\nin/b/10.png [10.png]\nin/b/2.png [2.png]\nin/b/deep/x.txt [x.txt]\n"
	             "in/b.txt [b.txt]\n! in/big: 10 bytes, max_bytes is 9\nin/c.jpg [c.jpg]\nin/none []\n"
	             "! start: not a regular file\n");
}

static void test_unreadable_directories_are_told(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(harness_exec(OPTIONS("chmod", "-R", "a+rX", "."), NULL).exit_code, 0);
	assert_int_equal(chmod("in/b", 0), 0);
	assert_int_equal(chmod("in/c.jpg", 0), 0);
	/* The module is loaded while the tree it lies in can still be read. */
	struct stage_host *loaded = stage_host_load(harness_text("%s/stages/files.so", KAKEHI_BUILD_DIR));
	assert_non_null(loaded->stage);
	if (getuid() == 0) {
		/* Root may read everything: become somebody who may not. */
		assert_int_equal(seteuid(65534), 0);
	}
	char *all = source_all("files", OPTIONS("paths", "in"));
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	stage_host_unload(loaded);
	assert_int_equal(chmod("in/b", 0700), 0);
	assert_string_equal(all, "in/a.JPG [a.JPG]\n! in/b: cannot read the directory: Permission denied\n"
	                         "in/b.txt [b.txt]\n! in/c.jpg: cannot open: Permission denied\n");
}

/* Files that came or went before the place where a run stopped do not move it. */
static void test_resume_in_a_changed_directory(void **state)
{
	struct kk_position positions[3];
	(void)state;
	make_tree();
	struct stage_host *host = source_start("files", OPTIONS("paths", "in", "content", "false"), NULL);
	source_rest(host, positions, 3);
	stage_host_unload(host);

	harness_write_text("in/0first", "x");
	host = source_start("files", OPTIONS("paths", "in", "content", "false"), &positions[2]);
	assert_string_equal(source_rest(host, NULL, 0), "in/b/deep/x.txt\nin/b.txt\nin/c.jpg\n");
	stage_host_unload(host);

	assert_int_equal(unlink("in/0first"), 0);
	assert_int_equal(unlink("in/a.JPG"), 0);
	host = source_start("files", OPTIONS("paths", "in", "content", "false"), &positions[2]);
	assert_string_equal(source_rest(host, NULL, 0), "in/b/deep/x.txt\nin/b.txt\nin/c.jpg\n");
	assert_int_equal(host->log_count[KK_LOG_WARNING], 0);
	stage_host_unload(host);

	assert_int_equal(unlink("in/b/2.png"), 0);
	host = source_start("files", OPTIONS("paths", "in", "content", "false"), &positions[2]);
	assert_string_equal(source_rest(host, NULL, 0), "in/c.jpg\n");
	assert_int_equal(host->log_count[KK_LOG_WARNING], 1);
	stage_host_unload(host);
}

static void test_what_plan_refuses(void **state)
{
	(void)state;
	make_tree();
	assert_non_null(strstr(source_plan_error("files", OPTIONS("paths", "none")), "matches nothing"));
	assert_non_null(strstr(source_plan_error("files", OPTIONS("paths", "in", "paths", "in/*.xyz")), "in/*.xyz"));
}

static void test_demand(void **state)
{
	struct stage_host *host;
	(void)state;
	make_tree();
	host = source_start("files", OPTIONS("paths", "in", "max_bytes", "5MiB"), NULL);
	assert_int_equal(host->demand.largest, 5 << 20);
	assert_int_equal(host->demand.needs, KK_NEED_READ);
	stage_host_unload(host);
	host = source_start("files", OPTIONS("paths", "in", "content", "false"), NULL);
	assert_int_equal(host->demand.largest, 0);
	stage_host_unload(host);
}

static void test_include_and_exclude(void **state)
{
	(void)state;
	make_tree();
	assert_files(OPTIONS("paths", "in", "exclude", "b", "content", "false"), "in/a.JPG\nin/b.txt\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "exclude", "*.png", "exclude", "b/deep", "content", "false"),
	             "in/a.JPG\nin/b.txt\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "include", "*.[jJ][pP][gG]", "content", "false"), "in/a.JPG\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "include", "b/*", "exclude", "deep", "content", "false"),
	             "in/b/10.png\nin/b/2.png\n");
	assert_files(OPTIONS("paths", "in", "include", "b/*", "content", "false"),
	             "in/b/10.png\nin/b/2.png\nin/b/deep/x.txt\n");
	/* What is named itself is taken; patterns are about what lies beneath. */
	assert_files(OPTIONS("paths", "in/c.jpg", "include", "*.png", "exclude", "*.jpg", "content", "false"),
	             "in/c.jpg\n");
}

static void test_what_becomes_of_links(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(symlink("../other/o.jpg", "in/d.jpg"), 0);
	assert_int_equal(symlink("../other", "in/e"), 0);
	assert_int_equal(symlink("..", "in/b/up"), 0);
	assert_int_equal(symlink(".", "other/here"), 0);
	assert_files(OPTIONS("paths", "in", "types", "jpg", "symlinks", "skip", "content", "false"),
	             "in/a.JPG\nin/c.jpg\n");
	assert_files(OPTIONS("paths", "in", "types", "jpg", "symlinks", "follow", "content", "false"),
	             "in/a.JPG\nin/c.jpg\nin/d.jpg\nin/e/[x].jpg\nin/e/o.jpg\n");
}

static void test_sizes(void **state)
{
	(void)state;
	make_tree();
	harness_write_text("in/large", "0123456789");
	struct stage_host *host =
	    source_start("files", OPTIONS("paths", "in", "min_bytes", "10", "recursive", "false"), NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stage_host_next(host)->verdict, KK_SKIP);
	assert_int_equal(stage_host_next(host)->verdict, KK_PASS);
	assert_int_equal(stage_host_next(host)->verdict, KK_END);
	stage_host_unload(host);
	assert_non_null(strstr(source_plan_error("files", OPTIONS("paths", "in", "min_bytes", "2", "max_bytes", "1")),
	                       "min_bytes is above"));
}

/* A name is any bytes but a slash and NUL. */
static void test_names_of_any_bytes(void **state)
{
	static const char *const names[] = {"\x01\x1b[2J", "a\nb", "a\"b\\", "caf\xe9", "\xff\xfe", "*?["};
	(void)state;
	harness_make_dir(harness_path("odd"));
	assert_int_equal(chdir(harness_dir()), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		harness_write_text(harness_text("odd/%s", names[i]), "x");
	assert_string_equal(source_all("files", OPTIONS("paths", "odd", "content", "false")),
	                    "odd/\x01\x1b[2J\nodd/*?[\nodd/a\nb\nodd/a\"b\\\nodd/caf\xe9\nodd/\xff\xfe\n");
}

static void test_what_may_come_twice(void **state)
{
	(void)state;
	make_tree();
	struct stage_host *host = source_start("files", OPTIONS("paths", "in"), NULL);
	assert_int_equal(host->demand.unique, 1);
	stage_host_unload(host);
	host = source_start("files", OPTIONS("paths", "in", "paths", "in/c.jpg"), NULL);
	assert_int_equal(host->demand.unique, 0);
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_include_and_exclude),
    cmocka_unit_test(test_what_becomes_of_links),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_names_of_any_bytes),
    cmocka_unit_test(test_what_may_come_twice),
    cmocka_unit_test(test_order),
    cmocka_unit_test(test_types),
    cmocka_unit_test(test_patterns),
    cmocka_unit_test(test_links),
    cmocka_unit_test(test_what_cannot_be_read_fails_alone),
    cmocka_unit_test(test_unreadable_directories_are_told),
    cmocka_unit_test(test_resume_in_a_changed_directory),
    cmocka_unit_test(test_what_plan_refuses),
    cmocka_unit_test(test_demand),
};
HARNESS_MAIN(tests)
