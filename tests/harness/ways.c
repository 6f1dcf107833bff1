/* SPDX-License-Identifier: Apache-2.0 */
#include "ways.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const way_names[WAYS] = {
    [BY_FORK] = "fork",
    [BY_SPAWN] = "spawn",
    [BY_FORKED_SERVER] = "a forked server",
    [BY_FRESH_SERVER] = "a server started afresh",
    [BY_COMMON_SERVER] = "the common server",
};

static struct {
	enum way way;
	struct kk_process_server *server;
} used;

void way_use(enum way way)
{
	struct kk_error error = {0};

	used.way = way;
	used.server = NULL;
	if (way == BY_FORKED_SERVER || way == BY_FRESH_SERVER) {
		used.server = kk_process_server_start(way == BY_FORKED_SERVER ? KK_START_FORK : KK_START_SPAWN, &error);
		if (!used.server)
			fail_msg("%s: %s", way_names[way], error.text);
	}
}

void way_done(void)
{
	kk_process_server_stop(used.server);
	used.server = NULL;
	/* Ends the common server. */
	kk_process_join_all();
}

enum way way_used(void)
{
	return used.way;
}

struct kk_process_server *way_server(void)
{
	return used.server;
}

struct kk_process *way_try(struct kk_process_spec spec, struct kk_error *error)
{
	static const enum kk_start_method methods[WAYS] = {KK_START_FORK, KK_START_SPAWN, KK_START_FORKSERVER,
	                                                   KK_START_FORKSERVER, KK_START_FORKSERVER};

	spec.method = methods[used.way];
	spec.server = used.server;
	return kk_process_spawn(&spec, error);
}

struct kk_process *way_start(struct kk_process_spec spec)
{
	struct kk_error error = {0};
	struct kk_process *process = way_try(spec, &error);

	if (!process)
		fail_msg("by %s: %s", way_names[used.way], error.text);
	return process;
}

struct kk_process_end way_end(struct kk_process *process)
{
	struct kk_process_end end = {0};

	assert_int_equal(kk_process_wait(process, 20000, &end), KK_OK);
	kk_process_free(process);
	return end;
}

char *way_read(int fd)
{
	size_t room = 4096, used_bytes = 0;
	char *text = malloc(room);

	while (text) {
		ssize_t n = read(fd, text + used_bytes, room - used_bytes - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used_bytes += (size_t)n;
		if (used_bytes + 1 == room) {
			char *longer = realloc(text, room *= 2);
			if (!longer)
				free(text);
			text = longer;
		}
	}
	if (text)
		text[used_bytes] = '\0';
	return harness_keep(text);
}

char *way_output(struct kk_process_spec spec, int number, int status)
{
	int ends[2];
	struct kk_process_end end;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct kk_process_fd fds[] = {{ends[1], number}};
	spec.fds = fds;
	spec.fd_count = 1;
	struct kk_process *process = way_start(spec);
	close(ends[1]);
	/* A fork inherits the reading end, and its own number for the writing one. */
	char *text = way_read(ends[0]);
	close(ends[0]);
	end = way_end(process);
	if (!end.exited || end.code != status)
		fail_msg("by %s: exit %d, signal %d instead of exit %d; it wrote: %s", way_names[used.way], end.code,
		         end.signal, status, text);
	return text;
}

unsigned way_open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}
