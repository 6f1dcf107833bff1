/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include "../utf8/utf8.h"
#include "codes.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking */

static void put_text(FILE *to, const char *text)
{
	const uint8_t *at = (const uint8_t *)text, *end = at + strlen(text);
	fputc('"', to);
	while (at < end) {
		size_t bytes = utf8_length(at, (size_t)(end - at));
		if (bytes == 0)
			fprintf(to, "\\udc%02x", *at);
		else if (*at == '"' || *at == '\\')
			fprintf(to, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(to, "\\u%04x", *at);
		else
			fwrite(at, 1, bytes, to);
		at += bytes ? bytes : 1;
	}
	fputc('"', to);
}

static void put_fields(FILE *to, const struct frame_item *item)
{
	const char *before = "";
	fputs(",\"fields\":{", to);
	for (size_t i = 0; i < item->fields->count; i++) {
		const char *value = item->field(item->arg, item->fields->at[i]);
		if (!value)
			continue;
		fputs(before, to);
		put_text(to, item->fields->at[i]);
		fputc(':', to);
		put_text(to, value);
		before = ",";
	}
	fputc('}', to);
}

char *frame_ask(const struct frame_item *item, size_t *length)
{
	char *line = NULL;
	FILE *to = open_memstream(&line, length);
	if (!to)
		return NULL;
	fprintf(to, "{\"protocol\":%d,\"id\":", FRAME_PROTOCOL);
	put_text(to, item->id);
	fputs(",\"key\":", to);
	put_text(to, item->key);
	fprintf(to, ",\"sequence\":%llu,\"size\":%llu", (unsigned long long)item->sequence,
	        (unsigned long long)item->size);
	put_fields(to, item);
	fputs("}\n", to);
	if (fclose(to) != 0) {
		free(line);
		line = NULL;
	}
	return line;
}

/* ---- the answer */

struct reading {
	struct frame_answer *answer;
	char *why;
	size_t why_size;
};

static int wrong(const struct reading *reading, const char *what)
{
	snprintf(reading->why, reading->why_size, "%s", what);
	return -1;
}

static int read_verdict(const struct reading *reading, const json_t *value)
{
	static const struct {
		const char *word;
		enum kk_verdict verdict;
	} verdicts[] = {{"pass", KK_PASS}, {"skip", KK_SKIP}, {"fail", KK_FAIL}};
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]) && json_is_string(value); i++) {
		if (strcmp(json_string_value(value), verdicts[i].word) != 0)
			continue;
		reading->answer->verdict = verdicts[i].verdict;
		return 0;
	}
	return wrong(reading, "its \"verdict\" is not \"pass\", \"skip\" or \"fail\"");
}

static int read_class(const struct reading *reading, const json_t *value)
{
	int class = json_is_string(value) ? codes_class(json_string_value(value)) : -1;
	if (class < 0)
		return wrong(reading, "its \"class\" is no failure class");
	reading->answer->class = (enum kk_fail_class) class;
	return 0;
}

static int read_message(const struct reading *reading, const json_t *value)
{
	if (!json_is_string(value))
		return wrong(reading, "its \"message\" is no text");
	reading->answer->message = json_string_value(value);
	return 0;
}

static int read_size(const struct reading *reading, const json_t *value)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return wrong(reading, "its \"size\" is no number of bytes");
	reading->answer->has_size = true;
	reading->answer->size = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_fields(const struct reading *reading, const json_t *value)
{
	const char *name;
	const json_t *text;
	if (!json_is_object(value))
		return wrong(reading, "its \"fields\" are no object");
	json_object_foreach((json_t *)(uintptr_t)value, name, text)
	{
		if (!*name || !json_is_string(text))
			return wrong(reading, "one of its \"fields\" has no name or no text");
	}
	return 0;
}

static int read_member(const struct reading *reading, const char *name, const json_t *value)
{
	static const struct {
		const char *name;
		int (*read)(const struct reading *reading, const json_t *value);
	} members[] = {{"verdict", read_verdict},
	               {"class", read_class},
	               {"message", read_message},
	               {"size", read_size},
	               {"fields", read_fields}};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i].name, name) == 0)
			return members[i].read(reading, value);
	snprintf(reading->why, reading->why_size, "its answer has an unknown member \"%.40s\"", name);
	return -1;
}

int frame_read(struct frame_answer *answer, const char *line, size_t length, char *why, size_t why_size)
{
	struct reading reading = {answer, why, why_size};
	json_error_t error;
	const char *name;
	json_t *value;
	*answer = (struct frame_answer){.verdict = KK_PASS, .class = KK_FAIL_OTHER, .message = ""};
	answer->json = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object((json_t *)answer->json)) {
		snprintf(why, why_size, "its answer is no JSON object%s%s", answer->json ? "" : ": ",
		         answer->json ? "" : error.text);
		return -1;
	}
	json_object_foreach(answer->json, name, value)
	{
		if (read_member(&reading, name, value) != 0)
			return -1;
	}
	return 0;
}

void frame_free(struct frame_answer *answer)
{
	json_decref(answer->json);
	answer->json = NULL;
}

int frame_fields(const struct frame_answer *answer, int (*each)(void *arg, const char *name, const char *value),
                 void *arg)
{
	json_t *fields = json_object_get(answer->json, "fields");
	const char *name;
	json_t *value;
	json_object_foreach(fields, name, value)
	{
		int result = each(arg, name, json_string_value(value));
		if (result != 0)
			return result;
	}
	return 0;
}
