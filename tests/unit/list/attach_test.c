/* SPDX-License-Identifier: Apache-2.0 */
/* A list in other memory than a family's: roles, and what the heir of one finds. */
#include <kakehi/dict.h>
#include <kakehi/list.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static const struct kk_list_shape shape = {.items = 20000, .item_max = 16};

static void *new_list(uint64_t *bytes)
{
	struct kk_error error;
	*bytes = kk_list_size(&shape);
	assert_true(*bytes > 0);
	void *memory = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(kk_list_init(memory, *bytes, &shape, &error), KK_OK);
	return memory;
}

static struct kk_list *attach(void *memory, uint64_t bytes, unsigned role)
{
	struct kk_error error;
	struct kk_list *list = kk_list_attach(memory, bytes, &error);
	assert_non_null(list);
	if (role)
		assert_int_equal(kk_list_inherit(list, role), KK_OK);
	return list;
}

static void test_refusals(void **state)
{
	struct kk_error error;
	uint64_t bytes;
	void *memory = new_list(&bytes);
	struct kk_list *list = attach(memory, bytes, 0);
	(void)state;
	assert_int_equal(kk_list_size(&(struct kk_list_shape){.items = 0}), 0);
	assert_int_equal(kk_list_init(memory, bytes - 1, &shape, &error), KK_ERR_INVALID);
	assert_int_equal(kk_list_init((char *)memory + 8, bytes, &shape, &error), KK_ERR_INVALID);
	assert_int_equal(kk_list_init(memory, bytes, &(struct kk_list_shape){.items = 0}, &error), KK_ERR_INVALID);
	assert_null(kk_list_attach(memory, bytes - 1, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	/* Who reads needs no role, who writes does. */
	assert_int_equal(kk_list_len(list), 0);
	assert_int_equal(kk_list_append(list, KK_TEXT("a")), KK_ERR_INVALID);
	assert_int_equal(kk_list_inherit(list, 0), KK_ERR_INVALID);
	assert_int_equal(kk_list_inherit(list, 7), KK_OK);
	assert_int_equal(kk_list_append(list, KK_TEXT("a")), KK_OK);
	assert_int_equal(kk_list_check(list, &error), KK_OK);
	kk_list_close(list);
	munmap(memory, bytes);
}

enum { ITEMS = 20000, CHANGES = 1000 };

static struct kk_list *changes;
static _Atomic int changed;

/* In the middle of whatever the test does: some ten times while it reads all items. */
static void change(int signal)
{
	static const struct itimerval never;
	(void)signal;
	if (kk_list_set(changes, 0, KK_TEXT("changed")) < 0 || ++changed == CHANGES)
		(void)setitimer(ITIMER_REAL, &never, NULL);
}

/* A reader that has no role, and is overtaken as often as you like, reads in the end. */
static void test_reader_without_a_role(void **state)
{
	static const struct itimerval often = {{0, 50}, {0, 50}};
	uint64_t bytes;
	void *memory = new_list(&bytes);
	struct kk_list *reads = attach(memory, bytes, 0);
	struct kk_list_item *items;
	(void)state;
	changes = attach(memory, bytes, 1);
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(kk_list_append(changes, KK_TEXT("item")), KK_OK);
	assert_int_equal(sigaction(SIGALRM, &(struct sigaction){.sa_handler = change, .sa_flags = SA_RESTART}, NULL),
	                 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	while (changed < CHANGES) {
		assert_int_equal(kk_list_slice(reads, 0, KK_LIST_END, &items), ITEMS);
		free(items);
	}
	assert_int_equal(sigaction(SIGALRM, &(struct sigaction){.sa_handler = SIG_DFL}, NULL), 0);
	kk_list_close(changes);
	kk_list_close(reads);
	munmap(memory, bytes);
}

static int dies(const struct kk_list_item *one, const struct kk_list_item *other, void *arg)
{
	(void)one;
	(void)other;
	(void)arg;
	raise(SIGKILL);
	return 0;
}

static pid_t start(void (*play)(struct kk_list *list), void *memory, uint64_t bytes, unsigned role)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		play(attach(memory, bytes, role));
		_exit(0);
	}
	return pid;
}

static void dies_in_writing(struct kk_list *list)
{
	(void)kk_list_sort(list, dies, NULL);
}

static void appends(struct kk_list *list)
{
	if (kk_list_append(list, KK_TEXT("by another")) < 0)
		_exit(1);
}

static bool is_asleep(void *pid)
{
	const char *stat = harness_read(harness_text("/proc/%d/stat", *(pid_t *)pid), NULL);
	return strstr(stat, ") S ") != NULL;
}

/* Who writes waits for the heir of the role that was killed with the lock, who reads does not. */
static void test_the_heir_lets_others_write(void **state)
{
	struct kk_error error;
	uint64_t bytes;
	int status;
	char item[17] = "";
	void *memory = new_list(&bytes);
	struct kk_list *list = attach(memory, bytes, 1);
	(void)state;
	assert_int_equal(kk_list_append(list, KK_TEXT("b")), KK_OK);
	assert_int_equal(kk_list_append(list, KK_TEXT("a")), KK_OK);
	assert_int_equal(waitpid(start(dies_in_writing, memory, bytes, 2), &status, 0) > 0, 1);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(kk_list_get(list, 0, item, 16), 1);
	assert_string_equal(item, "b");
	pid_t waits = start(appends, memory, bytes, 3);
	assert_true(harness_wait_until(is_asleep, &waits, 10000));
	assert_int_equal(waitpid(waits, &status, WNOHANG), 0);
	assert_int_equal(kk_list_len(list), 2);
	struct kk_list *heir = attach(memory, bytes, 2);
	assert_int_equal(waitpid(waits, &status, 0), waits);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(kk_list_len(list), 3);
	assert_int_equal(kk_list_append(heir, KK_TEXT("by the heir")), KK_OK);
	assert_int_equal(kk_list_get(list, -2, item, 16), 10);
	assert_memory_equal(item, "by another", 10);
	assert_int_equal(kk_list_check(list, &error), KK_OK);
	kk_list_close(heir);
	kk_list_close(list);
	munmap(memory, bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_reader_without_a_role),
    cmocka_unit_test(test_the_heir_lets_others_write),
};
HARNESS_MAIN(tests)
