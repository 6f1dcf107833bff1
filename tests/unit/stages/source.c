/* SPDX-License-Identifier: Apache-2.0 */
#include "source_test.h"

#include "harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct stage_host *load(const char *stage, const char *const *options)
{
	struct stage_host *host = stage_host_load(harness_text("%s/stages/%s.so", KAKEHI_BUILD_DIR, stage));
	if (!host->stage)
		fail_msg("%s", host->why);
	for (; *options; options += 2)
		stage_host_set(host, options[0], options[1]);
	return host;
}

struct stage_host *source_start(const char *stage, const char *const *options, const struct kk_position *from)
{
	struct stage_host *host = load(stage, options);
	if (from)
		host->context.position = *from;
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
	return host;
}

const char *source_plan_error(const char *stage, const char *const *options)
{
	struct stage_host *host = load(stage, options);
	if (stage_host_plan(host) == 0)
		fail_msg("the plan was accepted");
	const char *why = harness_text("%s", host->why);
	stage_host_unload(host);
	return why;
}

/* Line ends and tabs as people write them, so that an item stays one line. */
static void write_escaped(FILE *to, const char *text, size_t size)
{
	static const char plain[] = "\n\r\t", escaped[] = "nrt";
	for (; size; size--, text++) {
		const char *found = *text ? strchr(plain, *text) : NULL;
		if (found)
			fprintf(to, "\\%c", escaped[found - plain]);
		else
			fputc(*text, to);
	}
}

static void write_item(FILE *to, const struct stage_item *item)
{
	if (item->verdict == KK_FAIL) {
		fprintf(to, "! %s: %s\n", item->key ? item->key : "(no key)", item->message);
		return;
	}
	assert_int_equal(item->verdict, KK_PASS);
	fputs(item->key, to);
	for (size_t i = 0; i < item->field_count; i++) {
		fputc(' ', to);
		write_escaped(to, item->field[i].name, strlen(item->field[i].name));
		fputc('=', to);
		write_escaped(to, item->field[i].value, strlen(item->field[i].value));
	}
	if (item->committed) {
		fputs(" [", to);
		write_escaped(to, item->output, item->size);
		fputc(']', to);
	}
	fputc('\n', to);
}

char *source_rest(struct stage_host *host, struct kk_position *positions, size_t max)
{
	char *text = NULL;
	size_t size, count = 0;
	FILE *to = open_memstream(&text, &size);
	assert_non_null(to);
	for (;;) {
		struct stage_item *item = stage_host_next(host);
		bool end = item->verdict == KK_END;
		if (!end)
			write_item(to, item);
		if (!end && positions && count < max)
			positions[count++] = item->item.position;
		stage_host_forget(host, item);
		if (end)
			break;
	}
	assert_int_equal(fclose(to), 0);
	return harness_keep(text);
}

char *source_all(const char *stage, const char *const *options)
{
	struct stage_host *host = source_start(stage, options, NULL);
	char *all = source_rest(host, NULL, 0);
	stage_host_unload(host);
	return all;
}

/* The text behind its first n lines. */
static const char *behind_lines(const char *text, size_t n)
{
	for (; n; n--)
		text = strchr(text, '\n') + 1;
	return text;
}

void source_resumes_everywhere(const char *stage, const char *const *options)
{
	struct kk_position positions[200];
	struct stage_host *host = source_start(stage, options, NULL);
	char *all = source_rest(host, positions, 200);
	stage_host_unload(host);
	size_t count = harness_count_lines(all);
	assert_in_range(count, 1, 200);
	for (size_t i = 0; i < count; i++) {
		host = source_start(stage, options, &positions[i]);
		assert_string_equal(source_rest(host, NULL, 0), behind_lines(all, i + 1));
		stage_host_unload(host);
	}
}
