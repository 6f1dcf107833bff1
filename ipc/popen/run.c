/* SPDX-License-Identifier: Apache-2.0 */
/* Commands from their start to their end in one call. One command is a pipeline of one. */
#include "deadline/deadline.h"
#include "popen/launch.h"
#include "popen/own.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/run.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* How long the killed are waited for: one that hangs in the kernel dies later, or never. */
enum { LAST_WAIT_MS = 10000 };

struct member {
	struct kk_popen *popen; /* NULL: not started */
};

struct pipeline {
	struct member *members;
	struct kk_flow *flows;
	size_t count, flow_count;
};

static bool is_set(const struct kk_stream *stream)
{
	return stream->kind != KK_STREAM_INHERIT;
}

static int check(const struct kk_command *commands, size_t count, const struct kk_run_options *options,
                 struct kk_error *error)
{
	if (count == 0)
		return kk_error_set(error, KK_ERR_INVALID, "a pipeline without commands");
	if (options->input && is_set(&commands[0].in) && commands[0].in.kind != KK_STREAM_PIPE)
		return kk_error_set(error, KK_ERR_INVALID, "both an input and a stdin are given");
	for (size_t i = 0; i < count; i++) {
		if ((i > 0 && is_set(&commands[i].in)) || (i + 1 < count && is_set(&commands[i].out)))
			return kk_error_set(error, KK_ERR_INVALID,
			                    "command %zu of the pipeline has streams where its neighbours are", i + 1);
	}
	return KK_OK;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Starts command `i`, which reads from `*before`; `*before` is then what the next one reads from. Our ends of the pipe
 * are closed at once: the child before must see that this one has gone. */
static int start_one(struct pipeline *pipeline, size_t i, const struct kk_command *commands,
                     const struct kk_run_options *options, int *before, struct kk_error *error)
{
	static const struct kk_stream pipe_to_us = {.kind = KK_STREAM_PIPE};
	struct kk_command command = commands[i];
	bool last = i + 1 == pipeline->count;
	int ends[2] = {-1, -1}, rc = KK_OK;
	const void *input = i == 0 ? options->input : NULL;

	if (!last && kk_launch_pipe(ends) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot make a pipe");
	if (i > 0)
		command.in = (struct kk_stream){KK_STREAM_FD, *before};
	else if (input)
		command.in = pipe_to_us;
	if (!last)
		command.out = (struct kk_stream){KK_STREAM_FD, ends[1]};
	else if (options->capture && !is_set(&command.out))
		command.out = pipe_to_us;
	if (options->capture && !is_set(&command.err))
		command.err = pipe_to_us;
	pipeline->members[i].popen = kk_popen_start(&command, input, input ? options->input_bytes : 0, error);
	if (!pipeline->members[i].popen)
		rc = error->code < 0 ? error->code : KK_ERR_SYSTEM;
	close_fd(before);
	close_fd(&ends[1]);
	*before = ends[0];
	return rc;
}

static int start_all(struct pipeline *pipeline, const struct kk_command *commands, const struct kk_run_options *options,
                     struct kk_error *error)
{
	struct kk_error own = {0};
	int before = -1, rc = KK_OK;

	for (size_t i = 0; i < pipeline->count && rc == KK_OK; i++) {
		rc = start_one(pipeline, i, commands, options, &before, &own);
		if (rc == KK_OK)
			pipeline->flow_count +=
			    kk_popen_flows(pipeline->members[i].popen, pipeline->flows + pipeline->flow_count);
	}
	close_fd(&before);
	if (rc < 0 && error)
		*error = own;
	return rc;
}

static int wait_all(const struct pipeline *pipeline, int64_t deadline_ms, struct kk_error *error)
{
	int rc = KK_OK;

	for (size_t i = 0; i < pipeline->count && rc == KK_OK; i++) {
		rc = kk_popen_wait(pipeline->members[i].popen, kk_deadline_left(deadline_ms), NULL);
		kk_popen_say(pipeline->members[i].popen, rc, error);
	}
	return rc;
}

/* Which of them overflowed, or has not ended in time? The first one will do. */
static const struct kk_popen *culprit(const struct pipeline *pipeline, int code)
{
	for (size_t i = 0; i < pipeline->count; i++) {
		struct kk_popen *popen = pipeline->members[i].popen;
		if (code == KK_ERR_NO_ROOM ? popen->captures[0].overflowed || popen->captures[1].overflowed
		                           : kk_popen_poll(popen, NULL) == KK_ERR_EMPTY)
			return popen;
	}
	return pipeline->members[0].popen;
}

/* Ends all of them, whatever they do, and takes what their pipes still hold. The last one first: who reads must not
 * take the death of who writes for the end of the data, and make something of half of it. */
static void kill_all(struct pipeline *pipeline)
{
	int64_t deadline_ms = kk_deadline(LAST_WAIT_MS);

	for (size_t i = pipeline->count; i > 0; i--)
		kk_popen_signal_group(pipeline->members[i - 1].popen, SIGKILL);
	for (size_t i = 0; i < pipeline->count; i++) {
		if (kk_popen_wait(pipeline->members[i].popen, kk_deadline_left(deadline_ms), NULL) == KK_ERR_TIMEOUT)
			pipeline->members[i].popen->abandon = true;
	}
	kk_exchange_rest(pipeline->flows, pipeline->flow_count);
}

static struct kk_captured hand_over(struct kk_capture *capture)
{
	struct kk_captured to = {capture->data, capture->used};

	capture->data = NULL;
	return to;
}

static void complete(struct kk_popen *popen, struct kk_completed *done)
{
	/* One that was killed and could not be waited for has ended of that as far as anybody will learn. */
	if (kk_popen_end(popen, &done->end) < 0)
		done->end = (struct kk_process_end){.signal = SIGKILL};
	done->returncode = done->end.exited ? done->end.code : -done->end.signal;
	done->out = hand_over(&popen->captures[0]);
	done->err = hand_over(&popen->captures[1]);
}

static int check_ends(const struct pipeline *pipeline, const struct kk_completed *done, struct kk_error *error)
{
	char how[64];

	for (size_t i = 0; i < pipeline->count; i++) {
		bool unwanted = done[i].end.signal == SIGPIPE && i + 1 < pipeline->count;
		if (done[i].returncode != 0 && !unwanted)
			return kk_error_set(error, KK_ERR_FAILED, "%s: %s", pipeline->members[i].popen->name,
			                    kk_process_obituary(&done[i].end, how, sizeof(how)));
	}
	return KK_OK;
}

static int run_all(struct pipeline *pipeline, int timeout_ms, struct kk_completed *done, struct kk_error *error)
{
	int64_t deadline_ms = kk_deadline(timeout_ms);
	int rc = kk_exchange(pipeline->flows, pipeline->flow_count, deadline_ms);

	if (rc < 0)
		kk_popen_say(culprit(pipeline, rc), rc, error);
	else
		rc = wait_all(pipeline, deadline_ms, error);
	if (rc < 0)
		kill_all(pipeline);
	for (size_t i = 0; i < pipeline->count; i++)
		complete(pipeline->members[i].popen, &done[i]);
	return rc;
}

int kk_run_pipeline(const struct kk_command *commands, size_t count, const struct kk_run_options *options,
                    int timeout_ms, struct kk_completed *done, struct kk_error *error)
{
	static const struct kk_run_options none = {0};
	struct pipeline pipeline = {.count = count};
	int rc;

	if (!options)
		options = &none;
	for (size_t i = 0; i < count; i++)
		done[i] = (struct kk_completed){0};
	rc = check(commands, count, options, error);
	if (rc < 0)
		return rc;
	pipeline.members = calloc(count, sizeof(*pipeline.members));
	pipeline.flows = calloc(count * KK_POPEN_FLOWS, sizeof(*pipeline.flows));
	if (!pipeline.members || !pipeline.flows) {
		rc = kk_error_set(error, KK_ERR_MEMORY, "no memory for a pipeline");
		goto out;
	}
	rc = start_all(&pipeline, commands, options, error);
	if (rc == KK_OK)
		rc = run_all(&pipeline, timeout_ms, done, error);
	if (rc == KK_OK && options->check)
		rc = check_ends(&pipeline, done, error);
out:
	for (size_t i = count; pipeline.members && i > 0; i--)
		kk_popen_free(pipeline.members[i - 1].popen);
	free(pipeline.flows);
	free(pipeline.members);
	return rc;
}

int kk_run(const struct kk_command *command, const struct kk_run_options *options, int timeout_ms,
           struct kk_completed *done, struct kk_error *error)
{
	return kk_run_pipeline(command, 1, options, timeout_ms, done, error);
}

void kk_completed_free(struct kk_completed *done)
{
	free(done->out.data);
	free(done->err.data);
	*done = (struct kk_completed){0};
}
