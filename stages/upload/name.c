/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

static const char part_prefix[] = ".kakehi-";

/* Names that are devices where Windows or its file systems are; a digit follows where `numbered`. */
static const struct {
	const char *name;
	bool numbered;
} devices[] = {
    {"con", false}, {"prn", false}, {"aux", false}, {"nul", false}, {"com", true}, {"lpt", true},
};

/* A component's name is what stands before its first dot. */
static bool is_device(const char *component, size_t length)
{
	size_t base = strcspn(component, "./");

	if (base > length)
		base = length;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (base != 3 + (size_t)devices[i].numbered || strncasecmp(component, devices[i].name, 3) != 0)
			continue;
		if (!devices[i].numbered || (component[3] >= '1' && component[3] <= '9'))
			return true;
	}
	return false;
}

static bool insert(char *at, size_t used_from_at, const char *text, size_t length, size_t room)
{
	if (used_from_at + length + 1 > room)
		return false;
	memmove(at + length, at, used_from_at + 1);
	memcpy(at, text, length);
	return true;
}

bool name_make_safe(char *path, size_t size)
{
	for (char *at = path; *at;) {
		size_t length = strcspn(at, "/");

		if ((*at == '-' || is_device(at, length)) &&
		    !insert(at, strlen(at), "_", 1, size - (size_t)(at - path)))
			return false;
		at += strcspn(at, "/");
		at += *at == '/';
	}
	return true;
}

bool name_is_path(const char *path)
{
	const char *last = strrchr(path, '/');

	last = last ? last + 1 : path;
	if (strncmp(last, part_prefix, sizeof(part_prefix) - 1) == 0)
		return false;
	for (const char *at = path;; at++) {
		size_t length = strcspn(at, "/");

		if (length == 0 || length > NAME_MAX || (length == 1 && *at == '.') ||
		    (length == 2 && strncmp(at, "..", 2) == 0))
			return false;
		at += length;
		if (!*at)
			return true;
	}
}

bool name_spread(char *path, size_t size, const char *id, unsigned levels)
{
	char folders[3 * NAME_LEVELS], *last = strrchr(path, '/');

	last = last ? last + 1 : path;
	for (unsigned i = 0; i < levels; i++) {
		memcpy(folders + 3 * i, id + 2 * i, 2);
		folders[3 * i + 2] = '/';
	}
	return insert(last, strlen(last), folders, (size_t)3 * levels, size - (size_t)(last - path));
}
