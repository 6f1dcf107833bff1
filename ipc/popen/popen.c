/* SPDX-License-Identifier: Apache-2.0 */
#include "deadline/deadline.h"
#include "popen/launch.h"
#include "popen/own.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void close_fds(struct kk_popen *popen)
{
	for (int i = 0; i < 3; i++) {
		if (popen->fds[i] >= 0)
			close(popen->fds[i]);
		popen->fds[i] = -1;
	}
}

static struct kk_popen *make(const struct kk_command *command, struct kk_error *error)
{
	size_t name_bytes = strlen(kk_launch_name(command)) + 1;
	struct kk_popen *popen = calloc(1, sizeof(*popen) + name_bytes);

	if (!popen || pthread_mutex_init(&popen->lock, NULL) != 0) {
		free(popen);
		kk_error_set(error, KK_ERR_MEMORY, "%s: no memory", kk_launch_name(command));
		return NULL;
	}
	popen->owner = getpid();
	memcpy(popen->name, kk_launch_name(command), name_bytes);
	for (int i = 0; i < 3; i++)
		popen->fds[i] = -1;
	popen->captures[0].max = popen->captures[1].max = command->capture_max;
	return popen;
}

struct kk_popen *kk_popen_start(const struct kk_command *command, const void *input, size_t input_bytes,
                                struct kk_error *error)
{
	struct kk_error own = {0};
	struct kk_launch launch;
	struct kk_popen *popen = NULL;

	if (kk_launch_prepare(&launch, command, error) < 0)
		goto out;
	popen = make(command, error);
	if (!popen)
		goto out;
	popen->input = input;
	popen->input_left = input_bytes;
	for (int i = 0; i < 3; i++) {
		popen->fds[i] = launch.ours[i];
		launch.ours[i] = -1;
		if (i > 0 && popen->fds[i] >= 0 && kk_capture_begin(&popen->captures[i - 1]) < 0)
			kk_error_set(&own, KK_ERR_MEMORY, "no memory for what %s writes", popen->name);
	}
	if (own.code == KK_OK)
		popen->process = kk_process_spawn(&launch.spec, &own);
	if (!popen->process) {
		kk_launch_explain(command, &own);
		if (error)
			*error = own;
		kk_popen_free(popen);
		popen = NULL;
	}
out:
	kk_launch_done(&launch);
	return popen;
}

struct kk_popen *kk_popen(const struct kk_command *command, struct kk_error *error)
{
	return kk_popen_start(command, NULL, 0, error);
}

void kk_popen_free(struct kk_popen *popen)
{
	if (!popen)
		return;
	close_fds(popen);
	if (popen->abandon)
		kk_process_abandon(popen->process);
	else
		kk_process_free(popen->process);
	kk_capture_free(&popen->captures[0]);
	kk_capture_free(&popen->captures[1]);
	pthread_mutex_destroy(&popen->lock);
	free(popen);
}

pid_t kk_popen_pid(const struct kk_popen *popen)
{
	return kk_process_pid(popen->process);
}

int kk_popen_pidfd(const struct kk_popen *popen)
{
	return kk_process_pidfd(popen->process);
}

int kk_popen_fd(const struct kk_popen *popen, int which)
{
	return which >= 0 && which <= 2 ? popen->fds[which] : -1;
}

static int lock(struct kk_popen *popen)
{
	if (popen->owner != getpid())
		return KK_ERR_NOT_OWNER;
	pthread_mutex_lock(&popen->lock);
	return KK_OK;
}

int kk_popen_close_fd(struct kk_popen *popen, int which)
{
	int rc = lock(popen);

	if (rc < 0)
		return rc;
	if (popen->busy) {
		rc = KK_ERR_INVALID;
	} else if (kk_popen_fd(popen, which) < 0) {
		rc = KK_ERR_MISSING;
	} else {
		close(popen->fds[which]);
		popen->fds[which] = -1;
	}
	pthread_mutex_unlock(&popen->lock);
	return rc;
}

/* ---- its end */

/* Whoever finds that it has ended, reaps it: its number is free after that. With the lock held. */
static int look(struct kk_popen *popen)
{
	int rc = popen->lost ? KK_ERR_SYSTEM : KK_OK;

	if (!popen->ended) {
		rc = kk_process_wait(popen->process, 0, &popen->end);
		popen->lost = rc == KK_ERR_SYSTEM && errno == ECHILD;
		popen->ended = rc == KK_OK || popen->lost;
	}
	return rc;
}

int kk_popen_poll(struct kk_popen *popen, int *returncode)
{
	int rc = lock(popen);

	if (rc < 0)
		return rc;
	rc = look(popen);
	if (rc == KK_OK && returncode)
		*returncode = popen->end.exited ? popen->end.code : -popen->end.signal;
	pthread_mutex_unlock(&popen->lock);
	return rc == KK_ERR_TIMEOUT ? KK_ERR_EMPTY : rc;
}

