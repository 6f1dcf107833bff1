/* SPDX-License-Identifier: Apache-2.0 */
/* One program that answers for item after item: docs/exec-protocol.md. What it cannot be trusted with any more (it is
 * late, it died, its answer makes no sense) ends it, costs the item in hand, and the next item gets a new one. */
#include "exec.h"

#include "../whole/whole.h"
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAYLOAD_FD = 3, RESULT_FD = 4, FAREWELL_MS = 5000, LAST_MOMENTS_MS = 1000, KEPT_BYTES = 1 << 20, ID_BYTES = 64 };

/* ---- the two files */

/* Both are made before the sandbox closes, which allows no file to be resized. The result's has its size for ever; only
 * pages that are written take memory. */
int standing_prepare(struct exec *exec)
{
	char path[40];
	exec->payload = memfd_create("kakehi-payload", MFD_CLOEXEC);
	exec->result = memfd_create("kakehi-result", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (exec->payload < 0 || exec->result < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", exec->payload);
	exec->payload_theirs = open(path, O_RDONLY | O_CLOEXEC);
	if (exec->payload_theirs < 0 || ftruncate(exec->result, (off_t)exec->options->max_bytes) < 0)
		return -1;
	return fcntl(exec->result, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

static int write_payload(const struct exec *exec, const struct kk_item *item)
{
	return lseek(exec->payload, 0, SEEK_SET) < 0 ? -1 : whole_write(exec->payload, item->data, item->size);
}

/* One large item must not keep memory for ever. */
static void give_back(int fd, uint64_t bytes)
{
	if (bytes <= KEPT_BYTES)
		return;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	(void)madvise(memory, bytes, MADV_REMOVE);
	munmap(memory, bytes);
}

/* ---- its life */

static void forget_words(struct child *child)
{
	inflow_clear(&child->out);
	inflow_clear(&child->err);
}

static void stop(struct exec *exec, uint64_t grace_ms, struct kk_process_end *end)
{
	outflow_close(&exec->child.in);
	child_end(&exec->child, grace_ms ? child_clock_ms() + grace_ms : 0, end);
}

void standing_stop(struct exec *exec)
{
	stop(exec, FAREWELL_MS, NULL);
	forget_words(&exec->child);
}

static int fill_command(struct exec *exec, struct child_command *command)
{
	static const struct kk_strings none = {NULL, 0};
	int bad = command_fill(exec->command, exec->context, NULL, "", &none);
	bad |= command_set(exec->command, "KAKEHI_PROTOCOL", "1");
	bad |= command_set(exec->command, "KAKEHI_PAYLOAD_FD", "3");
	bad |= command_set(exec->command, "KAKEHI_RESULT_FD", "4");
	command->argv = command_argv(exec->command);
	command->environment = command_environment(exec->command);
	return bad;
}

static int open_flows(struct exec *exec, struct child_command *command)
{
	struct child *child = &exec->child;
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
	int bad = flow_pipe(in, 1) < 0 || flow_pipe(out, 0) < 0 || flow_pipe(err, 0) < 0;
	child->in = (struct outflow){.fd = in[1]};
	child->out = (struct inflow){.fd = out[0], .rule = INFLOW_KEEP, .limit = FRAME_LINE_MAX};
	child->err = (struct inflow){.fd = err[0], .rule = INFLOW_TAIL, .limit = CHILD_TAIL};
	command->fd[0] = in[0];
	command->fd[1] = out[1];
	command->fd[2] = err[1];
	command->fd[PAYLOAD_FD] = exec->payload_theirs;
	command->fd[RESULT_FD] = exec->result;
	return bad ? -1 : 0;
}

/* 0: one runs. */
static int start(struct exec *exec, char *why, size_t why_size)
{
	struct child_command command = {
	    .path = exec->program, .fd = {-1, -1, -1, -1, -1}, .memory = exec->options->memory};
	int status = -1;
	inflow_free(&exec->child.out);
	inflow_free(&exec->child.err);
	if (open_flows(exec, &command) < 0)
		snprintf(why, why_size, "cannot make a pipe: %s", strerror(errno));
	else if (fill_command(exec, &command) < 0)
		snprintf(why, why_size, "no memory for the command");
	else
		status = child_start(&exec->child, &command, why, why_size);
	for (int i = 0; i <= 2; i++)
		if (command.fd[i] >= 0)
			close(command.fd[i]);
	if (status < 0)
		child_end(&exec->child, 0, NULL);
	return status;
}

/* It may have ended since its last answer, or said something that nobody asked for. */
static void look_after(struct exec *exec)
{
	struct child *child = &exec->child;
	struct kk_process_end end;
	char how[64];
	if (!child->process)
		return;
	inflow_pass(&child->out);
	bool ended = kk_process_peek(child->process, &end) == KK_OK;
	if (!ended && child->out.size == 0 && child->out.fd >= 0)
		return;
	stop(exec, 0, ended ? &end : NULL);
	kk_log(exec->context, KK_LOG_WARNING, "the program %s between two items and is started anew",
	       ended ? kk_process_obituary(&end, how, sizeof(how)) : "spoke or hung up");
}

/* ---- a question and its answer */

static const char *item_field(void *arg, const char *name)
{
	return kk_field(arg, name);
}

static char *question(const struct exec *exec, struct kk_item *item, size_t *length)
{
	char id[ID_BYTES] = "";
	struct frame_item facts = {
	    .id = id,
	    .key = item->key ? item->key : "",
	    .sequence = item->sequence,
	    .size = item->size,
	    .fields = &exec->options->fields,
	    .field = item_field,
	    .arg = item,
	};
	if (kk_expand(item, "{id}", id, sizeof(id)) < 0)
		id[0] = 0;
	return frame_ask(&facts, length);
}

static bool answered(const struct inflow *out)
{
	return out->size > 0 && memchr(out->at, '\n', out->size);
}

/* KK_PASS: there is a line. */
static enum kk_verdict converse(struct exec *exec, struct kk_item *item)
{
	struct child *child = &exec->child;
	uint64_t deadline_ms = child_clock_ms() + exec->options->timeout_ms;
	struct kk_process_end end;
	enum child_news news = CHILD_MOVED;
	char words[100], how[64];
	while (news == CHILD_MOVED && !answered(&child->out) && child->out.fd >= 0)
		news = child_turn(child, deadline_ms);
	if (answered(&child->out) && news != CHILD_OVER)
		return KK_PASS;
	/* It hung up: most likely it is about to end. */
	stop(exec, news == CHILD_MOVED ? LAST_MOMENTS_MS : 0, &end);
	const char *last = child_last_words(child, words, sizeof(words)), *colon = *last ? ": " : "";
	if (news == CHILD_LATE)
		return kk_fail(item, KK_FAIL_TIMEOUT, "no answer within %g s%s%s",
		               (double)exec->options->timeout_ms / 1000, colon, last);
	if (news == CHILD_OVER)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "its answer is longer than %d bytes", FRAME_LINE_MAX);
	return kk_fail(item, end.exited ? KK_FAIL_OTHER : KK_FAIL_CRASHED, "no answer, %s%s%s",
	               kk_process_obituary(&end, how, sizeof(how)), colon, last);
}

static int set_field(void *arg, const char *name, const char *value)
{
	result_field(arg, name, value);
	return 0;
}

static int count_field(void *arg, const char *name, const char *value)
{
	(void)arg, (void)name, (void)value;
	return 1;
}

static enum kk_verdict accept_answer(const struct exec *exec, struct kk_item *item, const struct frame_answer *answer)
{
	enum kk_verdict verdict = KK_PASS;
	if (answer->verdict == KK_FAIL)
		return kk_fail(item, answer->class, "%s", *answer->message ? answer->message : "the program says so");
	if (answer->verdict == KK_SKIP)
		return KK_SKIP;
	bool fields = frame_fields(answer, count_field, NULL) != 0;
	if (answer->has_size && answer->size > exec->options->max_bytes)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "it made %llu bytes, more than max_bytes",
		               (unsigned long long)answer->size);
	if (answer->has_size)
		verdict = result_read(item, exec->result, answer->size);
	else if (fields)
		verdict = result_same(item);
	if (verdict == KK_PASS && fields)
		(void)frame_fields(answer, set_field, item);
	return verdict;
}

static enum kk_verdict read_answer(struct exec *exec, struct kk_item *item)
{
	const struct inflow *out = &exec->child.out;
	struct frame_answer answer = {.json = NULL};
	enum kk_verdict verdict;
	char why[120] = "it said more than one line";
	const char *end = memchr(out->at, '\n', out->size);
	if (end + 1 != out->at + out->size ||
	    frame_read(&answer, out->at, (size_t)(end - out->at), why, sizeof(why)) < 0) {
		stop(exec, 0, NULL);
		verdict = kk_fail(item, KK_FAIL_OTHER, "%s", why);
	} else {
		verdict = accept_answer(exec, item, &answer);
		if (answer.has_size && answer.size <= exec->options->max_bytes)
			give_back(exec->result, answer.size);
	}
	frame_free(&answer);
	return verdict;
}

enum kk_verdict standing_process(struct exec *exec, struct kk_item *item)
{
	char why[300];
	size_t length = 0;
	enum kk_verdict verdict;
	look_after(exec);
	if (!exec->child.process && start(exec, why, sizeof(why)) < 0)
		return kk_fail(item, KK_FAIL_IO, "%s", why);
	if (write_payload(exec, item) < 0)
		return kk_fail(item, KK_FAIL_IO, "cannot write the payload: %s", strerror(errno));
	char *line = question(exec, item, &length);
	if (!line)
		return kk_fail(item, KK_FAIL_MEMORY, "no memory for a question");
	forget_words(&exec->child);
	exec->child.in.at = line;
	exec->child.in.left = length;
	verdict = converse(exec, item);
	if (verdict == KK_PASS)
		verdict = read_answer(exec, item);
	exec->child.in.left = 0;
	forget_words(&exec->child);
	free(line);
	give_back(exec->payload, item->size);
	return verdict;
}
