/* SPDX-License-Identifier: Apache-2.0 */
/* The source `list`: objects, tables without a header, what is packed, and standard input. */
#include "source_test.h"

#include "harness.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static const char *list_of(const char *name, const void *bytes, size_t size)
{
	const char *path = harness_path("%s", name);
	harness_write(path, bytes, size);
	return path;
}
#define LIST(name, bytes) list_of(name, bytes, sizeof(bytes) - 1)

static void assert_items(const char *const *options, const char *expected)
{
	assert_string_equal(source_all("list", options), expected);
	source_resumes_everywhere("list", options);
}

static void test_objects(void **state)
{
	const char *path =
	    LIST("a.ndjson", "{\"url\":\"u1\",\"n\":7,\"ok\":true,\"x\":1.5,\"no\":null,\"in\":{\"a\":\"b\"}}\n\n"
	                     "{\"url\":\"h\\u00e9\",\"t\":\"a\\nb\"}\r\n{\"url\":12}\n");
	(void)state;
	assert_items(OPTIONS("path", path), "u1 n=7 ok=true x=1.5\nh\xc3\xa9 t=a\\nb\n12\n");
	assert_items(OPTIONS("path", path, "fields", "in.a", "fields", "in", "fields", "n"),
	             "u1 in.a=b in={\"a\":\"b\"} n=7\nh\xc3\xa9\n12\n");
	assert_items(
	    OPTIONS("path", LIST("b.jsonl", "{\"image\":{\"url\":\"u\"},\"n\":1}"), "key", "image.url", "fields", "n"),
	    "u n=1\n");
}

static void test_what_is_no_object(void **state)
{
	(void)state;
	assert_items(
	    OPTIONS("path", LIST("a.ndjson", "{\"url\":\"u1\"}\n[1]\n{\"url\":[]}\n{\"u\n{\"url\":\"u2\"} x\n"
	                                     "{\"url\":\"\"}\n{\"url\":\"a\\u0000b\"}\nnull\n\"u\"\n{\"url\":\"u3\"}")),
	    "u1\n! [1]: line 2: not an object\n! {\"url\":[]}: line 3: no member \"url\" that is a string\n"
	    "! {\"u: line 4: not JSON: premature end of input near '\"u' at column 3\n"
	    "! {\"url\":\"u2\"} x: line 5: not JSON: end of file expected near 'x' at column 14\n"
	    "! line 6: line 6: the key is empty\n"
	    "! {\"url\":\"a\\u0000b\"}: line 7: not JSON: \\u0000 is not allowed without JSON_ALLOW_NUL near "
	    "'\"a\\u0000b\"' at column 17\n"
	    "! null: line 8: not an object\n! \"u\": line 9: not an object\nu3\n");
}

static void test_columns(void **state)
{
	const char *path = LIST("a.csv", "id,url,title,note\n1,u1,T,x\n2,u2,,y\n");
	(void)state;
	assert_items(OPTIONS("path", path, "fields", "title"), "u1 title=T\nu2 title=\n");
	assert_items(OPTIONS("path", path, "key", "1", "fields", "url", "fields", "id"),
	             "1 id=1 url=u1\n2 id=2 url=u2\n");
	assert_items(
	    OPTIONS("path", LIST("b.csv", "u1;\"a;b\";\nu2;;z"), "header", "false", "key", "1", "separator", ";"),
	    "u1 2=a;b 3=\nu2 2= 3=z\n");
	assert_items(OPTIONS("path", LIST("c.csv", "# of today\nurl,n\n#u0,1\nu1,2\n#\"\nu2,3\n"), "comment", "#"),
	             "u1 n=2\nu2 n=3\n");
	assert_items(OPTIONS("path", LIST("d.txt", "//a\nb\n//"), "comment", "//"), "b\n");
	assert_items(
	    OPTIONS("path",
	            LIST("e.txt", "short\n0123456789012345678901234567890123456789012345678901234567890123x\nend\n"),
	            "max_line", "64"),
	    "short\n! 0123456789012345678901234567890123456789012345678901234567890123x: line 2: longer than "
	    "max_line, 64 bytes\nend\n");
	assert_non_null(
	    strstr(source_plan_error("list", OPTIONS("path", path, "fields", "titel")), "no column \"titel\""));
	assert_non_null(strstr(source_plan_error("list", OPTIONS("path", path, "key", "5")), "no column \"5\""));
	assert_non_null(strstr(source_plan_error("list", OPTIONS("path", path, "separator", "ab")), "one character"));
}

/* ---- packed */

static size_t gzip(const void *from, size_t size, unsigned char *to, size_t room)
{
	z_stream stream = {.next_in = (unsigned char *)(uintptr_t)from, .avail_in = (uInt)size};
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_out = to;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	size_t length = room - stream.avail_out;
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return length;
}

