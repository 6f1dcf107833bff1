/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUN_LIMIT_MS   60000
#define READY_LIMIT_MS 10000

static const char kakehi[] = KAKEHI_BUILD_DIR "/kakehi";

void pipeline_config(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		fail_msg("out of memory");
	harness_write_text(harness_path("pipeline.yaml"), "%s", text);
	free(text);
}

void pipeline_add(const char *lines)
{
	char *path = harness_path("pipeline.yaml");

	harness_write_text(path, "%s%s", harness_read(path, NULL), lines);
}

void pipeline_photos(const char *memory, const char *to)
{
	pipeline_config("pipeline: photos\n"
	                "memory: %s\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - name: fetch\n"
	                "    use: download\n"
	                "    workers: 2\n"
	                "    with: { in_flight: 4, max_bytes: 2MiB, allow_networks: 127.0.0.0/8 }\n"
	                "  - name: thumb\n"
	                "    use: resize\n"
	                "    workers: 2\n"
	                "    heap: 18MiB\n"
	                "    with: { width: 96, height: 96 }\n"
	                "  - name: store\n"
	                "    use: upload\n"
	                "    workers: 2\n"
	                "    with: { to: \"%s\" }\n"
	                "errors: { file: errors.ndjson }\n",
	                memory, to);
}

struct harness_program *pipeline_start(unsigned limit_ms)
{
	const char *const argv[] = {kakehi, "run", "--json", "pipeline.yaml", NULL};

	return harness_start(argv, &(struct harness_options){.limit_ms = limit_ms});
}

struct harness_result pipeline_verb(const char *verb, const char *argument)
{
	const char *const argv[] = {kakehi, verb, argument, NULL};

	return harness_exec(argv, NULL);
}

static unsigned long number(const char *object, const char *member)
{
	char *text = object ? harness_json(object, member) : NULL;

	return text ? strtoul(text, NULL, 10) : 0;
}

/* The last line that is an event of this name. */
static char *last_event(const char *text, const char *name)
{
	char *start = harness_text("{\"event\":\"%s\"", name), *found = NULL;

	for (const char *at = text; (at = strstr(at, start)); at++)
		found = harness_line(at, 0);
	return found;
}

/* Sleeps that only the back-stop ended although there was work: lost wake-ups. All stages together. */
static unsigned long backstops(const char *end)
{
	static const char field[] = "\"backstops\":";
	unsigned long sum = 0;

	for (const char *at = end; at && (at = strstr(at, field)); at += sizeof(field) - 1)
		sum += strtoul(at + sizeof(field) - 1, NULL, 10);
	return sum;
}

struct run pipeline_end(struct harness_program *program)
{
	struct harness_result result = harness_finish(program);
	struct run run = {.exit_code = result.exit_code,
	                  .signal = result.signal,
	                  .out = result.out,
	                  .err = result.err,
	                  .ms = result.ms,
	                  .end = last_event(result.out, "end")};

	harness_reap_checkers();
	run.in = number(run.end, "in");
	run.done = number(run.end, "done");
	run.failed = number(run.end, "failed");
	run.skipped = number(run.end, "skipped");
	run.left = number(run.end, "left");
	run.deaths = number(run.end, "deaths");
	if (run.in != run.done + run.failed + run.skipped + run.left)
		fail_msg("the numbers do not add up: %s", run.end);
	/* Who dies between a change and its wake-up leaves that to who buries him; nobody else may forget it. */
	if (run.deaths == 0 && backstops(run.end) > 0)
		fail_msg("a wake-up was lost: %s", run.end);
	return run;
}

struct run pipeline_run(void)
{
	return pipeline_end(pipeline_start(RUN_LIMIT_MS));
}

void pipeline_expect(const struct run *run, int exit_code, unsigned long done, unsigned long failed)
{
	if (run->exit_code == exit_code && run->done == done && run->failed == failed && run->left == 0)
		return;
	/* Not through cmocka, which cuts long texts. */
	printf("%s%s\n", run->err, run->end ? run->end : "no end");
	fail_msg("expected exit %d, %lu done, %lu failed, 0 left; got exit %d, signal %d", exit_code, done, failed,
	         run->exit_code, run->signal);
}

size_t pipeline_workers(struct harness_program *program, const char *stage, pid_t *to, size_t max)
{
	char *wanted = stage ? harness_text("kakehi: %s/", stage) : "kakehi: ";
	pid_t children[512];
	size_t count = 0,
	       all = harness_children(harness_pid(program), children, sizeof(children) / sizeof(children[0]));

	for (size_t i = 0; i < all && count < max; i++)
		if (strncmp(harness_title(children[i]), wanted, strlen(wanted)) == 0)
			to[count++] = children[i];
	return count;
}

struct awaited {
	struct harness_program *program;
	const char *stage;
	size_t count;
};

static bool has_workers(void *what)
{
	const struct awaited *awaited = what;
	pid_t workers[64];

	return pipeline_workers(awaited->program, awaited->stage, workers, 64) >= awaited->count ||
	       !harness_running(awaited->program);
}

void pipeline_wait_workers(struct harness_program *program, const char *stage, size_t count)
{
	struct awaited awaited = {.program = program, .stage = stage, .count = count};

	if (!harness_wait_until(has_workers, &awaited, READY_LIMIT_MS) || !harness_running(program))
		fail_msg("no %zu workers of %s; stderr:\n%s", count, stage, harness_err(program));
}

static bool has_no_workers(void *what)
{
	const struct awaited *awaited = what;
	pid_t worker;

	return pipeline_workers(awaited->program, awaited->stage, &worker, 1) == 0;
}

void pipeline_wait_no_workers(struct harness_program *program, const char *stage)
{
	struct awaited awaited = {.program = program, .stage = stage};

	if (!harness_wait_until(has_no_workers, &awaited, READY_LIMIT_MS))
		fail_msg("%s does not end; stderr:\n%s", stage, harness_err(program));
}

void pipeline_wait_outputs(struct harness_program *program, const char *dir, size_t count)
{
	const struct timespec pause = {.tv_nsec = 5000000}; /* counting thousands of files is not free */
	uint64_t end = harness_now_ms() + RUN_LIMIT_MS;

	while (harness_count_files(dir) < count && harness_running(program)) {
		if (harness_now_ms() > end)
			fail_msg("no %zu files in %s after a minute; stderr:\n%s", count, dir, harness_err(program));
		nanosleep(&pause, NULL);
	}
}

size_t pipeline_errors(const char *member, const char *text)
{
	char *path = harness_path("errors.ndjson"), *line, *value;
	char *errors = harness_exists(path) ? harness_read(path, NULL) : "";
	size_t count = 0;

	for (size_t i = 0; (line = harness_line(errors, i)); i++) {
		value = harness_json(line, member);
		count += value && strstr(value, text);
	}
	return count;
}
