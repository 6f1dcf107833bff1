/* SPDX-License-Identifier: Apache-2.0 */
#include "config/describe.h"
#include "config/config.h"
#include "config/resolve.h"
#include "graph/build.h"
#include "graph/plan.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/error.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_FAILED = 70, EXIT_CONFIG = 78 };

#define MAX_FILE_BYTES (1024 * 1024)
#define DEADLINE_MS    10000

/* The descriptors of the child. What a module prints goes where the diagnostics go. */
enum { FD_TEXT = 2, FD_PLAN = 3, FD_STAGE = 4, FD_LIFELINE = 5 };

/* ---- the child */

static int write_all(int fd, const void *from, size_t bytes)
{
	const char *at = from;

	while (bytes) {
		ssize_t written = write(fd, at, bytes);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return KK_ERR_SYSTEM;
		at += written;
		bytes -= (size_t)written;
	}
	return KK_OK;
}

/* The whole file, at most one byte more than is allowed; the caller frees *text. */
static int read_file(const char *name, char **text, size_t *size)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	*size = 0;
	*text = fd >= 0 ? malloc(MAX_FILE_BYTES + 1) : NULL;
	while (*text && *size <= MAX_FILE_BYTES) {
		got = read(fd, *text + *size, MAX_FILE_BYTES + 1 - *size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*size += (size_t)got;
	}
	int system = errno;
	if (fd >= 0)
		close(fd);
	errno = system;
	return got < 0 ? KK_ERR_SYSTEM : KK_OK;
}

/* Tells the parent which stage's code runs next. That it could not be told only makes a later message vaguer. */
static void tell_stage(void *user, const char *stage)
{
	(void)user;
	(void)!write_all(FD_STAGE, stage, strlen(stage) + 1);
}

static struct kk_plan *make_plan(const struct kk_describe_request *request, const char *text, size_t size,
                                 struct kk_diagnostics *diagnostics)
{
	struct kk_store *store = kk_store_new();
	struct kk_document *document = store ? kk_document_parse(text, size, diagnostics) : NULL;
	struct kk_config *config = document ? kk_config_read(document, store, diagnostics) : NULL;
	struct kk_plan *plan = NULL;