static size_t pack(bool zstd, const char *from, size_t size, unsigned char *to, size_t room)
{
	if (!zstd)
		return gzip(from, size, to, room);
	size_t packed = ZSTD_compress(to, room, from, size, 1);
	assert_false(ZSTD_isError(packed));
	return packed;
}

/* Two pieces, cut within a line, and between them nothing at all, packed. */
static const char *packed_list(bool zstd, const char *name, const char *text, size_t damage)
{
	unsigned char *bytes = harness_keep(malloc(1 << 20));
	size_t whole = strlen(text), half = whole / 2 + 1;
	size_t size = pack(zstd, text, half, bytes, 1 << 20);
	size += pack(zstd, "", 0, bytes + size, (1 << 20) - size);
	size += pack(zstd, text + half, whole - half, bytes + size, (1 << 20) - size);
	if (damage)
		bytes[size - damage] ^= 0x55;
	return list_of(name, bytes, size);
}

static void test_packed(void **state)
{
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		const char *text = "url,t\r\nu1,\"a\nb\"\nu2,c\nu3,d";
		const char *path = packed_list(zstd, zstd ? "a.csv.zst" : "a.csv.gz", text, 0);
		assert_items(OPTIONS("path", path), "u1 t=a\\nb\nu2 t=c\nu3 t=d\n");
		path = packed_list(zstd, "b.txt", "u1\nu2\nu3\n", 0);
		assert_items(OPTIONS("path", path), "u1\nu2\nu3\n");
	}
}

static void test_packed_and_damaged(void **state)
{
	unsigned char bytes[200];
	(void)state;
	for (int zstd = 0; zstd < 2; zstd++) {
		/* What came before the damage is there; then there is one failure, and no second one for an heir. */
		struct kk_position last[3];
		size_t size = pack(zstd, "u1\nu2\n", 6, bytes, sizeof(bytes));
		memcpy(bytes + size, "garbage.", 8);
		const char *path = list_of("a.txt", bytes, size + 8);
		struct stage_host *host = source_start("list", OPTIONS("path", path), NULL);
		const char *all = source_rest(host, last, 3);
		assert_memory_equal(all, "u1\nu2\n! line 3: line 3: not ", 28);
		assert_non_null(strstr(all, zstd ? "zstd, or damaged" : "gzip, or damaged"));
		assert_non_null(strstr(all, harness_text("at byte %zu of the file", size)));
		assert_int_equal(harness_count_lines(all), 3);
		stage_host_unload(host);
		host = source_start("list", OPTIONS("path", path), &last[2]);
		assert_string_equal(source_rest(host, NULL, 0), "");
		stage_host_unload(host);

		path = list_of("b.txt", bytes, size - 2);
		assert_non_null(strstr(source_all("list", OPTIONS("path", path)), "what is packed ends in the middle"));
	}
	/* A checksum that does not fit. */
	const char *path = packed_list(false, "c.csv", "url,t\nu1,x\nu2,y\n", 6);
	assert_non_null(strstr(source_all("list", OPTIONS("path", path)), "gzip, or damaged (incorrect data check)"));
}

/* More than any window of the text: half a million lines out of a few kilobytes. */
static void test_much_out_of_little(void **state)
{
	static const char line[] = "http://example.org/the/same/all/over/again.jpg\n";
	size_t length = sizeof(line) - 1, count = 100000;
	char *text = harness_keep(malloc(length * count));
	unsigned char *bytes = harness_keep(malloc(1 << 20));
	(void)state;
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * length, line, length);
	for (int zstd = 0; zstd < 2; zstd++) {
		size_t size = pack(zstd, text, length * count, bytes, 1 << 20), found = 0;
		const char *path = list_of("much.txt", bytes, size);
		struct stage_host *host = source_start("list", OPTIONS("path", path), NULL);
		for (struct stage_item *item = NULL;; found++) {
			item = stage_host_next(host);
			if (item->verdict == KK_END)
				break;
			assert_int_equal(strlen(item->key), length - 1);
			stage_host_forget(host, item);
		}
		assert_int_equal(found, count);
		stage_host_unload(host);
	}
}

/* ---- standard input */

struct input {
	int keep[KK_KEEP_KINDS];
	int saved;
};

/* Makes `fd` the standard input of what follows, and something to keep it in. */
static void input_open(struct input *input, int fd)
{
	input->saved = dup(STDIN_FILENO);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	input->keep[KK_KEEP_FILE] = memfd_create("kept", MFD_CLOEXEC);
	assert_true(input->keep[KK_KEEP_FILE] >= 0);
	assert_int_equal(pipe2(&input->keep[KK_KEEP_PIPE_READ], O_CLOEXEC), 0);
}

