/* SPDX-License-Identifier: Apache-2.0 */
#include "crew.h"

#include "asleep.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct kk_family *crew_family;
struct crew_board *crew_board;

static pid_t tester;

void crew_begin(unsigned seats)
{
	struct kk_family_spec spec = {.bytes = 65536, .seats = seats, .objects = 16};
	struct kk_error error = {0};
	tester = getpid();
	crew_board = mmap(NULL, sizeof(*crew_board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(crew_board != MAP_FAILED);
	crew_family = kk_family_create(&spec, &error);
	if (!crew_family)
		fail_msg("%s", error.text);
}

void crew_end(void)
{
	struct kk_error error = {0};
	if (kk_family_check(crew_family, &error) < 0)
		fail_msg("%s", error.text);
	kk_family_close(crew_family);
	munmap(crew_board, sizeof(*crew_board));
}

void crew_check(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	if (getpid() == tester)
		fail_msg("%s:%d: not so: %s", file, line, what);
	fprintf(stderr, "%s:%d: in a child, not so: %s\n", file, line, what);
	_exit(98);
}

pid_t crew_start(int (*run)(int number), int number)
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	int rc = run(number);
	(void)kk_family_leave(crew_family);
	_exit(rc);
}

void crew_finish(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("a child ended with status 0x%x", (unsigned)status);
}

void crew_kill(pid_t pid)
{
	int status;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("a child ended with status 0x%x before it was killed", (unsigned)status);
}

int crew_stay(void)
{
	for (;;)
		(void)pause();
	return 0;
}

struct expected {
	_Atomic int *number;
	int value;
};

static bool reached(void *what)
{
	struct expected *expected = what;
	return atomic_load(expected->number) >= expected->value;
}

void crew_until(_Atomic int *number, int value)
{
	struct expected expected = {number, value};
	crew_must(harness_wait_until(reached, &expected, CREW_LIMIT_MS));
}

static bool is_asleep(void *what)
{
	return asleep(*(pid_t *)what);
}

void crew_until_asleep(pid_t pid)
{
	crew_must(harness_wait_until(is_asleep, &pid, CREW_LIMIT_MS));
}

struct counted {
	unsigned (*count)(void *arg);
	void *arg;
	unsigned value;
};

static bool counts(void *what)
{
	struct counted *counted = what;
	return counted->count(counted->arg) == counted->value;
}

void crew_until_count(unsigned (*count)(void *arg), void *arg, unsigned value)
{
	struct counted counted = {count, arg, value};
	crew_must(harness_wait_until(counts, &counted, CREW_LIMIT_MS));
}

pthread_t crew_thread(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

void *crew_join(pthread_t thread)
{
	void *result;
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}
