/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log: which are wanted, what they look like, that they never mix. */
#include "harness.h"
#include "log/levels.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/log.h>
#include <kakehi/process.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool wants(int level, const char *module)
{
	/* Exactly up to that level. */
	return (level < 0 || kk_log_wants((enum kk_log_level)level, module)) &&
	       (level == KK_LOG_DEBUG || !kk_log_wants((enum kk_log_level)(level + 1), module));
}

static void test_the_longest_prefix_counts(void **state)
{
	(void)state;
	assert_true(wants(KK_LOG_WARNING, "db"));
	assert_int_equal(kk_log_set("db", KK_LOG_DEBUG), KK_OK);
	assert_int_equal(kk_log_set("db.pool", KK_LOG_OFF), KK_OK);
	assert_int_equal(kk_log_set("", KK_LOG_ERROR), KK_OK);
	assert_true(wants(KK_LOG_DEBUG, "db"));
	assert_true(wants(KK_LOG_DEBUG, "db.other"));
	assert_true(wants(KK_LOG_OFF, "db.pool"));
	assert_true(wants(KK_LOG_OFF, "db.pool.deep"));
	assert_true(wants(KK_LOG_DEBUG, "db.pools"));
	assert_true(wants(KK_LOG_ERROR, "dbx"));
	assert_true(wants(KK_LOG_ERROR, "d"));
	assert_int_equal(kk_log_set("db.pool", KK_LOG_INFO), KK_OK);
	assert_true(wants(KK_LOG_INFO, "db.pool"));
}

static void test_what_cannot_be_set(void **state)
{
	char name[KK_LOG_MODULE + 2];

	(void)state;
	memset(name, 'm', sizeof(name));
	name[KK_LOG_MODULE + 1] = '\0';
	assert_int_equal(kk_log_set(name, KK_LOG_INFO), KK_ERR_INVALID);
	assert_int_equal(kk_log_set("a", KK_LOG_DEBUG + 1), KK_ERR_INVALID);
	assert_int_equal(kk_log_set("a", KK_LOG_OFF - 1), KK_ERR_INVALID);
	name[KK_LOG_MODULE] = '\0';
	assert_int_equal(kk_log_set(name, KK_LOG_INFO), KK_OK);
	for (unsigned i = 1; i < KK_LOG_RULES; i++)
		assert_int_equal(kk_log_set(harness_text("m%u", i), KK_LOG_INFO), KK_OK);
	assert_int_equal(kk_log_set("one.too.many", KK_LOG_INFO), KK_ERR_FULL);
	assert_int_equal(kk_log_set("m7", KK_LOG_DEBUG), KK_OK);
	assert_true(wants(KK_LOG_DEBUG, "m7"));
}

static void test_levels_as_text(void **state)
{
	struct kk_error error = {0};
	char text[100], little[12];

	(void)state;
	assert_int_equal(kk_log_configure("info,db=DEBUG,db.pool=off", &error), KK_OK);
	assert_true(wants(KK_LOG_INFO, "x") && wants(KK_LOG_DEBUG, "db") && wants(KK_LOG_OFF, "db.pool"));
	kk_log_describe(text, sizeof(text));
	assert_string_equal(text, "INFO,db=DEBUG,db.pool=off");
	kk_log_describe(little, sizeof(little));
	assert_string_equal(little, "INFO");
	assert_int_equal(kk_log_configure("", &error), KK_OK);
	assert_int_equal(kk_log_configure("error,db=loud", &error), KK_ERR_INVALID);
	assert_string_equal(error.text, "not a level of the log: db=loud");
	assert_true(wants(KK_LOG_ERROR, "x"));
	assert_int_equal(kk_log_configure("=", &error), KK_ERR_INVALID);
	assert_int_equal(kk_log_configure(harness_text("%060d=info", 1), &error), KK_ERR_INVALID);
}

static void *look_from_elsewhere(void *result)
{
	*(bool *)result = wants(KK_LOG_WARNING, "db");
	return NULL;
}

static void test_scopes(void **state)
{
	pthread_t thread;
	bool elsewhere = false;

	(void)state;
	{
		KK_LOG_SCOPE("db", KK_LOG_DEBUG);
		assert_true(wants(KK_LOG_DEBUG, "db.pool"));
		assert_true(wants(KK_LOG_WARNING, "web"));
		for (int i = 0; i < 2; i++) {
			KK_LOG_SCOPE("db.pool", KK_LOG_OFF);
			KK_LOG_SCOPE("web", KK_LOG_ERROR);
			assert_true(wants(KK_LOG_OFF, "db.pool") && wants(KK_LOG_DEBUG, "db"));
			assert_true(wants(KK_LOG_ERROR, "web"));
		}
		assert_true(wants(KK_LOG_DEBUG, "db.pool"));
		/* Of this thread alone. */
		assert_int_equal(pthread_create(&thread, NULL, look_from_elsewhere, &elsewhere), 0);
		pthread_join(thread, NULL);
		assert_true(elsewhere);
	}
	assert_true(wants(KK_LOG_WARNING, "db"));
}

/* The day of the calendar is counted by ourselves: as libc does it. */
static void test_dates(void **state)
{
	char line[100], expected[40];

	(void)state;
	for (int64_t seconds = 0; seconds < INT64_C(18000000000); seconds += 86400 * 27 + 3607) {
		struct kk_log_entry entry = {
		    .time_ns = (uint64_t)seconds * 1000000000u, .process = "p", .module = "m", .text = ""};
		time_t time = (time_t)seconds;
		struct tm utc;
		gmtime_r(&time, &utc);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000Z", &utc);
		kk_log_format(&entry, line, sizeof(line));
		line[strlen(expected)] = '\0';
		assert_string_equal(line, expected);
	}
}