static void input_close(struct input *input)
{
	assert_int_equal(dup2(input->saved, STDIN_FILENO), STDIN_FILENO);
	close(input->saved);
	for (int i = 0; i < KK_KEEP_KINDS; i++)
		close(input->keep[i]);
}

static struct stage_host *input_start(const struct input *input, const char *stage, const char *const *options,
                                      struct kk_position from)
{
	struct stage_host *host = stage_host_load(harness_text("%s/stages/%s.so", KAKEHI_BUILD_DIR, stage));
	if (!host->stage)
		fail_msg("%s", host->why);
	for (; *options; options += 2)
		stage_host_set(host, options[0], options[1]);
	memcpy(host->keep, input->keep, sizeof(host->keep));
	host->context.position = from;
	assert_int_equal(stage_host_plan(host), 0);
	assert_true(host->demand.needs & KK_NEED_KEEP);
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
	return host;
}

/* The next item: its key, "!" with the reason, or NULL at the end. */
static const char *next_key(struct stage_host *host, struct kk_position *position)
{
	struct stage_item *item;
	do
		item = stage_host_next(host);
	while (item->verdict == KK_LATER);
	*position = item->item.position;
	return item->verdict == KK_END    ? NULL
	       : item->verdict == KK_FAIL ? harness_text("!%s", item->message)
	                                  : item->key;
}

static void write_to(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Whoever reads a pipe has taken out more of it than the items that were made: all of it is the heir's. */
static void heirs_of_input(int ends[2], bool delivers_at_once)
{
	struct input input;
	struct kk_position at = {0}, later;
	input_open(&input, ends[0]);
	struct stage_host *host = input_start(&input, "stdin", OPTIONS("format", "csv"), at);
	write_to(ends[1], "n,url\n1,u1\n2,u2\n3,u3\n4,u");
	assert_string_equal(next_key(host, &at), "u1");
	assert_string_equal(next_key(host, &later), "u2");
	if (delivers_at_once)
		assert_int_equal(stage_host_next(host)->verdict, KK_PASS);
	stage_host_unload(host);

	host = input_start(&input, "list", OPTIONS("path", "-", "format", "csv"), at);
	assert_string_equal(next_key(host, &at), "u2");
	assert_string_equal(next_key(host, &at), "u3");
	write_to(ends[1], "4\n5,u5");
	assert_string_equal(next_key(host, &at), "u4");
	stage_host_unload(host);

	host = input_start(&input, "stdin", OPTIONS("format", "csv"), at);
	assert_int_equal(stage_host_next(host)->verdict, KK_LATER);
	close(ends[1]);
	assert_string_equal(next_key(host, &at), "u5");
	assert_null(next_key(host, &later));
	stage_host_unload(host);
	input_close(&input);
}

static void test_heirs_of_a_pipe_and_of_a_socket(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	heirs_of_input(ends, true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	heirs_of_input(ends, true);
}

static void test_input_that_is_a_file(void **state)
{
	struct input input;
	struct kk_position at = {0};
	int fd = open(LIST("a.txt", "somebody else's\nu1\nu2\n"), O_RDONLY);
	(void)state;
	assert_int_equal(lseek(fd, 16, SEEK_SET), 16);
	input_open(&input, fd);
	struct stage_host *host = input_start(&input, "stdin", OPTIONS("format", "text"), at);
	assert_string_equal(next_key(host, &at), "u1");
	stage_host_unload(host);
	host = input_start(&input, "stdin", OPTIONS("format", "text"), at);
	assert_string_equal(next_key(host, &at), "u2");
	assert_null(next_key(host, &at));
	stage_host_unload(host);
	input_close(&input);
}

static void test_input_without_its_header(void **state)
{
	struct input input;
	struct kk_position at = {0};
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	input_open(&input, ends[0]);
	struct stage_host *host = input_start(&input, "stdin", OPTIONS("format", "csv"), at);
	write_to(ends[1], "id,link\n1,u1\n");
	close(ends[1]);
	assert_string_equal(next_key(host, &at), "!line 1: no column \"url\"; the columns are: id, link");
	assert_null(next_key(host, &at));
	stage_host_unload(host);
	input_close(&input);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_objects),
    cmocka_unit_test(test_what_is_no_object),
    cmocka_unit_test(test_columns),
    cmocka_unit_test(test_packed),
    cmocka_unit_test(test_packed_and_damaged),
    cmocka_unit_test(test_much_out_of_little),
    cmocka_unit_test(test_heirs_of_a_pipe_and_of_a_socket),
    cmocka_unit_test(test_input_that_is_a_file),
    cmocka_unit_test(test_input_without_its_header),
};
HARNESS_MAIN(tests)
