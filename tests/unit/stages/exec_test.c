/* SPDX-License-Identifier: Apache-2.0 */
/* The stage exec: programs that do as they should, and programs that do not. The harness looks for children left over.
 */
#include "stage_host.h"
#include "worker/name.h"

#include "harness.h" /* after: it takes the word `fail` */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MIB      (1 << 20)
#define EXAMPLES KAKEHI_SOURCE_DIR "/examples/exec/"

static struct stage_host *host;

static int load(void **state)
{
	(void)state;
	host = stage_host_load(KAKEHI_BUILD_DIR "/stages/exec.so");
	assert_non_null(host->stage);
	stage_host_set(host, "temp", harness_dir());
	stage_host_set(host, "timeout", "20s");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	stage_host_unload(host);
	return 0;
}

/* `arguments` closed by NULL. */
static void command(const char *const arguments[])
{
	for (size_t i = 0; arguments[i]; i++)
		stage_host_set(host, "command", arguments[i]);
}

static void shell(const char *script)
{
	command((const char *const[]){"sh", "-c", script, NULL});
}

/* A standing program; it finds json, os and sys, and `say(text)`. */
static void python(const char *script)
{
	stage_host_set(host, "mode", "standing");
	command((const char *const[]){"python3", "-c", NULL});
	stage_host_set(host, "command",
	               harness_text("import json, os, sys, time\n"
	                            "def say(text): sys.stdout.write(text); sys.stdout.flush()\n%s",
	                            script));
}

static void start(void)
{
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
}

static struct stage_item *put(const char *payload)
{
	return stage_host_put(host, "key", payload, payload ? strlen(payload) : 0);
}

static void expect(const struct stage_item *item, enum kk_verdict verdict, const char *output)
{
	if (item->verdict != verdict)
		fail_msg("verdict %d: %s", (int)item->verdict, item->message);
	assert_int_equal(item->committed, output != NULL);
	if (!output)
		return;
	assert_int_equal(item->size, strlen(output));
	assert_memory_equal(item->output, output, item->size);
}

static void expect_fail(const struct stage_item *item, enum kk_fail_class class, const char *words)
{
	assert_int_equal(item->verdict, KK_FAIL);
	if (item->fail != class || !strstr(item->message, words))
		fail_msg("class %d: %s", (int)item->fail, item->message);
}

static void expect_field(const struct stage_item *item, const char *name, const char *value)
{
	assert_non_null(stage_host_field(item, name));
	assert_string_equal(stage_host_field(item, name), value);
}

static char *large_payload(size_t size)
{
	char *payload = malloc(size);
	assert_non_null(payload);
	for (size_t i = 0; i < size; i++)
		payload[i] = (char)(i * 2654435761U >> 13);
	return payload;
}

/* ---- a program for each item */

static void test_filter(void **state)
{
	(void)state;
	command((const char *const[]){"tr", "a-z", "A-Z", NULL});
	start();
	expect(put("hello"), KK_PASS, "HELLO");
	expect(put(""), KK_PASS, "");
	expect(put(NULL), KK_PASS, "");
	assert_int_equal(host->demand.needs, KK_NEED_EXEC | KK_NEED_READ);
	assert_int_equal(host->demand.takes_ms, 20000);
}

static void test_10_mib_both_ways(void **state)
{
	char *payload = large_payload(10 * MIB);
	(void)state;
	command((const char *const[]){"cat", NULL});
	start();
	struct stage_item *item = stage_host_put(host, "key", payload, 10 * MIB);
	assert_int_equal(item->verdict, KK_PASS);
	assert_int_equal(item->size, 10 * MIB);
	assert_memory_equal(item->output, payload, 10 * MIB);
	free(payload);
}

static void test_files(void **state)
{
	(void)state;
	command((const char *const[]){
	    "sh", "-c", "case $1 in *.txt) ;; *) exit 9;; esac; touch \"$TMPDIR/left\"; rev <\"$1\" >\"$2\"", "sh",
	    "{in.txt}", "{out.a-b.c}", NULL});
	start();
	assert_true(host->demand.needs & KK_NEED_WRITE);
	expect(put("abc\n"), KK_PASS, "cba\n");
	expect(put("xyz\n"), KK_PASS, "zyx\n");
	assert_int_equal(harness_count_files(harness_dir()), 0); /* nothing of an item stays */
}

