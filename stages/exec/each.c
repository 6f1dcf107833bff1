/* SPDX-License-Identifier: Apache-2.0 */
/* A program for each item. Everything it can do wrong costs the item that it was started for. */
#include "exec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FACTS_BYTES = 4096, FACTS_FD = 3 };

/* ---- starting */

/* A pipe for the program's `number`; our end goes to *mine. `direction`: 1 we write, 0 we read. */
static int give_pipe(struct child_command *command, int number, int direction, int *mine)
{
	int ends[2];
	if (flow_pipe(ends, direction) < 0)
		return -1;
	*mine = ends[direction];
	command->fd[number] = ends[!direction];
	return 0;
}

static int open_flows(struct exec *exec, const struct kk_item *item, struct child_command *command)
{
	struct child *child = &exec->child;
	const struct options *options = exec->options;
	bool by_stdout = options->result == RESULT_NEW && !command_out(exec->command);
	child->in = (struct outflow){.fd = -1, .at = item->data, .left = item->size, .ends = true};
	child->out.rule = by_stdout ? INFLOW_KEEP : INFLOW_DROP;
	child->out.limit = options->max_bytes;
	child->err.rule = INFLOW_TAIL;
	child->err.limit = CHILD_TAIL;
	child->facts.rule = INFLOW_KEEP;
	child->facts.limit = FACTS_BYTES;
	if (!command_in(exec->command) && give_pipe(command, 0, 1, &child->in.fd) < 0)
		return -1;
	if (options->facts && give_pipe(command, FACTS_FD, 0, &child->facts.fd) < 0)
		return -1;
	return give_pipe(command, 1, 0, &child->out.fd) < 0 ? -1 : give_pipe(command, 2, 0, &child->err.fd);
}

static int fill_command(struct exec *exec, const struct kk_item *item)
{
	struct command *command = exec->command;
	int bad = command_fill(command, exec->context, item, exec->scratch.path, &exec->options->fields);
	if (exec->scratch.fd >= 0)
		bad |= command_set(command, "TMPDIR", exec->scratch.path);
	if (exec->options->facts)
		bad |= command_set(command, "KAKEHI_FACTS_FD", "3");
	return bad;
}

/* KK_PASS: it runs. */
static enum kk_verdict start(struct exec *exec, struct kk_item *item)
{
	struct child_command command = {
	    .path = exec->program, .fd = {-1, -1, -1, -1, -1}, .memory = exec->options->memory};
	const char *in = command_in(exec->command);
	char why[300];
	enum kk_verdict verdict = KK_PASS;
	if (in && scratch_put(&exec->scratch, in, item->data, item->size) < 0)
		return kk_fail(item, KK_FAIL_IO, "cannot write a temporary file: %s", strerror(errno));
	if (fill_command(exec, item) < 0)
		return kk_fail(item, KK_FAIL_MEMORY, "no memory for the command");
	command.argv = command_argv(exec->command);
	command.environment = command_environment(exec->command);
	if (open_flows(exec, item, &command) < 0)
		verdict = kk_fail(item, KK_FAIL_IO, "cannot make a pipe: %s", strerror(errno));
	else if (child_start(&exec->child, &command, why, sizeof(why)) < 0)
		verdict = kk_fail(item, KK_FAIL_IO, "%s", why);
	for (int i = 0; i < CHILD_FDS; i++)
		if (command.fd[i] >= 0)
			close(command.fd[i]);
	return verdict;
}

/* ---- its end */

static enum kk_verdict too_much(const struct exec *exec, struct kk_item *item)
{
	const struct child *child = &exec->child;
	if (child->out.over)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "it puts out more than max_bytes, %llu",
		               (unsigned long long)exec->options->max_bytes);
	if (child->facts.over)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "it gives more than %d bytes of facts", FACTS_BYTES);
	return kk_fail(item, KK_FAIL_MEMORY, "no memory for what it puts out");
}

