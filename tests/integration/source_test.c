/* SPDX-License-Identifier: Apache-2.0 */
/* Sources in the real program: standard input whose reader is killed, shards, one item, keys that come again. */
#include "pipeline.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char kakehi[] = KAKEHI_BUILD_DIR "/kakehi";

/* list -> pass -> discard; `more` stands in the source. */
static void config(const char *path, const char *more)
{
	pipeline_config("pipeline: lines\nmemory: 24MiB\n"
	                "source: { use: list%s, with: { path: \"%s\" } }\n"
	                "stages: [ { name: pass, use: pass }, { name: end, use: discard } ]\n"
	                "errors: { file: errors.ndjson }\n",
	                more, path);
}

/* Numbered lines; each of the first `again` of them comes once more at the end. */
static char *lines_of(unsigned count, unsigned again)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	assert_non_null(to);
	for (unsigned i = 0; i < count + again; i++)
		fprintf(to, "http://example.org/%u\n", i < count ? i : i - count);
	assert_int_equal(fclose(to), 0);
	return harness_keep(text);
}

static struct run run_with(const char *option, const char *value)
{
	const char *const argv[] = {kakehi, "run", "--json", option, value, "pipeline.yaml", NULL};
	return pipeline_end(harness_start(argv, &(struct harness_options){.limit_ms = 60000}));
}

/* ---- standard input */

/* The program with `fd` as its standard input. */
static struct harness_program *start_reading(int fd)
{
	const char *command = harness_text("exec %s run --json pipeline.yaml <&3 3<&-", kakehi);
	const char *const argv[] = {"sh", "-c", command, NULL};
	return harness_start(argv, &(struct harness_options){.fd = fd, .limit_ms = 120000});
}

static void kill_source(struct harness_program *program)
{
	pid_t worker;
	pipeline_wait_workers(program, "source", 1);
	if (pipeline_workers(program, "source", &worker, 1) == 1)
		kill(worker, SIGKILL);
}

static void write_all(int fd, const char *from, size_t size)
{
	while (size) {
		ssize_t put = write(fd, from, size);
		assert_true(put > 0);
		from += put;
		size -= (size_t)put;
	}
}

/* The reader is killed again and again while it reads. */
static void reader_is_killed(int ends[2], const char *more, unsigned long done, unsigned long skipped)
{
	enum { COUNT = 60000, AGAIN = 2000, KILLS = 12 };
	const char *text = lines_of(COUNT, AGAIN);
	size_t size = strlen(text), piece = size / KILLS;
	config("-", more);
	struct harness_program *program = start_reading(ends[0]);
	close(ends[0]);
	for (unsigned i = 0; i < KILLS; i++) {
		write_all(ends[1], text + i * piece, i == KILLS - 1 ? size - i * piece : piece);
		kill_source(program);
	}
	close(ends[1]);
	struct run run = pipeline_end(program);
	pipeline_expect(&run, 0, done, 0);
	assert_int_equal(run.skipped, skipped);
	assert_true(run.deaths >= KILLS / 2);
}

static void test_the_reader_of_a_pipe_is_killed(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	reader_is_killed(ends, "", 60000, 2000);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	reader_is_killed(ends, ", duplicates: keep", 62000, 0);
}

/* More comes than a file may hold: no fault of an item, and said with the code of a full disk. */
static void test_a_full_disk_behind_a_pipe(void **state)
{
	const char *command =
	    harness_text("ulimit -f 65536; exec 3<&-; yes \"$(printf %%01000d 1)\" | head -c 50000000 | "
	                 "%s run --json pipeline.yaml",
	                 kakehi);
	const char *const argv[] = {"sh", "-c", command, NULL};
	(void)state;
	config("-", "");
	struct run run = pipeline_end(harness_start(argv, &(struct harness_options){.limit_ms = 60000}));
	assert_int_equal(run.exit_code, 74);
	assert_int_equal(run.failed, 0);
	assert_non_null(strstr(run.end, "there is no room to keep standard input in: File too large"));
}

/* ---- which items */

