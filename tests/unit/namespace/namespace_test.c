/* SPDX-License-Identifier: Apache-2.0 */
/* kk_namespace: attributes of all types, by one process and by several. */
#include "harness.h"
#include <kakehi/dict.h>
#include <kakehi/family.h>
#include <kakehi/namespace.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;
static struct kk_namespace *space;

static void begin(const struct kk_namespace_shape *shape)
{
	struct kk_error error = {0};
	family = kk_family_create(NULL, &error);
	space = family ? kk_namespace_create(family, shape, &error) : NULL;
	if (!space)
		fail_msg("%s", error.text);
}

static void end(void)
{
	kk_namespace_close(space);
	kk_family_close(family);
}

static void test_types(void **state)
{
	(void)state;
	int64_t whole = 0;
	double real = 0;
	uint64_t ref = 0;
	char text[8];
	begin(NULL);
	assert_int_equal(kk_namespace_get_int(space, "n", &whole), KK_ERR_MISSING);
	assert_int_equal(kk_namespace_type(space, "n"), KK_ERR_MISSING);
	assert_int_equal(kk_namespace_set_int(space, "n", -5), KK_OK);
	assert_int_equal(kk_namespace_get_int(space, "n", &whole), KK_OK);
	assert_int_equal(whole, -5);
	assert_int_equal(kk_namespace_type(space, "n"), KK_ATTRIBUTE_INT);
	assert_int_equal(kk_namespace_get_double(space, "n", &real), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_double(space, "n", 0.25), KK_OK);
	assert_int_equal(kk_namespace_get_double(space, "n", &real), KK_OK);
	assert_true(real == 0.25);
	assert_int_equal(kk_namespace_get_int(space, "n", &whole), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_string(space, "n", "a longer text"), KK_OK);
	assert_int_equal(kk_namespace_get_string(space, "n", text, sizeof(text)), 13);
	assert_string_equal(text, "a longe");
	assert_int_equal(kk_namespace_get_string(space, "n", text, 0), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_get_bytes(space, "n", text, 8), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_string(space, "n", ""), KK_OK);
	assert_int_equal(kk_namespace_get_string(space, "n", text, 1), 0);
	assert_string_equal(text, "");
	assert_int_equal(kk_namespace_set_bytes(space, "n", "\0\1\2", 3), KK_OK);
	assert_int_equal(kk_namespace_get_bytes(space, "n", text, 2), 3);
	assert_memory_equal(text, "\0\1", 2);
	assert_int_equal(kk_namespace_get_string(space, "n", text, 8), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_ref(space, "n", kk_namespace_ref(space)), KK_OK);
	assert_int_equal(kk_namespace_get_ref(space, "n", &ref), KK_OK);
	assert_true(ref == kk_namespace_ref(space));
	assert_int_equal(kk_namespace_delete(space, "n"), KK_OK);
	assert_int_equal(kk_namespace_delete(space, "n"), KK_ERR_MISSING);
	assert_int_equal(kk_namespace_get_string(space, "n", text, 8), KK_ERR_MISSING);
	end();
}

static void test_limits(void **state)
{
	(void)state;
	static const struct kk_namespace_shape small = {.attributes = 4, .value_max = 8}, bad = {.value_max = 7};
	struct kk_error error = {0};
	char name[66];
	memset(name, 'n', sizeof(name));
	name[64] = '\0';
	begin(&small);
	assert_null(kk_namespace_create(family, &bad, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_int(space, name, 1), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_int(space, "", 1), KK_ERR_INVALID);
	assert_int_equal(kk_namespace_set_int(space, name + 1, 1), KK_OK);
	assert_int_equal(kk_namespace_set_string(space, "s", "12345678"), KK_OK);
	assert_int_equal(kk_namespace_set_string(space, "s", "123456789"), KK_ERR_INVALID);
	end();
}

static void test_names_and_handles(void **state)
{
	(void)state;
	char name[KK_NAMESPACE_NAME_MAX + 1];
	uint32_t cursor = 0;
	unsigned seen = 0;
	begin(NULL);
	assert_int_equal(kk_namespace_set_int(space, "0", 1), KK_OK);
	assert_int_equal(kk_namespace_set_string(space, "1", "a text that nobody asks for here"), KK_OK);
	assert_int_equal(kk_namespace_set_double(space, "2", 1), KK_OK);
	while (kk_namespace_next(space, &cursor, name) == 1)
		seen |= 1U << (name[0] - '0');
	assert_int_equal(seen, 7);
	struct kk_namespace *second = kk_namespace_open(family, kk_namespace_ref(space), NULL);
	assert_non_null(second);
	uint64_t ref = kk_namespace_ref(space);
	assert_int_equal(kk_namespace_type(second, "1"), KK_ATTRIBUTE_STRING);
	assert_int_equal(kk_namespace_destroy(second), KK_OK);
	assert_null(kk_namespace_open(family, ref, NULL));
	kk_namespace_close(NULL);
	end();
}

enum { CHILDREN = 4, ROUNDS = 2000 };

static void test_counter_of_processes(void **state)
{
	(void)state;
	int64_t now = 0;
	pid_t child[CHILDREN];
	begin(NULL);
	for (int i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] > 0)
			continue;
		for (int k = 0; k < ROUNDS; k++)
			if (kk_namespace_add(space, "count", 1, NULL) < 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(kk_namespace_add(space, "count", 0, &now), KK_OK);
	assert_int_equal(now, CHILDREN * ROUNDS);
	assert_int_equal(kk_namespace_set_string(space, "count", "12345678"), KK_OK);
	assert_int_equal(kk_namespace_add(space, "count", 1, &now), KK_ERR_INVALID);
	end();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_types),
    cmocka_unit_test(test_limits),
    cmocka_unit_test(test_names_and_handles),
    cmocka_unit_test(test_counter_of_processes),
};
HARNESS_MAIN(tests)
