/* SPDX-License-Identifier: Apache-2.0 */
/* exec - transform: hands each item to a program in any language: one that is started for it, or one that stands by. */
#include "exec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(field) offsetof(struct options, field)
#define MIB       (UINT64_C(1) << 20)

static const char *const mode_words[] = {"each", "standing", NULL};
static const char *const result_words[] = {"new", "same", NULL};

static const struct kk_option rows[] = {
    {
        .name = "command",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_REQUIRED | KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(command),
        .text = "The program and its arguments; no shell is involved. {in}, {in.jpg} and {out}, {out.png} stand for "
                "temporary files, {id} for the item's id.",
    },
    {
        .name = "mode",
        .type = KK_OPTION_ENUM,
        .at = AT(mode),
        .def = "each",
        .words = mode_words,
        .text = "each: the program is started for each item, with the payload on stdin and the result on stdout, "
                "unless {in} and {out} say otherwise. standing: it is started once and asked for item after item "
                "(docs/exec-protocol.md).",
    },
    {
        .name = "result",
        .type = KK_OPTION_ENUM,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(result),
        .def = "new",
        .words = result_words,
        .text = "new: what the program puts out is the item's new payload. same: the item goes on as it came.",
    },
    {
        .name = "timeout",
        .type = KK_OPTION_DURATION,
        .at = AT(timeout_ms),
        .def = "30s",
        .min = 1,
        .max = 86400000,
        .unit = "milliseconds",
        .text = "A program that takes longer for an item is killed, with all that it started.",
    },
    {
        .name = "max_bytes",
        .type = KK_OPTION_SIZE,
        .at = AT(max_bytes),
        .def = "16MiB",
        .min = 1,
        .max = 2147483648.0,
        .unit = "bytes",
        .text = "A larger result fails the item.",
    },
    {
        .name = "max_input",
        .type = KK_OPTION_SIZE,
        .at = AT(max_input),
        .def = "64MiB",
        .min = 1,
        .max = 2147483648.0,
        .unit = "bytes",
        .text = "An item with a larger payload fails without the program.",
    },
    {
        .name = "memory",
        .type = KK_OPTION_SIZE,
        .at = AT(memory),
        .def = "128MiB",
        .min = 1048576,
        .max = 1099511627776.0,
        .unit = "bytes",
        .text = "Private memory that each process of the program may have.",
    },
    {
        .name = "skip_codes",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(skip_codes),
        .text = "Exit statuses by which the program says that nobody needs the item: it is skipped.",
    },
    {
        .name = "fail_codes",
        .type = KK_OPTION_LIST,
        .at = AT(fail_codes),
        .text = "Exit statuses that mean a failure class, such as \"65=not-an-image\"; all others but 0 mean "
                "\"other\".",
    },
    {
        .name = "env",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_SECRET,
        .at = AT(env),
        .text = "Variables NAME=value of the program's environment; else it has PATH, LANG and TZ alone, and what "
                "KAKEHI_KEY, KAKEHI_ID, KAKEHI_SIZE and so on tell of the item.",
    },
    {
        .name = "fields",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(fields),
        .text = "Fields of the item to tell the program, as KAKEHI_FIELD_NAME or in the question.",
    },
    {
        .name = "facts",
        .type = KK_OPTION_BOOL,
        .at = AT(facts),
        .def = "false",
        .text = "Mode each: take lines name=value that the program writes to descriptor 3 for fields of the item.",
    },
    {
        .name = "cwd",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS | KK_OPTION_AFFECTS_OUTPUT,
        .at = AT(cwd),
        .text = "The program's working directory, if not this one.",
    },
    {
        .name = "write",
        .type = KK_OPTION_LIST,
        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,
        .at = AT(write),
        .text = "Directories that the program may write beneath; without any, and without {in} and {out}, it can "
                "write nothing.",
    },
    {
        .name = "network",
        .type = KK_OPTION_BOOL,
        .at = AT(network),
        .def = "false",
        .text = "Let the program use the network.",
    },
    {
        .name = "temp",
        .type = KK_OPTION_STRING,
        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,
        .at = AT(temp),
        .text = "Where the directory for {in} and {out} is made; if not given, TMPDIR or /tmp.",
    },
    {0},
};

/* ---- describing */

static int wrong(char *why, size_t why_size, const char *what)
{
	snprintf(why, why_size, "%s", what);
	return -1;
}

static int check_lists(const struct options *options, char *why, size_t why_size)
{
	struct codes codes;
	char path[4096];
	if (options->command.count == 0 || !*options->command.at[0])
		return wrong(why, why_size, "command: there is no program in it");
	if (command_find(options->command.at[0], getenv("PATH"), path, sizeof(path)) < 0) {
		snprintf(why, why_size, "command: there is no program \"%.200s\" that may be executed%s",
		         options->command.at[0], strchr(options->command.at[0], '/') ? "" : " in PATH");
		return -1;
	}
	for (size_t i = 0; i < options->env.count; i++)
		if (!command_env_ok(options->env.at[i]))
			return wrong(why, why_size, "env: an element is not of the form NAME=value");
	for (size_t i = 0; i < options->fields.count; i++)
		if (!*options->fields.at[i] || strlen(options->fields.at[i]) > FIELD_NAME_MAX)
			return wrong(why, why_size, "fields: a name is empty or longer than 48 bytes");
	return codes_read(&codes, &options->skip_codes, &options->fail_codes, why, why_size);
}