/* All there are is not too few: only if there is more has the limit stopped it. */
static void test_the_limit_and_the_end(void **state)
{
	int ends[2];
	(void)state;
	harness_write_text(harness_path("urls.txt"), "%s", lines_of(10, 0));
	config("urls.txt", "");
	struct run run = run_with("--limit", "10");
	pipeline_expect(&run, 0, 10, 0);
	run = run_with("--limit", "11");
	pipeline_expect(&run, 0, 10, 0);
	run = run_with("--limit", "9");
	pipeline_expect(&run, 75, 9, 0);
	assert_int_equal(run.in, 9);
	/* Nobody waits for what may come after the last one. */
	assert_int_equal(pipe(ends), 0);
	write_all(ends[1], "a\nb\nc\n", 6);
	config("-", "");
	const char *command = harness_text("exec %s run --json --limit 3 pipeline.yaml <&3 3<&-", kakehi);
	const char *const argv[] = {"sh", "-c", command, NULL};
	run = pipeline_end(harness_start(argv, &(struct harness_options){.fd = ends[0], .limit_ms = 60000}));
	close(ends[0]);
	close(ends[1]);
	pipeline_expect(&run, 75, 3, 0);
}

static void test_shards(void **state)
{
	unsigned long in = 0, skipped = 0;
	(void)state;
	harness_write_text(harness_path("urls.txt"), "%s", lines_of(5000, 100));
	config("urls.txt", "");
	for (unsigned i = 1; i <= 3; i++) {
		struct run run = run_with("--shard", harness_text("%u/3", i));
		pipeline_expect(&run, 0, run.done, 0);
		assert_in_range(run.done, 1500, 1850);
		in += run.in;
		skipped += run.skipped;
	}
	assert_int_equal(in, 5100);
	assert_int_equal(skipped, 100);
}

static void test_one_item(void **state)
{
	(void)state;
	harness_write_text(harness_path("urls.txt"), "%s", lines_of(5000, 100));
	config("urls.txt", ", duplicates: keep");
	struct run run = run_with("--only", "http://example.org/77");
	pipeline_expect(&run, 0, 2, 0);
	config("urls.txt", "");
	run = run_with("--only", "http://example.org/77");
	pipeline_expect(&run, 0, 1, 0);
	assert_int_equal(run.in, 1);
	run = run_with("--only", "http://example.org/7777777");
	pipeline_expect(&run, run.exit_code, 0, 0);
	assert_int_equal(run.in, 0);
}

static void test_bad_lines_fail_alone(void **state)
{
	(void)state;
	harness_write(harness_path("urls.txt"), "a\nb\xff\na\nc\0d\nb\xff\n", 14);
	config("urls.txt", "");
	struct run run = pipeline_run();
	pipeline_expect(&run, 1, 1, 3);
	assert_int_equal(run.skipped, 1);
	assert_int_equal(pipeline_errors("class", "bad-url"), 3);
}

/* Names that repeat have the ids of their places, so that none is written over. */
static void test_names_of_keys_that_come_again(void **state)
{
	(void)state;
	harness_make_dir(harness_path("in"));
	harness_write_text(harness_path("in/a"), "content");
	pipeline_config(
	    "pipeline: twice\nmemory: 32MiB\n"
	    "source: { use: files, duplicates: keep, with: { paths: [ in, in/a, in/a ], max_bytes: 1KiB } }\n"
	    "stages: [ { name: store, use: upload, with: { to: \"out/{id}\" } } ]\n");
	struct run run = pipeline_run();
	pipeline_expect(&run, 0, 3, 0);
	assert_int_equal(harness_count_files(harness_path("out")), 3);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_reader_of_a_pipe_is_killed),
    cmocka_unit_test(test_a_full_disk_behind_a_pipe),
    cmocka_unit_test(test_the_limit_and_the_end),
    cmocka_unit_test(test_shards),
    cmocka_unit_test(test_one_item),
    cmocka_unit_test(test_bad_lines_fail_alone),
    cmocka_unit_test(test_names_of_keys_that_come_again),
};
HARNESS_MAIN(tests)
