/* SPDX-License-Identifier: Apache-2.0 */
#include "config/describe.h"
#include "config/audit.h"
#include "config/config.h"
#include "config/effective.h"
#include "config/exit.h"
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

#define MAX_FILE_BYTES (1024 * 1024)
#define DEADLINE_MS    10000
#define TRIES          3 /* of a child that is killed by somebody else */

/* The descriptors of the child. What a module prints goes where the diagnostics go. */
enum { FD_TEXT = 2, FD_PLAN = 3, FD_STAGE = 4, FD_LIFELINE = 5 };

/* What the child is to do. It is a fork: it finds all of it in its memory. */
struct job {
	const struct kk_describe_request *request;
	const char *file; /* how messages call it */
	const char *text;
	size_t size;
	bool effective; /* to send the effective config instead of the plan */
};

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

/* Tells the parent which stage's code runs next. That it could not be told only makes a later message vaguer. */
static void tell_stage(void *user, const char *stage)
{
	(void)user;
	(void)!write_all(FD_STAGE, stage, strlen(stage) + 1);
}

static struct kk_document *parse(const struct job *job, struct kk_diagnostics *diagnostics)
{
	const struct kk_describe_request *request = job->request;
	struct kk_document *document = kk_document_parse(job->text, job->size, diagnostics);

	for (size_t i = 0; document && i < request->set_count; i++)
		kk_document_set(document, request->sets[i], (uint32_t)i + 1, diagnostics);
	return document;
}

