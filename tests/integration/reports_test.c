/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest, errors file and dead letters: each line exactly once whoever is killed, and readable whatever it says. */
#include "pipeline.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { ITEMS = 6000, KILLS = 12, WAIT_MS = 20000 };

/* Every item is stored on one branch and fails on the other, both with the source's payload. */
static const char branches[] = "pipeline: reports\nmemory: 256MiB\n"
                               "source: { use: generate, with: { count: %d, size: 300 } }\n"
                               "stages:\n"
                               "  - { name: keep, use: pass, workers: 2, from: source }\n"
                               "  - { name: kept, use: discard, from: keep }\n"
                               "  - { name: thumb, use: resize, workers: 2, from: source }\n"
                               "  - { name: end, use: discard, from: thumb }\n"
                               "manifest: { file: manifest.%s, format: %s }\n"
                               "errors: { file: errors.ndjson, dead_letter: dead }\n";

/* ---- killing while a file grows */

struct growth {
	struct harness_program *program;
	const char *path;
	off_t bytes;
};

static bool has_grown(void *what)
{
	const struct growth *growth = what;
	struct stat status;

	return (stat(growth->path, &status) == 0 && status.st_size >= growth->bytes) ||
	       !harness_running(growth->program);
}

/* Every second time it is the recorder. */
static void kill_somebody(struct harness_program *program, bool recorder)
{
	pid_t workers[64];
	size_t count = pipeline_workers(program, NULL, workers, 64);

	for (size_t i = 0; recorder && i < count; i++) {
		if (strcmp(harness_title(workers[i]), "kakehi: recorder") == 0) {
			kill(workers[i], SIGKILL);
			return;
		}
	}
	if (count > 0)
		kill(workers[(size_t)random() % count], SIGKILL);
}

/* Kills at as many moments of the file's growth to about `bytes`; returns how the run ended. */
static struct run run_with_kills(const char *file, off_t bytes, unsigned kills)
{
	struct growth growth = {.program = pipeline_start(120000), .path = harness_path("%s", file)};

	srandom(7);
	for (unsigned i = 0; i < kills; i++) {
		growth.bytes = bytes * (i + 1) / (kills + 2);
		assert_true(harness_wait_until(has_grown, &growth, WAIT_MS));
		kill_somebody(growth.program, i % 2 == 0);
	}
	return pipeline_end(growth.program);
}

/* ---- reading */

/* Calls `take` for each line of a file, with the line as a text of its own; returns how many there are. */
static size_t each_line(const char *path, void (*take)(char *line, void *arg), void *arg)
{
	char *at = harness_read(path, NULL), *end;
	size_t lines = 0;

	for (; *at; at = end + 1, lines++) {
		end = strchr(at, '\n');
		if (!end)
			fail_msg("%s ends within a line: %s", path, at);
		*end = '\0';
		take(at, arg);
	}
	return lines;
}

struct seen {
	unsigned char line[ITEMS];
	char hash[ITEMS][33];
	size_t thumbs;
};

static unsigned long sequence_of(const char *line)
{
	char *text = harness_json(line, "sequence");
	unsigned long sequence = text ? strtoul(text, NULL, 10) : ITEMS;

	if (sequence >= ITEMS)
		fail_msg("this is not an item's line: %s", line);
	free(text);
	return sequence;
}

static void take_output(char *line, void *arg)
{
	struct seen *seen = arg;
	unsigned long sequence = sequence_of(line);

	if (seen->line[sequence]++)
		fail_msg("item %lu stands there twice", sequence);
	assert_non_null(strstr(line, "\"stage\":\"kept\""));
	assert_non_null(strstr(line, "\"bytes\":300,"));
	assert_non_null(strstr(line, "\"keep\":{\"wait_ms\":"));
	memcpy(seen->hash[sequence], strstr(line, "\"hash\":\"") + 8, 32);
}

