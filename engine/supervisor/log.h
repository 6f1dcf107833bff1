/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/log.h - reads the pipes that workers write to, produces whole lines.
 *
 * A worker has two: `log`, where each line begins with the digit of its level and a space, and stdout and stderr,
 * where its libraries write what they like.
 */
#ifndef ENGINE_SUPERVISOR_LOG_H
#define ENGINE_SUPERVISOR_LOG_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stddef.h>

#define KK_LOG_LINE_MAX 2048

/* The reading end of one pipe. A line that is longer than KK_LOG_LINE_MAX is told in pieces. */
struct kk_log_pipe {
	int fd; /* -1: closed */
	size_t used;
	char line[KK_LOG_LINE_MAX];
};

typedef void kk_log_take(void *argument, const char *line, size_t length);

/* kk_log_open - makes the pipe; *write_end is the caller's to close. 0, or -1 with errno. */
int kk_log_open(struct kk_log_pipe *pipe, int *write_end);
/* kk_log_read - takes what is there now and calls `take` for each whole line. */
void kk_log_read(struct kk_log_pipe *pipe, kk_log_take *take, void *argument);
/* kk_log_close - takes what is left, a last line without its end too, and closes. */
void kk_log_close(struct kk_log_pipe *pipe, kk_log_take *take, void *argument);

/* kk_log_level - of a line of the `log` pipe, which is moved behind its level; KK_LOG_INFO if it names none. */
enum kk_log_level kk_log_level(const char **line, size_t *length);

/* The last lines of a worker, for its obituary. Zero-initialise it. */
#define KK_LAST_LINES 5
struct kk_last_lines {
	char line[KK_LAST_LINES][200];
	unsigned count; /* all there ever were */
};
void kk_last_lines_add(struct kk_last_lines *last, const char *line, size_t length);
/* kk_last_lines_get - the `back`-th last one, 0 is the newest; "" if there are not that many. */
const char *kk_last_lines_get(const struct kk_last_lines *last, unsigned back);

#endif
