/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and their names, and what they answer. */
#include "function/answer.h"
#include "harness.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static int one(struct kk_call *call)
{
	return kk_call_return(call, "one", 3);
}
KK_FUNCTION(one)

static int other(struct kk_call *call)
{
	return kk_call_return(call, "other", 5);
}

static void test_names(void **state)
{
	static char longest[102];
	static struct kk_registered again = {"one", one, NULL}, taken = {"one", other, NULL},
	                            second = {"other", other, NULL}, empty = {"", other, NULL},
	                            none = {NULL, other, NULL}, hollow = {"hollow", NULL, NULL},
	                            most = {longest, other, NULL};

	(void)state;
	memset(longest, 'n', 101);
	assert_ptr_equal(kk_function_find("one"), one);
	assert_string_equal(kk_function_name(one), "one");
	assert_null(kk_function_find("other"));
	assert_null(kk_function_name(other));
	assert_int_equal(kk_function_register(&again), KK_OK);
	assert_int_equal(kk_function_register(&taken), KK_ERR_EXISTS);
	assert_int_equal(kk_function_register(&empty), KK_ERR_INVALID);
	assert_int_equal(kk_function_register(&none), KK_ERR_INVALID);
	assert_int_equal(kk_function_register(&hollow), KK_ERR_INVALID);
	assert_int_equal(kk_function_register(&most), KK_ERR_INVALID);
	assert_int_equal(kk_function_register(&second), KK_OK);
	assert_ptr_equal(kk_function_find("other"), other);
	/* A function may have two names. */
	longest[100] = '\0';
	assert_int_equal(kk_function_register(&most), KK_OK);
	assert_ptr_equal(kk_function_find(longest), other);
	/* The last one, the one before it, one that is not listed (any more). */
	kk_function_forget(&most);
	assert_null(kk_function_find(longest));
	assert_ptr_equal(kk_function_find("other"), other);
	kk_function_forget(&second);
	assert_null(kk_function_find("other"));
	kk_function_forget(&second);
	kk_function_forget(&again);
	assert_ptr_equal(kk_function_find("one"), one);
}

enum { LATE = 500 };

static struct kk_registered late[LATE];

static void *find_the_last(void *nothing)
{
	(void)nothing;
	while (kk_function_find("late499") != other)
		;
	return NULL;
}

/* As by dlopen, while other threads start processes. Races are for ThreadSanitizer to find. */
static void test_names_come_meanwhile(void **state)
{
	static char names[LATE][8];
	pthread_t finder;

	(void)state;
	assert_int_equal(pthread_create(&finder, NULL, find_the_last, NULL), 0);
	for (int i = 0; i < LATE; i++) {
		snprintf(names[i], sizeof(names[i]), "late%d", i);
		late[i] = (struct kk_registered){names[i], other, NULL};
		assert_int_equal(kk_function_register(&late[i]), KK_OK);
	}
	assert_int_equal(pthread_join(finder, NULL), 0);
}

static int grow(struct kk_answer *answer, size_t bytes)
{
	static char more[16];

	if (bytes > sizeof(more))
		return KK_ERR_NO_ROOM;
	answer->memory = more;
	answer->room = sizeof(more);
	return KK_OK;
}

static void test_answers(void **state)
{
	char memory[4];
	struct kk_answer answer = {.memory = memory, .room = sizeof(memory)};
	struct kk_call call = {.answer = &answer};

	(void)state;
	assert_int_equal(one(&call), KK_OK);
	assert_int_equal(answer.bytes, 3);
	assert_memory_equal(memory, "one", 3);
	assert_int_equal(other(&call), KK_ERR_NO_ROOM);
	assert_int_equal(answer.bytes, 3);
	answer.grow = grow;
	assert_int_equal(other(&call), KK_OK);
	assert_int_equal(answer.bytes, 5);
	assert_memory_equal(answer.memory, "other", 5);
	assert_int_equal(kk_call_return(&call, memory, 17), KK_ERR_NO_ROOM);
	assert_int_equal(kk_call_return(&call, NULL, 1), KK_ERR_INVALID);
	assert_int_equal(kk_call_return(&call, NULL, 0), KK_OK);
	assert_int_equal(answer.bytes, 0);
	kk_answer_clear(&answer);
	assert_int_equal(answer.room, 16);
	/* Nobody wants one. */
	call.answer = NULL;
	assert_int_equal(one(&call), KK_OK);
}

static void test_failures(void **state)
{
	struct kk_answer answer = {0};
	struct kk_call call = {.answer = &answer};

	(void)state;
	assert_int_equal(kk_call_fail(&call, 42, "row %d is not sorted", 7), 42);
	assert_true(answer.failed);
	assert_int_equal(answer.code, 42);
	assert_string_equal(answer.text, "row 7 is not sorted");
	assert_int_equal(kk_call_fail(&call, 0, "%s", "why not"), KK_ERR_FAILED);
	assert_int_equal(answer.code, KK_ERR_FAILED);
	assert_int_equal(kk_call_fail(&call, 1, "%01000d", 0), 1);
	assert_int_equal(strlen(answer.text), sizeof(answer.text) - 1);
	kk_answer_clear(&answer);
	assert_false(answer.failed);
	assert_string_equal(answer.text, "");
	call.answer = NULL;
	assert_int_equal(kk_call_fail(&call, 0, "nobody hears it"), KK_ERR_FAILED);
}

/* A program that is started in the usual way goes on after it, whatever its arguments look like. */
static void test_main_goes_on(void **state)
{
	char program[] = "program", option[] = "--kakehi-child=0", none[] = "--kakehi-child=77",
	     word[] = "--kakehi-child=x";
	char *const arguments[] = {option, none, word};

	(void)state;
	kk_function_main(1, (char *[]){program, NULL});
	for (size_t i = 0; i < 3; i++)
		kk_function_main(2, (char *[]){program, arguments[i], NULL});
	kk_function_main(3, (char *[]){program, option, word, NULL});
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names),    cmocka_unit_test(test_names_come_meanwhile), cmocka_unit_test(test_answers),
    cmocka_unit_test(test_failures), cmocka_unit_test(test_main_goes_on),
};
HARNESS_MAIN(tests)
