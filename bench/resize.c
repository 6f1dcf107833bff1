/* SPDX-License-Identifier: Apache-2.0 */
/* bench-resize - what a thumbnail costs: photographs in memory, one loop in each of N processes.
 *
 *	bench-resize make DIRECTORY COUNT PHOTOGRAPH...     test pictures of 480 to 1200 pixels out of large photographs
 *	bench-resize stage MODULE N FILE... [-- OPTION VALUE...]      the stage `resize`, called directly
 *	bench-resize vips N FILE...                         libvips' thumbnail_buffer and jpegsave_buffer, as most use
 *it
 *
 * The last two print "count seconds cpu-seconds", of the loops alone: files are read and libraries started before.
 */
#include "stage_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vips/vips.h>

#define SIDE     256
#define QUALITY  90
#define ROUNDS   3
#define SMALLEST 480
#define SPREAD   721

struct file {
	const void *data;
	size_t size;
};

struct loop {
	const char *module; /* NULL: libvips itself */
	char **options;     /* pairs, closed by NULL */
	struct file *files;
	int file_count, processes;
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-resize: %s: %s\n", what, why);
	exit(1);
}

static double seconds_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct file map_file(const char *path)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) != 0)
		die(path, "cannot read it");
	void *data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		die(path, "cannot map it");
	return (struct file){data, (size_t)stat.st_size};
}

/* ---- make */

static void make_one(const char *photograph, const char *directory, int number)
{
	char path[4096];
	VipsImage *image = NULL;
	int side = SMALLEST + number * 97 % SPREAD;
	snprintf(path, sizeof(path), "%s/%04d.jpg", directory, number);
	if (vips_thumbnail(photograph, &image, side, "height", side, NULL) != 0 ||
	    vips_jpegsave(image, path, "Q", 93, "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON, "strip", TRUE, NULL) != 0)
		die(path, vips_error_buffer());
	g_object_unref(image);
}

static int make(int count, char **arguments)
{
	int number = (int)strtol(arguments[1], NULL, 10);
	if (vips_init("bench-resize") != 0)
		die("libvips", vips_error_buffer());
	for (int i = 0; i < number; i++)
		make_one(arguments[2 + i % (count - 2)], arguments[0], i);
	return 0;
}

/* ---- the loops */

static void thumbnail(const struct file *file)
{
	VipsImage *image = NULL;
	void *bytes = NULL;
	size_t size;
	if (vips_thumbnail_buffer((void *)file->data, file->size, &image, SIDE, "height", SIDE, NULL) != 0 ||
	    vips_jpegsave_buffer(image, &bytes, &size, "Q", QUALITY, "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_ON,
	                         "strip", TRUE, NULL) != 0)
		die("libvips", vips_error_buffer());
	g_free(bytes);
	g_object_unref(image);
}

static struct stage_host *open_stage(const struct loop *loop)
{
	struct stage_host *host = stage_host_load(loop->module);
	for (char **option = loop->options; host->stage && option[0] && option[1]; option += 2)
		stage_host_set(host, option[0], option[1]);
	if (!host->stage || stage_host_start(host) != 0)
		die(loop->module, host->why);
	return host;
}

static void open_vips(void)
{
	if (vips_init("bench-resize") != 0)
		die("libvips", vips_error_buffer());
	vips_concurrency_set(1);
	vips_cache_set_max(0);
}

static void handle(struct stage_host *host, const struct file *file)
{
	if (!host) {
		thumbnail(file);
		return;
	}
	struct stage_item *item = stage_host_put(host, "photo", file->data, file->size);
	if (item->verdict != KK_PASS)
		die("a photograph failed", item->message);
	stage_host_forget(host, item);
}

/* run - every processes-th file; writes how long it took, in CPU seconds. */
static void run(const struct loop *loop, int number, int to)
{
	struct stage_host *host = loop->module ? open_stage(loop) : NULL;
	if (!host)
		open_vips();
	handle(host, &loop->files[0]);
	double times[2] = {seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
	for (int round = 0; round < ROUNDS; round++)
		for (int i = number; i < loop->file_count; i += loop->processes)
			handle(host, &loop->files[i]);
	times[0] = seconds_of(CLOCK_MONOTONIC) - times[0];
	times[1] = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - times[1];
	if (write(to, times, sizeof(times)) != sizeof(times))
		die("pipe", "cannot write");
}

static int measure(const struct loop *loop)
{
	double wall = 0, cpu = 0, times[2];
	int pipes[2], status, failed = 0;
	if (pipe(pipes) != 0)
		die("pipe", "cannot make one");
	for (int i = 0; i < loop->processes; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork", "not possible");
		if (pid == 0) {
			run(loop, i, pipes[1]);
			_exit(0);
		}
	}
	close(pipes[1]);
	while (read(pipes[0], times, sizeof(times)) == sizeof(times)) {
		wall = times[0] > wall ? times[0] : wall;
		cpu += times[1];
	}
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	printf("%d %.6f %.6f\n", loop->file_count * ROUNDS, wall, cpu);
	return failed ? 1 : 0;
}

/* loop_over - PROCESSES FILE... [-- OPTION VALUE...] */
static int loop_over(const char *module, int count, char **arguments)
{
	struct loop loop = {.module = module, .processes = (int)strtol(arguments[0], NULL, 10)};
	int files = 1;
	while (files < count && strcmp(arguments[files], "--") != 0)
		files++;
	loop.options = arguments + (files < count ? files + 1 : count);
	loop.file_count = files - 1;
	loop.files = calloc((size_t)loop.file_count + 1, sizeof(*loop.files));
	if (!loop.files || loop.file_count == 0 || loop.processes < 1)
		die("arguments", "no files");
	for (int i = 0; i < loop.file_count; i++)
		loop.files[i] = map_file(arguments[1 + i]);
	int result = measure(&loop);
	free(loop.files);
	return result;
}

int main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "make") == 0)
		return make(argc - 2, argv + 2);
	if (argc > 3 && strcmp(argv[1], "vips") == 0)
		return loop_over(NULL, argc - 2, argv + 2);
	if (argc > 4 && strcmp(argv[1], "stage") == 0)
		return loop_over(argv[2], argc - 3, argv + 3);
	fputs("usage: bench-resize make|stage|vips ...\n", stderr);
	return 2;
}
