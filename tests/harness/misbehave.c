/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that misbehave, each in its own way. harness_test.c checks that every one of them is reported as failed, and
 * that a good one is not. */
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void good(void **state)
{
	(void)state;
	harness_write_text(harness_path("file"), "text");
}

static void wrong(void **state)
{
	(void)state;
	assert_int_equal(1, 2);
}

static void leaves_descriptor(void **state)
{
	(void)state;
	assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

static void leaves_process(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
}

static void leaves_zombie(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
}

static void leaves_orphan(void **state)
{
	const char *const argv[] = {"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &", NULL};

	(void)state;
	assert_int_equal(harness_exec(argv, NULL).exit_code, 0);
}

static void leaves_shared_memory(void **state)
{
	int fd = shm_open(getenv("LEFT_NAME"), O_CREAT | O_EXCL | O_RDWR, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
}

static void hangs(void **state)
{
	(void)state;
	for (;;)
		pause();
}

static void crashes(void **state)
{
	(void)state;
	signal(SIGABRT, SIG_DFL);
	kill(getpid(), SIGABRT);
}

static void program_hangs(void **state)
{
	const char *const argv[] = {"sleep", "1000", NULL};

	(void)state;
	harness_exec(argv, &(struct harness_options){.limit_ms = 50});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(good),
    cmocka_unit_test(wrong),
    cmocka_unit_test(leaves_descriptor),
    cmocka_unit_test(leaves_process),
    cmocka_unit_test(leaves_zombie),
    cmocka_unit_test(leaves_orphan),
    cmocka_unit_test(leaves_shared_memory),
    cmocka_unit_test(hangs),
    cmocka_unit_test(crashes),
    cmocka_unit_test(program_hangs),
};

HARNESS_MAIN(tests)
