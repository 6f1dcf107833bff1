/* SPDX-License-Identifier: Apache-2.0 */
/* Installs into a directory of its own and uses what lies there as somebody else would: a project outside of this tree
 * is built against it in both ways, and the installed program runs that project's stage. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define BUILD_LIMIT_MS 90000
#define COPY_OF_STAGE  KAKEHI_SOURCE_DIR "/stages/template/template.c"

static char *libdir;
static const char *const *environment;

/* Runs a shell command, whose arguments are "$1" and so on; fails the test unless it ends with 0. */
static char *sh(const char *command, const char *one, const char *two)
{
	const char *const argv[] = {"sh", "-euc", command, "sh", one, two, NULL};
	struct harness_options options = {.env = environment, .limit_ms = BUILD_LIMIT_MS};
	struct harness_result result = harness_exec(argv, &options);

	if (result.exit_code != 0)
		fail_msg("%s: exit %d\n%s%s", command, result.exit_code, result.out, result.err);
	return result.out;
}

/* Installs below harness_dir()/prefix and copies the outside project to harness_dir()/outside. */
static int install(void **state)
{
	const char **env = harness_keep(calloc(6, sizeof(*env)));
	char *prefix = harness_path("prefix");

	(void)state;
	libdir = harness_path("prefix/%s", INSTALL_LIBDIR);
	env[0] = harness_text("CC=%s", C_COMPILER);
	env[1] = harness_text("PKG_CONFIG_PATH=%s/pkgconfig", libdir);
	env[2] = harness_text("LD_LIBRARY_PATH=%s", libdir);
	env[3] = harness_text("KAKEHI_STAGES=%s", harness_path("outside/build"));
	env[4] = "DESTDIR=";
	environment = env;
	sh("cmake --install \"$1\" --prefix \"$2\"", KAKEHI_BUILD_DIR, prefix);
	sh("cp -r \"$1\" \"$2\" && mkdir \"$2/build\"", KAKEHI_SOURCE_DIR "/examples/outside", harness_path("outside"));
	return 0;
}

static void test_pkg_config_project(void **state)
{
	(void)state;
	sh("sh outside/build-with-pkg-config.sh outside/build", NULL, NULL);
	assert_string_equal(sh("outside/build/segment", NULL, NULL), "the child wrote 42\n");
}

static void test_cmake_project(void **state)
{
	(void)state;
	sh("cmake -S outside -B outside/build -G Ninja -DCMAKE_PREFIX_PATH=\"$1\"", harness_path("prefix"), NULL);
	sh("cmake --build outside/build", NULL, NULL);
	assert_string_equal(sh("outside/build/segment", NULL, NULL), "the child wrote 42\n");
	assert_string_equal(sh("LD_LIBRARY_PATH= outside/build/segment-static", NULL, NULL), "the child wrote 42\n");
}

static void test_installed_program_runs_the_stage(void **state)
{
	(void)state;
	sh("sh outside/build-with-pkg-config.sh outside/build", NULL, NULL);
	sh("test -s prefix/share/man/man1/kakehi.1", NULL, NULL);
	sh("cd outside && ../prefix/bin/kakehi run shout.yaml", NULL, NULL);
	assert_string_equal(sh("cat outside/out/*", NULL, NULL), "one!!two!!");
}

static void test_template_is_built_out_of_tree(void **state)
{
	(void)state;
	sh("$CC -std=gnu11 -Wall -Wextra -Werror -shared -fPIC -DKK_STAGE_MODULE -o outside/build/template.so \"$1\" "
	   "$(pkg-config --cflags kakehi)",
	   COPY_OF_STAGE, NULL);
	sh("cd outside && sed -e 's/use: shout/use: template/' -e 's/marks: 2/prefix: \"> \"/' shout.yaml "
	   ">template.yaml",
	   NULL, NULL);
	sh("cd outside && ../prefix/bin/kakehi run template.yaml", NULL, NULL);
	assert_string_equal(sh("cat outside/out/*", NULL, NULL), "> ONE> TWO");
}

static void test_headers_stand_alone(void **state)
{
	(void)state;
	sh("for header in \"$1\"/include/kakehi/*.h; do\n"
	   "  echo \"#include <kakehi/$(basename \"$header\")>\" >one.c\n"
	   "  $CC -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only one.c $(pkg-config --cflags kakehi)\n"
	   "done",
	   harness_path("prefix"), NULL);
}

static void test_library_exports_only_kk(void **state)
{
	char *foreign = sh("nm -D --defined-only \"$1/libkakehi.so\" | awk '$3 !~ /^kk_/ {print $3}'", libdir, NULL);

	(void)state;
	assert_string_equal(foreign, "");
	assert_string_not_equal(sh("nm -D --defined-only \"$1/libkakehi.so\"", libdir, NULL), "");
}

static void test_library_needs_only_libc(void **state)
{
	(void)state;
	assert_string_equal(
	    sh("readelf -d \"$1/libkakehi.so\" | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\]/\\1/p'", libdir, NULL),
	    "libc.so.6\n");
	assert_string_equal(
	    sh("readelf -d \"$1/libkakehi.so\" | sed -n 's/.*(SONAME).*\\[\\(.*\\)\\]/\\1/p'", libdir, NULL),
	    "libkakehi.so.0\n");
}

#define INSTALLED(test) cmocka_unit_test_setup(test, install)

static const struct CMUnitTest tests[] = {
    INSTALLED(test_headers_stand_alone),
    INSTALLED(test_library_exports_only_kk),
    INSTALLED(test_library_needs_only_libc),
    INSTALLED(test_pkg_config_project),
    INSTALLED(test_cmake_project),
    INSTALLED(test_template_is_built_out_of_tree),
    INSTALLED(test_installed_program_runs_the_stage),
};

HARNESS_MAIN(tests)
