/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_LIMIT_S 60
#define CHILDREN_MAX    1024

uint64_t harness_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool harness_wait_until(bool (*is)(void *what), void *what, unsigned limit_ms)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	uint64_t end = harness_now_ms() + limit_ms;

	while (!is(what)) {
		if (harness_now_ms() >= end)
			return is(what);
		nanosleep(&pause, NULL);
	}
	return true;
}

static uint64_t time_limit_ms(void)
{
	const char *text = getenv("KAKEHI_TEST_TIMEOUT");
	long seconds = text ? strtol(text, NULL, 10) : 0;

	return 1000 * (uint64_t)(seconds > 0 ? seconds : DEFAULT_LIMIT_S);
}

/* Ends everything the test has started: as subreaper the runner gets every orphan as a child of its own. */
static void kill_descendants(void)
{
	pid_t children[CHILDREN_MAX];

	do {
		size_t count = harness_children(getpid(), children, CHILDREN_MAX);

		for (size_t i = 0; i < count; i++)
			kill(children[i], SIGKILL);
	} while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

/* The process of one test. */
static void test_process(const struct CMUnitTest *test, const char *dir)
{
	struct leak_snapshot before;
	int failed, left = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	harness_set_dir(dir);
	leak_snapshot(&before);
	failed = _cmocka_run_group_tests("", test, 1, NULL, NULL);
	if (!failed) /* a test that ends in its middle leaves things as they are */
		left = leak_report(&before, test->name);
	leak_snapshot_free(&before);
	exit(failed || left ? 1 : 0);
}

/* Waits for a test's process until `end_ms`; true if it ended well. */
static bool test_ended_well(pid_t pid, const char *name, uint64_t end_ms)
{
	struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	uint64_t now;
	int status, ready;

	do {
		now = harness_now_ms();
		ready = poll(&end, 1, now < end_ms ? (int)(end_ms - now) : 0);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		printf("failure: %s [ still running at the time limit ]\n", name);
		kill(pid, SIGKILL);
	}
	close(end.fd);
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status) && ready > 0)
		printf("failure: %s [ ended by %s ]\n", name, strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run_one(const struct CMUnitTest *test, uint64_t end_ms)
{
	char dir[4096];
	bool well;
	pid_t pid;

	if (!harness_make_temporary(dir, sizeof(dir))) {
		printf("failure: %s [ no temporary directory ]\n", test->name);
		return false;
	}
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid == 0)
		test_process(test, dir);
	well = pid > 0 && test_ended_well(pid, test->name, end_ms);
	kill_descendants();
	if (getenv("KAKEHI_TEST_KEEP"))
		printf("kept: %s\n", dir);
	else
		harness_remove_tree(dir);
	return well;
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int harness_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	uint64_t end_ms = harness_now_ms() + time_limit_ms();
	unsigned ran = 0, failed = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cmocka_set_message_output(CM_OUTPUT_SUBUNIT);
	for (size_t i = 0; i < count; i++) {
		if (!wanted(tests[i].name, argc, argv))
			continue;
		ran++;
		if (!run_one(&tests[i], end_ms)) {
			printf("FAILED: %s\n", tests[i].name);
			failed++;
		}
	}
	printf("%u tests, %u failed\n", ran, failed);
	return ran == 0 || failed ? 1 : 0;
}
