/* SPDX-License-Identifier: Apache-2.0 */
#include "shell.h"
#include <fcntl.h>
#include <stdlib.h>

struct kk_command shell(const char *script)
{
	const char **args = harness_keep(calloc(4, sizeof(*args)));

	args[0] = "/bin/sh";
	args[1] = "-c";
	args[2] = script;
	return (struct kk_command){.args = args};
}

struct kk_command piped(const char *script)
{
	struct kk_command command = shell(script);

	command.in.kind = command.out.kind = command.err.kind = KK_STREAM_PIPE;
	return command;
}

struct kk_popen *start(const struct kk_command *command)
{
	struct kk_error error = {0};
	struct kk_popen *popen = kk_popen(command, &error);

	if (!popen)
		fail_msg("%s", error.text);
	return popen;
}

unsigned open_fds(void)
{
	unsigned open = 0;

	for (int fd = 0; fd < 1024; fd++)
		open += fcntl(fd, F_GETFD) >= 0;
	return open;
}

char *pattern(size_t bytes)
{
	unsigned char *data = harness_keep(malloc(bytes + 1));
	uint32_t state = 1;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 1664525u + 1013904223u;
		data[i] = (unsigned char)(state >> 24);
	}
	return (char *)data;
}