static void test_braces_that_mean_nothing(void **state)
{
	(void)state;
	command(
	    (const char *const[]){"printf", "%s|", "{", "{in", "{in.}x", "{print $1}", "{}", "{input}", "{id}", NULL});
	start();
	struct stage_item *item = put("x");
	assert_int_equal(item->verdict, KK_PASS);
	/* {in.} is {in} with an odd suffix */
	char *text = harness_text("%.*s", (int)item->size, (char *)item->output);
	assert_non_null(strstr(text, "{|{in|"));
	char id[KK_NAME_ID_SIZE];
	kk_name_id("", item->key, 1, id);
	assert_non_null(strstr(text, harness_text("|{print $1}|{}|{input}|%s|", id)));
}

static void test_facts_of_the_item_are_no_shell_words(void **state)
{
	static const char key[] = "--help; $(touch x) `id` \"'\n";
	(void)state;
	stage_host_set(host, "fields", "a-b");
	stage_host_set(host, "fields", "none");
	stage_host_set(host, "env", "TOKEN=a=b");
	stage_host_set(host, "env", "LANG=xx");
	shell("printf '%s|%s|%s|%s|%s|%s|%s' \"$KAKEHI_KEY\" $KAKEHI_SIZE $KAKEHI_FIELD_A_B $TOKEN $LANG "
	      "${KAKEHI_FIELD_NONE-unset} ${HOME-unset}");
	start();
	struct stage_item *item = stage_host_item(host, key, "four", 4);
	stage_host_add_field(item, "a-b", "v");
	stage_host_give(host, item);
	expect(item, KK_PASS, harness_text("%s|4|v|a=b|xx|unset|unset", key));
}

static void test_facts_from_the_program(void **state)
{
	(void)state;
	stage_host_set(host, "facts", "true");
	stage_host_set(host, "result", "same");
	shell("printf 'width=5\\n\\nbad name=1\\nno value\\ntext=a=b' >&3; echo dropped");
	start();
	struct stage_item *item = put("kept");
	expect(item, KK_PASS, "kept");
	expect_field(item, "width", "5");
	expect_field(item, "text", "a=b");
	assert_int_equal(item->field_count, 2);
	assert_int_equal(host->log_count[KK_LOG_WARNING], 2);
}

static void test_same_without_facts_makes_nothing(void **state)
{
	(void)state;
	stage_host_set(host, "result", "same");
	shell("cat >/dev/null; echo dropped");
	start();
	assert_int_equal(host->demand.largest, 0);
	expect(put("kept"), KK_PASS, NULL);
}

static void test_exit_statuses(void **state)
{
	(void)state;
	stage_host_set(host, "skip_codes", "3");
	stage_host_set(host, "fail_codes", "65=not-an-image");
	stage_host_set(host, "fail_codes", "66=io");
	shell("printf 'first\\nsecond %s\\001\\n\\n' $KAKEHI_KEY >&2; exit $KAKEHI_KEY");
	start();
	expect(stage_host_put(host, "0", NULL, 0), KK_PASS, "");
	expect(stage_host_put(host, "3", NULL, 0), KK_SKIP, NULL);
	expect_fail(stage_host_put(host, "4", NULL, 0), KK_FAIL_OTHER, "exit 4: second 4 ");
	expect_fail(stage_host_put(host, "65", NULL, 0), KK_FAIL_NOT_AN_IMAGE, "exit 65: second 65");
	expect_fail(stage_host_put(host, "66", NULL, 0), KK_FAIL_IO, "exit 66");
}

static void test_killed_by_a_signal(void **state)
{
	(void)state;
	shell("ulimit -c 0; kill -SEGV $$");
	start();
	expect_fail(put("x"), KK_FAIL_CRASHED, "killed by SIGSEGV");
}

static void test_too_late_with_all_its_children(void **state)
{
	(void)state;
	stage_host_set(host, "timeout", "400ms");
	shell("sleep 1000 & setsid sleep 1001 & (sleep 1002 & sleep 1003) & echo waiting >&2; sleep 1004");
	start();
	expect_fail(put("x"), KK_FAIL_TIMEOUT, "it took longer than 0.4 s: waiting");
}

