/* SPDX-License-Identifier: Apache-2.0 */
/* docs/toolkit.md: every ```c block with a main is a complete program; it is built, run, and prints what the ```text
 * block below it says. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define TOUR KAKEHI_SOURCE_DIR "/docs/toolkit.md"

enum { BUILD_LIMIT_MS = 60000, RUN_LIMIT_MS = 30000, ORPHANS_LIMIT_MS = 5000 };

/* A block between two ``` lines. */
struct block {
	const char *text;
	size_t bytes;
	const char *end; /* behind it */
};

/* The next block of a language from `at` on, but not past `stop`; false: there is none. */
static bool find_block(const char *at, const char *stop, const char *language, struct block *block)
{
	char *fence = harness_text("\n```%s\n", language);
	const char *begin = strstr(at, fence);
	if (!begin || (stop && begin >= stop))
		return false;
	block->text = begin + strlen(fence);
	const char *end = strstr(block->text - 1, "\n```\n");
	if (!end)
		fail_msg("docs/toolkit.md: a block does not end");
	block->bytes = (size_t)(end + 1 - block->text);
	block->end = end + 1;
	return true;
}

/* The heading that a place in the text stands below. */
static char *heading_above(const char *text, const char *place)
{
	const char *heading = text, *next = text;
	while ((next = strstr(next, "\n## ")) != NULL && next < place)
		heading = ++next;
	return harness_text("%.*s", (int)strcspn(heading, "\n"), heading);
}

static void build(const char *heading, const struct block *program, const char *source, const char *binary)
{
	harness_write(source, program->text, program->bytes);
	const char *sanitize = SANITIZERS[0] ? "-fsanitize=" SANITIZERS : "-O1";
	const char *const argv[] = {
	    C_COMPILER, "-std=c11", "-Wall", "-Werror", sanitize, "-I", KAKEHI_SOURCE_DIR "/ipc/include",
	    "-o",       binary,     source,  LIBRARY,   NULL};
	struct harness_options options = {.limit_ms = BUILD_LIMIT_MS};
	struct harness_result result = harness_exec(argv, &options);
	if (result.exit_code != 0)
		fail_msg("%s: the program does not compile\n%s", heading, result.err);
}

static void run(const char *heading, const char *binary, const struct block *expected)
{
	const char *const argv[] = {binary, NULL};
	/* They are short: what they do not free, their end does. */
	static const char *const env[] = {"ASAN_OPTIONS=detect_leaks=0", NULL};
	struct harness_options options = {.env = env, .limit_ms = RUN_LIMIT_MS};
	struct harness_result result = harness_exec(argv, &options);
	if (result.exit_code != 0)
		fail_msg("%s: the program ended with exit %d, signal %d\n%s%s", heading, result.exit_code,
		         result.signal, result.out, result.err);
	/* What it has started ends with it, and is ours to reap. */
	if (harness_wait_orphans(ORPHANS_LIMIT_MS) > 0)
		fail_msg("%s: the program leaves processes behind", heading);
	if (strlen(result.out) != expected->bytes || memcmp(result.out, expected->text, expected->bytes) != 0)
		fail_msg("%s: the program prints\n%s\nand not\n%.*s", heading, result.out, (int)expected->bytes,
		         expected->text);
}

static bool is_program(const struct block *block)
{
	const char *main = memmem(block->text, block->bytes, "main(", strlen("main("));
	return main != NULL;
}

static void test_all_programs(void **state)
{
	(void)state;
	const char *text = harness_read(TOUR, NULL), *at = text;
	struct block program, expected, next;
	unsigned count = 0;
	for (; find_block(at, NULL, "c", &program); at = program.end) {
		if (!is_program(&program))
			continue;
		char *heading = heading_above(text, program.text);
		bool more = find_block(program.end, NULL, "c", &next);
		if (!find_block(program.end, more ? next.text : NULL, "text", &expected))
			fail_msg("%s: there is no ```text block below the program", heading);
		char *source = harness_path("program%u.c", count), *binary = harness_path("program%u", count);
		build(heading, &program, source, binary);
		run(heading, binary, &expected);
		print_message("%s: as it is written\n", heading);
		count++;
	}
	assert_true(count > 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_all_programs),
};
HARNESS_MAIN(tests)
