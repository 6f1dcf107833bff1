/* SPDX-License-Identifier: Apache-2.0 */
/* scripts/layers finds what it is there to find: for every rule a line that breaks it, and one that only looks so. */
#include "harness.h"

#include <string.h>

static const struct {
	const char *path, *line;
	const char *rule; /* that must be named; NULL: the line is fine */
} cases[] = {
    {"engine/worker/x.c", "int x = atomic_load(&y);", "memory-order"},
    {"stages/s/x.c", "#include <stdatomic.h>", "memory-order"},
    {"engine/run/x.c", "__atomic_store_n(p, 1, __ATOMIC_SEQ_CST);", "memory-order"},
    {"ipc/ring/x.c", "atomic_store_explicit(p, 1, memory_order_release);", NULL},
    {"engine/worker/x.c", "/* memory_order is a word of ipc */", NULL},
    {"engine/worker/x.c", "\tprintf(\"x\");", "print"},
    {"stages/s/x.c", "\tfprintf(stderr, \"x\");", "print"},
    {"stages/s/x.c", "\tfputs(text, stdout);", "print"},
    {"engine/cli/x.c", "\tprintf(\"x\");", NULL},
    {"engine/worker/x.c", "\tsnprintf(to, size, \"printf(%d)\", 1);", NULL},
    {"engine/worker/x.c", "void f(const char *a) __attribute__((format(printf, 1, 2)));", NULL},
    {"ipc/ring/x.c", "\texit(1);", "exit"},
    {"stages/s/x.c", "\tabort();", "exit"},
    {"ipc/process/x.c", "\t_exit(1);", NULL},
    {"engine/supervisor/x.c", "\tkill(pid, SIGKILL);", "process"},
    {"engine/supervisor/x.c", "\tif (fork() == 0)", "process"},
    {"stages/s/x.c", "\tsystem(\"ls\");", "process"},
    {"engine/supervisor/x.c", "\twaitpid(pid, NULL, 0);", "process"},
    {"engine/worker/x.c", "\tstage->wait(context, &ms);", NULL},
    {"engine/supervisor/x.c", "\tkk_process_kill(process, SIGKILL);", NULL},
    {"ipc/process/x.c", "\tkill(pid, SIGKILL);", NULL},
    {"engine/config/x.c", "\tdlopen(path, RTLD_NOW);", "dlopen"},
    {"engine/config/module.c", "\tdlopen(path, RTLD_NOW);", NULL},
    {"ipc/ring/x.c", "#include <curl/curl.h>", "ipc-libc"},
    {"ipc/ring/x.c", "#include <kakehi/stage.h>", "ipc-engine"},
    {"ipc/ring/x.c", "#include \"graph/plan.h\"", "ipc-engine"},
    {"ipc/ring/x.c", "#include <kakehi/wait.h>", NULL},
    {"stages/s/x.c", "#include <kakehi/ring.h>", "stage-engine"},
    {"stages/s/x.c", "#include <kakehi/process.h>", "stage-engine"},
    {"stages/s/x.c", "#include <kakehi/stage.h>", NULL},
    {"stages/exec/child.c", "#include <kakehi/process.h>", NULL},
    {"stages/exec/child.c", "#include <kakehi/ring.h>", "stage-engine"},
    {"stages/exec/child.c", "\tkill(pid, SIGKILL);", "process"},
    {"stages/s/x.c", "#include \"../other/x.h\"", "stage-stage"},
    {"stages/s/x.c", "#include \"../../engine/run/run.h\"", "stage-stage"},
    {"stages/s/x.c", "#include \"../common/x.h\"", NULL},
    {"stages/s/x.c", "#include \"x.h\"", NULL},
    {"engine/config/x.c", "#include \"supervisor/supervisor.h\"", "engine-layers"},
    {"engine/graph/x.c", "#include \"worker/worker.h\"", "engine-layers"},
    {"engine/supervisor/x.c", "#include \"report/text.h\"", "engine-layers"},
    {"engine/supervisor/x.c", "#include \"report/report.h\"", NULL},
    {"engine/graph/x.c", "#include \"config/node.h\"", NULL},
};

static void make_tree(void)
{
	static const char *const dirs[] = {
	    "ipc",          "ipc/ring",      "ipc/process",       "engine",        "engine/cli", "engine/config",
	    "engine/graph", "engine/run",    "engine/supervisor", "engine/worker", "stages",     "stages/s",
	    "stages/other", "stages/common", "stages/exec"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		harness_make_dir(harness_path("%s", dirs[i]));
	harness_write_text(harness_path("stages/s/CMakeLists.txt"), "kakehi_stage(s)\n");
	harness_write_text(harness_path("stages/other/CMakeLists.txt"), "kakehi_stage(other)\n");
}

static void test_every_rule(void **state)
{
	const char *const argv[] = {KAKEHI_SOURCE_DIR "/scripts/layers", harness_dir(), NULL};

	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = harness_path("%s", cases[i].path);
		struct harness_result result;

		harness_write_text(path, "%s\n", cases[i].line);
		result = harness_exec(argv, NULL);
		if (result.exit_code != (cases[i].rule ? 1 : 0))
			fail_msg("%s: exit %d\n%s%s", cases[i].line, result.exit_code, result.out, result.err);
		if (cases[i].rule && !strstr(result.out, harness_text("%s:1: [%s]", cases[i].path, cases[i].rule)))
			fail_msg("%s: not by %s but\n%s", cases[i].line, cases[i].rule, result.out);
		harness_write_text(path, "\n");
	}
}

static void test_comments_over_lines(void **state)
{
	const char *const argv[] = {KAKEHI_SOURCE_DIR "/scripts/layers", harness_dir(), NULL};

	(void)state;
	make_tree();
	harness_write_text(harness_path("stages/s/x.c"), "/* one\n * printf(two)\n */\nint three; // exit(4)\n");
	assert_int_equal(harness_exec(argv, NULL).exit_code, 0);
}

static void test_nothing_to_check_is_an_error(void **state)
{
	const char *const argv[] = {KAKEHI_SOURCE_DIR "/scripts/layers", harness_dir(), NULL};

	(void)state;
	assert_int_equal(harness_exec(argv, NULL).exit_code, 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_rule),
    cmocka_unit_test(test_comments_over_lines),
    cmocka_unit_test(test_nothing_to_check_is_an_error),
};

HARNESS_MAIN(tests)
