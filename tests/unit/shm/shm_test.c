/* SPDX-License-Identifier: Apache-2.0 */
/* kk_shm: segments without a name, in each of the ways they can be made. */
#include "harness.h"
#include <kakehi/shm.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned ways[] = {0, KK_SHM_BRIEF_NAME, KK_SHM_MEMFD};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static size_t entries_of_dev_shm(void)
{
	size_t count = 0;
	DIR *dir = opendir("/dev/shm");
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void test_sizes(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {1, 4095, 4096, 4097, 1 << 20};
	for (size_t way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct kk_error error = {0};
			struct stat st;
			struct kk_shm *shm = kk_shm_create(sizes[i], "a test", ways[way], &error);
			assert_non_null(shm);
			assert_int_equal(kk_shm_bytes(shm), (sizes[i] + 4095) / 4096 * 4096);
			assert_int_equal(fstat(kk_shm_fd(shm, true), &st), 0);
			assert_int_equal(st.st_size, kk_shm_bytes(shm));
			assert_int_equal(st.st_blocks * 512, st.st_size); /* all of it is really there */
			assert_int_equal(st.st_nlink, 0);
			assert_int_equal(st.st_mode & 07777, 0400);
			kk_shm_free(shm);
		}
	}
	kk_shm_free(NULL);
}

static void test_refuses_nonsense(void **state)
{
	(void)state;
	struct kk_error error = {0};
	assert_null(kk_shm_create(0, "a test", 0, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_shm_create(UINT64_MAX, "a test", 0, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_shm_create(4096, NULL, 0, NULL));
}

static void test_both_descriptors_see_the_same_memory(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		struct kk_shm *shm = kk_shm_create(8192, "a test", ways[way], NULL);
		assert_non_null(shm);
		unsigned char *write = kk_shm_map(kk_shm_fd(shm, true), 8192, true, NULL);
		const unsigned char *read = kk_shm_map(kk_shm_fd(shm, false), 8192, false, NULL);
		assert_non_null(write);
		assert_non_null(read);
		for (size_t i = 0; i < 8192; i++)
			assert_int_equal(read[i], 0);
		write[8191] = 42;
		assert_int_equal(read[8191], 42);
		kk_shm_unmap(write, 8192);
		kk_shm_free(shm);
		assert_int_equal(read[8191], 42);
		kk_shm_unmap((void *)read, 8192);
	}
}

static void test_read_only_descriptor_stays_so(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		struct kk_error error = {0};
		struct kk_shm *shm = kk_shm_create(4096, "a test", ways[way], NULL);
		assert_non_null(shm);
		int fd = kk_shm_fd(shm, false);
		assert_null(kk_shm_map(fd, 4096, true, &error));
		assert_int_equal(error.code, KK_ERR_SYSTEM);
		assert_int_equal(error.system, EACCES);
		assert_int_equal(write(fd, "x", 1), -1);
		assert_int_equal(ftruncate(fd, 0), -1);
		void *memory = kk_shm_map(fd, 4096, false, NULL);
		assert_int_equal(mprotect(memory, 4096, PROT_READ | PROT_WRITE), -1);
		kk_shm_unmap(memory, 4096);
		kk_shm_free(shm);
	}
}

static void test_unprivileged_cannot_open_it_again(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		struct kk_shm *shm = kk_shm_create(4096, "a test", ways[way], NULL);
		assert_non_null(shm);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			char path[64];
			(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", kk_shm_fd(shm, false));
			if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
				_exit(2);
			_exit(open(path, O_RDWR) >= 0 ? 1 : 0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		kk_shm_free(shm);
	}
}

static void test_descriptors_close_on_exec(void **state)
{
	(void)state;
	for (size_t way = 0; way < WAYS; way++) {
		struct kk_shm *shm = kk_shm_create(4096, "a test", ways[way], NULL);
		assert_true(fcntl(kk_shm_fd(shm, true), F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(kk_shm_fd(shm, false), F_GETFD) & FD_CLOEXEC);
		kk_shm_free(shm);
	}
}

static void test_memfd_is_sealed(void **state)
{
	(void)state;
	struct kk_shm *shm = kk_shm_create(8192, "a test", KK_SHM_MEMFD, NULL);
	assert_non_null(shm);
	int fd = kk_shm_fd(shm, true);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_string_equal(kk_shm_note(shm), "memfd: as asked for");
	kk_shm_free(shm);
	shm = kk_shm_create(8192, "a test", 0, NULL);
	assert_null(kk_shm_note(shm));
	kk_shm_free(shm);
}

static void test_map_beyond_the_end(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_shm *shm = kk_shm_create(4096, "a test", 0, NULL);
	assert_null(kk_shm_map(kk_shm_fd(shm, true), 4097, true, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_null(kk_shm_map(kk_shm_fd(shm, true), 0, true, &error));
	assert_null(kk_shm_map(-1, 4096, true, &error));
	assert_int_equal(error.code, KK_ERR_SYSTEM);
	kk_shm_free(shm);
}

static void test_more_than_the_machine_has(void **state)
{
	(void)state;
	uint64_t room;
	char where[256];
	struct kk_error error = {0};
	kk_shm_headroom(&room, where, sizeof(where));
	assert_true(room > 0 && room < UINT64_MAX);
	assert_true(strlen(where) > 0);
	assert_null(kk_shm_create(room + (UINT64_C(1) << 40), "all", 0, &error));
	assert_int_equal(error.code, KK_ERR_NO_ROOM);
	assert_non_null(strstr(error.text, "shared memory for all needs "));
	assert_non_null(strstr(error.text, where));
}

/* Killed anywhere, the maker leaves nothing behind. (With KK_SHM_BRIEF_NAME there is a window, so not there.) */
static void test_killed_maker_leaves_nothing(void **state)
{
	(void)state;
	size_t before = entries_of_dev_shm();
	for (int round = 0; round < 50; round++) {
		int ready[2];
		char byte;
		assert_int_equal(pipe(ready), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			for (;;) {
				struct kk_shm *shm = kk_shm_create(1 << 16, "a test", 0, NULL);
				if (!shm || write(ready[1], "x", 1) != 1)
					_exit(1);
				kk_shm_free(shm);
			}
		}
		for (int i = 0; i <= round % 7; i++)
			assert_int_equal(read(ready[0], &byte, 1), 1);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(ready[0]);
		close(ready[1]);
	}
	assert_int_equal(entries_of_dev_shm(), before);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal every millisecond does not keep a large allocation from being done. */
static void test_allocation_under_signals(void **state)
{
	(void)state;
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {.it_interval = {.tv_usec = 1000}, .it_value = {.tv_usec = 1000}}, never = {0};
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	struct kk_shm *shm = kk_shm_create(64 << 20, "a test", 0, NULL);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_non_null(shm);
	kk_shm_free(shm);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_refuses_nonsense),
    cmocka_unit_test(test_both_descriptors_see_the_same_memory),
    cmocka_unit_test(test_read_only_descriptor_stays_so),
    cmocka_unit_test(test_unprivileged_cannot_open_it_again),
    cmocka_unit_test(test_descriptors_close_on_exec),
    cmocka_unit_test(test_memfd_is_sealed),
    cmocka_unit_test(test_map_beyond_the_end),
    cmocka_unit_test(test_more_than_the_machine_has),
    cmocka_unit_test(test_killed_maker_leaves_nothing),
    cmocka_unit_test(test_allocation_under_signals),
};
HARNESS_MAIN(tests)
