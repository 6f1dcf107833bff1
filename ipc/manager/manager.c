/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/manager/manager.c - a family and a dict of names in it. */
#include <kakehi/manager.h>

#include <stdbool.h>
#include <stdlib.h>

struct kk_manager {
	struct kk_family *family;
	struct kk_dict *names;
	bool owns_family;
};

/* ---- handles */

static struct kk_manager *handle_of(struct kk_family *family, struct kk_dict *names, struct kk_error *error)
{
	struct kk_manager *manager = names ? calloc(1, sizeof(*manager)) : NULL;
	if (manager)
		*manager = (struct kk_manager){.family = family, .names = names};
	else if (names)
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a manager's handle");
	return manager;
}

struct kk_manager *kk_manager_create(const struct kk_manager_spec *spec, struct kk_error *error)
{
	struct kk_dict_shape shape = {.keys = spec && spec->names ? spec->names : KK_MANAGER_NAMES,
	                              .key_max = KK_MANAGER_NAME_MAX,
	                              .value_max = sizeof(uint64_t)};
	struct kk_family *family = kk_family_create(spec ? &spec->family : NULL, error);
	struct kk_dict *names = family ? kk_dict_create(family, &shape, error) : NULL;
	struct kk_manager *manager = handle_of(family, names, error);
	if (manager) {
		manager->owns_family = true;
	} else {
		kk_dict_close(names);
		kk_family_close(family);
	}
	return manager;
}

struct kk_manager *kk_manager_open(struct kk_family *family, uint64_t ref, struct kk_error *error)
{
	struct kk_dict *names = kk_dict_open(family, ref, error);
	struct kk_manager *manager = handle_of(family, names, error);
	if (!manager)
		kk_dict_close(names);
	return manager;
}

void kk_manager_close(struct kk_manager *manager)
{
	if (!manager)
		return;
	kk_dict_close(manager->names);
	if (manager->owns_family)
		kk_family_close(manager->family);
	free(manager);
}

struct kk_family *kk_manager_family(const struct kk_manager *manager)
{
	return manager->family;
}

uint64_t kk_manager_ref(const struct kk_manager *manager)
{
	return kk_dict_ref(manager->names);
}

/* ---- names */

int kk_manager_add(struct kk_manager *manager, const char *name, uint64_t ref)
{
	return kk_dict_insert(manager->names, KK_TEXT(name), &ref, sizeof(ref));
}

int kk_manager_find(const struct kk_manager *manager, const char *name, uint64_t *ref)
{
	return kk_dict_get_ref(manager->names, KK_TEXT(name), ref);
}

int kk_manager_forget(struct kk_manager *manager, const char *name)
{
	return kk_dict_remove(manager->names, KK_TEXT(name));
}

int kk_manager_next(const struct kk_manager *manager, uint32_t *cursor, char *name, uint64_t *ref)
{
	struct kk_dict_entry entry = {
	    .key = name, .key_size = KK_MANAGER_NAME_MAX, .value = ref, .value_size = sizeof(*ref)};
	int rc = kk_dict_next(manager->names, cursor, &entry);
	if (rc == 1)
		name[entry.key_bytes < KK_MANAGER_NAME_MAX ? entry.key_bytes : KK_MANAGER_NAME_MAX] = '\0';
	return rc;
}

/* ---- objects by name */

/* How a kind is made, opened, and so on, whatever its shape and handle are. */
struct maker {
	void *(*create)(struct kk_family *family, const void *shape, struct kk_error *error);
	void *(*open)(struct kk_family *family, uint64_t ref, struct kk_error *error);
	uint64_t (*ref)(const void *object);
	void (*destroy)(void *object);
	bool needs_shape;
};

#define MAKER(kind, shape_type, needs_shape)                                                                           \
	static void *create_##kind(struct kk_family *family, const void *shape, struct kk_error *error)                \
	{                                                                                                              \
		return kk_##kind##_create(family, (const struct shape_type *)shape, error);                            \
	}                                                                                                              \
	static void *open_##kind(struct kk_family *family, uint64_t ref, struct kk_error *error)                       \
	{                                                                                                              \
		return kk_##kind##_open(family, ref, error);                                                           \
	}                                                                                                              \
	static uint64_t ref_##kind(const void *object)                                                                 \
	{                                                                                                              \
		return kk_##kind##_ref((const struct kk_##kind *)object);                                              \
	}                                                                                                              \
	static void destroy_##kind(void *object)                                                                       \
	{                                                                                                              \
		(void)kk_##kind##_destroy((struct kk_##kind *)object);                                                 \
	}                                                                                                              \
	static const struct maker maker_of_##kind = {create_##kind, open_##kind, ref_##kind, destroy_##kind,           \
	                                             needs_shape};
MAKER(dict, kk_dict_shape, true)
MAKER(list, kk_list_shape, true)
MAKER(namespace, kk_namespace_shape, false)

/* Makes the object and enters it. NULL with *rc = KK_ERR_EXISTS: somebody else was quicker. */
static void *make(struct kk_manager *manager, const char *name, const struct maker *maker, const void *shape,
                  struct kk_error *error, int *rc)
{
	void *object = NULL;
	if (!shape && maker->needs_shape) {
		*rc = kk_error_set(error, KK_ERR_MISSING, "nothing is called \"%s\"", name);
		return NULL;
	}
	object = maker->create(manager->family, shape, error);
	*rc = object ? kk_manager_add(manager, name, maker->ref(object)) : KK_ERR_FAILED;
	if (!object || *rc == KK_OK)
		return object;
	maker->destroy(object);
	if (*rc != KK_ERR_EXISTS)
		(void)kk_error_set(error, *rc, "\"%s\" cannot be entered: %s", name, kk_status_text(*rc));
	return NULL;
}

static void *get(struct kk_manager *manager, const char *name, const struct maker *maker, const void *shape,
                 struct kk_error *error)
{
	void *object = NULL;
	int rc = KK_ERR_EXISTS;
	if (name[0] == '\0' || strlen(name) > KK_MANAGER_NAME_MAX) {
		(void)kk_error_set(error, KK_ERR_INVALID, "a name has 1 to %u bytes", KK_MANAGER_NAME_MAX);
		return NULL;
	}
	while (!object && rc == KK_ERR_EXISTS) {
		uint64_t ref;
		rc = kk_manager_find(manager, name, &ref);
		if (rc == KK_OK)
			object = maker->open(manager->family, ref, error);
		else if (rc == KK_ERR_MISSING)
			object = make(manager, name, maker, shape, error, &rc);
		else
			(void)kk_error_set(error, rc, "\"%s\" cannot be looked up: %s", name, kk_status_text(rc));
	}
	return object;
}

struct kk_dict *kk_manager_dict(struct kk_manager *manager, const char *name, const struct kk_dict_shape *shape,
                                struct kk_error *error)
{
	return get(manager, name, &maker_of_dict, shape, error);
}

struct kk_list *kk_manager_list(struct kk_manager *manager, const char *name, const struct kk_list_shape *shape,
                                struct kk_error *error)
{
	return get(manager, name, &maker_of_list, shape, error);
}

struct kk_namespace *kk_manager_namespace(struct kk_manager *manager, const char *name,
                                          const struct kk_namespace_shape *shape, struct kk_error *error)
{
	return get(manager, name, &maker_of_namespace, shape, error);
}
