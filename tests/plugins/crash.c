/* SPDX-License-Identifier: Apache-2.0 */
/* crash - transform: dies of SIGSEGV on marked items; if wanted only a number of times in all processes together.
 */
#include "marked.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

struct crash_options {
	struct marks marks;
	const char *file;
	int64_t times;
};

static const struct kk_option rows[] = {
    MARKS_ROWS,
    {.name = "file",
     .type = KK_OPTION_STRING,
     .flags = KK_OPTION_PATH,
     .at = offsetof(struct crash_options, file),
     .def = "",
     .text = "Grows by a byte with every crash; none: crashes are not counted."},
    {.name = "times",
     .type = KK_OPTION_INT,
     .at = offsetof(struct crash_options, times),
     .def = "1",
     .min = 0,
     .max = 1e9,
     .text = "Behave well after so many counted crashes."},
    {0},
};

/* The file is opened before the sandbox closes; context->state is its descriptor + 1. */
static int crash_prepare(struct kk_context *context)
{
	const struct crash_options *o = context->options;
	if (!*o->file)
		return 0;
	int fd = open(o->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		kk_log(context, KK_LOG_ERROR, "%s: %s", o->file, strerror(errno));
		return -1;
	}
	context->state = (void *)(intptr_t)(fd + 1);
	return 0;
}

/* may_crash - counts a crash that is to come, unless there were enough. */
static bool may_crash(struct kk_context *context)
{
	const struct crash_options *o = context->options;
	int fd = (int)(intptr_t)context->state - 1;
	struct stat status;
	if (fd < 0)
		return true;
	return fstat(fd, &status) == 0 && status.st_size < o->times && write(fd, "x", 1) == 1;
}

static enum kk_verdict crash_process(struct kk_context *context, struct kk_item *item)
{
	const struct crash_options *o = context->options;
	if (is_marked(&o->marks, item) && may_crash(context)) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	return KK_PASS;
}

static void crash_close(struct kk_context *context)
{
	if (context->state)
		close((int)(intptr_t)context->state - 1);
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "crash",
    .text = "For tests: dies of SIGSEGV on marked items.",
    .options = rows,
    .options_size = sizeof(struct crash_options),
    .prepare = crash_prepare,
    .process = crash_process,
    .close = crash_close,
};