/* What the parent waits for; *bytes of it, the caller's to free. NULL: there is a mistake. */
static void *make_result(const struct job *job, struct kk_diagnostics *diagnostics, size_t *bytes)
{
	struct kk_store *store = kk_store_new();
	struct kk_document *document = store ? parse(job, diagnostics) : NULL;
	struct kk_config *config = document ? kk_config_read(document, store, diagnostics) : NULL;
	void *result = NULL;

	if (config) {
		config->selection = job->request->selection;
		kk_resolve_stages(config, store, diagnostics, tell_stage, NULL);
		tell_stage(NULL, "");
		kk_audit(config, job->request->file, diagnostics);
		struct kk_plan *plan = kk_plan_build(config, job->file, diagnostics);
		*bytes = plan ? plan->bytes : 0;
		result = plan;
		if (plan && job->effective) {
			result = kk_effective_make(config, document, job->file, bytes);
			free(plan);
		}
	} else if (!kk_diagnostics_count(diagnostics)) {
		kk_diagnostic_error(diagnostics, (struct kk_place){0}, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
	}
	kk_document_free(document);
	kk_store_free(store);
	return result;
}

static int describe(const struct job *job, FILE *messages)
{
	int code = KK_EXIT_INTERNAL;
	size_t bytes = 0;
	void *result = NULL;
	struct kk_diagnostics *diagnostics = kk_diagnostics_new(job->file, job->text, job->size);

	if (diagnostics) {
		kk_diagnostics_set(diagnostics, job->request->sets, job->request->set_count);
		result = make_result(job, diagnostics, &bytes);
		code = result ? 0 : kk_diagnostics_count(diagnostics) ? KK_EXIT_CONFIG : KK_EXIT_INTERNAL;
		if (kk_diagnostics_write(diagnostics, messages) != KK_OK)
			code = KK_EXIT_INTERNAL;
	}
	if (result && write_all(FD_PLAN, result, bytes) != KK_OK)
		code = KK_EXIT_INTERNAL;
	free(result);
	kk_diagnostics_free(diagnostics);
	return code;
}

static int child_main(void *argument)
{
	FILE *messages = fdopen(FD_TEXT, "w");
	int code = messages ? describe(argument, messages) : KK_EXIT_INTERNAL;

	if (messages && fflush(messages) != 0)
		code = KK_EXIT_INTERNAL;
	return code;
}

/* ---- the parent */

/* The whole file, at most one byte more than is allowed; the caller frees *text. The parent reads it, since its
 * descriptors are none of the child's: a config may come from a pipe, as <(...) makes them. */
static int read_file(const char *name, char **text, size_t *size)
{
	int fd = strcmp(name, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(name, O_RDONLY | O_CLOEXEC);
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

static struct kk_process *start_child(const struct job *job, struct intake intakes[], struct kk_error *error)
{
	struct kk_process_fd fds[] = {
	    {intakes[TEXT].fds[1], FD_TEXT}, {intakes[PLAN].fds[1], FD_PLAN}, {intakes[STAGE].fds[1], FD_STAGE}};
	struct kk_process_spec spec = {
	    .function = child_main,
	    .argument = (void *)(uintptr_t)job,
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

static bool is_sound(const struct job *job, const struct intake *intake)
{
	if (job->effective)
		return intake->size > 0;
	return kk_plan_check((const struct kk_plan *)(const void *)intake->bytes, intake->size) == 0;
}

/* Runs the child and judges it; what there is to tell goes to `to`. *killed: it was, and not by us. */
static int run_child(const struct job *job, char **result, FILE *to, bool *killed)
{
	struct intake intakes[INTAKES] = {[TEXT] = {.fds = {-1, -1}, .limit = 4 << 20},
	                                  [PLAN] = {.fds = {-1, -1}, .limit = 64 << 20},
	                                  [STAGE] = {.fds = {-1, -1}, .limit = 1 << 20}};
	struct kk_error error = {0};
	struct kk_process_end end = {0};
	int code = KK_EXIT_INTERNAL, status = open_intakes(intakes);
	struct kk_process *process = status == KK_OK ? start_child(job, intakes, &error) : NULL;

	if (!process) {
		fprintf(to, "%s: error: cannot start the check of the config: %s\n", job->file,
		        error.code ? error.text : strerror(errno));
		close_intakes(intakes);
		return KK_EXIT_INTERNAL;
	}
	status = collect(intakes, process, job->request->deadline);
	if (status != KK_OK)
		kk_process_kill_group(process, SIGKILL);
	int waited = kk_process_wait(process, -1, &end);
	kk_process_free(process);
	*killed = status == KK_OK && waited == KK_OK && end.signal == SIGKILL;
	if (intakes[TEXT].size)
		fwrite(intakes[TEXT].bytes, 1, intakes[TEXT].size, to);
	if (status == KK_OK && waited == KK_OK && end.exited && end.code == KK_EXIT_CONFIG) {
		code = KK_EXIT_CONFIG;
	} else if (status != KK_OK || waited != KK_OK || !end.exited || end.code != 0) {
		write_failure(to, job->file, intakes, status, &end);
	} else if (!is_sound(job, &intakes[PLAN])) {
		fprintf(to, "%s: error: the check of the config has sent a plan that is not sound\n", job->file);
	} else {
		*result = intakes[PLAN].bytes;
		intakes[PLAN].bytes = NULL;
		code = 0;
	}
	close_intakes(intakes);
	return code;
}

/* As run_child, but what is told is *text; NULL: out of memory. */
static int try_child(const struct job *job, char **result, char **text, bool *killed)
{
	size_t size = 0;
	int code = KK_EXIT_INTERNAL;
	FILE *to = open_memstream(text, &size);

	*killed = false;
	if (to)
		code = run_child(job, result, to, killed);
	if (to && fclose(to) != 0) {
		free(*text);
		*text = NULL;
	}
	return code;
}

static int describe_as(const struct kk_describe_request *request, bool effective, char **result, char **text)
{
	struct job job = {.request = request, .file = request->file, .effective = effective};
	char *config = NULL;
	int code = KK_EXIT_CONFIG;
	bool killed = true;

	*result = NULL;
	*text = NULL;
	if (strcmp(job.file, "-") == 0)
		job.file = "<stdin>";
	if (read_file(request->file, &config, &job.size) == KK_OK) {
		job.text = config;
		for (int i = 0; i < TRIES && killed; i++) {
			free(*text);
			*text = NULL;
			code = try_child(&job, result, text, &killed);
		}
	} else if (asprintf(text, "%s: error: cannot read the config: %s\n", job.file, strerror(errno)) < 0) {
		*text = NULL;
	}
	free(config);
	return code;
}

int kk_describe(const struct kk_describe_request *request, struct kk_plan **plan, char **text)
{
	char *result = NULL;
	int code = describe_as(request, false, &result, text);

	*plan = (struct kk_plan *)(void *)result;
	return code;
}

int kk_describe_config(const struct kk_describe_request *request, char **config, char **text)
{
	return describe_as(request, true, config, text);
}
