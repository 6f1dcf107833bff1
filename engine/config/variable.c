/* SPDX-License-Identifier: Apache-2.0 */
#include "config/variable.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RESULT (64 * 1024)

/* The text that is being put together. */
struct result {
	char *at;
	size_t length;
};

static int append(struct result *result, const char *text, size_t length, struct kk_error *error)
{
	if (length > MAX_RESULT - result->length)
		return kk_error_set(error, KK_ERR_INVALID, "the text is longer than 64 KiB with its variables put in");
	memcpy(result->at + result->length, text, length);
	result->length += length;
	return KK_OK;
}

static size_t name_length(const char *name)
{
	size_t length = 0;

	while (name[length] == '_' || isalpha((unsigned char)name[length]) ||
	       (length && isdigit((unsigned char)name[length])))
		length++;
	return length;
}

/* `*at` stands behind a "${"; leaves it behind the "}". */
static int append_variable(struct result *result, const char **at, struct kk_error *error)
{
	const char *start = *at, *end = strchr(start, '}');
	size_t length = name_length(start);
	char name[256];

	if (!end)
		return kk_error_set(error, KK_ERR_INVALID, "\"${\" without a closing \"}\"; write $${ for a plain ${");
	const char *rest = start + length;
	bool has_default = strncmp(rest, ":-", 2) == 0;
	if (!length || length >= sizeof(name) || (rest != end && !has_default))
		return kk_error_set(error, KK_ERR_INVALID,
		                    "\"${%.*s}\" is not a variable: write ${NAME} or ${NAME:-default}",
		                    (int)(end - start > 80 ? 80 : end - start), start);
	memcpy(name, start, length);
	name[length] = '\0';
	*at = end + 1;
	const char *value = getenv(name);
	if (has_default && (!value || !*value))
		return append(result, rest + 2, (size_t)(end - rest - 2), error);
	if (!value)
		return kk_error_set(error, KK_ERR_INVALID,
		                    "the environment variable %.80s is not set; ${%.80s:-...} would give it a default",
		                    name, name);
	return append(result, value, strlen(value), error);
}

static int expand(const char *text, struct result *result, struct kk_error *error)
{
	int status = KK_OK;

	while (*text && status == KK_OK) {
		size_t plain = strcspn(text, "$");
		if (plain) {
			status = append(result, text, plain, error);
			text += plain;
		} else if (strncmp(text, "$${", 3) == 0) {
			status = append(result, "${", 2, error);
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text += 2;
			status = append_variable(result, &text, error);
		} else {
			status = append(result, text++, 1, error);
		}
	}
	return status;
}

int kk_variable_expand(const char *text, struct kk_store *store, const char **to, struct kk_error *error)
{
	struct result result = {0};
	int status = KK_OK;

	if (!strstr(text, "${")) {
		*to = text;
		return KK_OK;
	}
	result.at = malloc(MAX_RESULT);
	if (!result.at)
		return kk_error_set(error, KK_ERR_MEMORY, "%s", kk_status_text(KK_ERR_MEMORY));
	status = expand(text, &result, error);
	if (status == KK_OK) {
		*to = kk_store_text(store, result.at, result.length);
		status = *to ? KK_OK : kk_error_set(error, KK_ERR_MEMORY, "%s", kk_status_text(KK_ERR_MEMORY));
	}
	free(result.at);
	return status;
}
