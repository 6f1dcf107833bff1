/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "sanitizers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct stat_line {
	char state;
	pid_t parent;
};

/* Reads state and parent out of /proc/PID/stat, whose second field may hold blanks and parentheses. */
static bool read_stat(pid_t pid, struct stat_line *to)
{
	char path[64], line[512], *end;
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	end = read ? strrchr(line, ')') : NULL;
	return end && sscanf(end + 1, " %c %d", &to->state, &to->parent) == 2;
}

size_t harness_children(pid_t parent, pid_t *to, size_t max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (proc && count < max && (entry = readdir(proc))) {
		struct stat_line line;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && read_stat(pid, &line) && line.parent == parent)
			to[count++] = pid;
	}
	if (proc)
		closedir(proc);
	return count;
}

bool harness_alive(pid_t pid)
{
	struct stat_line line;

	return read_stat(pid, &line) && line.state != 'Z' && line.state != 'X';
}

char *harness_title(pid_t pid)
{
	char path[64], text[4096] = "";
	size_t length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	file = fopen(path, "re");
	if (file) {
		length = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	while (length > 0 && text[length - 1] == 0)
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] == 0)
			text[i] = ' ';
	return harness_text("%.*s", (int)length, text);
}

uint64_t harness_pss_bytes(pid_t pid)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return (uint64_t)kib * 1024;
}

static bool no_orphan(void *unused)
{
	pid_t pid;

	(void)unused;
	do {
		pid = waitpid(-1, NULL, WNOHANG);
	} while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid < 0;
}

size_t harness_wait_orphans(unsigned limit_ms)
{
	pid_t left[256];

	if (harness_wait_until(no_orphan, NULL, limit_ms))
		return 0;
	return harness_children(getpid(), left, sizeof(left) / sizeof(left[0]));
}

static bool checkers_ended(void *unused)
{
	pid_t children[64];
	size_t count = harness_children(getpid(), children, sizeof(children) / sizeof(children[0]));
	bool ended = count < sizeof(children) / sizeof(children[0]);

	(void)unused;
	for (size_t i = 0; i < count; i++)
		if (*harness_title(children[i]) == 0 && waitpid(children[i], NULL, WNOHANG) == 0)
			ended = false;
	return ended;
}

void harness_reap_checkers(void)
{
	if (WITH_ASAN)
		(void)harness_wait_until(checkers_ended, NULL, 10000);
}
