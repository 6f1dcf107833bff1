/* SPDX-License-Identifier: Apache-2.0 */
/* manager - processes change a list, a dict and a namespace of a manager, which they find by name. */
#include <kakehi/manager.h>
#include <kakehi/process.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 4, ROUNDS = 1000 };

static const struct kk_list_shape list_shape = {.items = 100, .item_max = 20};
static const struct kk_dict_shape dict_shape = {.keys = 100, .key_max = 20, .value_max = 20};

/* Inherited by the children; the objects come from it. */
static struct kk_manager *manager;

static void check(bool fine, const struct kk_error *error)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", error->text);
	exit(1);
}

/* What each worker does: its line in the list, its entry in the dict, and a thousand times one more of what all count
 * together, for which nobody needs a lock. */
static int work(struct kk_call *call)
{
	int number = *(const int *)call->args, length;
	char text[20];
	struct kk_error error;
	struct kk_list *list = kk_manager_list(manager, "list", NULL, &error);
	struct kk_dict *dict = list ? kk_manager_dict(manager, "dict", NULL, &error) : NULL;
	struct kk_namespace *space = dict ? kk_manager_namespace(manager, "namespace", NULL, &error) : NULL;
	int rc = space ? KK_OK : kk_call_fail(call, error.code, "%s", error.text);

	length = snprintf(text, sizeof(text), "worker %d", number);
	if (rc == KK_OK)
		rc = kk_list_append(list, text, (size_t)length);
	if (rc == KK_OK)
		rc = kk_dict_set(dict, text, (size_t)length, KK_TEXT("was here"));
	for (int i = 0; i < ROUNDS && rc == KK_OK; i++)
		rc = kk_dict_add(dict, KK_TEXT("count"), 1, NULL);
	if (rc == KK_OK)
		rc = kk_namespace_add(space, "finished", 1, NULL);
	kk_namespace_close(space);
	kk_dict_close(dict);
	kk_list_close(list);
	return rc;
}

static void run_workers(void)
{
	struct kk_process *process[WORKERS];
	struct kk_error error;

	for (int i = 0; i < WORKERS; i++) {
		struct kk_process_spec spec = {
		    .call = work, .args = &i, .args_bytes = sizeof(i), .family = kk_manager_family(manager)};
		process[i] = kk_process_spawn(&spec, &error);
		check(process[i] != NULL, &error);
	}
	for (int i = 0; i < WORKERS; i++) {
		kk_process_join(process[i], -1);
		kk_process_free(process[i]);
	}
}

static void show_list(struct kk_list *list)
{
	struct kk_list_item *items;
	int64_t count = kk_list_slice(list, 0, KK_LIST_END, &items);

	printf("list:");
	for (int64_t i = 0; i < count; i++)
		printf(" [%.*s]", (int)items[i].bytes, (const char *)items[i].data);
	printf("\n");
	if (count >= 0)
		free(items);
}

int main(void)
{
	struct kk_error error;

	manager = kk_manager_create(NULL, &error);
	check(manager != NULL, &error);
	struct kk_list *list = kk_manager_list(manager, "list", &list_shape, &error);
	check(list != NULL, &error);
	struct kk_dict *dict = kk_manager_dict(manager, "dict", &dict_shape, &error);
	check(dict != NULL, &error);
	struct kk_namespace *space = kk_manager_namespace(manager, "namespace", NULL, &error);
	check(space != NULL, &error);
	kk_list_append(list, KK_TEXT("main"));
	kk_namespace_set_string(space, "title", "a demonstration");
	kk_namespace_set_double(space, "version", 1.5);

	run_workers();

	/* They came in any order. */
	kk_list_sort(list, NULL, NULL);
	show_list(list);
	kk_list_reverse(list);
	show_list(list);

	int64_t count = 0, finished = 0;
	double version = 0;
	char text[32];
	kk_dict_add(dict, KK_TEXT("count"), 0, &count);
	printf("dict: %u keys, count = %" PRId64 ", worker 2 is there: %d\n", kk_dict_len(dict), count,
	       kk_dict_contains(dict, KK_TEXT("worker 2")));
	kk_namespace_get_string(space, "title", text, sizeof(text));
	kk_namespace_get_double(space, "version", &version);
	kk_namespace_get_int(space, "finished", &finished);
	printf("namespace: title = \"%s\", version = %g, finished = %" PRId64 "\n", text, version, finished);

	kk_namespace_close(space);
	kk_dict_close(dict);
	kk_list_close(list);
	kk_manager_close(manager);
	return 0;
}
