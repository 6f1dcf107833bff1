/* SPDX-License-Identifier: Apache-2.0 */
/* The source `list`: lines and rows, what is wrong with some of them, and going on from everywhere. */
#include "source_test.h"

#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Writes `bytes` to a file of this name; returns its path. */
static const char *list_of(const char *name, const char *bytes, size_t size)
{
	const char *path = harness_path("%s", name);
	harness_write(path, bytes, size);
	return path;
}
#define LIST(name, bytes) list_of(name, bytes, sizeof(bytes) - 1)

static void assert_list(const char *path, const char *expected)
{
	assert_string_equal(source_all("list", OPTIONS("path", path)), expected);
	source_resumes_everywhere("list", OPTIONS("path", path));
}

static void test_lines(void **state)
{
	(void)state;
	assert_list(LIST("a.txt", "one\ntwo\nthree\n"), "one\ntwo\nthree\n");
	assert_list(LIST("b.txt", "one\r\n\r\n \t \n  two words \t\r\nthree"), "one\ntwo words\nthree\n");
	assert_list(LIST("c.txt", "\xef\xbb\xbfone\n\"two\",2\n# three\n"), "one\n\"two\",2\n# three\n");
	assert_list(LIST("d", "h\xc3\xa9\n\xe2\x82\xac\n\xf0\x9f\x98\x80\n"),
	            "h\xc3\xa9\n\xe2\x82\xac\n\xf0\x9f\x98\x80\n");
}

static void test_nothing_in_it(void **state)
{
	(void)state;
	assert_string_equal(source_all("list", OPTIONS("path", LIST("a.txt", ""))), "");
	assert_string_equal(source_all("list", OPTIONS("path", LIST("b.txt", "\n\r\n   \n"))), "");
	assert_string_equal(source_all("list", OPTIONS("path", LIST("c.csv", "url,x\r\n"))), "");
	assert_string_equal(source_all("list", OPTIONS("path", LIST("d.csv", "\xef\xbb\xbfurl"))), "");
}

static void test_rows(void **state)
{
	(void)state;
	assert_list(LIST("a.csv", "url,title\nu1,T\nu2,\n"), "u1 title=T\nu2 title=\n");
	assert_list(LIST("b.csv", "\xef\xbb\xbfid, url ,\r\n7, u1 ,x\r\n\r\n8,u2,y"), "u1 id=7\nu2 id=8\n");
	assert_list(LIST("c.TSV", "title\turl\na,b\tu1\n\"x\ty\"\tu2\n"), "u1 title=a,b\nu2 title=x\\ty\n");
	assert_string_equal(source_all("list", OPTIONS("path", LIST("d.dat", "k;url\n"), "format", "text")), "k;url\n");
	assert_string_equal(
	    source_all("list", OPTIONS("path", LIST("e.txt", "src,n\nu1,2\n"), "format", "csv", "key", "src")),
	    "u1 n=2\n");
}

static void test_quotes(void **state)
{
	(void)state;
	assert_list(LIST("a.csv", "url,t\n\"u,1\",\"say \"\"hi\"\"\"\nu2,\"\"\nu3,\"\"\"\"\n\"u4\",\"a,b\"\r\n"),
	            "u,1 t=say \"hi\"\nu2 t=\nu3 t=\"\nu4 t=a,b\n");
	assert_list(LIST("b.csv", "url,t\nu1,\"two\nlines\"\nu2,\"three\r\n\r\nlines\"\nu3,5\"\n"),
	            "u1 t=two\\nlines\nu2 t=three\\r\\n\\r\\nlines\nu3 t=5\"\n");
	assert_list(LIST("c.csv", "\"u\nrl\",\"url\"\n1,u1\n"), "u1 u\\nrl=1\n");
	assert_list(LIST("d.csv", "url,t\nu1,\"last\""), "u1 t=last\n");
}

static void test_faults_of_one_record(void **state)
{
	(void)state;
	assert_list(
	    LIST("a.txt", "ok\nb\xff"
	                  "d\nnul\0x\n\xc0\xaf\ntab\tx\nend\n"),
	    "ok\n! b?d: line 2: not valid UTF-8\n! nul?x: line 3: has a NUL byte\n! ??: line 4: not valid UTF-8\n"
	    "! tab?x: line 5: has a control character\nend\n");
	assert_list(LIST("b.csv", "url,t\nu1\nu2,a,b\n,x\nu4,\xfe\nu5,\"a\"b\nu6,ok\n"),
	            "! u1: line 2: 1 columns, the header row has 2\n! u2: line 3: 3 columns, the header row has 2\n"
	            "! line 4: line 4: the key is empty\n! u4: line 5: a column is not valid UTF-8 text\n"
	            "! line 6: line 6: text behind a closing quote\nu6 t=ok\n");
	assert_list(LIST("c.txt", "\xed\xa0\x80\n\xf4\x90\x80\x80\n\xe0\x80\x80\n\xc3\n\xf0\x9f\x98\n"),
	            "! ???: line 1: not valid UTF-8\n! ????: line 2: not valid UTF-8\n! ???: line 3: not valid UTF-8\n"
	            "! ?: line 4: not valid UTF-8\n! ???: line 5: not valid UTF-8\n");
}

