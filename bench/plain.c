/* SPDX-License-Identifier: Apache-2.0 */
/* bench-plain - what kakehi is compared with: a loop over files in each of N processes, which calls the functions of
 *the stages `resize` and `upload` itself. No engine, no rings, no recovery: the least that the work can cost.
 *
 *	bench-plain PROCESSES STAGES-DIRECTORY OUTPUT-DIRECTORY FILE...
 */
#include "stage_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
	const char *stages, *out;
	char **files;
	int file_count, process_count;
};

/* A stage that is ready for items; ends the program if there is none. */
static struct stage_host *start(const char *dir, const char *name, const char *const settings[])
{
	char path[4096];
	struct stage_host *host;

	snprintf(path, sizeof(path), "%s/%s.so", dir, name);
	host = stage_host_load(path);
	for (; host->stage && *settings; settings += 2)
		stage_host_set(host, settings[0], settings[1]);
	if (!host->stage || stage_host_start(host) != 0) {
		fprintf(stderr, "bench-plain: %s: %s\n", name, host->why);
		exit(1);
	}
	return host;
}

/* The whole file, to be freed; NULL if it cannot be read. */
static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = NULL;
	struct stat stat;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &stat) == 0 && (bytes = malloc((size_t)stat.st_size))) {
		*size = (size_t)stat.st_size;
		if (read(fd, bytes, *size) != stat.st_size) {
			free(bytes);
			bytes = NULL;
		}
	}
	close(fd);
	return bytes;
}

/* Takes one file through both stages; false if one of them did not pass it. */
static bool handle(struct stage_host *resize, struct stage_host *upload, const char *path)
{
	struct stage_item *small, *stored;
	size_t size;
	char *bytes = read_file(path, &size);
	bool well;

	if (!bytes)
		return false;
	small = stage_host_put(resize, path, bytes, size);
	free(bytes);
	if (small->verdict != KK_PASS)
		return false;
	stored = stage_host_put(upload, path, small->output, small->size);
	stage_host_settle(upload, 10000);
	well = stored->settled && stored->verdict == KK_PASS;
	stage_host_forget(upload, stored);
	stage_host_forget(resize, small);
	return well;
}

/* One process: every process_count-th file. Returns its exit status. */
static int work(const struct job *job, int number)
{
	char to[4096];
	struct stage_host *resize, *upload;

	snprintf(to, sizeof(to), "%s/{name}.jpg", job->out);
	resize = start(job->stages, "resize", (const char *const[]){"width", "256", "height", "256", NULL});
	upload = start(job->stages, "upload", (const char *const[]){"to", to, NULL});
	for (int i = number; i < job->file_count; i += job->process_count) {
		if (!handle(resize, upload, job->files[i])) {
			fprintf(stderr, "bench-plain: %s did not arrive\n", job->files[i]);
			return 1;
		}
	}
	stage_host_unload(upload);
	stage_host_unload(resize);
	return 0;
}

int main(int argc, char **argv)
{
	struct job job;
	int failed = 0, status;

	if (argc < 5) {
		fputs("usage: bench-plain PROCESSES STAGES-DIRECTORY OUTPUT-DIRECTORY FILE...\n", stderr);
		return 2;
	}
	job = (struct job){.process_count = (int)strtol(argv[1], NULL, 10),
	                   .stages = argv[2],
	                   .out = argv[3],
	                   .files = argv + 4,
	                   .file_count = argc - 4};
	for (int i = 0; i < job.process_count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			exit(work(&job, i));
		if (pid < 0)
			return 1;
	}
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	return failed ? 1 : 0;
}
