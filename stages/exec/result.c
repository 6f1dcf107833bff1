/* SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static void *reserve(struct kk_item *item, size_t size)
{
	return kk_reserve(item, size ? size : 1);
}

static enum kk_verdict commit(struct kk_item *item, size_t size)
{
	if (kk_commit(item, size) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "the new payload was not accepted");
	return KK_PASS;
}

static enum kk_verdict no_room(struct kk_item *item, uint64_t size)
{
	enum kk_fail_class class = errno == EFBIG ? KK_FAIL_TOO_LARGE : KK_FAIL_MEMORY;
	return kk_fail(item, class, "no room for %llu bytes: %s", (unsigned long long)size, strerror(errno));
}

enum kk_verdict result_copy(struct kk_item *item, const void *data, size_t size)
{
	char *to = reserve(item, size);
	if (!to)
		return no_room(item, size);
	if (size)
		memcpy(to, data, size);
	return commit(item, size);
}

enum kk_verdict result_read(struct kk_item *item, int fd, uint64_t size)
{
	char *to = reserve(item, size);
	if (!to)
		return no_room(item, size);
	for (uint64_t done = 0; done < size;) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kk_fail(item, KK_FAIL_IO, "cannot read the result: %s", n ? strerror(errno) : "it ends");
		done += (uint64_t)n;
	}
	return commit(item, size);
}

enum kk_verdict result_same(struct kk_item *item)
{
	return result_copy(item, item->data, item->size);
}

void result_field(struct kk_item *item, const char *name, const char *value)
{
	size_t bytes = 0;
	while (isalnum((unsigned char)name[bytes]) || name[bytes] == '_' || name[bytes] == '-')
		bytes++;
	if (bytes == 0 || bytes > FIELD_NAME_MAX || name[bytes])
		kk_log(item->context, KK_LOG_WARNING, "the program gave a field that has no proper name");
	else if (kk_set_field(item, name, value) != 0)
		kk_log(item->context, KK_LOG_WARNING, "no room for the field \"%s\"", name);
}
