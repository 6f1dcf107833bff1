/* SPDX-License-Identifier: Apache-2.0 */
/* kk_shm_named: segments that unrelated processes find by name. */
#include "harness.h"
#include <kakehi/shm.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A name that no other test run uses. */
static char *own_name(void)
{
	return harness_text("kakehi-test-%d", (int)getpid());
}

static char *own_path(void)
{
	return harness_text("/dev/shm/%s", own_name());
}

static void test_create_attach_unlink(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_shm_named *one = kk_shm_open_named(own_name(), KK_SHM_CREATE, 1000, &error);
	assert_non_null(one);
	assert_int_equal(kk_shm_named_bytes(one), 1000);
	assert_int_equal((uintptr_t)kk_shm_named_memory(one) % 64, 0);
	struct stat st;
	assert_int_equal(stat(own_path(), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	assert_null(kk_shm_open_named(own_name(), KK_SHM_CREATE, 1000, &error));
	assert_int_equal(error.code, KK_ERR_EXISTS);

	struct kk_shm_named *two = kk_shm_open_named(own_name(), KK_SHM_ATTACH, 0, &error);
	assert_non_null(two);
	assert_int_equal(kk_shm_named_bytes(two), 1000);
	memcpy(kk_shm_named_memory(one), "hello", sizeof("hello"));
	assert_string_equal(kk_shm_named_memory(two), "hello");
	kk_shm_close_named(one);
	assert_string_equal(kk_shm_named_memory(two), "hello");

	assert_int_equal(kk_shm_unlink_named(own_name(), &error), KK_OK);
	assert_int_equal(kk_shm_unlink_named(own_name(), &error), KK_ERR_MISSING);
	assert_string_equal(kk_shm_named_memory(two), "hello");
	kk_shm_close_named(two);
	assert_null(kk_shm_open_named(own_name(), KK_SHM_ATTACH, 0, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_shm_close_named(NULL);
}

static void test_bad_names(void **state)
{
	(void)state;
	static const char *const names[] = {"", ".", "..", ".hidden", "a/b", "a b", "../x", "ä"};
	char long_name[202];
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct kk_error error = {0};
		assert_null(kk_shm_open_named(names[i], KK_SHM_CREATE, 10, &error));
		assert_int_equal(error.code, KK_ERR_INVALID);
		assert_int_equal(kk_shm_unlink_named(names[i], NULL), KK_ERR_INVALID);
	}
	assert_null(kk_shm_open_named(long_name, KK_SHM_CREATE, 10, NULL));
	assert_null(kk_shm_open_named(NULL, KK_SHM_ATTACH, 10, NULL));
}

/* Puts a segment there, changes `size` bytes of its header at `offset`, and attaches. Returns the code. */
static int attach_damaged(size_t offset, const void *bytes, size_t size, uint64_t want)
{
	struct kk_error error = {0};
	struct kk_shm_named *named = kk_shm_open_named(own_name(), KK_SHM_CREATE, 100, NULL);
	assert_non_null(named);
	memcpy((char *)kk_shm_named_memory(named) - 64 + offset, bytes, size);
	kk_shm_close_named(named);
	named = kk_shm_open_named(own_name(), KK_SHM_ATTACH, want, &error);
	assert_int_equal(kk_shm_unlink_named(own_name(), NULL), KK_OK);
	kk_shm_close_named(named);
	return error.code;
}

static void test_attach_checks_the_header(void **state)
{
	(void)state;
	assert_int_equal(attach_damaged(0, "", 0, 100), KK_OK);
	assert_int_equal(attach_damaged(0, "", 0, 101), KK_ERR_CORRUPT);
	assert_int_equal(attach_damaged(0, "nope", 4, 0), KK_ERR_CORRUPT);
	assert_int_equal(attach_damaged(4, "\x63", 1, 0), KK_ERR_VERSION);
	assert_int_equal(attach_damaged(8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 0), KK_ERR_CORRUPT);
	assert_int_equal(attach_damaged(8, "\0\0\0\0\0\0\0\0", 8, 0), KK_ERR_CORRUPT);
}

static void test_attach_foreign_files(void **state)
{
	(void)state;
	struct kk_error error = {0};
	char zeros[4096] = {0};
	harness_write(own_path(), "", 0);
	assert_null(kk_shm_open_named(own_name(), KK_SHM_ATTACH, 0, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	harness_write(own_path(), zeros, sizeof(zeros));
	assert_null(kk_shm_open_named(own_name(), KK_SHM_ATTACH, 0, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(unlink(own_path()), 0);
	/* A link may lead anywhere. */
	assert_int_equal(symlink("/dev/shm/elsewhere", own_path()), 0);
	assert_null(kk_shm_open_named(own_name(), KK_SHM_ATTACH, 0, &error));
	assert_int_equal(error.code, KK_ERR_SYSTEM);
	assert_null(kk_shm_open_named(own_name(), KK_SHM_CREATE, 10, &error));
	assert_int_equal(error.code, KK_ERR_EXISTS);
	assert_int_equal(unlink(own_path()), 0);
}

/* Of many processes that create the same name exactly one does, and each that attaches finds it whole. */
static void test_one_creator_wins(void **state)
{
	(void)state;
	enum { CHILDREN = 8 };
	const char *name = own_name();
	int won = 0;
	for (int i = 0; i < CHILDREN; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct kk_error error = {0};
			struct kk_shm_named *mine = kk_shm_open_named(name, KK_SHM_CREATE, 1 << 20, &error);
			if (!mine && error.code != KK_ERR_EXISTS)
				_exit(2);
			struct kk_shm_named *theirs = kk_shm_open_named(name, KK_SHM_ATTACH, 1 << 20, &error);
			_exit(!theirs ? 3 : mine ? 1 : 0);
		}
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_in_range(WEXITSTATUS(status), 0, 1);
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 1);
	assert_int_equal(kk_shm_unlink_named(name, NULL), KK_OK);
}

static void test_names_that_nobody_has(void **state)
{
	(void)state;
	struct kk_shm_named *one = kk_shm_open_named(NULL, KK_SHM_CREATE, 10, NULL);
	struct kk_shm_named *two = kk_shm_open_named(NULL, KK_SHM_CREATE, 10, NULL);
	assert_non_null(one);
	assert_non_null(two);
	assert_string_not_equal(kk_shm_named_name(one), kk_shm_named_name(two));
	struct kk_shm_named *same = kk_shm_open_named(kk_shm_named_name(one), KK_SHM_ATTACH, 10, NULL);
	strcpy(kk_shm_named_memory(one), "found");
	assert_string_equal(kk_shm_named_memory(same), "found");
	assert_string_equal(kk_shm_named_name(same), kk_shm_named_name(one));
	assert_int_equal(kk_shm_unlink_named(kk_shm_named_name(one), NULL), KK_OK);
	assert_int_equal(kk_shm_unlink_named(kk_shm_named_name(two), NULL), KK_OK);
	kk_shm_close_named(one);
	kk_shm_close_named(two);
	kk_shm_close_named(same);
}

static void test_read_only(void **state)
{
	(void)state;
	int status;
	struct kk_shm_named *own = kk_shm_open_named(own_name(), KK_SHM_CREATE, 10, NULL);
	struct kk_shm_named *read = kk_shm_open_named(own_name(), KK_SHM_READ, 10, NULL);
	assert_non_null(read);
	strcpy(kk_shm_named_memory(own), "changed");
	assert_string_equal(kk_shm_named_memory(read), "changed");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* Sanitizers would report it. */
		(void)signal(SIGSEGV, SIG_DFL);
		*(char *)kk_shm_named_memory(read) = 'x';
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	assert_string_equal(kk_shm_named_memory(own), "changed");
	assert_int_equal(kk_shm_unlink_named(own_name(), NULL), KK_OK);
	kk_shm_close_named(own);
	kk_shm_close_named(read);
	assert_null(kk_shm_open_named(own_name(), KK_SHM_READ, 0, NULL));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_create_attach_unlink),
    cmocka_unit_test(test_bad_names),
    cmocka_unit_test(test_attach_checks_the_header),
    cmocka_unit_test(test_attach_foreign_files),
    cmocka_unit_test(test_one_creator_wins),
    cmocka_unit_test(test_names_that_nobody_has),
    cmocka_unit_test(test_read_only),
};
HARNESS_MAIN(tests)
