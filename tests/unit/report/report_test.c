/* SPDX-License-Identifier: Apache-2.0 */
/* What people and programs see of a run: escaping, widths, progress on a terminal, summary and NDJSON. */
#include "fake_run.h"
#include "report/redact.h"
#include "report/report.h"
#include "report/text.h"
#include "report/view.h"

/* After all of ours: cmocka makes a macro of the word `fail`. */
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *content(struct kk_text *text)
{
	kk_text_add(text, "%c", 0);
	return text->at;
}

/* ---- text */

static void test_hostile_text(void **state)
{
	static const struct {
		const char *raw, *safe, *json;
	} rows[] = {
	    {"plain \xc3\xa4 \xe6\xbc\xa2", "plain \xc3\xa4 \xe6\xbc\xa2", "\"plain \xc3\xa4 \xe6\xbc\xa2\""},
	    {"a\033[2Jb", "a\\x1b[2Jb", "\"a\\u001b[2Jb\""},
	    {"a\nb\tc", "a\\x0ab c", "\"a\\u000ab\\u0009c\""},
	    {"\x7f", "\\x7f", "\"\\u007f\""},
	    {"\xc2\x9b"
	     "31m",
	     "\\u{9b}31m", "\"\\u009b31m\""},
	    {"\xe2\x80\xaegpj", "\\u{202e}gpj", "\"\\u202egpj\""},
	    {"\xff\xc3", "\\xff\\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"\xc0\xaf", "\\xc0\\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	    {"say \"\\\"", "say \"\\\"", "\"say \\\"\\\\\\\"\""},
	    {"\xf3\xa0\x80\x81", "\\u{e0001}", "\"\\udb40\\udc01\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_text safe = {0}, json = {0};
		kk_text_safe(&safe, rows[i].raw, strlen(rows[i].raw));
		kk_text_json(&json, rows[i].raw, strlen(rows[i].raw));
		assert_string_equal(content(&safe), rows[i].safe);
		assert_string_equal(content(&json), rows[i].json);
		kk_text_free(&safe);
		kk_text_free(&json);
	}
}

static void test_cut(void **state)
{
	static const struct {
		const char *raw;
		unsigned width;
		const char *cut;
	} rows[] = {
	    {"abcdef", 3, "abc"},
	    {"abc", 3, "abc"},
	    {"first line is long\nabc", 2, "first line is long\nab"},
	    {"\xe6\xbc\xa2\xe6\xbc\xa2", 3, "\xe6\xbc\xa2"}, /* two columns each */
	    {"\xc3\xa4\xc3\xa4", 1, "\xc3\xa4"},
	    {"", 5, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct kk_text text = {0};
		kk_text_add(&text, "%s", rows[i].raw);
		kk_text_cut(&text, rows[i].width);
		assert_string_equal(content(&text), rows[i].cut);
		kk_text_free(&text);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} rates[] = {{0, "0.0"},       {0.25, "0.2"},    {99.9, "99.9"},   {99.96, "100"},     {1234, "1234"},
	             {9999.4, "9999"}, {15234, "15.2k"}, {150000, "150k"}, {1100000, "1100k"}, {12345678, "12.3M"}};
	static const struct {
		double seconds;
		const char *text;
	} spans[] = {{-1, "0.0 s"}, {4.24, "4.2 s"}, {60, "1:00"}, {187, "3:07"}, {3600, "1:00:00"}, {8100, "2:15:00"}};
	char to[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		assert_string_equal(kk_text_rate(rates[i].rate, to, sizeof(to)), rates[i].text);
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		assert_string_equal(kk_text_span(spans[i].seconds, to, sizeof(to)), spans[i].text);
	kk_text_now(to, sizeof(to));
	assert_int_equal(strlen(to), strlen("2026-01-02T03:04:05.678Z"));
	assert_int_equal(to[23], 'Z');
}

/* ---- views */

struct world {
	struct kk_plan *plan;
	struct kk_run *run;
	struct fake_shared *shared;
};

static struct world make_world(void)
{
	struct world world = {.plan = fake_plan_make(1, 2)};

	world.run = fake_run_make(world.plan);
	world.shared = fake_run_shared(world.run);
	return world;
}

static void end_world(struct world *world)
{
	kk_run_free(world->run);
	free(world->plan);
}

/* Two moments, four seconds apart. */
static struct kk_view make_view(const struct world *world)
{
	struct kk_view view = {.plan = world->plan,
	                       .run = world->run,
	                       .started_ns = 1000000000,
	                       .now_ns = 11000000000,
	                       .restarts = {0, 3}};

	kk_samples_take(&view.samples, world->plan, world->run, 7000000000);
	world->shared->counts = (struct kk_run_counts){.in = 500, .done = 380, .failed = 20, .left = 100};
	world->shared->queue = 32;
	for (unsigned r = 1; r <= 6; r++)
		world->shared->role[r].counters = (struct kk_counters){.items = 200,
		                                                       .failed = r == 3 ? 20 : 0,
		                                                       .bytes_in = 2000000,
		                                                       .bytes_out = r < 5 ? 8000000 : 0,
		                                                       .busy_ns = 2000000000};
	kk_samples_take(&view.samples, world->plan, world->run, 11000000000);
	return view;
}

static void test_progress_lines(void **state)
{
	struct world world = make_world();
	struct kk_view view = make_view(&world);
	struct kk_text text = {0};

	(void)state;
	assert_int_equal(kk_progress_block(&text, &view, 200, 50), 4);
	assert_string_equal(content(&text),
	                    "fake       10.0 s  in 500  done 380  failed 20  100/s\n"
	                    "  stage0      400   100/s   4.0 MB/s            busy  50%\n"
	                    "  stage1      400   100/s   4.0 MB/s queue  50% busy  50% failed 20 restarts 3\n"
	                    "  stage2      400   100/s   1.0 MB/s queue  50% busy  50%\n");
	text.used = 0;
	/* What went wrong stays when there is no room for all. */
	kk_progress_block(&text, &view, 60, 50);
	assert_string_equal(content(&text), "fake       10.0 s  in 500  done 380  failed 20  100/s\n"
	                                    "  stage0      400   100/s busy  50%\n"
	                                    "  stage1      400   100/s busy  50% failed 20 restarts 3\n"
	                                    "  stage2      400   100/s busy  50%\n");
	kk_text_free(&text);
	end_world(&world);
}

static void test_eta_needs_the_end_of_the_source(void **state)
{
	struct world world = make_world();
	struct kk_view view = make_view(&world);
	struct kk_text text = {0};

	(void)state;
	view.samples.counts.source_ended = true;
	kk_progress_line(&text, &view);
	assert_string_equal(content(&text), "10.0 s  in 500  done 380  failed 20  100/s  ETA 1.0 s");
	kk_text_free(&text);
	end_world(&world);
}

static void test_progress_fits(void **state)
{
	struct world world = make_world();
	struct kk_view view = make_view(&world);
	struct kk_text text = {0};
	const char *line;

	(void)state;
	for (unsigned width = 1; width <= 100; width++) {
		text.used = 0;
		assert_int_equal(kk_progress_block(&text, &view, width, 50), 4);
		for (line = content(&text); *line; line = strchr(line, '\n') + 1)
			assert_true(kk_text_columns(line, (size_t)(strchr(line, '\n') - line)) <= width);
	}
	text.used = 0;
	assert_int_equal(kk_progress_block(&text, &view, 80, 2), 2);
	assert_int_equal(harness_count_lines(content(&text)), 2);
	kk_text_free(&text);
	end_world(&world);
}

static void test_summary(void **state)
{
	struct world world = make_world();
	struct kk_view view = make_view(&world);
	struct kk_report_end end = {.exit_code = 1, .reason = "the \033 limit"};
	struct kk_text text = {0};

	(void)state;
	world.plan->shared_count = 1;
	world.plan->shared[0].name = world.plan->name;
	view.deaths = 3;
	end.counts = (struct kk_run_counts){.in = 500, .done = 480, .failed = 20};
	end.counts.by_class[KK_FAIL_HTTP_4XX] = 13;
	end.counts.by_class[KK_FAIL_NOT_AN_IMAGE] = 7;
	view.cpu_ns[1] = 1500000000;
	for (unsigned i = 0; i < 100; i++)
		world.shared->role[3].spans.calls.count[kk_spans_bucket(i < 90 ? 1000000 : 50000000)]++;
	world.shared->role[3].spans.calls.longest_ns = 55000000;
	kk_summary(&text, &view, &end, 80);
	assert_string_equal(content(&text), "  workers    items busy     cpu idle blocked restarts redone stage\n"
	                                    "        2      400  20%  0.00 s   0%      0%        0      0 stage0\n"
	                                    "        2      400  20%  1.50 s   0%      0%        3      0 stage1\n"
	                                    "        2      400  20%  0.00 s   0%      0%        0      0 stage2\n"
	                                    "       p50      p90      p99      max time per item\n"
	                                    "    990 us  1.05 ms  49.5 ms  55.0 ms stage1\n"
	                                    "shared: fake = 42\n"
	                                    "deaths: 3\n"
	                                    "failed: http-4xx 13, not-an-image 7\n"
	                                    "ended: the \\x1b limit\n"
	                                    "10.0 s, 50.0 items/s\n"
	                                    "in 500 = done 480 + failed 20 + skipped 0 + left 0\n");
	kk_text_free(&text);
	end_world(&world);
}

static void test_json(void **state)
{
	struct world world = make_world();
	struct kk_view view = make_view(&world);
	struct kk_report_end end = {.exit_code = 1, .reason = "\"quoted\"\n"};
	struct kk_text text = {0};
	const char *out;

	(void)state;
	end.counts = (struct kk_run_counts){.in = 500, .done = 480, .failed = 20};
	end.counts.by_class[KK_FAIL_IO] = 20;
	kk_json_start(&text, &view);
	kk_json_progress(&text, &view);
	kk_json_death(&text, &(struct kk_report_death){
	                         .who = "stage1/0", .pid = 7, .how = "exit 3", .item = "", .last_words = "a\"b"});
	kk_json_end(&text, &view, &end);
	out = content(&text);
	assert_int_equal(harness_count_lines(out), 5);
	assert_string_equal(harness_json(harness_line(out, 0), "pipeline"), "fake");
	assert_string_equal(harness_json(harness_line(out, 1), "failed"), "20");
	assert_string_equal(harness_json(harness_line(out, 2), "last_words"), "a\"b");
	assert_string_equal(harness_json(harness_line(out, 3), "class"), "io");
	assert_string_equal(harness_json(harness_line(out, 4), "reason"), "\"quoted\"\n");
	assert_string_equal(harness_json(harness_line(out, 4), "exit"), "1");
	kk_text_free(&text);
	end_world(&world);
}

/* What a config hides in its messages a key hides in logs and files. */
static void test_secrets_of_keys(void **state)
{
	static const char *const rows[][2] = {
	    {"plain", "plain"},
	    {"http://h/a?b=c#d", "http://h/a?b=c#d"},
	    {"http://me:pass@h/a", "http://***@h/a"},
	    {"http://h/?x=1&X-Amz-Signature=ab&y=2", "http://h/?x=1&X-Amz-Signature=***&y=2"},
	    {"http://h/?passwd=ab", "http://h/?passwd=***"},
	    {"http://h/?session_cookie=ab", "http://h/?session_cookie=***"},
	    {"http://h/?pwd=ab;Policy=cd#e", "http://h/?pwd=***;Policy=***#e"},
	    {"http://h/a#x=1&access_token=ab", "http://h/a#x=1&access_token=***"},
	};
	char to[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		kk_redact(rows[i][0], to, sizeof(to));
		assert_string_equal(to, rows[i][1]);
	}
}

/* ---- the report on a terminal and elsewhere */

static char *drained(int master)
{
	static char text[65536];
	struct pollfd more = {.fd = master, .events = POLLIN};
	size_t used = 0;

	while (used < sizeof(text) - 1 && poll(&more, 1, 0) == 1 && more.revents & POLLIN) {
		ssize_t n = read(master, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
	return text;
}

static struct kk_report *report_on(const struct world *world, int fd)
{
	struct kk_report_options options = {.text_fd = fd, .json_fd = -1, .level = KK_LOG_INFO};
	struct kk_report *report = kk_report_create(world->plan, world->run, &options, NULL);

	assert_non_null(report);
	kk_report_start(report);
	kk_report_tick(report);
	return report;
}

static void test_log_lines_scroll_above_the_progress(void **state)
{
	struct world world = make_world();
	struct winsize size = {.ws_row = 24, .ws_col = 40};
	struct kk_report *report;
	int master, slave;
	const char *text;

	(void)state;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	report = report_on(&world, slave);
	text = drained(master);
	assert_int_equal(harness_count_lines(text), 4);
	assert_null(strstr(text, "\033[4A"));
	kk_report_log(report, KK_LOG_WARNING, "stage1/0", "bad \033[2J thing", 14);
	kk_report_log(report, KK_LOG_DEBUG, "stage1/0", "unseen", 6);
	kk_report_flush(report);
	text = drained(master);
	assert_ptr_equal(strstr(text, "\033[4A\r\033[J"), text);
	assert_non_null(strstr(text, "\033[33mwarning\033[0m stage1/0: bad \\x1b[2J thing\r\nfake "));
	assert_ptr_equal(strstr(text, "Z "), NULL); /* the time of the day is enough */
	assert_null(strstr(text, "unseen"));
	assert_int_equal(harness_count_lines(text), 5);
	kk_report_end(report, &(struct kk_report_end){.reason = ""});
	text = drained(master);
	assert_ptr_equal(strstr(text, "\033[4A\r\033[J"), text);
	assert_non_null(strstr(text, " stage\r\n"));
	kk_report_free(report);
	close(slave);
	close(master);
	end_world(&world);
}

/* A terminal that becomes narrower wraps what it shows: more lines than were written have to go. */
static void test_a_narrower_terminal(void **state)
{
	struct world world = make_world();
	struct winsize size = {.ws_row = 24, .ws_col = 60};
	struct kk_report *report;
	unsigned rows = 0;
	const char *text;
	int master, slave;

	(void)state;
	setenv("TERM", "xterm", 1);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	report = report_on(&world, slave);
	text = drained(master);
	assert_int_equal(harness_count_lines(text), 4);
	for (; *text; text = strchr(text, '\n') + 1)
		rows += (unsigned)(strcspn(text, "\r") + 19) / 20;
	size.ws_col = 20;
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	kk_report_log(report, KK_LOG_WARNING, NULL, "x", 1);
	kk_report_flush(report);
	assert_true(rows > 4);
	assert_non_null(strstr(drained(master), harness_text("\033[%uA\r\033[J", rows)));
	kk_report_free(report);
	close(slave);
	close(master);
	end_world(&world);
}

/* Into a file: whole times, one line a record; of lines like each other some, and how many more. */
static void test_repeated_lines(void **state)
{
	struct world world = make_world();
	char *path = harness_path("log"), *events = harness_path("events"), line[64];
	int fd = open(path, O_RDWR | O_CREAT, 0600), json = open(events, O_RDWR | O_CREAT, 0600);
	struct kk_report_options options = {.text_fd = fd, .json_fd = json, .level = KK_LOG_INFO, .quiet = true};
	struct kk_report *report = kk_report_create(world.plan, world.run, &options, NULL);
	const char *text;

	(void)state;
	for (unsigned i = 0; i < 322; i++) {
		snprintf(line, sizeof(line), "item %u took too long (%c)", i, 'a' + i % 26);
		kk_report_log(report, KK_LOG_WARNING, "stage1/0", line, strlen(line));
	}
	kk_report_log(report, KK_LOG_WARNING, "stage1/0", "another", 7);
	kk_report_end(report, &(struct kk_report_end){.reason = ""});
	kk_report_free(report);
	close(fd);
	close(json);
	text = harness_read(path, NULL);
	assert_int_equal(harness_count_lines(text), 12);
	assert_int_equal(text[23], 'Z');
	assert_non_null(
	    strstr(harness_line(text, 11), "warning stage1/0: ... 312 more like: item 10 took too long (k)"));
	text = harness_read(events, NULL);
	assert_string_equal(harness_json(harness_line(text, 0), "event"), "log");
	assert_string_equal(harness_json(harness_line(text, 0), "worker"), "stage1/0");
	assert_string_equal(harness_json(harness_line(text, 11), "more"), "312");
	end_world(&world);
}

static void test_spans(void **state)
{
	struct kk_spans spans = {0};
	unsigned last = 0;
	char took[24];

	(void)state;
	for (uint64_t ns = 1; ns < UINT64_C(1) << 60; ns = ns * 9 / 8 + 1) {
		unsigned bucket = kk_spans_bucket(ns);
		assert_true(bucket >= last && bucket <= last + 1);
		last = bucket;
		if (ns < 1000 || ns > UINT64_C(1000000000000))
			continue;
		spans = (struct kk_spans){.longest_ns = 2 * ns};
		spans.count[bucket] = 1;
		uint64_t median = kk_spans_quantile(&spans, 0.5);
		assert_true(median > ns - ns / 7 && median < ns + ns / 7);
	}
	assert_int_equal(last, KK_SPAN_BUCKETS - 1);
	assert_int_equal(kk_spans_quantile(&(struct kk_spans){0}, 0.5), 0);
	assert_string_equal(kk_text_took(640, took, sizeof(took)), "640 ns");
	assert_string_equal(kk_text_took(12340, took, sizeof(took)), "12.3 us");
	assert_string_equal(kk_text_took(999999, took, sizeof(took)), "1000 us");
	assert_string_equal(kk_text_took(4560000, took, sizeof(took)), "4.56 ms");
	assert_string_equal(kk_text_took(UINT64_C(187000000000), took, sizeof(took)), "3:07");
}

static void test_no_colour_no_cursor(void **state)
{
	struct world world = make_world();
	struct kk_report *report;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	setenv("TERM", "xterm", 1);
	setenv("NO_COLOR", "1", 1);
	report = report_on(&world, slave);
	kk_report_log(report, KK_LOG_ERROR, NULL, "x", 1);
	kk_report_flush(report);
	assert_non_null(strstr(drained(master), " error x\r\n"));
	kk_report_free(report);

	setenv("TERM", "dumb", 1);
	report = report_on(&world, slave);
	kk_report_log(report, KK_LOG_ERROR, NULL, "x", 1);
	kk_report_flush(report);
	assert_int_equal(harness_count_lines(drained(master)), 1);
	kk_report_free(report);
	close(slave);
	close(master);
	end_world(&world);
}

static void test_a_reader_that_has_gone(void **state)
{
	struct world world = make_world();
	struct kk_report *report;
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	report = report_on(&world, ends[1]);
	kk_report_log(report, KK_LOG_ERROR, NULL, "x", 1);
	kk_report_flush(report);
	kk_report_log(report, KK_LOG_ERROR, NULL, "y", 1);
	kk_report_end(report, &(struct kk_report_end){.reason = ""});
	kk_report_free(report);
	close(ends[1]);
	end_world(&world);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_hostile_text),
    cmocka_unit_test(test_cut),
    cmocka_unit_test(test_numbers),
    cmocka_unit_test(test_progress_lines),
    cmocka_unit_test(test_eta_needs_the_end_of_the_source),
    cmocka_unit_test(test_progress_fits),
    cmocka_unit_test(test_summary),
    cmocka_unit_test(test_json),
    cmocka_unit_test(test_secrets_of_keys),
    cmocka_unit_test(test_log_lines_scroll_above_the_progress),
    cmocka_unit_test(test_a_narrower_terminal),
    cmocka_unit_test(test_repeated_lines),
    cmocka_unit_test(test_spans),
    cmocka_unit_test(test_no_colour_no_cursor),
    cmocka_unit_test(test_a_reader_that_has_gone),
};

HARNESS_MAIN(tests)
