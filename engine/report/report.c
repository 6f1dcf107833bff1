/* SPDX-License-Identifier: Apache-2.0 */
/* Where the views go, and when. */
#include "report/report.h"
#include "report/redact.h"
#include "report/repeat.h"
#include "report/view.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_NS   500000000ull
#define JSON_NS     1000000000ull
#define PLAIN_NS    60000000000ull
#define FLUSH_BYTES 65536

enum progress_kind { PROGRESS_NONE = 0, PROGRESS_TERMINAL, PROGRESS_PLAIN };

enum { BACKLOG_MAX = 1 << 20, LAST_WORDS_MS = 3000 };

struct kk_report {
	struct kk_report_options options;
	enum progress_kind progress;
	bool color;
	uint64_t unread;                              /* lines that were dropped since nobody reads them   */
	unsigned shown_lines;                         /* of the progress block, right above the cursor   */
	unsigned shown_width[KK_PLAN_MAX_STAGES + 1]; /* columns of each of them                         */
	bool terminal;                                /* text goes to one                                */
	uint64_t sampled_ns, json_ns, plain_ns;
	struct kk_text text, json;
	struct kk_repeats repeats;
	struct kk_view view;
};

static const char *const level_names[] = {
    [KK_LOG_ERROR] = "error", [KK_LOG_WARNING] = "warning", [KK_LOG_INFO] = "info", [KK_LOG_DEBUG] = "debug"};
static const char *const level_colors[] = {
    [KK_LOG_ERROR] = "\033[31m", [KK_LOG_WARNING] = "\033[33m", [KK_LOG_INFO] = "", [KK_LOG_DEBUG] = "\033[2m"};

static bool is_capable_terminal(int fd)
{
	const char *term = getenv("TERM");

	return fd >= 0 && isatty(fd) && term && term[0] && strcmp(term, "dumb") != 0;
}

struct kk_report *kk_report_create(const struct kk_plan *plan, const struct kk_run *run,
                                   const struct kk_report_options *options, struct kk_error *error)
{
	struct kk_report *report = calloc(1, sizeof(*report));
	const char *no_color = getenv("NO_COLOR");
	bool terminal = is_capable_terminal(options->text_fd);

	if (!report) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the report");
		return NULL;
	}
	report->options = *options;
	report->view.plan = plan;
	report->view.run = run;
	report->terminal = options->text_fd >= 0 && isatty(options->text_fd);
	report->color = terminal && !(no_color && no_color[0]);
	if (!options->quiet)
		report->progress = terminal ? PROGRESS_TERMINAL : PROGRESS_PLAIN;
	return report;
}

void kk_report_free(struct kk_report *report)
{
	if (!report)
		return;
	kk_text_free(&report->text);
	kk_text_free(&report->json);
	free(report);
}

/* ---- the block that is redrawn in place: hidden before anything else is written, shown again below it */

/* The size of the terminal, or one that is as good as any. */
static struct winsize window_of(const struct kk_report *report)
{
	struct winsize window = {0};

	if (!report->terminal || ioctl(report->options.text_fd, TIOCGWINSZ, &window) < 0)
		window = (struct winsize){0};
	if (window.ws_col == 0)
		window.ws_col = report->terminal ? 80 : 200;
	if (window.ws_row == 0)
		window.ws_row = 24;
	return window;
}

/* A terminal that became narrower has wrapped what no longer fits. */
static void hide_progress(struct kk_report *report)
{
	unsigned width = window_of(report).ws_col, rows = 0;

	for (unsigned i = 0; i < report->shown_lines; i++)
		rows += report->shown_width[i] > width ? (report->shown_width[i] + width - 1) / width : 1;
	if (rows)
		kk_text_add(&report->text, "\033[%uA\r\033[J", rows);
	report->shown_lines = 0;
}

static void measure_lines(struct kk_report *report, const struct kk_text *block)
{
	const char *line = block->at;

	for (unsigned i = 0; line && i < report->shown_lines; i++) {
		const char *end = memchr(line, '\n', (size_t)(block->at + block->used - line));
		if (!end)
			break;
		report->shown_width[i] = kk_text_columns(line, (size_t)(end - line));
		line = end + 1;
	}
}

/* Cut one column short of the edge, where terminals differ on when a line wraps; and one line short of the height,
 * since what has scrolled out at the top cannot be redrawn. */
static void show_progress(struct kk_report *report)
{
	struct winsize window = window_of(report);
	struct kk_text block = {0};

	if (report->progress != PROGRESS_TERMINAL || report->view.samples.taken == 0)
		return;
	report->shown_lines = kk_progress_block(&block, &report->view, window.ws_col - 1u, window.ws_row - 1u);
	measure_lines(report, &block);
	kk_text_append(&report->text, &block);
}

/* An output that fails (a reader that has gone) is given up; the run goes on without it. One that is not read keeps
 * nothing from going on either: it gets what it takes, the rest waits, and beyond a bound it is dropped and counted. */
static void write_out(struct kk_text *text, int *fd, int wait_ms)
{
	if (*fd < 0)
		text->used = 0;
	else if (text->used > 0 && kk_text_write(text, *fd, wait_ms) < 0)
		*fd = -1;
}

static bool can_take_more(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	return poll(&room, 1, 0) == 1;
}

static void flush(struct kk_report *report, int wait_ms)
{
	if (report->unread > 0 && report->text.used < BACKLOG_MAX / 2) {
		kk_text_add(&report->text, "(%llu lines are missing here: nobody read them)\n",
		            (unsigned long long)report->unread);
		report->unread = 0;
	}
	if (report->text.used > 0 && report->shown_lines == 0 && can_take_more(report->options.text_fd))
		show_progress(report);
	write_out(&report->text, &report->options.text_fd, wait_ms);
	write_out(&report->json, &report->options.json_fd, wait_ms);
}