/* A stray quote costs its own line, not the rest of the file. */
static void test_an_unclosed_quote(void **state)
{
	(void)state;
	assert_list(LIST("a.csv", "url,t\nu1,a\nu2,\"stray\nu3,b\nu4,c\n"),
	            "u1 t=a\n! u2,\"stray: line 3: a quoted field is not closed within 65536 bytes\nu3 t=b\nu4 t=c\n");
}

static void append(FILE *to, char what, size_t count, const char *end)
{
	for (; count; count--)
		fputc(what, to);
	fputs(end, to);
}

static const char *list_with_long_lines(const char *name, const char *head)
{
	const char *path = harness_path("%s", name);
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	fputs(head, to);
	append(to, 'a', 65536, "\n");
	append(to, 'b', 65537, "\r\n");
	append(to, 'c', 65538, "\nshort\n");
	append(to, 'd', 1000000, "\n");
	append(to, 'e', 65536, "\r\n");
	append(to, 'f', 300000, "");
	assert_int_equal(fclose(to), 0);
	return path;
}

static void test_lines_longer_than_a_record(void **state)
{
	static const char *const cases[][2] = {{"a.txt", ""}, {"a.csv", "url\n"}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *path = list_with_long_lines(cases[i][0], cases[i][1]);
		char *all = source_all("list", OPTIONS("path", path));
		assert_int_equal(harness_count_lines(all), 7);
		assert_int_equal(strlen(harness_line(all, 0)), 65536);
		assert_string_equal(harness_line(all, 3), "short");
		assert_int_equal(strlen(harness_line(all, 5)), 65536);
		for (size_t k = 1; k < 7; k += k == 2 ? 2 : k == 4 ? 2 : 1) {
			assert_memory_equal(harness_line(all, k), "! ", 2);
			assert_non_null(strstr(harness_line(all, k), "longer than max_line, 65536 bytes"));
		}
		source_resumes_everywhere("list", OPTIONS("path", path));
	}
}

/* Records across every boundary of the window and of the buffer. */
static void test_many_records(void **state)
{
	const char *path = harness_path("many.csv");
	FILE *to = fopen(path, "w");
	struct kk_position middle = {0};
	(void)state;
	assert_non_null(to);
	fputs("n,url,text\r\n", to);
	for (int i = 0; i < 30000; i++) {
		fprintf(to, "%d,http://example.org/%d,\"", i, i);
		for (int k = 0; k < i % 50; k++)
			fputs(k % 3 ? "\r\n" : "\"\",", to);
		fputs("\"\r\n", to);
	}
	assert_int_equal(fclose(to), 0);
	struct stage_host *host = source_start("list", OPTIONS("path", path), NULL);
	for (int i = 0; i < 30000; i++) {
		struct stage_item *item = stage_host_next(host);
		assert_int_equal(item->verdict, KK_PASS);
		assert_string_equal(item->key, harness_text("http://example.org/%d", i));
		assert_int_equal(strlen(stage_host_field(item, "text")), i % 50 * 2);
		if (i == 17000)
			middle = item->item.position;
		stage_host_forget(host, item);
	}
	assert_int_equal(stage_host_next(host)->verdict, KK_END);
	stage_host_unload(host);
	host = source_start("list", OPTIONS("path", path), &middle);
	assert_string_equal(stage_host_field(stage_host_next(host), "n"), "17001");
	stage_host_unload(host);
}

static void test_what_plan_refuses(void **state)
{
	const char *directory = harness_path("directory"), *pipe = harness_path("pipe");
	(void)state;
	harness_make_dir(directory);
	assert_int_equal(mkfifo(pipe, 0600), 0);
#define REFUSES(part, ...) assert_non_null(strstr(source_plan_error("list", OPTIONS(__VA_ARGS__)), part))
	REFUSES("required", "format", "csv");
	REFUSES("No such file", "path", harness_path("none.txt"));
	REFUSES("not a regular file", "path", directory);
	REFUSES("not a regular file", "path", pipe);
	REFUSES("columns are: id, link", "path", LIST("a.csv", "id,link\n1,u\n"));
	REFUSES("two columns", "path", LIST("b.csv", "url,t,t\n"));
	REFUSES("not a header row", "path", LIST("c.csv", ""));
	REFUSES("not a header row", "path", LIST("d.csv", "ur\xffl\n"));
	REFUSES("closing quote", "path", LIST("e.csv", "\"url\"x,t\n"));
	REFUSES("within max_line bytes", "path", LIST("f.csv", "\"url,t\n"));
#undef REFUSES
}

static void test_a_list_that_became_shorter(void **state)
{
	struct kk_position far = {.at = 1000, .extra = 10};
	struct stage_host *host = source_start("list", OPTIONS("path", LIST("a.txt", "one\n")), &far);
	(void)state;
	assert_string_equal(source_rest(host, NULL, 0), "");
	assert_int_equal(host->log_count[KK_LOG_WARNING], 1);
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines),
    cmocka_unit_test(test_nothing_in_it),
    cmocka_unit_test(test_rows),
    cmocka_unit_test(test_quotes),
    cmocka_unit_test(test_faults_of_one_record),
    cmocka_unit_test(test_an_unclosed_quote),
    cmocka_unit_test(test_lines_longer_than_a_record),
    cmocka_unit_test(test_many_records),
    cmocka_unit_test(test_what_plan_refuses),
    cmocka_unit_test(test_a_list_that_became_shorter),
};
HARNESS_MAIN(tests)