static void take_failure(char *line, void *arg)
{
	struct seen *seen = arg;
	unsigned long sequence = sequence_of(line);
	char *name = harness_json(line, "dead_letter"), hash[33];
	XXH128_canonical_t canonical;
	size_t size;

	if (seen->line[sequence]++)
		fail_msg("item %lu stands there twice", sequence);
	assert_non_null(strstr(line, "\"class\":\"not-an-image\""));
	assert_non_null(strstr(line, "\"attempts\":"));
	assert_non_null(name);
	char *bytes = harness_read(harness_path("dead/%s", name), &size);
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
	for (size_t i = 0; i < sizeof(canonical.digest); i++)
		snprintf(hash + 2 * i, 3, "%02x", canonical.digest[i]);
	assert_int_equal(size, 300);
	assert_string_equal(hash, seen->hash[sequence]);
}

static void test_each_line_once(void **state)
{
	static struct seen seen;
	struct run run;

	(void)state;
	pipeline_config(branches, ITEMS, "ndjson", "ndjson");
	run = run_with_kills("manifest.ndjson", ITEMS * 300, KILLS);
	pipeline_expect(&run, 1, 0, ITEMS);
	assert_true(run.deaths >= KILLS / 2);
	assert_int_equal(each_line(harness_path("manifest.ndjson"), take_output, &seen), ITEMS);
	memset(seen.line, 0, sizeof(seen.line));
	assert_int_equal(each_line(harness_path("errors.ndjson"), take_failure, &seen), ITEMS);
	assert_int_equal(harness_count_files(harness_path("dead")), ITEMS); /* and nothing half-written */
}

/* Cells of a record, RFC 4180; fails the test if it is none. */
static unsigned count_cells(const char *line)
{
	unsigned cells = 1;

	for (; *line; cells++) {
		if (*line == '"') {
			for (line++; *line != '"' || line[1] == '"'; line += *line == '"' ? 2 : 1)
				if (!*line)
					fail_msg("a quotation mark is not closed");
			line++;
		} else {
			line += strcspn(line, ",\"\r");
		}
		if (*line == '\r' && !line[1])
			return cells;
		if (*line++ != ',')
			fail_msg("no comma behind a cell");
	}
	fail_msg("a record without its end");
	return 0;
}

static void take_record(char *line, void *arg)
{
	struct seen *seen = arg;
	char *end;
	unsigned long sequence = strtoul(line, &end, 10);

	assert_int_equal(count_cells(line), 9 + 2 * 3);
	if (strncmp(line, "sequence,", 9) == 0)
		return;
	assert_true(*end == ',' && sequence < ITEMS);
	if (seen->line[sequence]++)
		fail_msg("item %lu stands there twice", sequence);
}

static void test_records_once(void **state)
{
	static struct seen seen;
	struct run run;

	(void)state;
	pipeline_config("pipeline: reports\nmemory: 256MiB\n"
	                "source: { use: generate, with: { count: %d, size: 300 } }\n"
	                "stages: [ { name: pass, use: pass, workers: 2 }, { name: end, use: discard } ]\n"
	                "manifest: { file: manifest.csv, format: csv }\n",
	                ITEMS);
	run = run_with_kills("manifest.csv", ITEMS * 150, KILLS);
	pipeline_expect(&run, 0, ITEMS, 0);
	assert_int_equal(each_line(harness_path("manifest.csv"), take_record, &seen), ITEMS + 1);
}

/* ---- hostile names */

static void take_hostile(char *line, void *arg)
{
	assert_int_equal(count_cells(line), 9 + 2 * 2);
	for (const char *at = line; *at; at++)
		assert_true((unsigned char)*at >= 0x20 || (*at == '\r' && !at[1]));
	*(unsigned *)arg += strstr(line, ",'=1+1.txt,") != NULL;
	*(unsigned *)arg += strstr(line, ",\"'@a,\"\"b\"\".txt\",") != NULL;
	*(unsigned *)arg += strstr(line, "x\\x0ay.txt") != NULL;
	*(unsigned *)arg += strstr(line, "\\xff\\x1b]0;t\\x07.txt") != NULL;
}

