/* SPDX-License-Identifier: Apache-2.0 */
/* From a command to what fork and exec need. All that takes memory or looks at the environment happens here, before the
 * fork. */
#include "popen/launch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where programs are when the environment does not say. */
static const char default_path[] = "/bin:/usr/bin";
static const char *const stream_names[] = {"stdin", "stdout", "stderr"};

/* High, so that a program which puts files of its own at 3, 4, 5 does not cut it. */
enum { LIFELINE = 200, FIRST_FREE = 3 };

const char *kk_launch_name(const struct kk_command *command)
{
	return command->executable ? command->executable : command->args[0];
}

static const struct kk_stream *stream(const struct kk_command *command, int which)
{
	const struct kk_stream *streams[] = {&command->in, &command->out, &command->err};

	return streams[which];
}

static const char *search_path(const struct kk_command *command)
{
	const char *path = NULL;

	if (!command->environment)
		path = getenv("PATH");
	for (const char *const *one = command->environment; one && *one && !path; one++) {
		if (strncmp(*one, "PATH=", 5) == 0)
			path = *one + 5;
	}
	return path ? path : default_path;
}

/* One candidate for each directory of the PATH; an empty one is the directory where the child works. */
static int find_candidates(struct kk_launch *launch, const struct kk_command *command)
{
	const char *name = kk_launch_name(command), *path = strchr(name, '/') ? "" : search_path(command);
	size_t count = 1, name_bytes = strlen(name) + 1, pointers;
	char *text;

	for (const char *at = path; (at = strchr(at, ':')); at++)
		count++;
	pointers = (count + 1) * sizeof(*launch->paths);
	launch->paths = malloc(pointers + strlen(path) + count * (name_bytes + 1));
	if (!launch->paths)
		return KK_ERR_MEMORY;
	text = (char *)launch->paths + pointers;
	for (size_t i = 0; i < count; i++) {
		size_t bytes = strcspn(path, ":");
		launch->paths[i] = text;
		memcpy(text, path, bytes);
		text += bytes;
		if (bytes > 0 && text[-1] != '/')
			*text++ = '/';
		memcpy(text, name, name_bytes);
		text += name_bytes;
		path += bytes + 1;
	}
	launch->paths[count] = NULL;
	launch->spec.paths = launch->paths;
	return KK_OK;
}

int kk_launch_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		int low = ends[i];
		if (low > 2)
			continue;
		ends[i] = fcntl(low, F_DUPFD_CLOEXEC, 3);
		close(low);
	}
	if (ends[0] >= 0 && ends[1] >= 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		if (ends[i] >= 0)
			close(ends[i]);
	}
	errno = EMFILE;
	return -1;
}

static int open_pipe(struct kk_launch *launch, const struct kk_command *command, int which)
{
	int ends[2], mine = which == 0 ? 1 : 0;

	if (kk_launch_pipe(ends) < 0)
		return -1;
	launch->ours[which] = ends[mine];
	launch->theirs[which] = ends[!mine];
	/* Best effort: what is allowed depends on the user and on what else he has open. */
	if (command->pipe_bytes > 0)
		fcntl(ends[1], F_SETPIPE_SZ, command->pipe_bytes > INT32_MAX ? INT32_MAX : (int)command->pipe_bytes);
	return 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Which descriptor of the caller becomes the child's `which`; -1: none, it is /dev/null. */
static int source_of(const struct kk_launch *launch, const struct kk_command *command, int which,
                     const bool inherited[3])
{
	const struct kk_stream *from = stream(command, which);

	switch (from->kind) {
	case KK_STREAM_INHERIT:
		return inherited[which] ? which : -1;
	case KK_STREAM_PIPE:
		return launch->theirs[which];
	case KK_STREAM_FD:
		return from->fd;
	case KK_STREAM_OUT:
		return source_of(launch, command, 1, inherited);
	default:
		return -1;
	}
}

static int check_streams(const struct kk_command *command, struct kk_error *error)
{
	for (int i = 0; i < 3; i++) {
		const struct kk_stream *from = stream(command, i);
		if ((unsigned)from->kind > KK_STREAM_OUT || (from->kind == KK_STREAM_OUT && i != 2))
			return kk_error_set(error, KK_ERR_INVALID, "%s: no such kind of %s", kk_launch_name(command),
			                    stream_names[i]);
		if (from->kind == KK_STREAM_FD && !is_open(from->fd))
			return kk_error_set(error, KK_ERR_INVALID, "%s: descriptor %d, for its %s, is not open",
			                    kk_launch_name(command), from->fd, stream_names[i]);
	}
	for (size_t i = 0; i < command->pass_fd_count; i++) {
		if (!is_open(command->pass_fds[i]))
			return kk_error_set(error, KK_ERR_INVALID, "%s: descriptor %d, to be passed, is not open",
			                    kk_launch_name(command), command->pass_fds[i]);
	}
	return KK_OK;
}

static bool is_listed(const struct kk_launch *launch, int to)
{
	for (size_t i = 0; i < launch->spec.fd_count; i++) {
		if (launch->fds[i].to == to)
			return true;
	}
	return false;
}

/* A number that is free in the child and, with what the child needs meanwhile, below the limit of descriptors. */
static int lifeline_number(const struct kk_launch *launch)
{
	struct rlimit limit;
	int number = LIFELINE;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)2 * LIFELINE)
		number = (int)(limit.rlim_cur / 2);
	while (number > FIRST_FREE && is_listed(launch, number))
		number--;
	return number;
}