static void test_format(void **state)
{
	struct kk_log_entry entry = {
	    .level = KK_LOG_INFO,
	    .time_ns = UINT64_C(1793000096123456789),
	    .process = "Process-1",
	    .module = "db.pool",
	    .text = "two\nlines\t\x1b[31m caf\xc3\xa9",
	};
	char line[200], little[58];

	(void)state;
	size_t length = kk_log_format(&entry, line, sizeof(line));
	assert_int_equal(length, strlen(line));
	assert_string_equal(line, "2026-10-26T07:34:56.123456Z INFO Process-1 db.pool: "
	                          "two\\nlines\\t\\x1b[31m caf\xc3\xa9\n");
	/* Cut, but a line; an escape is not cut in two. */
	length = kk_log_format(&entry, little, sizeof(little));
	assert_int_equal(length, strlen(little));
	assert_string_equal(little, "2026-10-26T07:34:56.123456Z INFO Process-1 db.pool: two\n");
	assert_int_equal(kk_log_format(&entry, little, 4), 3);
	assert_string_equal(little, "20\n");
	assert_int_equal(kk_log_format(&entry, little, 1), 0);
	assert_string_equal(kk_log_level_name(KK_LOG_WARNING), "WARNING");
}

static void test_lines_go_to_a_descriptor(void **state)
{
	int fd = open(harness_path("log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), evaluated = 0;

	(void)state;
	kk_log_to_fd(fd);
	errno = ENOENT;
	kk_log_error("db", "cannot open %s: %m", "it");
	assert_int_equal(errno, ENOENT);
	kk_log_info("db", "%d", ++evaluated);
	assert_int_equal(evaluated, 0);
	kk_log_write(KK_LOG_DEBUG, "db", "not wanted either");
	kk_log_warning("db", "%05000d", 1);
	close(fd);
	char *text = harness_read(harness_path("log"), NULL);
	assert_int_equal(harness_count_lines(text), 2);
	assert_non_null(
	    strstr(harness_line(text, 0), "Z ERROR MainProcess db: cannot open it: No such file or directory"));
	assert_int_equal(strlen(harness_line(text, 1)) + 1, KK_LOG_LINE);
	kk_log_to_fd(2);
}

static void take(void *context, const struct kk_log_entry *entry)
{
	assert_int_equal(entry->level, KK_LOG_WARNING);
	assert_string_equal(entry->process, "MainProcess");
	assert_string_equal(entry->module, "web");
	assert_int_equal(entry->pid, getpid());
	assert_true(entry->time_ns / 1000000000u >= (uint64_t)time(NULL) - 100);
	strcat(context, entry->text);
	/* Does not come back here. */
	kk_log_error("sink", "a sink may log");
}

static void test_entries_go_to_a_sink(void **state)
{
	char texts[100] = "";

	(void)state;
	kk_log_to(take, texts);
	kk_log_warning("web", "one ");
	kk_log_info("web", "unseen ");
	kk_log_warning("web", "two");
	assert_string_equal(texts, "one two");
	kk_log_to(NULL, NULL);
}

static int log_much(struct kk_call *call)
{
	(void)call;
	for (int i = 0; i < 200; i++)
		kk_log_warning("much", "%0*d", 50 + i * 15, i);
	return 0;
}
KK_FUNCTION(log_much)

/* Several processes, one pipe that is always full. */
static void test_lines_do_not_mix(void **state)
{
	enum { WRITERS = 4 };
	struct kk_process *writers[WRITERS];
	struct kk_error error = {0};
	int ends[2], counts[WRITERS] = {0};
	char line[KK_LOG_LINE + 2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	kk_log_to_fd(ends[1]);
	for (int i = 0; i < WRITERS; i++)
		writers[i] = kk_process_start(log_much, NULL, 0, NULL, &error);
	kk_log_to_fd(2);
	close(ends[1]);
	FILE *lines = fdopen(ends[0], "r");
	while (fgets(line, sizeof(line), lines)) {
		int writer, number, width = 0;
		const char *digits = strstr(line, "much: ");
		assert_non_null(digits);
		assert_int_equal(sscanf(line, "%*s WARNING Process-%d much: %n%d", &writer, &width, &number), 2);
		assert_in_range(writer, 1, WRITERS);
		assert_int_equal(number, counts[writer - 1]++);
		size_t length = strlen(line + width);
		assert_true(length == 50 + (size_t)number * 15 + 1);
	}
	fclose(lines);
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(counts[i], 200);
		assert_int_equal(kk_process_join(writers[i], 10000), KK_OK);
		kk_process_free(writers[i]);
	}
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_longest_prefix_counts),
    cmocka_unit_test(test_what_cannot_be_set),
    cmocka_unit_test(test_levels_as_text),
    cmocka_unit_test(test_scopes),
    cmocka_unit_test(test_dates),
    cmocka_unit_test(test_format),
    cmocka_unit_test(test_lines_go_to_a_descriptor),
    cmocka_unit_test(test_entries_go_to_a_sink),
    cmocka_unit_test(test_lines_do_not_mix),
};
HARNESS_MAIN(tests)
