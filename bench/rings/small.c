/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, sorting, memory, and Python's figures. */
#include "rings.h"
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

bool any_mismatch;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void sleep_ms(int ms)
{
	struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void pin_to(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu % (int)sysconf(_SC_NPROCESSORS_ONLN))
			CPU_SET(i, &set);
	/* A machine that does not let us pin is measured as it is. */
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void *shared_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void shared_unmap(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

uint64_t percentile(uint64_t *values, size_t count, double percent)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), by_size);
	size_t index = (size_t)((double)count * percent / 100);
	return values[index < count ? index : count - 1];
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

double median(double *values, size_t count)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(*values), by_value);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

uint64_t fill_words(uint64_t *words, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++)
		words[i] = seed;
	return seed * count;
}

uint64_t sum_words(const uint64_t *words, size_t count)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

void mismatch(const char *what, ...)
{
	va_list list;
	any_mismatch = true;
	fflush(stdout);
	fputs("bench-ring: ", stderr);
	va_start(list, what);
	vfprintf(stderr, what, list);
	va_end(list);
	fputc('\n', stderr);
}

/* What the child printed, up to its end. */
static int read_figures(int fd, double *figures, int max)
{
	char text[256] = "";
	size_t length = 0;
	ssize_t got;
	while (length < sizeof(text) - 1 &&
	       ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0 || (got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t)got : 0;
	text[length] = '\0';
	char *at = text, *end;
	int count = 0;
	while (count < max) {
		figures[count] = strtod(at, &end);
		if (end == at)
			break;
		at = end;
		count++;
	}
	return count;
}

int python_figures(const struct options *options, const char *const *arguments, double *figures, int max)
{
	static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
	const char *argv[12] = {"python3", options->python};
	int out[2], count = 2;
	if (!options->python || pipe(out) < 0)
		return -1;
	while (*arguments && count < 11)
		argv[count++] = *arguments++;
	struct kk_process_fd fds[] = {{out[1], 1}, {2, 2}};
	struct kk_process_spec spec = {.path = "/usr/bin/python3",
	                               .argv = argv,
	                               .environment = environment,
	                               .fds = fds,
	                               .fd_count = 2,
	                               .own_group = true,
	                               .die_with_thread = true};
	struct kk_process *python = kk_process_spawn(&spec, NULL);
	close(out[1]);
	int found = python ? read_figures(out[0], figures, max) : -1;
	close(out[0]);
	kk_process_free(python);
	return found;
}
