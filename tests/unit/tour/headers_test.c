/* SPDX-License-Identifier: Apache-2.0 */
/* Every public header can be included alone, by C11 and by C++17; and a C++ program can use the library. */
#include "harness.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS KAKEHI_SOURCE_DIR "/ipc/include"
#define MANAGER KAKEHI_SOURCE_DIR "/manager/include"

enum { LIMIT_MS = 60000, MAX_ARGUMENTS = 24 };

static const char *const as_c[] = {C_COMPILER, "-std=c11", "-x", "c", NULL};
static const char *const as_cxx[] = {CXX_COMPILER, "-std=c++17", "-x", "c++", NULL};

/* Compiles `source` with `first` and then `more` as arguments; `what` is for messages. */
static void compile(const char *const *first, const char *const *more, const char *source, const char *what)
{
	static const char *const always[] = {"-Wall", "-Wextra", "-Werror", "-I", HEADERS, "-I", MANAGER, NULL};
	const char *const *parts[] = {first, always, (const char *const[]){source, NULL}, more};
	const char *argv[MAX_ARGUMENTS];
	size_t count = 0;
	for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
		for (size_t i = 0; parts[part][i]; i++)
			argv[count++] = parts[part][i];
	argv[count] = NULL;
	struct harness_options options = {.limit_ms = LIMIT_MS};
	struct harness_result result = harness_exec(argv, &options);
	if (result.exit_code != 0)
		fail_msg("%s with %s %s:\n%s", what, first[0], first[1], result.err);
}

static int is_header(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot && strcmp(dot, ".h") == 0;
}

static const char *const only_syntax[] = {"-fsyntax-only", NULL};

/* Each header of a directory in a file of its own; adds all to `all`, twice. Returns how many there are. */
static int compile_each(const char *const *language, const char *directory, char **all)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_header, alphasort);
	for (int i = 0; i < count; i++) {
		char *source = harness_path("one.source");
		char *line = harness_text("#include <kakehi/%s>\n", entries[i]->d_name);
		harness_write_text(source, "%s", line);
		compile(language, only_syntax, source, entries[i]->d_name);
		*all = harness_text("%s%s%s", *all, line, line);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return count;
}

/* All headers alone, then all in one file. */
static void compile_headers(const char *const *language)
{
	char *all = harness_text("%s", "");
	int count = compile_each(language, HEADERS "/kakehi", &all);
	assert_true(count > 10);
	assert_int_equal(compile_each(language, MANAGER "/kakehi", &all), 1);
	harness_write_text(harness_path("all.source"), "%s", all);
	compile(language, only_syntax, harness_path("all.source"), "all headers");
}

static void test_c11(void **state)
{
	(void)state;
	compile_headers(as_c);
}

static void test_cxx17(void **state)
{
	(void)state;
	if (CXX_COMPILER[0] != '/')
		fail_msg("there is no C++ compiler: install g++");
	compile_headers(as_cxx);
}

static void test_cxx_program(void **state)
{
	(void)state;
	char *source = harness_path("program.source"), *binary = harness_path("program");
	const char *const link[] = {
	    "-x", "none", LIBRARY, "-o", binary, SANITIZERS[0] ? "-fsanitize=" SANITIZERS : "-O1", NULL};
	harness_write_text(source,
	                   "#include <kakehi/family.h>\n"
	                   "#include <kakehi/record.h>\n"
	                   "#include <cstdio>\n"
	                   "struct point { int32_t x, y; };\n"
	                   "static const kk_record_field fields[] = {\n"
	                   "\t{KK_RECORD_MEMBER(\"x\", KK_FIELD_INT, point, x)},\n"
	                   "\t{KK_RECORD_MEMBER(\"y\", KK_FIELD_INT, point, y), 2},\n"
	                   "};\n"
	                   "static const kk_record_schema schema = {\"point\", 2, 0, fields, 2, false, 0};\n"
	                   "int main()\n"
	                   "{\n"
	                   "\tkk_error error;\n"
	                   "\tkk_family *family = kk_family_create(nullptr, &error);\n"
	                   "\tif (!family)\n"
	                   "\t\treturn 1;\n"
	                   "\tunsigned char bytes[64];\n"
	                   "\tpoint from = {1, 2}, to = {0, 0};\n"
	                   "\tint64_t length = kk_record_encode(&schema, &from, bytes, sizeof(bytes), &error);\n"
	                   "\tif (length < 0 || kk_record_decode(&schema, bytes, size_t(length), &to, &error) < 0)\n"
	                   "\t\treturn 2;\n"
	                   "\tstd::printf(\"%%d %%d %%d\\n\", kk_family_seat(family), to.x, to.y);\n"
	                   "\tkk_family_close(family);\n"
	                   "}\n");
	compile(as_cxx, link, source, "a program");
	struct harness_options options = {.limit_ms = LIMIT_MS};
	struct harness_result result = harness_exec((const char *const[]){binary, NULL}, &options);
	assert_int_equal(result.exit_code, 0);
	assert_string_equal(result.out, "1 1 2\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_c11),
    cmocka_unit_test(test_cxx17),
    cmocka_unit_test(test_cxx_program),
};
HARNESS_MAIN(tests)
