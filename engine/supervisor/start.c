/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker finds when it wakes up. */
#include "supervisor/start.h"
#include "worker/worker.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct kk_plan *kk_start_plan(const struct kk_plan *plan, unsigned stage)
{
	struct kk_plan *copy = malloc(plan->bytes);

	if (!copy)
		return NULL;
	memcpy(copy, plan, plan->bytes);
	for (unsigned s = 0; s < plan->stage_count; s++) {
		if (s == stage)
			continue;
		if (copy->stage[s].options)
			memset((char *)copy + copy->stage[s].options, 0, copy->stage[s].options_bytes);
		copy->stage[s].options = copy->stage[s].options_bytes = 0;
	}
	return copy;
}

/* Lists `from` for the worker; returns the number it has there, -1 for none. */
static int32_t give(struct kk_start *start, int from, int *next)
{
	if (from < 0)
		return -1;
	start->fds[start->fd_count++] = (struct kk_process_fd){from, *next};
	return (*next)++;
}

static void give_all(struct kk_start *start, const struct kk_start_request *request, struct kk_worker_start *message)
{
	struct kk_run_fds fds;
	int next = KK_START_OTHERS, fixed;

	kk_run_fds(request->run, request->role, &fds);
	/* Only a source may read what is piped into the program. */
	fixed = STDIN_FILENO;
	if (kk_plan_stage_of(request->plan, request->role) == 0 && fcntl(STDIN_FILENO, F_GETFD) >= 0)
		give(start, STDIN_FILENO, &fixed);
	fixed = STDOUT_FILENO;
	give(start, request->chatter, &fixed);
	give(start, request->chatter, &fixed);
	give(start, start->message, &fixed);
	fixed = KK_START_LOG;
	message->log = give(start, request->log, &fixed);
	message->lifeline = KK_START_LIFELINE;
	message->control = give(start, fds.control, &next);
	message->counters = give(start, fds.counters, &next);
	message->arena_write = give(start, fds.arena_write, &next);
	message->recorder_state = give(start, fds.recorder_state, &next);
	message->seen = give(start, fds.seen, &next);
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		message->keep[i] = give(start, fds.keep[i], &next);
	for (unsigned s = 0; s < KK_PLAN_MAX_STAGES; s++) {
		message->arena_read[s] = give(start, fds.arena_read[s], &next);
		message->bell[s] = give(start, fds.bell[s], &next);
	}
}

static int write_all(int fd, const void *from, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, (const char *)from + done, bytes - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

static int send_message(int fd, const struct kk_worker_start *message, const struct kk_plan *plan,
                        struct kk_error *error)
{
	if (write_all(fd, message, sizeof(*message)) < 0 || write_all(fd, plan, plan->bytes) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return kk_error_set(error, KK_ERR_SYSTEM, "cannot write the start message");
	return KK_OK;
}

int kk_start_make(struct kk_start *start, const struct kk_start_request *request, struct kk_error *error)
{
	struct kk_worker_start message = {
	    .magic = KK_WORKER_MAGIC,
	    .bytes = sizeof(message),
	    .role = request->role,
	    .life = request->life,
	    .plan_bytes = request->plan->bytes,
	    .log_level = request->level,
	};
	struct kk_plan *plan = kk_start_plan(request->plan, kk_plan_stage_of(request->plan, request->role));
	int rc;

	start->fd_count = 0;
	start->message = -1;
	if (!plan)
		return kk_error_set(error, KK_ERR_MEMORY, "no memory for a copy of the plan");
	start->message = memfd_create("kakehi-start", MFD_CLOEXEC);
	if (start->message < 0) {
		rc = kk_error_set(error, KK_ERR_SYSTEM, "cannot make a start message");
		goto out;
	}
	give_all(start, request, &message);
	rc = send_message(start->message, &message, plan, error);
out:
	/* It held secrets. */
	explicit_bzero(plan, request->plan->bytes);
	free(plan);
	return rc;
}

void kk_start_done(struct kk_start *start)
{
	if (start->message >= 0)
		close(start->message);
	start->message = -1;
}