static void test_never_reads(void **state)
{
	char *payload = large_payload(10 * MIB);
	(void)state;
	shell("echo done");
	start();
	struct stage_item *item = stage_host_put(host, "key", payload, 10 * MIB);
	expect(item, KK_PASS, "done\n");
	free(payload);
}

static void test_closes_stdout_early(void **state)
{
	char *payload = large_payload(MIB);
	(void)state;
	shell("echo first; exec >&-; cat >/dev/null; echo last >&2; exit 4");
	start();
	expect_fail(stage_host_put(host, "key", payload, MIB), KK_FAIL_OTHER, "exit 4: last");
	free(payload);
}

static void test_leaves_somebody_who_holds_stdout(void **state)
{
	(void)state;
	uint64_t before = harness_now_ms();
	shell("sleep 1000 & echo ok");
	start();
	expect(put("x"), KK_PASS, "ok\n");
	assert_true(harness_now_ms() - before < 10000);
}

static void test_floods(void **state)
{
	(void)state;
	stage_host_set(host, "max_bytes", "1MiB");
	stage_host_set(host, "timeout", "1s");
	stage_host_set(host, "facts", "true");
	shell("case $KAKEHI_KEY in out) yes;; err) yes >&2;; facts) yes a=b >&3;; esac");
	start();
	expect_fail(stage_host_put(host, "out", NULL, 0), KK_FAIL_TOO_LARGE, "more than max_bytes, 1048576");
	expect_fail(stage_host_put(host, "err", NULL, 0), KK_FAIL_TIMEOUT, "it took longer than 1 s: y");
	expect_fail(stage_host_put(host, "facts", NULL, 0), KK_FAIL_TOO_LARGE, "bytes of facts");
	expect(stage_host_put(host, "none", NULL, 0), KK_PASS, "");
}

static void test_exactly_as_much_as_it_may(void **state)
{
	(void)state;
	stage_host_set(host, "max_bytes", "100000");
	stage_host_set(host, "max_input", "100001");
	command((const char *const[]){"cat", NULL});
	start();
	char *payload = large_payload(100002);
	struct stage_item *item = stage_host_put(host, "key", payload, 100000);
	assert_int_equal(item->verdict, KK_PASS);
	assert_int_equal(item->size, 100000);
	expect_fail(stage_host_put(host, "key", payload, 100001), KK_FAIL_TOO_LARGE, "more than max_bytes");
	expect_fail(stage_host_put(host, "key", payload, 100002), KK_FAIL_TOO_LARGE, "more than max_input");
	free(payload);
}

