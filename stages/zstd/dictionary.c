/* SPDX-License-Identifier: Apache-2.0 */
#include "dictionary.h"
#include "../whole/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* load - what is open. NULL, or what is wrong. */
static const char *load(struct dictionary *dictionary, int fd)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "not a regular file";
	if (status.st_size < 8 || status.st_size > DICTIONARY_MAX)
		return "a dictionary has 8 bytes to 32 MiB";
	dictionary->size = (size_t)status.st_size;
	dictionary->bytes = malloc(dictionary->size);
	if (!dictionary->bytes)
		return "out of memory";
	return whole_read(fd, dictionary->bytes, dictionary->size);
}

int dictionary_read(struct dictionary *dictionary, const char *path, char *why, size_t why_size)
{
	*dictionary = (struct dictionary){.size = 0};
	if (!*path)
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *wrong = fd < 0 ? strerror(errno) : load(dictionary, fd);
	if (wrong) {
		snprintf(why, why_size, "dictionary \"%.200s\": %s", path, wrong);
		dictionary_free(dictionary);
	}
	if (fd >= 0)
		close(fd);
	return wrong ? -1 : 0;
}

void dictionary_free(struct dictionary *dictionary)
{
	free(dictionary->bytes);
	*dictionary = (struct dictionary){.size = 0};
}
