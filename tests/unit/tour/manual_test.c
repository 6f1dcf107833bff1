/* SPDX-License-Identifier: Apache-2.0 */
/* The man pages: every function of the public headers is described and has its page, and groff finds no fault in any.
 */
#include "harness.h"

#include <string.h>

/* Runs a shell command in the directory of the pages; what it writes to either stream. */
static char *sh(const char *command)
{
	struct harness_options options = {.dir = harness_path("man/man3")};
	struct harness_result result = harness_exec((const char *const[]){"sh", "-euc", command, NULL}, &options);
	if (result.exit_code != 0)
		fail_msg("%s: exit %d\n%s%s", command, result.exit_code, result.out, result.err);
	return harness_text("%s%s", result.out, result.err);
}

static int make_pages(void **state)
{
	(void)state;
	harness_make_dir(harness_path("man"));
	harness_make_dir(harness_path("man/man3"));
	sh("python3 " KAKEHI_SOURCE_DIR "/cmake/manual.py 1.2.3 . " KAKEHI_SOURCE_DIR "/ipc/include/kakehi/*.h");
	return 0;
}

static void test_groff_is_content(void **state)
{
	(void)state;
	assert_string_equal(sh("for page in *.3; do\n"
	                       "\tgrep -q '^\\.so ' \"$page\" || groff -ww -man -Tutf8 -z \"$page\"\n"
	                       "done"),
	                    "");
}

/* Every function that the library exports has a page, and every link leads to one. */
static void test_every_function_has_a_page(void **state)
{
	(void)state;
	assert_string_equal(sh("sed -n '/^KK_API/s/.*\\<\\(kk_[a-z0-9_]*\\)(.*/\\1/p' " KAKEHI_SOURCE_DIR
	                       "/ipc/include/kakehi/*.h | while read -r name; do\n"
	                       "\t[ -e \"$name.3\" ] || echo \"$name\"\n"
	                       "done"),
	                    "");
	assert_string_equal(sh("sed -n 's/^\\.so man3\\///p' ./*.3 | sort -u | while read -r page; do\n"
	                       "\t[ -e \"$page\" ] || echo \"$page\"\n"
	                       "done"),
	                    "");
}

static void test_every_function_is_described(void **state)
{
	(void)state;
	assert_string_equal(sh("python3 " KAKEHI_SOURCE_DIR "/cmake/manual.py --strict 1.2.3 . " KAKEHI_SOURCE_DIR
	                       "/ipc/include/kakehi/*.h 2>&1 || true"),
	                    "");
}

static void test_what_a_page_says(void **state)
{
	(void)state;
	const char *page = sh("groff -man -Tascii -P-cbou kk_family.3 | tr -s ' \\n' ' '");
	assert_non_null(strstr(page, "kakehi 1.2.3"));
	assert_non_null(strstr(page, "#include <kakehi/family.h>"));
	assert_non_null(strstr(page, "int kk_family_leave(struct kk_family *family);"));
	assert_non_null(strstr(page, "Gives up the seat of the calling thread at once"));
	assert_non_null(strstr(page, "struct kk_sitter {"));
	assert_null(strstr(page, "KK_API"));
	assert_string_equal(sh("cat kk_family_leave.3"), ".so man3/kk_family.3\n");
}

static void test_an_undescribed_function_is_found(void **state)
{
	(void)state;
	harness_write_text(harness_path("bad.h"), "/* kakehi/bad.h - reads nothing, produces nothing. */\n\n"
	                                          "KK_API int kk_bad(void);\n");
	assert_string_equal(
	    sh("python3 " KAKEHI_SOURCE_DIR "/cmake/manual.py --strict 1 ../bad ../../bad.h 2>&1 || echo no"),
	    "../../bad.h: no comment describes kk_bad\nno\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_groff_is_content, make_pages),
    cmocka_unit_test_setup(test_every_function_has_a_page, make_pages),
    cmocka_unit_test_setup(test_every_function_is_described, make_pages),
    cmocka_unit_test_setup(test_what_a_page_says, make_pages),
    cmocka_unit_test_setup(test_an_undescribed_function_is_found, make_pages),
};
HARNESS_MAIN(tests)
