/* SPDX-License-Identifier: Apache-2.0 */
#include "popen/exchange.h"
#include "deadline/deadline.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FIRST_ROOM = 16384, LEAST_READ = 4096 };

/* A broken pipe is told by EPIPE; the signal that comes with it is the writing thread's own and is taken back. */
struct quiet {
	sigset_t before;
	bool was_pending, broke;
};

static void be_quiet(struct quiet *quiet)
{
	sigset_t pipe, pending;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	*quiet = (struct quiet){.was_pending = sigismember(&pending, SIGPIPE)};
	pthread_sigmask(SIG_BLOCK, &pipe, &quiet->before);
}

static void be_loud(const struct quiet *quiet)
{
	static const struct timespec at_once = {0};
	sigset_t pipe;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (quiet->broke && !quiet->was_pending) {
		while (sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static void end_flow(struct kk_flow *flow)
{
	close(*flow->fd);
	*flow->fd = -1;
}

/* Room for at least `more` bytes and the NUL. */
static int make_room(struct kk_capture *capture, size_t more)
{
	size_t size = capture->size > 0 ? capture->size : FIRST_ROOM;
	char *data;

	if (capture->size > capture->used && capture->size - capture->used > more)
		return KK_OK;
	while (size - capture->used <= more) {
		if (size > SIZE_MAX / 2)
			return KK_ERR_MEMORY;
		size *= 2;
	}
	data = realloc(capture->data, size);
	if (!data)
		return KK_ERR_MEMORY;
	capture->data = data;
	capture->size = size;
	return KK_OK;
}

/* Reads once, at most `most` bytes. A full capture learns by one byte too many that it was not all. */
static int take(struct kk_flow *flow, size_t most)
{
	struct kk_capture *capture = flow->capture;
	size_t left = capture->max > 0 ? capture->max - capture->used : SIZE_MAX, want = most < left ? most : left;
	char beyond, *to = &beyond;
	ssize_t got;

	if (want > 0) {
		int rc = make_room(capture, want);
		if (rc < 0)
			return rc;
		to = capture->data + capture->used;
	}
	got = read(*flow->fd, to, want > 0 ? want : 1);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? KK_OK : KK_ERR_SYSTEM;
	if (got == 0) {
		end_flow(flow);
	} else if (want == 0) {
		capture->overflowed = true;
		end_flow(flow);
		return KK_ERR_NO_ROOM;
	} else {
		capture->used += (size_t)got;
		capture->data[capture->used] = 0;
	}
	return KK_OK;
}

/* As much as there is room for without waiting: half of what is held already, so that much is read in few calls. */
static int receive(struct kk_flow *flow)
{
	size_t most = flow->capture->used / 2;

	return take(flow, most > LEAST_READ * 4 ? most : LEAST_READ * 4 - 1);
}

static int give(struct kk_flow *flow, struct quiet *quiet)
{
	ssize_t put = *flow->input_left > 0 ? write(*flow->fd, *flow->input, *flow->input_left) : 0;

	if (put < 0 && errno == EPIPE) {
		quiet->broke = true;
		end_flow(flow);
		return KK_OK;
	}
	if (put < 0)
		return errno == EINTR || errno == EAGAIN ? KK_OK : KK_ERR_SYSTEM;
	*flow->input += put;
	*flow->input_left -= (size_t)put;
	if (*flow->input_left == 0)
		end_flow(flow);
	return KK_OK;
}

/* What has nothing to send is through at once; what sends must not wait in a write. */
static int prepare(struct kk_flow *flows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct kk_flow *flow = &flows[i];
		int flags;

		if (*flow->fd < 0 || !flow->input)
			continue;
		if (*flow->input_left == 0) {
			end_flow(flow);
			continue;
		}
		flags = fcntl(*flow->fd, F_GETFL);
		if (flags < 0 || fcntl(*flow->fd, F_SETFL, flags | O_NONBLOCK) < 0)
			return KK_ERR_SYSTEM;
	}
	return KK_OK;
}

static bool all_through(const struct kk_flow *flows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (*flows[i].fd >= 0)
			return false;
	}
	return true;
}

/* One look at all that is open. */
static int exchange_once(struct kk_flow *flows, struct pollfd *ready, size_t count, int left_ms, struct quiet *quiet)
{
	int rc = KK_OK, n;

	for (size_t i = 0; i < count; i++)
		ready[i] = (struct pollfd){.fd = *flows[i].fd, .events = flows[i].input ? POLLOUT : POLLIN};
	n = poll(ready, count, left_ms);
	if (n <= 0)
		return n == 0 ? KK_ERR_TIMEOUT : (errno == EINTR ? KK_OK : KK_ERR_SYSTEM);
	for (size_t i = 0; i < count && rc == KK_OK; i++) {
		if (ready[i].revents != 0)
			rc = flows[i].input ? give(&flows[i], quiet) : receive(&flows[i]);
	}
	return rc;
}

int kk_exchange(struct kk_flow *flows, size_t count, int64_t deadline_ms)
{
	struct pollfd *ready = calloc(count + 1, sizeof(*ready));
	struct quiet quiet;
	int rc;

	if (!ready)
		return KK_ERR_MEMORY;
	be_quiet(&quiet);
	rc = prepare(flows, count);
	while (rc == KK_OK && !all_through(flows, count)) {
		rc = exchange_once(flows, ready, count, kk_deadline_left(deadline_ms), &quiet);
		/* Who writes without end is always ready. */
		if (rc == KK_OK && kk_deadline_left(deadline_ms) == 0 && !all_through(flows, count))
			rc = KK_ERR_TIMEOUT;
	}
	be_loud(&quiet);
	free(ready);
	return rc;
}

void kk_exchange_rest(struct kk_flow *flows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct kk_flow *flow = &flows[i];
		int held = 0;

		if (*flow->fd >= 0 && flow->capture && ioctl(*flow->fd, FIONREAD, &held) == 0) {
			while (held > 0 && *flow->fd >= 0) {
				size_t before = flow->capture->used;
				if (take(flow, (size_t)held) < 0 || flow->capture->used == before)
					break;
				held -= (int)(flow->capture->used - before);
			}
		}
		if (*flow->fd >= 0)
			end_flow(flow);
	}
}

int kk_capture_begin(struct kk_capture *capture)
{
	int rc = make_room(capture, 0);

	if (rc == KK_OK)
		capture->data[0] = 0;
	return rc;
}

void kk_capture_free(struct kk_capture *capture)
{
	free(capture->data);
	*capture = (struct kk_capture){.max = capture->max};
}