static void test_hostile_keys(void **state)
{
	static const char *const names[] = {"=1+1.txt", "@a,\"b\".txt", "x\ny.txt", "\xff\x1b]0;t\x07.txt"};
	unsigned found = 0;
	struct run run;

	(void)state;
	harness_make_dir(harness_path("raw"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		harness_write_text(harness_path("%s%s", i == 3 ? "raw/" : "", names[i]), "text");
	pipeline_config(
	    "pipeline: hostile\nmemory: 256MiB\n"
	    "source: { use: files, with: { paths: [ \"=1+1.txt\", '@a,\"b\".txt', \"x\\ny.txt\", raw ] } }\n"
	    "stages: [ { name: end, use: upload, with: { to: \"out/{md5}-{xxh3}-{n}\" } } ]\n"
	    "manifest: { file: m.csv, format: csv }\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, 4, 0);
	assert_int_equal(each_line(harness_path("m.csv"), take_hostile, &found), 5);
	assert_int_equal(found, 4);
	assert_true(harness_exists(
	    harness_path("out/1cb251ec0d568de6a929b520c4aed8d1-c5a64efff9224e392680525687aac7c5-000000000")));
	assert_int_equal(harness_count_files(harness_path("out")), 4);
	assert_null(strchr(run.err, '\x1b'));
}

/* ---- what cannot be written, and what must not be */

static void take_place(char *line, void *arg)
{
	char *path = harness_path("dead/%s", harness_json(line, "dead_letter"));

	(void)arg;
	assert_int_equal(remove(path), 0);
	harness_make_dir(path);
}

static void test_full_disks(void **state)
{
	static const char *const files[] = {
	    "manifest: { file: /dev/full }\n",
	    "errors: { file: /dev/full }\n",
	    "errors: { file: errors.ndjson, dead_letter: dead }\n",
	};
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		pipeline_config("pipeline: full\nmemory: 256MiB\n"
		                "source: { use: generate, with: { count: 100, size: 300 } }\n"
		                "stages: [ { name: thumb, use: %s }, { name: end, use: discard } ]\n%s",
		                i == 0 ? "pass" : "resize", files[i]);
		run = pipeline_run();
		/* The last one can: then its letters' places are taken. */
		assert_int_equal(run.exit_code, i == 2 ? 1 : 74);
		assert_int_equal(harness_wait_orphans(WAIT_MS), 0); /* of those who were killed */
	}
	each_line(harness_path("errors.ndjson"), take_place, NULL);
	run = pipeline_run();
	assert_int_equal(run.exit_code, 74);
	assert_true(run.left > 0);
	assert_int_equal(harness_wait_orphans(WAIT_MS), 0);
}

static void test_one_item_again(void **state)
{
	const char *const argv[] = {KAKEHI_BUILD_DIR "/kakehi", "run", "--only", "one.txt", "pipeline.yaml", NULL};
	struct harness_result result;

	(void)state;
	harness_write_text(harness_path("one.txt"), "no picture");
	harness_write_text(harness_path("two.txt"), "neither");
	harness_write_text(harness_path("manifest.ndjson"), "of another run\n");
	harness_write_text(harness_path("errors.ndjson"), "of another run\n");
	pipeline_config("pipeline: again\nmemory: 256MiB\n"
	                "source: { use: files, with: { paths: [ one.txt, two.txt ] } }\n"
	                "stages: [ { name: thumb, use: resize }, { name: end, use: discard } ]\n"
	                "manifest: { file: manifest.ndjson }\n"
	                "errors: { file: errors.ndjson, dead_letter: dead }\n");
	result = harness_exec(argv, NULL);
	assert_int_equal(result.exit_code, 1);
	assert_non_null(strstr(result.err, "source/0: item 0 passed in "));
	assert_non_null(strstr(result.err, "thumb/0: item 0 failed in "));
	assert_non_null(strstr(result.err, ", 10 bytes in: not a picture"));
	assert_null(strstr(result.err, "two.txt"));
	assert_string_equal(harness_read(harness_path("manifest.ndjson"), NULL), "of another run\n");
	assert_string_equal(harness_read(harness_path("errors.ndjson"), NULL), "of another run\n");
	assert_false(harness_exists(harness_path("dead")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_line_once), cmocka_unit_test(test_records_once),   cmocka_unit_test(test_hostile_keys),
    cmocka_unit_test(test_full_disks),     cmocka_unit_test(test_one_item_again),
};

HARNESS_MAIN(tests)
