/* SPDX-License-Identifier: Apache-2.0 */
/* kk_manager: objects by name, among relatives. (Strangers: server_test.c.) */
#include "harness.h"
#include <kakehi/manager.h>
#include <kakehi/process.h>
#include <kakehi/queue.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct kk_dict_shape dict_shape = {.keys = 10, .key_max = 16, .value_max = 16};
static const struct kk_list_shape list_shape = {.items = 100, .item_max = 16};

static struct kk_manager *begin(void)
{
	struct kk_error error = {0};
	struct kk_manager *manager = kk_manager_create(NULL, &error);
	if (!manager)
		fail_msg("%s", error.text);
	return manager;
}

static void test_names(void **state)
{
	(void)state;
	char name[KK_MANAGER_NAME_MAX + 2];
	struct kk_error error = {0};
	uint64_t ref = 0;
	uint32_t cursor = 0;
	unsigned count = 0;
	struct kk_manager *manager = begin();
	assert_null(kk_manager_dict(manager, "totals", NULL, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	struct kk_dict *dict = kk_manager_dict(manager, "totals", &dict_shape, &error);
	struct kk_dict *same = kk_manager_dict(manager, "totals", NULL, &error);
	assert_non_null(dict);
	assert_non_null(same);
	assert_true(kk_dict_ref(dict) == kk_dict_ref(same));
	struct kk_namespace *space = kk_manager_namespace(manager, "settings", NULL, &error);
	assert_non_null(space);
	assert_null(kk_manager_list(manager, "totals", &list_shape, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_manager_list(manager, "", &list_shape, &error));
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_null(kk_manager_list(manager, name, &list_shape, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_int_equal(kk_manager_add(manager, "totals", 7), KK_ERR_EXISTS);
	assert_int_equal(kk_manager_add(manager, "alias", kk_dict_ref(dict)), KK_OK);
	assert_int_equal(kk_manager_find(manager, "alias", &ref), KK_OK);
	assert_true(ref == kk_dict_ref(dict));
	while (kk_manager_next(manager, &cursor, name, &ref) == 1)
		count++;
	assert_int_equal(count, 3);
	assert_int_equal(kk_manager_forget(manager, "alias"), KK_OK);
	assert_int_equal(kk_manager_forget(manager, "alias"), KK_ERR_MISSING);
	assert_int_equal(kk_manager_find(manager, "alias", &ref), KK_ERR_MISSING);
	kk_namespace_close(space);
	kk_dict_close(same);
	kk_dict_close(dict);
	kk_manager_close(manager);
	kk_manager_close(NULL);
}

static void test_second_handle(void **state)
{
	(void)state;
	struct kk_manager *manager = begin();
	struct kk_manager *second = kk_manager_open(kk_manager_family(manager), kk_manager_ref(manager), NULL);
	assert_non_null(second);
	struct kk_list *list = kk_manager_list(manager, "list", &list_shape, NULL);
	struct kk_list *same = kk_manager_list(second, "list", &list_shape, NULL);
	assert_non_null(list);
	assert_non_null(same);
	assert_int_equal(kk_list_append(list, "x", 1), KK_OK);
	assert_int_equal(kk_list_len(same), 1);
	assert_null(kk_manager_open(kk_manager_family(manager), kk_list_ref(list), NULL));
	kk_list_close(list);
	kk_list_close(same);
	kk_manager_close(second);
	kk_manager_close(manager);
}

/* Nested: a list of lists, each found through the other. */
static void test_nested(void **state)
{
	(void)state;
	uint64_t ref = 0;
	char to[16];
	struct kk_manager *manager = begin();
	struct kk_family *family = kk_manager_family(manager);
	struct kk_list *outer = kk_manager_list(manager, "outer", &list_shape, NULL);
	struct kk_list *inner = kk_list_create(family, &list_shape, NULL);
	struct kk_dict *dict = kk_manager_dict(manager, "dict", &dict_shape, NULL);
	assert_non_null(outer);
	assert_non_null(inner);
	assert_non_null(dict);
	assert_int_equal(kk_list_append_ref(outer, kk_list_ref(inner)), KK_OK);
	assert_int_equal(kk_dict_set_ref(dict, KK_TEXT("outer"), kk_list_ref(outer)), KK_OK);
	assert_int_equal(kk_list_append(inner, KK_TEXT("deep")), KK_OK);
	kk_list_close(inner);
	kk_list_close(outer);
	assert_int_equal(kk_dict_get_ref(dict, KK_TEXT("outer"), &ref), KK_OK);
	outer = kk_list_open(family, ref, NULL);
	assert_non_null(outer);
	assert_int_equal(kk_list_get_ref(outer, 0, &ref), KK_OK);
	inner = kk_list_open(family, ref, NULL);
	assert_non_null(inner);
	assert_int_equal(kk_list_get(inner, -1, to, sizeof(to)), 4);
	assert_memory_equal(to, "deep", 4);
	kk_list_close(inner);
	kk_list_close(outer);
	kk_dict_close(dict);
	kk_manager_close(manager);
}

static void test_nested_queue(void **state)
{
	(void)state;
	static const struct kk_queue_spec spec = {.capacity = 4, .item_max = 16};
	uint64_t ref = 0;
	char to[16];
	struct kk_manager *manager = begin();
	struct kk_family *family = kk_manager_family(manager);
	struct kk_list *list = kk_manager_list(manager, "list", &list_shape, NULL);
	struct kk_queue *queue = kk_queue_create(family, &spec, NULL);
	assert_non_null(list);
	assert_non_null(queue);
	assert_int_equal(kk_list_append_ref(list, kk_queue_ref(queue)), KK_OK);
	assert_int_equal(kk_manager_add(manager, "queue", kk_queue_ref(queue)), KK_OK);
	assert_int_equal(kk_queue_put(queue, "123", 3, -1), KK_OK);
	kk_queue_close(queue);
	assert_int_equal(kk_list_get_ref(list, 0, &ref), KK_OK);
	queue = kk_queue_open(family, ref, NULL);
	assert_non_null(queue);
	assert_int_equal(kk_queue_get(queue, to, sizeof(to), 0), 3);
	kk_queue_close(queue);
	assert_int_equal(kk_manager_find(manager, "queue", &ref), KK_OK);
	queue = kk_queue_open(family, ref, NULL);
	assert_non_null(queue);
	assert_int_equal(kk_queue_get(queue, to, sizeof(to), 0), KK_ERR_EMPTY);
	kk_queue_close(queue);
	kk_list_close(list);
	kk_manager_close(manager);
}

enum { CHILDREN = 6, NAMES = 20 };

/* All of them ask for the same names at once. */
static void test_race_for_names(void **state)
{
	(void)state;
	pid_t child[CHILDREN];
	struct kk_family_usage before, after;
	struct kk_manager *manager = begin();
	kk_family_usage(kk_manager_family(manager), &before);
	for (int i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] > 0)
			continue;
		for (int k = 0; k < NAMES; k++) {
			char name[3] = {'a', (char)('a' + k), '\0'};
			struct kk_dict *dict = kk_manager_dict(manager, name, &dict_shape, NULL);
			if (!dict || kk_dict_add(dict, "n", 1, 1, NULL) < 0)
				_exit(1);
			kk_dict_close(dict);
		}
		_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++) {
		int status;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	for (int k = 0; k < NAMES; k++) {
		char name[3] = {'a', (char)('a' + k), '\0'};
		int64_t count = 0;
		struct kk_dict *dict = kk_manager_dict(manager, name, &dict_shape, NULL);
		assert_int_equal(kk_dict_add(dict, "n", 1, 0, &count), KK_OK);
		assert_int_equal(count, CHILDREN);
		kk_dict_close(dict);
	}
	kk_family_usage(kk_manager_family(manager), &after);
	assert_int_equal(after.objects_used, before.objects_used + NAMES);
	kk_manager_close(manager);
}

/* A member that was started in any way, and knows the family and one number. */
static int fill(struct kk_call *call)
{
	struct kk_error error = {0};
	struct kk_manager *manager = kk_manager_open(call->family, *(const uint64_t *)call->args, &error);
	struct kk_list *list = manager ? kk_manager_list(manager, "list", NULL, &error) : NULL;
	struct kk_dict *dict = list ? kk_manager_dict(manager, "made by the child", &dict_shape, &error) : NULL;
	int rc = dict ? kk_list_append(list, KK_TEXT("child")) : kk_call_fail(call, error.code, "%s", error.text);
	if (rc == KK_OK)
		rc = kk_dict_add(dict, KK_TEXT("children"), 1, NULL);
	kk_dict_close(dict);
	kk_list_close(list);
	kk_manager_close(manager);
	return rc;
}
KK_FUNCTION(fill)

static void test_start_methods(void **state)
{
	(void)state;
	static const enum kk_start_method methods[] = {KK_START_FORK, KK_START_SPAWN, KK_START_FORKSERVER};
	struct kk_manager *manager = begin();
	struct kk_list *list = kk_manager_list(manager, "list", &list_shape, NULL);
	uint64_t ref = kk_manager_ref(manager);
	int64_t count = 0;
	struct kk_process_server *fork_server = kk_process_server_start(KK_START_SPAWN, NULL);
	assert_non_null(fork_server);
	assert_non_null(list);
	for (int i = 0; i < 3; i++) {
		struct kk_process_spec spec = {.call = fill,
		                               .args = &ref,
		                               .args_bytes = sizeof(ref),
		                               .family = kk_manager_family(manager),
		                               .server = i == 2 ? fork_server : NULL,
		                               .method = methods[i]};
		struct kk_error error = {0};
		struct kk_process_end end;
		struct kk_process *process = kk_process_spawn(&spec, &error);
		if (!process)
			fail_msg("%s", error.text);
		assert_int_equal(kk_process_wait(process, -1, &end), KK_OK);
		assert_int_equal(end.signal, 0);
		assert_int_equal(end.code, 0);
		kk_process_free(process);
	}
	assert_int_equal(kk_list_count(list, KK_TEXT("child")), 3);
	struct kk_dict *dict = kk_manager_dict(manager, "made by the child", NULL, NULL);
	assert_non_null(dict);
	assert_int_equal(kk_dict_add(dict, KK_TEXT("children"), 0, &count), KK_OK);
	assert_int_equal(count, 3);
	kk_dict_close(dict);
	kk_list_close(list);
	kk_manager_close(manager);
	kk_process_server_stop(fork_server);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names),        cmocka_unit_test(test_second_handle),  cmocka_unit_test(test_nested),
    cmocka_unit_test(test_nested_queue), cmocka_unit_test(test_race_for_names), cmocka_unit_test(test_start_methods),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
