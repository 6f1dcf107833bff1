/* SPDX-License-Identifier: Apache-2.0 */
#include "config/module.h"
#include "harness.h"

#include <stdlib.h>
#include <string.h>

static void test_find(void **state)
{
	struct kk_error error = {0};
	char *path, *again, nearest[100];

	(void)state;
	assert_int_equal(setenv(KK_MODULE_VARIABLE, "/nowhere::" PROBE_DIR, 1), 0);
	assert_int_equal(kk_module_find("probe", &path, nearest, sizeof(nearest), &error), KK_OK);
	assert_string_equal(nearest, "");
	assert_int_equal(path[0], '/');
	assert_int_equal(kk_module_find(path, &again, NULL, 0, &error), KK_OK);
	assert_string_equal(path, again);
	free(path);
	free(again);
	assert_int_equal(kk_module_find("porbe", &path, nearest, sizeof(nearest), &error), KK_ERR_MISSING);
	assert_null(path);
	assert_string_equal(nearest, "probe");
	assert_int_equal(kk_module_find("./none.so", &path, nearest, sizeof(nearest), &error), KK_ERR_MISSING);
	assert_int_equal(kk_module_find("", &path, NULL, 0, &error), KK_ERR_INVALID);
	assert_int_equal(kk_module_find("..", &path, NULL, 0, &error), KK_ERR_INVALID);
}

static void test_load(void **state)
{
	const struct kk_stage *stage;
	struct kk_error error = {0};

	(void)state;
	assert_int_equal(kk_module_load(PROBE_DIR "/probe.so", &stage, &error), KK_OK);
	assert_string_equal(stage->name, "probe");
	assert_int_equal(kk_module_load(PROBE_DIR "/foreign.so", &stage, &error), KK_ERR_VERSION);
	assert_null(stage);
	assert_int_equal(kk_module_load(PROBE_DIR "/hollow.so", &stage, &error), KK_ERR_INVALID);
	assert_int_equal(kk_module_load("/dev/null", &stage, &error), KK_ERR_MISSING);
}

/* Unsound modules are in the list with what is wrong with them. */
static void test_list(void **state)
{
	struct kk_module *list;
	size_t count, sound = 0, unsound = 0;

	(void)state;
	assert_int_equal(setenv(KK_MODULE_VARIABLE, PROBE_DIR, 1), 0);
	assert_int_equal(kk_module_list(&list, &count, NULL), KK_OK);
	for (size_t i = 0; i < count; i++) {
		if (list[i].stage)
			sound += strcmp(list[i].stage->name, "probe") == 0;
		else
			unsound += list[i].error.text[0] != '\0';
	}
	assert_int_equal(sound, 1);
	assert_int_equal(unsound, 2);
	kk_module_list_free(list, count);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_load),
                                          cmocka_unit_test(test_list)};
HARNESS_MAIN(tests)