static int check_mode(const struct options *options, bool files, bool out, char *why, size_t why_size)
{
	if (out && options->result == RESULT_SAME)
		return wrong(why, why_size, "result: \"same\" has no use for {out}");
	if (options->mode == MODE_EACH)
		return 0;
	if (files)
		return wrong(why, why_size, "mode: a standing program gets no {in} and no {out}");
	if (options->result != RESULT_NEW || options->facts || options->skip_codes.count || options->fail_codes.count)
		return wrong(
		    why, why_size,
		    "mode: a standing program answers itself for what result, facts, skip_codes and fail_codes "
		    "are");
	return 0;
}

/* Fields travel with a payload, so a payload that goes on as it came may have to be copied. */
static uint64_t largest(const struct options *options)
{
	uint64_t most = options->max_bytes > options->max_input ? options->max_bytes : options->max_input;
	if (options->mode == MODE_STANDING)
		return most;
	if (options->result == RESULT_NEW)
		return options->max_bytes;
	return options->facts ? options->max_input : 0;
}

static int plan(const void *given, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct options *options = given;
	if (check_lists(options, why, why_size) < 0)
		return -1;
	struct command *command = command_new(&options->command, &options->env);
	if (!command)
		return wrong(why, why_size, "out of memory");
	bool out = command_out(command), files = out || command_in(command);
	command_free(command);
	if (check_mode(options, files, out, why, why_size) < 0)
		return -1;
	demand->largest = largest(options);
	demand->needs = KK_NEED_EXEC | KK_NEED_READ;
	if (files || options->write.count)
		demand->needs |= KK_NEED_WRITE;
	if (options->network)
		demand->needs |= KK_NEED_NETWORK;
	demand->takes_ms = options->timeout_ms;
	demand->heap = options->memory + options->max_bytes + 4 * MIB;
	if (options->mode == MODE_STANDING)
		demand->heap += options->max_input;
	return 0;
}

/* ---- the life of a worker */

static int failed(struct kk_context *context, const char *what)
{
	kk_log(context, KK_LOG_ERROR, "%s: %s", what, strerror(errno));
	return -1;
}

static int prepare_files(struct kk_context *context, struct exec *exec)
{
	const struct options *options = exec->options;
	const char *temp = *options->temp ? options->temp : getenv("TMPDIR");
	for (size_t i = 0; i < options->write.count; i++)
		if (kk_allow_write(context, options->write.at[i]) < 0)
			return failed(context, options->write.at[i]);
	if (!command_in(exec->command) && !command_out(exec->command))
		return 0;
	if (scratch_make(&exec->scratch, temp && *temp ? temp : "/tmp") < 0)
		return failed(context, "cannot make a temporary directory");
	return kk_allow_write(context, exec->scratch.path) < 0 ? failed(context, exec->scratch.path) : 0;
}

static int prepare(struct kk_context *context)
{
	const struct options *options = context->options;
	struct exec *exec = calloc(1, sizeof(*exec));
	char why[200];
	context->state = exec;
	if (!exec)
		return failed(context, "no memory");
	exec->context = context;
	exec->options = options;
	exec->scratch.fd = exec->payload = exec->payload_theirs = exec->result = -1;
	exec->child.in.fd = exec->child.out.fd = exec->child.err.fd = exec->child.facts.fd = -1;
	exec->command = command_new(&options->command, &options->env);
	if (!exec->command || codes_read(&exec->codes, &options->skip_codes, &options->fail_codes, why, sizeof(why)))
		return failed(context, "no memory");
	if (command_find(options->command.at[0], getenv("PATH"), exec->program, sizeof(exec->program)) < 0)
		return failed(context, options->command.at[0]);
	if (child_prepare() < 0)
		return failed(context, "cannot look after programs");
	if (prepare_files(context, exec) < 0)
		return -1;
	if (*options->cwd && chdir(options->cwd) < 0)
		return failed(context, options->cwd);
	if (options->mode == MODE_STANDING && standing_prepare(exec) < 0)
		return failed(context, "cannot make files in memory");
	return 0;
}

static enum kk_verdict process(struct kk_context *context, struct kk_item *item)
{
	struct exec *exec = context->state;
	if (item->size > exec->options->max_input)
		return kk_fail(item, KK_FAIL_TOO_LARGE, "%zu bytes, more than max_input", item->size);
	return exec->options->mode == MODE_EACH ? each_process(exec, item) : standing_process(exec, item);
}

static int drain(struct kk_context *context)
{
	struct exec *exec = context->state;
	standing_stop(exec);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_stage(struct kk_context *context)
{
	struct exec *exec = context->state;
	if (!exec)
		return;
	child_end(&exec->child, 0, NULL);
	inflow_free(&exec->child.out);
	inflow_free(&exec->child.err);
	inflow_free(&exec->child.facts);
	scratch_remove(&exec->scratch);
	command_free(exec->command);
	close_fd(exec->payload);
	close_fd(exec->payload_theirs);
	close_fd(exec->result);
	free(exec);
	context->state = NULL;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "exec",
    .text = "Hands each item to a program in any language.",
    .options = rows,
    .options_size = sizeof(struct options),
    .plan = plan,
    .prepare = prepare,
    .process = process,
    .drain = drain,
    .close = close_stage,
};