static enum kk_verdict judge(const struct exec *exec, struct kk_item *item, const struct kk_process_end *end)
{
	char words[100], how[64];
	const char *last = child_last_words(&exec->child, words, sizeof(words));
	if (end->exited && exec->codes.of[end->code & 0xff].verdict != KK_FAIL)
		return exec->codes.of[end->code & 0xff].verdict;
	enum kk_fail_class class = end->exited ? exec->codes.of[end->code & 0xff].class : KK_FAIL_CRASHED;
	return kk_fail(item, class, "%s%s%s", kk_process_obituary(end, how, sizeof(how)), *last ? ": " : "", last);
}

static enum kk_verdict take_file(struct exec *exec, struct kk_item *item)
{
	uint64_t size = 0;
	int fd = scratch_open(&exec->scratch, command_out(exec->command), &size);
	enum kk_verdict verdict;
	if (fd < 0)
		return kk_fail(item, KK_FAIL_OTHER, "it made no file {out}");
	if (size > exec->options->max_bytes)
		verdict = kk_fail(item, KK_FAIL_TOO_LARGE, "it made %llu bytes, more than max_bytes",
		                  (unsigned long long)size);
	else
		verdict = result_read(item, fd, size);
	close(fd);
	return verdict;
}

/* Lines name=value. */
static void take_facts(struct exec *exec, struct kk_item *item)
{
	struct inflow *facts = &exec->child.facts;
	char text[FACTS_BYTES + 1], *rest = text;
	memcpy(text, facts->at ? facts->at : "", facts->size);
	text[facts->size] = 0;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		char *value = strchr(line, '=');
		if (!*line)
			continue;
		if (value)
			*value++ = 0;
		result_field(item, value ? line : "", value ? value : "");
	}
}

static enum kk_verdict take_result(struct exec *exec, struct kk_item *item)
{
	const struct inflow *out = &exec->child.out;
	enum kk_verdict verdict = KK_PASS;
	if (exec->options->result == RESULT_NEW)
		verdict = command_out(exec->command) ? take_file(exec, item) : result_copy(item, out->at, out->size);
	else if (exec->child.facts.size)
		verdict = result_same(item);
	if (verdict == KK_PASS && exec->child.facts.size)
		take_facts(exec, item);
	return verdict;
}

static void tidy_up(struct exec *exec)
{
	inflow_clear(&exec->child.out);
	inflow_clear(&exec->child.err);
	inflow_clear(&exec->child.facts);
	if (exec->scratch.fd >= 0)
		scratch_empty(&exec->scratch);
}

static enum kk_verdict run(struct exec *exec, struct kk_item *item)
{
	uint64_t deadline_ms = child_clock_ms() + exec->options->timeout_ms;
	struct kk_process_end end;
	enum child_news news;
	char words[100];
	do
		news = child_turn(&exec->child, deadline_ms);
	while (news == CHILD_MOVED);
	child_end(&exec->child, 0, &end);
	const char *last = child_last_words(&exec->child, words, sizeof(words));
	if (news == CHILD_LATE)
		return kk_fail(item, KK_FAIL_TIMEOUT, "it took longer than %g s%s%s",
		               (double)exec->options->timeout_ms / 1000, *last ? ": " : "", last);
	if (news == CHILD_OVER)
		return too_much(exec, item);
	enum kk_verdict verdict = judge(exec, item, &end);
	if (verdict != KK_FAIL && *last)
		kk_log(exec->context, KK_LOG_DEBUG, "%s: %s", item->key ? item->key : "", last);
	return verdict == KK_PASS ? take_result(exec, item) : verdict;
}

enum kk_verdict each_process(struct exec *exec, struct kk_item *item)
{
	enum kk_verdict verdict = start(exec, item);
	if (verdict == KK_PASS)
		verdict = run(exec, item);
	else
		child_end(&exec->child, 0, NULL);
	tidy_up(exec);
	return verdict;
}