void kk_report_flush(struct kk_report *report)
{
	flush(report, 0);
}

/* ---- events */

/* What begins a line: when, how bad, who. On a terminal the day is known. */
static void begin_line(struct kk_report *report, enum kk_log_level level, const char *who)
{
	char now[48];

	kk_text_add(&report->text, "%s ",
	            report->terminal ? kk_text_clock(now, sizeof(now)) : kk_text_now(now, sizeof(now)));
	kk_text_add(&report->text, "%s%s%s ", report->color ? level_colors[level] : "", level_names[level],
	            report->color && level_colors[level][0] ? "\033[0m" : "");
	if (who && who[0]) {
		kk_text_safe(&report->text, who, strlen(who));
		kk_text_add(&report->text, ": ");
	}
}

static void add_log(struct kk_report *report, enum kk_log_level level, const char *who, const char *text, size_t length)
{
	if (level > report->options.level)
		return;
	if (report->text.used > BACKLOG_MAX) {
		report->unread++;
		return;
	}
	begin_line(report, level, who);
	kk_text_safe(&report->text, text, length);
	kk_text_add(&report->text, "\n");
}

static void tell_repeats(struct kk_report *report, bool all)
{
	struct kk_repeat over;

	while (kk_repeats_over(&report->repeats, kk_span_now(), all, &over)) {
		uint64_t more = over.count - KK_REPEAT_SHOWN;
		if (report->options.json_fd >= 0)
			kk_json_more(&report->json, level_names[over.level], over.who, over.line, more);
		hide_progress(report);
		begin_line(report, over.level, over.who);
		kk_text_add(&report->text, "... %llu more like: ", (unsigned long long)more);
		kk_text_safe(&report->text, over.line, strlen(over.line));
		kk_text_add(&report->text, "\n");
	}
}

/* Who asks for debugging wants to see everything. */
void kk_report_log(struct kk_report *report, enum kk_log_level level, const char *who, const char *text, size_t length)
{
	bool all = report->options.level >= KK_LOG_DEBUG;

	if (level > report->options.level ||
	    (!all && !kk_repeats_see(&report->repeats, kk_span_now(), level, who, text, length)))
		return;
	if (report->options.json_fd >= 0 && report->json.used < BACKLOG_MAX)
		kk_json_log(&report->json, level_names[level], who, text, length);
	hide_progress(report);
	add_log(report, level, who, text, length);
	if (report->text.used > FLUSH_BYTES)
		kk_report_flush(report);
}

void kk_report_cpu(struct kk_report *report, unsigned stage, uint64_t ns)
{
	report->view.cpu_ns[stage] = ns;
}

void kk_report_start(struct kk_report *report)
{
	report->view.started_ns = report->view.now_ns = report->plain_ns = kk_span_now();
	kk_json_start(&report->json, &report->view);
	kk_report_flush(report);
}

void kk_report_death(struct kk_report *report, const struct kk_report_death *death)
{
	struct kk_text line = {0};
	char span[24];

	report->view.deaths++;
	report->view.restarts[kk_plan_stage_of(report->view.plan, death->role)]++;
	kk_text_add(&line, "pid %ld: %s after %s, restarts %u, in hand %llu", (long)death->pid, death->how,
	            kk_text_span(death->uptime, span, sizeof(span)), death->restarts,
	            (unsigned long long)death->in_hand);
	if (death->item[0]) {
		char key[300];
		kk_redact(death->item, key, sizeof(key));
		kk_text_add(&line, ": %s", key);
	}
	if (death->last_words[0] && !death->last_words_logged)
		kk_text_add(&line, ", last words: %s", death->last_words);
	kk_json_death(&report->json, death);
	hide_progress(report);
	add_log(report, KK_LOG_WARNING, death->who, line.at ? line.at : "", line.used);
	kk_text_free(&line);
}

void kk_report_tick(struct kk_report *report)
{
	uint64_t now = kk_span_now();
	bool plain = report->progress == PROGRESS_PLAIN && now - report->plain_ns >= PLAIN_NS;

	if (now - report->sampled_ns < SAMPLE_NS)
		return;
	report->sampled_ns = report->view.now_ns = now;
	kk_samples_take(&report->view.samples, report->view.plan, report->view.run, now);
	tell_repeats(report, false);
	if (now - report->json_ns >= JSON_NS - SAMPLE_NS / 10) {
		report->json_ns = now;
		if (report->json.used < BACKLOG_MAX)
			kk_json_progress(&report->json, &report->view);
	}
	if (plain) {
		report->plain_ns = now;
		kk_progress_line(&report->text, &report->view);
		kk_text_add(&report->text, "\n");
	} else if (report->progress == PROGRESS_TERMINAL && can_take_more(report->options.text_fd)) {
		hide_progress(report);
		show_progress(report);
	}
	kk_report_flush(report);
}

void kk_report_end(struct kk_report *report, const struct kk_report_end *end)
{
	struct kk_text summary = {0};

	report->view.now_ns = kk_span_now();
	kk_samples_take(&report->view.samples, report->view.plan, report->view.run, report->view.now_ns);
	hide_progress(report);
	tell_repeats(report, true);
	if (!report->options.quiet)
		kk_summary(&summary, &report->view, end, window_of(report).ws_col);
	else if (end->reason[0])
		add_log(report, KK_LOG_ERROR, NULL, end->reason, strlen(end->reason));
	kk_text_append(&report->text, &summary);
	kk_json_end(&report->json, &report->view, end);
	report->progress = PROGRESS_NONE;
	flush(report, LAST_WORDS_MS);
}
