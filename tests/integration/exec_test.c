/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as stages, in the real engine: inside the sandbox, and when the worker that started them is killed. */
#include "pipeline.h"

#include <signal.h>

static void make_texts(unsigned count)
{
	harness_make_dir(harness_path("texts"));
	for (unsigned i = 0; i < count; i++)
		harness_write_text(harness_path("texts/%u", i), "b %u\na\n", i);
}

/* texts -> the stage with these options -> out. */
static void config(const char *with)
{
	pipeline_config("pipeline: exec\nmemory: 256MiB\n"
	                "source: { use: files, with: { paths: texts, max_bytes: 64KiB } }\n"
	                "stages:\n"
	                "  - name: run\n    use: exec\n    workers: 2\n"
	                "    with: { max_bytes: 64KiB, max_input: 64KiB, memory: 48MiB, %s }\n"
	                "  - { name: store, use: upload, with: { to: \"out/{name}\" } }\n"
	                "errors: { file: errors.ndjson }\n",
	                with);
}

static void test_the_config_that_comes_along(void **state)
{
	(void)state;
	make_texts(20);
	harness_write_text(harness_path("texts/empty"), "%s", "");
	pipeline_config("%s", harness_read(KAKEHI_SOURCE_DIR "/configs/exec.yaml", NULL));
	struct run run = pipeline_run();
	pipeline_expect(&run, 0, 20, 0);
	assert_int_equal(run.skipped, 1);
	assert_string_equal(harness_read(harness_path("out/7.txt"), NULL), "a\nb 7\n");
}

static void test_files_of_its_own(void **state)
{
	(void)state;
	make_texts(20);
	config("temp: ., command: [sort, -o, \"{out.txt}\", \"{in.txt}\"]");
	struct run run = pipeline_run();
	pipeline_expect(&run, 0, 20, 0);
	assert_string_equal(harness_read(harness_path("out/7"), NULL), "a\nb 7\n");
}

static void test_no_network_and_no_files(void **state)
{
	(void)state;
	make_texts(4);
	config("command: [python3, -c, \"import socket; socket.socket()\"]");
	struct run run = pipeline_run();
	pipeline_expect(&run, 1, 0, 4);
	assert_int_equal(pipeline_errors("error", "PermissionError"), 4);
	config("command: [python3, -c, \"open('new', 'w')\"]");
	run = pipeline_run();
	pipeline_expect(&run, 1, 0, 4);
	assert_false(harness_exists(harness_path("new")));
}

static void test_what_is_allowed_can_be_done(void **state)
{
	(void)state;
	make_texts(4);
	harness_make_dir(harness_path("new"));
	config("network: true, write: new, command: [python3, -c, \"import os, socket; socket.socket();"
	       " open('new/' + os.environ['KAKEHI_ID'], 'w')\"]");
	struct run run = pipeline_run();
	pipeline_expect(&run, 0, 4, 0);
	assert_int_equal(harness_count_files(harness_path("new")), 4);
}

static bool file_is_there(void *path)
{
	return harness_exists(path);
}

/* The first worker that comes to text 3 is killed while the program, and what it started, sleep; the next one finds
 * `marks/begun` and passes. The harness looks whether anybody sleeps on. */
static void kill_in_the_middle(const char *with)
{
	pid_t workers[2];
	make_texts(10);
	harness_make_dir(harness_path("marks"));
	config(with);
	struct harness_program *program = pipeline_start(60000);
	assert_true(harness_wait_until(file_is_there, harness_path("marks/begun"), 20000));
	size_t count = pipeline_workers(program, "run", workers, 2);
	for (size_t i = 0; i < count; i++)
		kill(workers[i], SIGKILL);
	struct run run = pipeline_end(program);
	pipeline_expect(&run, 0, 10, 0);
	assert_true(run.deaths >= 1);
	assert_int_equal(harness_count_files(harness_path("out")), 10);
}

static void test_killed_worker_leaves_no_program(void **state)
{
	(void)state;
	kill_in_the_middle("write: marks, command: [sh, -c, 'case $KAKEHI_KEY in *3) [ -e marks/begun ] || "
	                   "{ sleep 1000 & (sleep 1001 & sleep 1002) & setsid sleep 1004 & "
	                   "touch marks/begun; sleep 1003; };; esac; cat']");
}

static void test_killed_worker_leaves_no_standing_program(void **state)
{
	(void)state;
	harness_write_text(harness_path("stand.py"), "import json, os, sys, subprocess, time\n"
	                                             "for line in sys.stdin:\n"
	                                             "    key = json.loads(line)['key']\n"
	                                             "    if key.endswith('3') and not os.path.exists('marks/begun'):\n"
	                                             "        subprocess.Popen(['sleep', '1000'])\n"
	                                             "        open('marks/begun', 'w').close()\n"
	                                             "        time.sleep(1000)\n"
	                                             "    print('{}', flush=True)\n");
	kill_in_the_middle("write: marks, mode: standing, command: [python3, stand.py]");
}

/* What the option allows is more than what the engine would by itself: its deadline stands behind the stage's own. */
static void test_too_late(void **state)
{
	(void)state;
	make_texts(2);
	config("timeout: 300ms, command: [sh, -c, 'sleep 1000 & sleep 1001']");
	struct run run = pipeline_run();
	pipeline_expect(&run, 1, 0, 2);
	assert_int_equal(pipeline_errors("class", "timeout"), 2);
	assert_int_equal(run.deaths, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_config_that_comes_along),
    cmocka_unit_test(test_files_of_its_own),
    cmocka_unit_test(test_no_network_and_no_files),
    cmocka_unit_test(test_what_is_allowed_can_be_done),
    cmocka_unit_test(test_killed_worker_leaves_no_program),
    cmocka_unit_test(test_killed_worker_leaves_no_standing_program),
    cmocka_unit_test(test_too_late),
};

HARNESS_MAIN(tests)
