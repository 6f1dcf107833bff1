/* SPDX-License-Identifier: Apache-2.0 */
#include "objects.h"

#include <stdlib.h>
#include <string.h>

int objects_init(struct objects *objects)
{
	*objects = (struct objects){0};
	return pthread_mutex_init(&objects->lock, NULL) == 0 ? KK_OK : KK_ERR_MEMORY;
}

static void destroy(struct object *object)
{
	if (object->type->destroy)
		object->type->destroy(object->pointer);
	pthread_mutex_destroy(&object->turn);
	free(object);
}

void objects_fini(struct objects *objects)
{
	while (objects->first) {
		struct object *object = objects->first;
		objects->first = object->next;
		destroy(object);
	}
	free(objects->types);
	pthread_mutex_destroy(&objects->lock);
}

/* ---- types */

static bool is_called(const char *is, const char *name, size_t bytes)
{
	return strlen(is) == bytes && memcmp(is, name, bytes) == 0;
}

const struct kk_served_type *objects_type(const struct objects *objects, const char *name, size_t bytes)
{
	for (size_t i = 0; i < objects->type_count; i++)
		if (is_called(objects->types[i]->name, name, bytes))
			return objects->types[i];
	return NULL;
}

int objects_register(struct objects *objects, const struct kk_served_type *type)
{
	size_t bytes = type->name ? strlen(type->name) : 0;
	if (bytes == 0 || bytes > KK_SERVER_NAME_MAX || !type->methods)
		return KK_ERR_INVALID;
	if (objects_type(objects, type->name, bytes))
		return KK_ERR_EXISTS;
	const struct kk_served_type **types = realloc(objects->types, (objects->type_count + 1) * sizeof(*types));
	if (!types)
		return KK_ERR_MEMORY;
	objects->types = types;
	types[objects->type_count++] = type;
	return KK_OK;
}

kk_served_function *objects_method(const struct kk_served_type *type, const char *name, size_t bytes)
{
	for (const struct kk_served_method *method = type->methods; method->name; method++)
		if (is_called(method->name, name, bytes))
			return method->function;
	return NULL;
}

/* ---- objects */

static struct object *find(struct objects *objects, const struct kk_served_type *type, const void *pointer)
{
	struct object *object = objects->first;
	while (object && (object->type != type || object->pointer != pointer))
		object = object->next;
	return object;
}

struct object *objects_enter(struct objects *objects, const struct kk_served_type *type, void *pointer)
{
	pthread_mutex_lock(&objects->lock);
	struct object *object = find(objects, type, pointer);
	if (object) {
		object->references++;
	} else if ((object = calloc(1, sizeof(*object)))) {
		object->pointer = pointer;
		object->type = type;
		object->references = 1;
		object->number = ++objects->last;
		/* Cannot fail: a plain mutex takes nothing. */
		(void)pthread_mutex_init(&object->turn, NULL);
		object->next = objects->first;
		objects->first = object;
		objects->count++;
	}
	pthread_mutex_unlock(&objects->lock);
	return object;
}

struct object *objects_hold(struct objects *objects, uint64_t number)
{
	pthread_mutex_lock(&objects->lock);
	struct object *object = objects->first;
	while (object && object->number != number)
		object = object->next;
	if (object)
		object->references++;
	pthread_mutex_unlock(&objects->lock);
	return object;
}

void objects_release(struct objects *objects, struct object *object)
{
	pthread_mutex_lock(&objects->lock);
	bool last = --object->references == 0;
	if (last) {
		struct object **at = &objects->first;
		while (*at != object)
			at = &(*at)->next;
		*at = object->next;
		objects->count--;
	}
	pthread_mutex_unlock(&objects->lock);
	if (last)
		destroy(object);
}

uint32_t objects_count(struct objects *objects)
{
	pthread_mutex_lock(&objects->lock);
	uint32_t count = objects->count;
	pthread_mutex_unlock(&objects->lock);
	return count;
}
