/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that misbehave (tests/plugins): what they break is named, and everything else arrives. */
#include "pipeline.h"

#include <string.h>

#define PLUGIN(name) KAKEHI_BUILD_DIR "/tests/plugins/" name ".so"
#define COUNT        200

/* 200 generated items through one plugin. `top` are lines at the config's top level. */
static struct run run_plugin(const char *top, const char *plugin, const char *options)
{
	pipeline_config("pipeline: misbehaving\nmemory: 64MiB\n"
	                "%s"
	                "source: { use: generate, with: { count: %d, size: 64 } }\n"
	                "stages:\n"
	                "  - { name: bad, use: %s, workers: 2%s }\n"
	                "  - { name: end, use: discard }\n"
	                "errors: { file: errors.ndjson, attempts: 2 }\n",
	                top, COUNT, plugin, options);
	return pipeline_run();
}

static void test_crash_is_dead_lettered(void **state)
{
	struct run run = run_plugin("", PLUGIN("crash"), ", with: { every: 50 }");

	(void)state;
	pipeline_expect(&run, 1, COUNT - 4, 4);
	assert_int_equal(pipeline_errors("class", "crashed"), 4);
	assert_int_equal(pipeline_errors("error", "SIGSEGV"), 4);
}

static void test_hang_is_dead_lettered(void **state)
{
	struct run run = run_plugin("", PLUGIN("hang"), ", timeout: 300ms, with: { every: 100 }");

	(void)state;
	pipeline_expect(&run, 1, COUNT - 2, 2);
	assert_int_equal(pipeline_errors("class", "timeout"), 2);
}

static void test_exit_is_dead_lettered(void **state)
{
	struct run run = run_plugin("", PLUGIN("exit3"), ", with: { every: 100 }");

	(void)state;
	pipeline_expect(&run, 1, COUNT - 2, 2);
	assert_int_equal(pipeline_errors("error", "exit 3"), 2);
}

static void test_poke_into_the_source_dies(void **state)
{
	struct run run = run_plugin("", PLUGIN("poke"), ", with: { every: 100 }");

	(void)state;
	pipeline_expect(&run, 1, COUNT - 2, 2);
	assert_int_equal(pipeline_errors("class", "crashed"), 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_crash_is_dead_lettered),
    cmocka_unit_test(test_hang_is_dead_lettered),
    cmocka_unit_test(test_exit_is_dead_lettered),
    cmocka_unit_test(test_poke_into_the_source_dies),
};

HARNESS_MAIN(tests)