	if (config) {
		config->selection = request->selection;
		kk_resolve_stages(config, store, diagnostics, tell_stage, NULL);
		tell_stage(NULL, "");
		plan = kk_plan_build(config, request->file, diagnostics);
	} else if (!kk_diagnostics_count(diagnostics)) {
		kk_diagnostic_error(diagnostics, (struct kk_place){0}, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
	}
	kk_document_free(document);
	kk_store_free(store);
	return plan;
}

static int describe(const struct kk_describe_request *request, FILE *messages)
{
	char *text = NULL;
	size_t size = 0;
	int code = EXIT_FAILED;
	struct kk_plan *plan = NULL;

	if (read_file(request->file, &text, &size) != KK_OK) {
		fprintf(messages, "%s: error: cannot read the config: %s\n", request->file, strerror(errno));
		free(text);
		return EXIT_CONFIG;
	}
	struct kk_diagnostics *diagnostics = kk_diagnostics_new(request->file, text, size);
	if (diagnostics) {
		plan = make_plan(request, text, size, diagnostics);
		code = plan ? 0 : EXIT_CONFIG;
		if (kk_diagnostics_write(diagnostics, messages) != KK_OK)
			code = EXIT_FAILED;
	}
	if (plan && write_all(FD_PLAN, plan, plan->bytes) != KK_OK)
		code = EXIT_FAILED;
	free(plan);
	kk_diagnostics_free(diagnostics);
	free(text);
	return code;
}

static int child_main(void *argument)
{
	FILE *messages = fdopen(FD_TEXT, "w");
	int code = messages ? describe(argument, messages) : EXIT_FAILED;

	if (messages && fflush(messages) != 0)
		code = EXIT_FAILED;
	return code;
}

/* ---- the parent */

/* What comes through one pipe. */
struct intake {
	int fds[2];
	size_t limit, size;
	char *bytes;
	bool closed;
};

enum { TEXT, PLAN, STAGE, INTAKES };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_intakes(struct intake intakes[])
{
	for (int i = 0; i < INTAKES; i++) {
		if (pipe2(intakes[i].fds, O_CLOEXEC) != 0)
			return KK_ERR_SYSTEM;
		int flags = fcntl(intakes[i].fds[0], F_GETFL);
		if (flags < 0 || fcntl(intakes[i].fds[0], F_SETFL, flags | O_NONBLOCK) != 0)
			return KK_ERR_SYSTEM;
	}
	return KK_OK;
}

static void close_intakes(struct intake intakes[])
{
	for (int i = 0; i < INTAKES; i++) {
		close_fd(&intakes[i].fds[0]);
		close_fd(&intakes[i].fds[1]);
		free(intakes[i].bytes);
	}
}

/* Takes what there is. Beyond its limit the pipe is not read any more, so a module that writes without end blocks and
 * meets the deadline. */
static int take(struct intake *intake)
{
	while (!intake->closed && intake->size < intake->limit) {
		char part[16384];
		ssize_t got = read(intake->fds[0], part, sizeof(part));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return KK_OK;
		if (got <= 0) {
			intake->closed = true;
			return got < 0 ? KK_ERR_SYSTEM : KK_OK;
		}
		char *more = realloc(intake->bytes, intake->size + (size_t)got + 1);
		if (!more)
			return KK_ERR_MEMORY;
		intake->bytes = more;
		memcpy(more + intake->size, part, (size_t)got);
		intake->size += (size_t)got;
		more[intake->size] = '\0';
	}
	return KK_OK;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Collects until the child has ended (KK_OK) or its time is over (KK_ERR_TIMEOUT). */
static int collect(struct intake intakes[], const struct kk_process *process, uint32_t deadline_ms)
{
	int64_t end = now_ms() + (deadline_ms ? deadline_ms : DEADLINE_MS);
	int status = KK_OK;
	bool ended = false;

	while (!ended && status == KK_OK) {
		struct pollfd polls[INTAKES + 1] = {{.fd = kk_process_pidfd(process), .events = POLLIN}};
		int64_t left = end - now_ms();
		for (int i = 0; i < INTAKES; i++) {
			bool open = !intakes[i].closed && intakes[i].size < intakes[i].limit;
			polls[i + 1] = (struct pollfd){.fd = open ? intakes[i].fds[0] : -1, .events = POLLIN};
		}
		if (left <= 0)
			return KK_ERR_TIMEOUT;
		if (poll(polls, INTAKES + 1, (int)left) < 0 && errno != EINTR)
			return KK_ERR_SYSTEM;
		/* what was written before the end is in the pipes by then, so the last round takes it all */
		ended = polls[0].revents != 0;
		for (int i = 0; i < INTAKES && status == KK_OK; i++)
			status = take(&intakes[i]);
	}
	return status;
}

/* The last name in a sequence of NUL-terminated ones: the stage whose code ran last. */
static const char *last_stage(const struct intake *intake)
{
	const char *last = "";

	for (size_t at = 0; at < intake->size; at += strlen(intake->bytes + at) + 1)
		last = intake->bytes + at;
	return last;
}

/* What is to be told of a child that did not end as it should. */
static void write_failure(FILE *to, const char *file, const struct intake intakes[], int status,
                          const struct kk_process_end *end)
{
	const char *stage = last_stage(&intakes[STAGE]);
	char obituary[80];

	fprintf(to, "%s: error: ", file);
	if (*stage)
		fprintf(to, "stage \"%.80s\" ", stage);
	else
		fputs("the check of the config ", to);
	if (status == KK_ERR_TIMEOUT)
		fputs("did not answer in time when its options were checked\n", to);
	else if (status != KK_OK)
		fprintf(to, "could not be heard: %s\n", kk_status_text(status));
	else
		fprintf(to, "ended the check of its options: %s\n",
		        kk_process_obituary(end, obituary, sizeof(obituary)));
}

static struct kk_process *start_child(const struct kk_describe_request *request, struct intake intakes[],
                                      struct kk_error *error)
{
	struct kk_process_fd fds[] = {
	    {intakes[TEXT].fds[1], FD_TEXT}, {intakes[PLAN].fds[1], FD_PLAN}, {intakes[STAGE].fds[1], FD_STAGE}};
	struct kk_process_spec spec = {
	    .function = child_main,
	    .argument = (void *)(uintptr_t)request,
	    .fds = fds,
	    .fd_count = sizeof(fds) / sizeof(fds[0]),
	    .lifeline = FD_LIFELINE,
	    .own_group = true,
	};
	struct kk_process *process = kk_process_spawn(&spec, error);

	for (int i = 0; i < INTAKES; i++)
		close_fd(&intakes[i].fds[1]);
	return process;
}

/* Runs the child and judges it; what there is to tell goes to `to`. */
static int run_child(const struct kk_describe_request *request, struct kk_plan **plan, FILE *to)
{
	struct intake intakes[INTAKES] = {[TEXT] = {.fds = {-1, -1}, .limit = 4 << 20},
	                                  [PLAN] = {.fds = {-1, -1}, .limit = 64 << 20},
	                                  [STAGE] = {.fds = {-1, -1}, .limit = 1 << 20}};
	struct kk_error error = {0};
	struct kk_process_end end = {0};
	int code = EXIT_FAILED, status = open_intakes(intakes);
	struct kk_process *process = status == KK_OK ? start_child(request, intakes, &error) : NULL;

	if (!process) {
		fprintf(to, "%s: error: cannot start the check of the config: %s\n", request->file,
		        error.code ? error.text : strerror(errno));
		close_intakes(intakes);
		return EXIT_FAILED;
	}
	status = collect(intakes, process, request->deadline);
	if (status != KK_OK)
		kk_process_kill_group(process, SIGKILL);
	int waited = kk_process_wait(process, -1, &end);
	kk_process_free(process);
	if (intakes[TEXT].size)
		fwrite(intakes[TEXT].bytes, 1, intakes[TEXT].size, to);
	if (status == KK_OK && waited == KK_OK && end.exited && end.code == EXIT_CONFIG) {
		code = EXIT_CONFIG;
	} else if (status != KK_OK || waited != KK_OK || !end.exited || end.code != 0) {
		write_failure(to, request->file, intakes, status, &end);
	} else if (kk_plan_check((const struct kk_plan *)(const void *)intakes[PLAN].bytes, intakes[PLAN].size) != 0) {
		fprintf(to, "%s: error: the check of the config has sent a plan that is not sound\n", request->file);
	} else {
		*plan = (struct kk_plan *)(void *)intakes[PLAN].bytes;
		intakes[PLAN].bytes = NULL;
		code = 0;
	}
	close_intakes(intakes);
	return code;
}

int kk_describe(const struct kk_describe_request *request, struct kk_plan **plan, char **text)
{
	size_t size = 0;
	int code = EXIT_FAILED;

	*plan = NULL;
	*text = NULL;
	FILE *to = open_memstream(text, &size);
	if (to) {
		code = run_child(request, plan, to);
		if (fclose(to) != 0) {
			free(*text);
			*text = NULL;
		}
	}
	return code;
}
