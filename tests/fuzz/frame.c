/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/frame.c - any bytes as the answer of a standing program; and as the facts that it is asked with, which
 * must come out as JSON. */
#include "../../stages/exec/frame.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look_at(void *arg, const char *name, const char *value)
{
	size_t *bytes = arg;
	*bytes += strlen(name) + strlen(value);
	return 0;
}

static void answer(const char *text, size_t size)
{
	struct frame_answer answer;
	char why[120] = "";
	size_t bytes = 0;
	int status = frame_read(&answer, text, size, why, sizeof(why));
	if ((status == 0) != (why[0] == 0))
		abort();
	if (status == 0) {
		frame_fields(&answer, look_at, &bytes);
		if (bytes + strlen(answer.message) > 4 * size || answer.class >= KK_FAIL_CLASS_COUNT ||
		    answer.verdict > KK_FAIL)
			abort();
	}
	frame_free(&answer);
}

static const char *field(void *arg, const char *name)
{
	(void)name;
	return arg;
}

/* Lone surrogates are the one thing in it that a strict reader may refuse; each stands for a byte. */
static void ask(char *text)
{
	const char *const names[] = {"a"};
	const struct kk_strings fields = {names, 1};
	const struct frame_item item = {
	    .id = "", .key = text, .size = 1, .fields = &fields, .field = field, .arg = text};
	size_t length = 0;
	char *line = frame_ask(&item, &length);
	if (!line || line[length - 1] != '\n' || memchr(line, '\n', length - 1))
		abort();
	for (char *at = line; (at = strstr(at, "\\udc")); at++)
		memcpy(at, "\\u00", 4);
	json_t *json = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json))
		abort();
	json_decref(json);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text || size > FRAME_LINE_MAX) {
		free(text);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = 0;
	answer(text, size);
	ask(text);
	free(text);
	return 0;
}
