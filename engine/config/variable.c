/* SPDX-License-Identifier: Apache-2.0 */
#include "config/variable.h"
#include "config/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_RESULT (64 * 1024)

/* The text that is being put together. */
struct result {
	char *at;
	size_t length;
	kk_variable_secret secret;
	void *user;
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

/* ---- ${file:PATH} */

/* Reads at most `size` - 1 bytes; returns how many, or -1 with errno. O_NONBLOCK: a pipe without a writer must not hold
 * up the check; it is refused as what it is. */
static ssize_t read_secret(const char *path, char *to, size_t size, mode_t *mode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t got = 1;
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		errno = errno && !status.st_mode ? errno : S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
		got = -1;
	}
	*mode = status.st_mode;
	while (got > 0 && used < size - 1) {
		got = read(fd, to + used, size - 1 - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else
			used += got > 0 ? (size_t)got : 0;
	}
	int system = errno;
	close(fd);
	errno = system;
	return got < 0 ? -1 : (ssize_t)used;
}

/* A secret goes into headers, URLs and commands: lines and control characters have no place in it. */
static bool is_text(const char *text, size_t length)
{
	for (size_t i = 0, part; i < length; i += part) {
		part = kk_utf8_length(text + i, length - i);
		if (!part || kk_utf8_control(text + i))
			return false;
	}
	return true;
}

static int append_file(struct result *result, const char *path, size_t length, struct kk_error *error)
{
	char name[PATH_MAX], warning[PATH_MAX + 100], *start = result->at + result->length;
	size_t room = MAX_RESULT - result->length;
	mode_t mode = 0;

	if (!length || length >= sizeof(name))
		return kk_error_set(error, KK_ERR_INVALID, "\"${file:...}\" names no file");
	memcpy(name, path, length);
	name[length] = '\0';
	ssize_t got = room > 1 ? read_secret(name, start, room, &mode) : 0;
	if (got < 0)
		return kk_error_set(error, KK_ERR_INVALID, "cannot read the secret file %.200s: %s", name,
		                    errno == EINVAL ? "it is no regular file" : strerror(errno));
	if ((size_t)got + 1 >= room)
		return kk_error_set(error, KK_ERR_INVALID, "the secret file %.200s is longer than 64 KiB", name);
	while (got && (start[got - 1] == '\n' || start[got - 1] == '\r'))
		got--;
	start[got] = '\0';
	if (!got || !is_text(start, (size_t)got))
		return kk_error_set(error, KK_ERR_INVALID, "the secret file %.200s is %s", name,
		                    got ? "not one line of UTF-8 text" : "empty");
	snprintf(warning, sizeof(warning), "everybody on this machine can read the secret file %.200s: chmod 600 it",
	         name);
	result->secret(result->user, start, mode & S_IROTH ? warning : NULL);
	result->length += (size_t)got;
	return KK_OK;
}

/* ---- ${VAR} */

/* `*at` stands behind a "${"; leaves it behind the "}". */
static int append_variable(struct result *result, const char **at, struct kk_error *error)
{
	const char *start = *at, *end = strchr(start, '}');
	size_t length = name_length(start);
	char name[256];

	if (!end)
		return kk_error_set(error, KK_ERR_INVALID, "\"${\" without a closing \"}\"; write $${ for a plain ${");
	if (strncmp(start, "file:", 5) == 0) {
		*at = end + 1;
		return append_file(result, start + 5, (size_t)(end - start - 5), error);
	}
	const char *rest = start + length;
	bool has_default = strncmp(rest, ":-", 2) == 0;
	if (!length || length >= sizeof(name) || (rest != end && !has_default))
		return kk_error_set(error, KK_ERR_INVALID,
		                    "\"${%.*s}\" is not a variable: write ${NAME}, ${NAME:-default} or ${file:PATH}",
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

int kk_variable_expand(const char *text, struct kk_store *store, const char **to, kk_variable_secret secret, void *user,
                       struct kk_error *error)
{
	struct result result = {.secret = secret, .user = user};
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