int kk_popen_wait(struct kk_popen *popen, int timeout_ms, int *returncode)
{
	int64_t deadline_ms = kk_deadline(timeout_ms);
	int rc = kk_popen_poll(popen, returncode);

	while (rc == KK_ERR_EMPTY) {
		/* Without the lock: others may ask and signal meanwhile. */
		rc = kk_deadline_poll(kk_popen_pidfd(popen), POLLIN, deadline_ms);
		if (rc == KK_OK)
			rc = kk_popen_poll(popen, returncode);
	}
	return rc;
}

int kk_popen_end(struct kk_popen *popen, struct kk_process_end *end)
{
	int rc = lock(popen);

	if (rc < 0)
		return rc;
	if (popen->ended && !popen->lost)
		*end = popen->end;
	else
		rc = KK_ERR_EMPTY;
	pthread_mutex_unlock(&popen->lock);
	return rc;
}

static int send(struct kk_popen *popen, int signal, int (*how)(struct kk_process *process, int signal))
{
	int rc = lock(popen);

	if (rc < 0)
		return rc;
	rc = popen->ended ? KK_OK : how(popen->process, signal);
	pthread_mutex_unlock(&popen->lock);
	return rc == KK_ERR_MISSING ? KK_OK : rc;
}

int kk_popen_send_signal(struct kk_popen *popen, int signal)
{
	return send(popen, signal, kk_process_kill);
}

int kk_popen_signal_group(struct kk_popen *popen, int signal)
{
	return send(popen, signal, kk_process_kill_group);
}

int kk_popen_terminate(struct kk_popen *popen)
{
	return kk_popen_send_signal(popen, SIGTERM);
}

int kk_popen_kill(struct kk_popen *popen)
{
	return kk_popen_send_signal(popen, SIGKILL);
}

/* ---- what goes to and fro */

size_t kk_popen_flows(struct kk_popen *popen, struct kk_flow to[KK_POPEN_FLOWS])
{
	to[0] = (struct kk_flow){.fd = &popen->fds[0], .input = &popen->input, .input_left = &popen->input_left};
	for (int i = 1; i <= 2; i++)
		to[i] = (struct kk_flow){.fd = &popen->fds[i], .capture = &popen->captures[i - 1]};
	return KK_POPEN_FLOWS;
}

int kk_popen_say(const struct kk_popen *popen, int code, struct kk_error *error)
{
	switch (code) {
	case KK_ERR_NO_ROOM:
		return kk_error_set(error, code, "%s wrote more than the %zu bytes that are kept", popen->name,
		                    popen->captures[0].max);
	case KK_ERR_TIMEOUT:
		return kk_error_set(error, code, "%s has not ended in time", popen->name);
	case KK_ERR_MEMORY:
		return kk_error_set(error, code, "no memory for what %s writes", popen->name);
	case KK_ERR_SYSTEM:
		return kk_error_set(error, code,
		                    popen->lost ? "%s: somebody else waited for its end" : "%s: its pipes or its end",
		                    popen->name);
	default:
		return code;
	}
}

/* 0 if the caller is the one that communicates now. */
static int begin(struct kk_popen *popen, const void *input, size_t input_bytes, struct kk_error *error)
{
	bool given = input && input_bytes > 0;
	const char *wrong = NULL;

	if (lock(popen) < 0)
		return kk_error_set(error, KK_ERR_NOT_OWNER, "%s belongs to the process that started it", popen->name);
	if (popen->busy)
		wrong = "another thread communicates with it";
	else if (given && popen->started)
		wrong = "it was given its input by the first call";
	else if (given && popen->fds[0] < 0)
		wrong = "no pipe leads to its stdin";
	if (!wrong) {
		if (given) {
			popen->input = input;
			popen->input_left = input_bytes;
		}
		popen->busy = popen->started = true;
	}
	pthread_mutex_unlock(&popen->lock);
	return wrong ? kk_error_set(error, KK_ERR_INVALID, "%s: %s", popen->name, wrong) : KK_OK;
}

static void end(struct kk_popen *popen)
{
	pthread_mutex_lock(&popen->lock);
	popen->busy = false;
	pthread_mutex_unlock(&popen->lock);
}

int kk_popen_communicate(struct kk_popen *popen, const void *input, size_t input_bytes, int timeout_ms,
                         struct kk_error *error)
{
	int64_t deadline_ms = kk_deadline(timeout_ms);
	struct kk_flow flows[KK_POPEN_FLOWS];
	int rc = begin(popen, input, input_bytes, error);

	if (rc < 0)
		return rc;
	rc = kk_exchange(flows, kk_popen_flows(popen, flows), deadline_ms);
	if (rc == KK_OK)
		rc = kk_popen_wait(popen, kk_deadline_left(deadline_ms), NULL);
	/* Whoever asks again is told again: it was not all. */
	if (rc == KK_OK && (popen->captures[0].overflowed || popen->captures[1].overflowed))
		rc = KK_ERR_NO_ROOM;
	end(popen);
	return kk_popen_say(popen, rc, error);
}

struct kk_captured kk_popen_captured(const struct kk_popen *popen, int which)
{
	static char none[1];
	const struct kk_capture *capture = &popen->captures[which == 2];

	return (struct kk_captured){capture->data ? capture->data : none, capture->used};
}
