/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of pipes. */
#include "supervisor/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of one pipe at a time, so that a worker that talks without end does not keep the supervisor from its work. */
#define READ_AT_ONCE 65536

int kk_log_open(struct kk_log_pipe *log, int *write_end)
{
	int ends[2];

	log->fd = -1;
	log->used = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	/* Only our end: the worker's waits for room as any stderr does. */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	log->fd = ends[0];
	*write_end = ends[1];
	return 0;
}

static void take_lines(struct kk_log_pipe *log, kk_log_take *take, void *argument)
{
	char *line = log->line, *end;
	size_t left = log->used;

	while (left > 0 && (end = memchr(line, '\n', left))) {
		size_t length = (size_t)(end - line);
		take(argument, line, length);
		line = end + 1;
		left -= length + 1;
	}
	if (left == sizeof(log->line)) {
		take(argument, line, left);
		left = 0;
	}
	memmove(log->line, line, left);
	log->used = left;
}

void kk_log_read(struct kk_log_pipe *log, kk_log_take *take, void *argument)
{
	for (size_t total = 0; log->fd >= 0 && total < READ_AT_ONCE;) {
		ssize_t n = read(log->fd, log->line + log->used, sizeof(log->line) - log->used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close(log->fd);
			log->fd = -1;
			break;
		}
		total += (size_t)n;
		log->used += (size_t)n;
		take_lines(log, take, argument);
	}
}

void kk_log_close(struct kk_log_pipe *log, kk_log_take *take, void *argument)
{
	kk_log_read(log, take, argument);
	if (log->used > 0)
		take(argument, log->line, log->used);
	log->used = 0;
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

enum kk_log_level kk_log_level(const char **line, size_t *length)
{
	enum kk_log_level level = KK_LOG_INFO;

	if (*length >= 2 && (*line)[0] >= '0' + KK_LOG_ERROR && (*line)[0] <= '0' + KK_LOG_DEBUG && (*line)[1] == ' ') {
		level = (enum kk_log_level)((*line)[0] - '0');
		*line += 2;
		*length -= 2;
	}
	return level;
}

void kk_last_lines_add(struct kk_last_lines *last, const char *line, size_t length)
{
	if (length > 0)
		snprintf(last->line[last->count++ % KK_LAST_LINES], sizeof(last->line[0]), "%.*s", (int)length, line);
}

const char *kk_last_lines_get(const struct kk_last_lines *last, unsigned back)
{
	if (back >= last->count || back >= KK_LAST_LINES)
		return "";
	return last->line[(last->count - 1 - back) % KK_LAST_LINES];
}