static int list_fds(struct kk_launch *launch, const struct kk_command *command, struct kk_error *error)
{
	bool inherited[3];

	launch->fds = calloc(command->pass_fd_count + 3, sizeof(*launch->fds));
	if (!launch->fds)
		return kk_error_set(error, KK_ERR_MEMORY, "%s: no memory", kk_launch_name(command));
	for (int i = 0; i < 3; i++)
		inherited[i] = is_open(i);
	for (int i = 0; i < 3; i++) {
		if (stream(command, i)->kind == KK_STREAM_PIPE && open_pipe(launch, command, i) < 0)
			return kk_error_set(error, KK_ERR_SYSTEM, "%s: cannot make a pipe", kk_launch_name(command));
	}
	launch->spec.fds = launch->fds;
	for (int i = 0; i < 3; i++) {
		int from = source_of(launch, command, i, inherited);
		if (from >= 0)
			launch->fds[launch->spec.fd_count++] = (struct kk_process_fd){from, i};
	}
	for (size_t i = 0; i < command->pass_fd_count; i++) {
		int fd = command->pass_fds[i];
		if (fd > 2 && !is_listed(launch, fd))
			launch->fds[launch->spec.fd_count++] = (struct kk_process_fd){fd, fd};
	}
	launch->spec.lifeline = lifeline_number(launch);
	return KK_OK;
}

int kk_launch_prepare(struct kk_launch *launch, const struct kk_command *command, struct kk_error *error)
{
	int rc;

	*launch = (struct kk_launch){.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}};
	if (!command->args || !command->args[0] || !kk_launch_name(command)[0])
		return kk_error_set(error, KK_ERR_INVALID, "a command without a program");
	rc = check_streams(command, error);
	if (rc < 0)
		return rc;
	launch->spec = (struct kk_process_spec){
	    .argv = command->args,
	    .environment = command->environment ? command->environment : (const char *const *)environ,
	    .directory = command->directory,
	    .limits = command->limits,
	    .limit_count = command->limit_count,
	    .own_group = !command->same_group || command->own_session,
	    .own_session = command->own_session,
	    .set_umask = command->set_umask,
	    .umask = command->umask,
	};
	if (find_candidates(launch, command) < 0)
		return kk_error_set(error, KK_ERR_MEMORY, "%s: no memory", kk_launch_name(command));
	return list_fds(launch, command, error);
}

void kk_launch_done(struct kk_launch *launch)
{
	for (int i = 0; i < 3; i++) {
		if (launch->ours[i] >= 0)
			close(launch->ours[i]);
		if (launch->theirs[i] >= 0)
			close(launch->theirs[i]);
		launch->ours[i] = launch->theirs[i] = -1;
	}
	free(launch->fds);
	free(launch->paths);
	launch->fds = NULL;
	launch->paths = NULL;
}

void kk_launch_explain(const struct kk_command *command, struct kk_error *error)
{
	const char *name = kk_launch_name(command);
	int code = error ? error->code : KK_OK, system = error ? error->system : 0;

	if (code != KK_ERR_MISSING)
		return;
	if (!strchr(name, '/'))
		kk_error_set(error, code, "cannot start %s: not found in PATH (%s)", name, search_path(command));
	else if (name[0] == '/' && access(name, F_OK) == 0)
		kk_error_set(error, code, "cannot start %s: the interpreter that it asks for is not there", name);
	else
		kk_error_set(error, code, "cannot start %s: not found", name);
	error->system = system;
}
