/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 200, SPLICE_BYTES = 1 << 20, RELEASE_STEP = 16 << 20 };

void raw_open_file(struct raw *raw, int fd)
{
	*raw = (struct raw){.fd = fd};
}

int raw_open_input(struct raw *raw, struct kk_context *context, char *why, size_t why_size)
{
	struct stat status;
	*raw = (struct raw){.fd = STDIN_FILENO, .input = STDIN_FILENO};
	if (fstat(STDIN_FILENO, &status) < 0) {
		snprintf(why, why_size, "standard input is closed");
		return -1;
	}
	if (S_ISREG(status.st_mode)) {
		off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
		raw->base = at > 0 ? (uint64_t)at : 0;
		return 0;
	}
	raw->spooled = true;
	raw->context = context;
	raw->fd = kk_keep(context, KK_KEEP_FILE);
	raw->out = kk_keep(context, KK_KEEP_PIPE_READ);
	raw->in = kk_keep(context, KK_KEEP_PIPE_WRITE);
	if (raw->fd < 0 || fstat(raw->fd, &status) < 0) {
		snprintf(why, why_size, "there is no file to keep standard input in");
		return -1;
	}
	raw->size = (uint64_t)status.st_size;
	raw->released = RAW_HEAD_KEPT;
	return 0;
}

/* ---- the spool */

/* move - from a pipe to the end of the spool. As splice(2). */
static ssize_t move(struct raw *raw, int from)
{
	off_t end = (off_t)raw->size;
	ssize_t moved = splice(from, NULL, raw->fd, &end, SPLICE_BYTES, SPLICE_F_MOVE);
	if (moved > 0)
		raw->size += (uint64_t)moved;
	return moved;
}

/* copy - what a kill may lose. */
static ssize_t copy(struct raw *raw)
{
	char buffer[4096];
	ssize_t got = read(raw->input, buffer, sizeof(buffer));
	for (ssize_t done = 0; done < got;) {
		ssize_t put = pwrite(raw->fd, buffer + done, (size_t)(got - done), (off_t)raw->size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		done += put;
		raw->size += (uint64_t)put;
	}
	return got;
}

/* pass_on - through the pipe, which may hold something from before. */
static ssize_t pass_on(struct raw *raw)
{
	int waiting = 0;
	if (ioctl(raw->out, FIONREAD, &waiting) < 0 || waiting == 0) {
		ssize_t came = splice(raw->input, NULL, raw->in, NULL, SPLICE_BYTES, SPLICE_F_MOVE);
		if (came <= 0)
			return came;
	}
	return move(raw, raw->out);
}

/* take - moves what is there to the spool, by the best way that works. Bytes, 0 at the end, -1 with errno. */
static ssize_t take(struct raw *raw)
{
	ssize_t moved = -1;
	errno = EINVAL;
	if (!raw->through_pipe)
		moved = move(raw, raw->input);
	if (moved < 0 && errno == EINVAL && !raw->plain && raw->in >= 0) {
		raw->through_pipe = true;
		moved = pass_on(raw);
	}
	if (moved < 0 && errno == EINVAL) {
		if (!raw->plain)
			kk_log(raw->context, KK_LOG_WARNING,
			       "what comes cannot be spliced: a source that is killed loses what it was just reading");
		raw->through_pipe = raw->plain = true;
		moved = copy(raw);
	}
	return moved;
}

/* has_no_room - is this what a write to a full disk, or beyond a quota or limit, says? */
static bool has_no_room(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* fill - waits a while for more. 0; or -1 with errno. */
static int fill(struct raw *raw)
{
	struct pollfd ready = {.fd = raw->input, .events = POLLIN};
	int waiting = 0;
	if (raw->out >= 0 && ioctl(raw->out, FIONREAD, &waiting) == 0 && waiting > 0)
		return move(raw, raw->out) < 0 ? -1 : 0;
	int status = poll(&ready, 1, PATIENCE_MS);
	if (status == 0 || (status < 0 && errno == EINTR)) {
		errno = EAGAIN;
		return -1;
	}
	ssize_t moved = status < 0 ? -1 : take(raw);
	if (moved < 0 && errno == EINTR)
		errno = EAGAIN;
	if (moved == 0)
		raw->ended = true;
	return moved < 0 ? -1 : 0;
}

/* ---- reading */

ssize_t raw_read(struct raw *raw, void *to, size_t size, uint64_t at)
{
	while (raw->spooled && at >= raw->size && !raw->ended)
		if (fill(raw) < 0) {
			raw->full = has_no_room(errno);
			return -1;
		}
	ssize_t got;
	do
		got = pread(raw->fd, to, size, (off_t)(raw->base + at));
	while (got < 0 && errno == EINTR);
	return got;
}

/* Where holes cannot be made, the spool just grows. */
void raw_release(struct raw *raw, uint64_t at)
{
	if (!raw->spooled || at < raw->released + RELEASE_STEP)
		return;
	(void)fallocate(raw->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)raw->released,
	                (off_t)(at - raw->released));
	raw->released = at;
}