static void test_bad_files(void **state)
{
	(void)state;
	stage_host_set(host, "max_bytes", "1000");
	command((const char *const[]){"sh", "-c",
	                              "case $KAKEHI_KEY in none) ;; link) ln -s /etc/passwd $1;; fifo) mkfifo $1;; "
	                              "dir) mkdir -p $1/deep/er;; large) head -c 1001 /dev/zero >$1;; esac",
	                              "sh", "{out}", NULL});
	start();
	static const char *const keys[] = {"none", "link", "fifo", "dir"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		expect_fail(stage_host_put(host, keys[i], "x", 1), KK_FAIL_OTHER, "made no file");
	expect_fail(stage_host_put(host, "large", "x", 1), KK_FAIL_TOO_LARGE, "made 1001 bytes");
}

static void test_memory_of_the_program(void **state)
{
	(void)state;
	stage_host_set(host, "memory", "32MiB");
	command((const char *const[]){"python3", "-c", "bytearray(100 << 20)", NULL});
	start();
	expect_fail(put("x"), KK_FAIL_OTHER, "MemoryError");
}

static void test_what_a_dead_worker_left_is_swept(void **state)
{
	(void)state;
	char *dead = harness_path("kakehi-exec.dead00"), *alive = harness_path("kakehi-exec.alive0");
	harness_make_dir(dead);
	harness_make_dir(harness_text("%s/sub", dead));
	harness_write_text(harness_text("%s/sub/in", dead), "x");
	harness_make_dir(alive);
	int fd = open(alive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	command((const char *const[]){"cat", "{in}", NULL});
	start();
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(alive, F_OK), 0);
	expect(put("abc"), KK_PASS, "abc");
	close(fd);
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *name, *value, *other, *says;
	} cases[] = {
	    {"command", "no-such-program", NULL, "no program \"no-such-program\" that may be executed in PATH"},
	    {"command", "/etc/passwd", NULL, "no program \"/etc/passwd\" that may be executed"},
	    {"command", "", NULL, "there is no program in it"},
	    {"env", "NAME", NULL, "NAME=value"},
	    {"env", "1X=a", NULL, "NAME=value"},
	    {"skip_codes", "0", NULL, "not an exit status"},
	    {"skip_codes", "256", NULL, "not an exit status"},
	    {"skip_codes", "3x", NULL, "not an exit status"},
	    {"fail_codes", "3", NULL, "failure class"},
	    {"fail_codes", "3=", NULL, "failure class"},
	    {"fail_codes", "3=odd", NULL, "failure class"},
	    {"fields", "", NULL, "a name is empty"},
	    {"mode", "standing", "{in}", "no {in}"},
	    {"result", "same", "{out.png}", "no use for {out}"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stage_host *other = stage_host_load(KAKEHI_BUILD_DIR "/stages/exec.so");
		if (strcmp(cases[i].name, "command") != 0)
			stage_host_set(other, "command", "cat");
		if (cases[i].other)
			stage_host_set(other, "command", cases[i].other);
		stage_host_set(other, cases[i].name, cases[i].value);
		assert_int_equal(stage_host_plan(other), -1);
		if (!strstr(other->why, cases[i].says))
			fail_msg("%s: %s: %s", cases[i].name, cases[i].value, other->why);
		stage_host_unload(other);
	}
}

/* ---- a standing program */

static void test_standing(void **state)
{
	(void)state;
	python("n = 0\n"
	       "for line in sys.stdin:\n"
	       "    ask = json.loads(line)\n"
	       "    n += 1\n"
	       "    data = os.pread(3, ask['size'], 0)\n"
	       "    os.pwrite(4, data[::-1], 0)\n"
	       "    say(json.dumps({'size': len(data), 'fields': {'n': str(n), 'pid': str(os.getpid())}}) + '\\n')\n");
	start();
	struct stage_item *first = put("abc"), *second = put(""), *third = put("much longer");
	expect(first, KK_PASS, "cba");
	expect(second, KK_PASS, "");
	expect(third, KK_PASS, "regnol hcum");
	expect_field(third, "n", "3");
	assert_string_equal(stage_host_field(first, "pid"), stage_host_field(third, "pid"));
}

static void test_standing_10_mib_both_ways(void **state)
{
	char *payload = large_payload(10 * MIB);
	(void)state;
	python("for line in sys.stdin:\n"
	       "    size = json.loads(line)['size']\n"
	       "    os.pwrite(4, os.pread(3, size, 0), 0)\n"
	       "    say('{\"size\": %d}\\n' % size)\n");
	start();
	for (unsigned i = 0; i < 3; i++) {
		payload[0] = (char)i;
		struct stage_item *item = stage_host_put(host, "key", payload, 10 * MIB);
		assert_int_equal(item->verdict, KK_PASS);
		assert_int_equal(item->size, 10 * MIB);
		assert_memory_equal(item->output, payload, 10 * MIB);
	}
	free(payload);
}

static void test_question(void **state)
{
	(void)state;
	stage_host_set(host, "fields", "lang");
	stage_host_set(host, "fields", "none");
	python("for line in sys.stdin:\n"
	       "    ask = json.loads(line)\n"
	       "    raw = os.fsencode(ask['key'])\n"
	       "    text = ('%d %s %r' % (ask['protocol'], ask['fields'], raw)).encode()\n"
	       "    os.pwrite(4, text, 0)\n"
	       "    say('{\"size\": %d}\\n' % len(text))\n");
	start();
	struct stage_item *item = stage_host_item(host, "a\"\\\n\xff\xc3\xa9\xed\xa0\x80", NULL, 0);
	stage_host_add_field(item, "lang", "\xe6\x97\xa5");
	stage_host_give(host, item);
	expect(item, KK_PASS, "1 {'lang': '\xe6\x97\xa5'} b'a\"\\\\\\n\\xff\\xc3\\xa9\\xed\\xa0\\x80'");
}

static void test_answers(void **state)
{
	(void)state;
	python("for line in sys.stdin:\n"
	       "    say(os.pread(3, json.loads(line)['size'], 0).decode())\n");
	stage_host_set(host, "max_bytes", "1000");
	start();
	expect(put("{}\n"), KK_PASS, NULL);
	expect(put("{\"verdict\":\"skip\"}\n"), KK_SKIP, NULL);
	expect_fail(put("{\"verdict\":\"fail\"}\n"), KK_FAIL_OTHER, "the program says so");
	expect_fail(put("{\"verdict\":\"fail\",\"class\":\"io\",\"message\":\"why\"}\n"), KK_FAIL_IO, "why");
	struct stage_item *item = put("{\"fields\":{\"a\":\"b\",\"bad name\":\"c\"}}\n");
	expect(item, KK_PASS, "{\"fields\":{\"a\":\"b\",\"bad name\":\"c\"}}\n");
	expect_field(item, "a", "b");
	expect_fail(put("{\"size\":1001}\n"), KK_FAIL_TOO_LARGE, "made 1001 bytes");
	assert_int_equal(host->log_count[KK_LOG_WARNING], 1); /* the bad name: it never had to be started anew */
}

/* Each of these makes the program one that is not trusted any more; the next item is served by a new one. */
static void test_nonsense(void **state)
{
	static const struct {
		const char *says, *words;
	} cases[] = {
	    {"garbage\n", "no JSON object"},
	    {"[]\n", "no JSON object"},
	    {"\n", "no JSON object"},
	    {"{}{}\n", "no JSON object"},
	    {"{}\n{}\n", "more than one line"},
	    {"{\"sise\":1}\n", "unknown member \"sise\""},
	    {"{\"size\":-1}\n", "\"size\" is no number"},
	    {"{\"size\":\"1\"}\n", "\"size\" is no number"},
	    {"{\"size\":1,\"size\":2}\n", "no JSON object"},
	    {"{\"verdict\":\"perhaps\"}\n", "\"verdict\""},
	    {"{\"class\":\"odd\"}\n", "\"class\""},
	    {"{\"message\":1}\n", "\"message\""},
	    {"{\"fields\":[]}\n", "\"fields\""},
	    {"{\"fields\":{\"\":\"x\"}}\n", "\"fields\""},
	    {"{\"fields\":{\"a\":1}}\n", "\"fields\""},
	    {"\xff\n", "no JSON object"},
	};
	(void)state;
	python("for line in sys.stdin:\n"
	       "    sys.stdout.buffer.write(os.pread(3, json.loads(line)['size'], 0))\n"
	       "    sys.stdout.flush()\n");
	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_fail(put(cases[i].says), KK_FAIL_OTHER, cases[i].words);
	expect(put("{\"verdict\":\"skip\"}\n"), KK_SKIP, NULL);
}

static void test_ends_of_a_standing_program(void **state)
{
	(void)state;
	stage_host_set(host, "timeout", "1500ms");
	python("for line in sys.stdin:\n"
	       "    what = json.loads(line)['key']\n"
	       "    print('about to', what, file=sys.stderr, flush=True)\n"
	       "    if what == 'half': say('{\"size'); os._exit(3)\n"
	       "    if what == 'die': os.kill(os.getpid(), 9)\n"
	       "    if what == 'late': time.sleep(1000)\n"
	       "    if what == 'long': say('x' * 100000)\n"
	       "    if what == 'hang up': os.close(1); time.sleep(1000)\n"
	       "    say('{\"verdict\":\"skip\"}\\n')\n"
	       "    if what == 'later': os._exit(5)\n"
	       "    if what == 'twice': say('{}\\n')\n");
	start();
	expect_fail(stage_host_put(host, "half", NULL, 0), KK_FAIL_OTHER, "no answer, exit 3: about to half");
	expect_fail(stage_host_put(host, "die", NULL, 0), KK_FAIL_CRASHED, "killed by SIGKILL: about to die");
	expect_fail(stage_host_put(host, "late", NULL, 0), KK_FAIL_TIMEOUT, "within 1.5 s: about to late");
	expect_fail(stage_host_put(host, "long", NULL, 0), KK_FAIL_TOO_LARGE, "longer than 65536 bytes");
	expect_fail(stage_host_put(host, "hang up", NULL, 0), KK_FAIL_CRASHED, "no answer");
	expect(stage_host_put(host, "fine", NULL, 0), KK_SKIP, NULL);
}

static bool has_ended(void *arg)
{
	char *stat = harness_read(harness_text("/proc/%s/stat", (char *)arg), NULL);
	char *state = strrchr(stat, ')');
	return state && state[2] == 'Z';
}

/* It dies when nobody asks it anything: no item pays for that. */
static void test_death_between_two_items(void **state)
{
	(void)state;
	python("for line in sys.stdin:\n"
	       "    say(json.dumps({'fields': {'pid': str(os.getpid())}}) + '\\n')\n"
	       "    os._exit(5)\n");
	start();
	for (unsigned i = 0; i < 3; i++) {
		struct stage_item *item = put("x");
		expect(item, KK_PASS, "x");
		assert_true(harness_wait_until(has_ended, (char *)(uintptr_t)stage_host_field(item, "pid"), 10000));
	}
	assert_int_equal(host->log_count[KK_LOG_WARNING], 2);
	assert_non_null(strstr(host->last_log, "exit 5"));
}

static void test_drain_lets_it_finish(void **state)
{
	(void)state;
	python(harness_text("for line in sys.stdin: say('{}\\n')\n"
	                    "open('%s/farewell', 'w').write('x')\n",
	                    harness_dir()));
	start();
	expect(put("x"), KK_PASS, NULL);
	assert_int_equal(stage_host_stop(host), 0);
	assert_int_equal(access(harness_path("farewell"), F_OK), 0);
}

/* ---- the examples */

static void test_example_in_sh(void **state)
{
	(void)state;
	stage_host_set(host, "facts", "true");
	stage_host_set(host, "skip_codes", "3");
	stage_host_set(host, "env", "KEEP=2");
	command((const char *const[]){EXAMPLES "sh/head.sh", "{in.txt}", NULL});
	start();
	struct stage_item *item = put("a\nb\nc\n");
	expect(item, KK_PASS, "a\nb\n");
	expect_field(item, "lines", "3");
	expect(put(""), KK_SKIP, NULL);
	expect_fail(put("\xff\xff"), KK_FAIL_OTHER, "exit 1: key is no text");
}

static void test_example_in_python(void **state)
{
	(void)state;
	stage_host_set(host, "mode", "standing");
	stage_host_set(host, "max_bytes", "100");
	command((const char *const[]){EXAMPLES "python/words.py", NULL});
	start();
	struct stage_item *item = put("b a b");
	expect(item, KK_PASS, "{\"b\": 2, \"a\": 1}");
	expect_field(item, "words", "3");
	expect(put(""), KK_SKIP, NULL);
	expect_fail(stage_host_put(host, "k\xff", "\xff", 1), KK_FAIL_OTHER,
	            "is no text: invalid start byte at byte 0");
	char many[400];
	memset(many, 'x', sizeof(many));
	expect_fail(stage_host_put(host, "key", many, sizeof(many)), KK_FAIL_TOO_LARGE, "are too many");
	expect(put("c"), KK_PASS, "{\"c\": 1}");
	assert_int_equal(host->log_count[KK_LOG_WARNING], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, load, unload)

static const struct CMUnitTest tests[] = {
    TEST(test_filter),
    TEST(test_10_mib_both_ways),
    TEST(test_files),
    TEST(test_braces_that_mean_nothing),
    TEST(test_facts_of_the_item_are_no_shell_words),
    TEST(test_facts_from_the_program),
    TEST(test_same_without_facts_makes_nothing),
    TEST(test_exit_statuses),
    TEST(test_killed_by_a_signal),
    TEST(test_too_late_with_all_its_children),
    TEST(test_never_reads),
    TEST(test_closes_stdout_early),
    TEST(test_leaves_somebody_who_holds_stdout),
    TEST(test_floods),
    TEST(test_exactly_as_much_as_it_may),
    TEST(test_bad_files),
    TEST(test_memory_of_the_program),
    TEST(test_what_a_dead_worker_left_is_swept),
    cmocka_unit_test(test_wrong_options),
    TEST(test_standing),
    TEST(test_standing_10_mib_both_ways),
    TEST(test_question),
    TEST(test_answers),
    TEST(test_nonsense),
    TEST(test_ends_of_a_standing_program),
    TEST(test_death_between_two_items),
    TEST(test_drain_lets_it_finish),
    TEST(test_example_in_sh),
    TEST(test_example_in_python),
};
HARNESS_MAIN(tests)
