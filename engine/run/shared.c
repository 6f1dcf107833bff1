/* SPDX-License-Identifier: Apache-2.0 */
/* The shared objects of the config. A value is an array of one element, so that there are three kinds and not four. */
#include "run/shared.h"
#include "run/layout.h"
#include <kakehi/array.h>
#include <kakehi/dict.h>
#include <kakehi/list.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DICT_KEY_MAX = 256 };

struct run_shared {
	unsigned count;
	struct {
		struct kk_array *array;
		struct kk_dict *dict;
		struct kk_list *list;
	} object[KK_PLAN_MAX_SHARED]; /* one handle each */
};

static struct kk_dict_shape dict_shape(const struct kk_plan_shared *plan, unsigned roles)
{
	return (struct kk_dict_shape){
	    .keys = plan->length,
	    .roles = roles,
	    .key_max = plan->item_max < DICT_KEY_MAX ? plan->item_max : DICT_KEY_MAX,
	    .value_max = plan->item_max,
	};
}

static struct kk_list_shape list_shape(const struct kk_plan_shared *plan)
{
	return (struct kk_list_shape){.items = plan->length, .item_max = plan->item_max};
}

uint64_t run_shared_size(const struct kk_plan_shared *plan, unsigned roles)
{
	struct kk_dict_shape dict = dict_shape(plan, roles);
	struct kk_list_shape list = list_shape(plan);
	switch ((enum kk_shared_kind)plan->kind) {
	case KK_SHARED_DICT:
		return kk_dict_size(&dict);
	case KK_SHARED_LIST:
		return kk_list_size(&list);
	default:
		return kk_array_size(plan->length);
	}
}

static int init_object(void *memory, uint64_t bytes, const struct kk_plan_shared *plan, unsigned roles,
                       struct kk_error *error)
{
	struct kk_dict_shape dict = dict_shape(plan, roles);
	struct kk_list_shape list = list_shape(plan);
	switch ((enum kk_shared_kind)plan->kind) {
	case KK_SHARED_DICT:
		return kk_dict_init(memory, bytes, &dict, error);
	case KK_SHARED_LIST:
		return kk_list_init(memory, bytes, &list, error);
	default:
		return kk_array_init(memory, bytes, plan->is_float ? KK_NUMBER_FLOAT : KK_NUMBER_INT, plan->length,
		                     error);
	}
}

static int set_element(struct kk_array *array, size_t index, double value)
{
	if (kk_array_kind(array) == KK_NUMBER_FLOAT)
		return kk_array_set_float(array, index, value);
	return kk_array_set_int(array, index, (int64_t)value);
}

struct run_shared *run_shared_attach(struct kk_run *run, bool create, struct kk_error *error)
{
	const struct kk_plan *plan = run->plan;
	struct run_shared *s = calloc(1, sizeof(*s));
	if (!s) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the shared objects");
		return NULL;
	}
	for (s->count = 0; s->count < plan->shared_count; s->count++) {
		unsigned i = s->count;
		const struct kk_plan_shared *object = &plan->shared[i];
		void *memory = run->control + run->layout.shared[i];
		uint64_t bytes = run_shared_size(object, plan->role_count);
		if (create && init_object(memory, bytes, object, plan->role_count, error) != KK_OK)
			break;
		if (object->kind == KK_SHARED_DICT)
			s->object[i].dict = kk_dict_attach(memory, bytes, error);
		else if (object->kind == KK_SHARED_LIST)
			s->object[i].list = kk_list_attach(memory, bytes, error);
		else
			s->object[i].array = kk_array_attach(memory, bytes, error);
		if (!s->object[i].dict && !s->object[i].list && !s->object[i].array)
			break;
		for (size_t k = 0; create && s->object[i].array && k < object->length; k++)
			set_element(s->object[i].array, k, object->initial);
	}
	if (s->count < plan->shared_count) {
		kk_error_wrap(error, "shared object \"%s\"", kk_plan_text(plan, plan->shared[s->count].name));
		run_shared_detach(s);
		s = NULL;
	}
	return s;
}

void run_shared_detach(struct run_shared *shared)
{
	if (!shared)
		return;
	for (unsigned i = 0; i < KK_PLAN_MAX_SHARED; i++) {
		kk_array_detach(shared->object[i].array);
		kk_dict_detach(shared->object[i].dict);
		kk_list_close(shared->object[i].list);
	}
	free(shared);
}

int run_shared_inherit(struct kk_run *run)
{
	int status = KK_OK;
	for (unsigned i = 0; i < run->shared->count && status == KK_OK; i++) {
		if (run->shared->object[i].dict)
			status = kk_dict_inherit(run->shared->object[i].dict, run->role);
		if (run->shared->object[i].list)
			status = kk_list_inherit(run->shared->object[i].list, run->role);
	}
	return status;
}

int run_shared_find(const struct kk_run *run, const char *name)
{
	for (unsigned i = 0; i < run->shared->count; i++)
		if (strcmp(kk_plan_text(run->plan, run->plan->shared[i].name), name) == 0)
			return (int)i;
	return -1;
}

static struct kk_array *array_of(const struct kk_run *run, int object)
{
	return object >= 0 && (unsigned)object < run->shared->count ? run->shared->object[object].array : NULL;
}

static struct kk_dict *dict_of(const struct kk_run *run, int object)
{
	return object >= 0 && (unsigned)object < run->shared->count ? run->shared->object[object].dict : NULL;
}

static struct kk_list *list_of(const struct kk_run *run, int object)
{
	return object >= 0 && (unsigned)object < run->shared->count ? run->shared->object[object].list : NULL;
}

int run_shared_get(struct kk_run *run, int object, size_t index, double *to)
{
	struct kk_array *array = array_of(run, object);
	if (!array)
		return -1;
	if (kk_array_kind(array) == KK_NUMBER_FLOAT)
		return kk_array_get_float(array, index, to) == KK_OK ? 0 : -1;
	int64_t number;
	if (kk_array_get_int(array, index, &number) != KK_OK)
		return -1;
	*to = (double)number;
	return 0;
}

int run_shared_set(struct kk_run *run, int object, size_t index, double value)
{
	struct kk_array *array = array_of(run, object);
	return array && set_element(array, index, value) == KK_OK ? 0 : -1;
}

int run_shared_add(struct kk_run *run, int object, size_t index, double amount, double *now)
{
	struct kk_array *array = array_of(run, object);
	int64_t number = 0;
	double sum = 0;
	if (!array)
		return -1;
	bool is_float = kk_array_kind(array) == KK_NUMBER_FLOAT;
	int status = is_float ? kk_array_add_float(array, index, amount, &sum)
	                      : kk_array_add_int(array, index, (int64_t)amount, &number);
	if (status != KK_OK)
		return -1;
	if (now)
		*now = is_float ? sum : (double)number;
	return 0;
}

/* What was copied, cut at size - 1 bytes, becomes a text; `length` is that of the whole, or an error. */
static long end_text(char *to, size_t size, int64_t length)
{
	if (length < 0)
		return -1;
	to[(size_t)length < size - 1 ? (size_t)length : size - 1] = 0;
	return (long)length;
}

long run_dict_get(struct kk_run *run, int object, const char *key, char *to, size_t size)
{
	struct kk_dict *dict = dict_of(run, object);
	if (!dict || size == 0)
		return -1;
	return end_text(to, size, kk_dict_get(dict, key, strlen(key), to, size - 1));
}

int run_dict_set(struct kk_run *run, int object, const char *key, const char *value)
{
	struct kk_dict *dict = dict_of(run, object);
	int status = KK_ERR_INVALID;
	if (dict && value)
		status = kk_dict_set(dict, key, strlen(key), value, strlen(value));
	else if (dict)
		status = kk_dict_remove(dict, key, strlen(key));
	return status == KK_OK || (!value && status == KK_ERR_MISSING) ? 0 : -1;
}

long run_list_length(struct kk_run *run, int object)
{
	struct kk_list *list = list_of(run, object);
	int64_t length = list ? kk_list_len(list) : -1;
	return length < 0 ? -1 : (long)length;
}

long run_list_get(struct kk_run *run, int object, long index, char *to, size_t size)
{
	struct kk_list *list = list_of(run, object);
	return list && size ? end_text(to, size, kk_list_get(list, index, to, size - 1)) : -1;
}

int run_list_append(struct kk_run *run, int object, const char *text)
{
	struct kk_list *list = list_of(run, object);
	return list && kk_list_append(list, text, strlen(text)) == KK_OK ? 0 : -1;
}

long run_list_pop(struct kk_run *run, int object, long index, char *to, size_t size)
{
	struct kk_list *list = list_of(run, object);
	return list && size ? end_text(to, size, kk_list_pop(list, index, to, size - 1)) : -1;
}

/* ---- the summary's line */

struct line {
	char *at;
	size_t size, used;
};

static void add(struct line *line, const char *text)
{
	size_t length = strlen(text), room = line->size - line->used;
	if (length >= room)
		length = room - 1;
	memcpy(line->at + line->used, text, length);
	line->used += length;
	line->at[line->used] = 0;
}

static void add_elements(struct line *line, const struct kk_array *array)
{
	uint64_t length = kk_array_length(array);
	for (uint64_t i = 0; i < length && line->used + 1 < line->size; i++) {
		char number[40];
		int64_t whole = 0;
		double value = 0;
		if (kk_array_kind(array) == KK_NUMBER_FLOAT && kk_array_get_float(array, i, &value) == KK_OK)
			snprintf(number, sizeof(number), "%s%.10g", i ? " " : "", value);
		else if (kk_array_get_int(array, i, &whole) == KK_OK)
			snprintf(number, sizeof(number), "%s%lld", i ? " " : "", (long long)whole);
		else
			break;
		add(line, number);
	}
}

static void add_entries(struct line *line, const struct kk_dict *dict)
{
	char key[DICT_KEY_MAX + 1], value[201];
	uint32_t cursor = 0;
	struct kk_dict_entry entry = {key, value, sizeof(key) - 1, sizeof(value) - 1, 0, 0};
	for (const char *before = "{"; line->used + 1 < line->size && kk_dict_next(dict, &cursor, &entry) == 1;
	     before = ", ") {
		key[entry.key_bytes < sizeof(key) ? entry.key_bytes : sizeof(key) - 1] = 0;
		value[entry.value_bytes < sizeof(value) ? entry.value_bytes : sizeof(value) - 1] = 0;
		add(line, before);
		add(line, key);
		add(line, ": ");
		add(line, value);
	}
	add(line, line->at[line->used - 1] == ' ' ? "{}" : "}");
}

static void add_items(struct line *line, struct kk_list *list)
{
	char item[201];
	int64_t length;
	add(line, "[");
	for (int64_t i = 0; line->used + 1 < line->size; i++) {
		length = kk_list_get(list, i, item, sizeof(item) - 1);
		if (length < 0)
			break;
		item[(size_t)length < sizeof(item) ? (size_t)length : sizeof(item) - 1] = 0;
		add(line, i ? ", " : "");
		add(line, item);
	}
	add(line, "]");
}

int kk_run_shared_text(const struct kk_run *run, unsigned object, char *to, size_t size)
{
	if (object >= run->shared->count || size < 8)
		return -1;
	struct line line = {to, size, 0};
	add(&line, kk_plan_text(run->plan, run->plan->shared[object].name));
	add(&line, " = ");
	if (run->shared->object[object].array)
		add_elements(&line, run->shared->object[object].array);
	else if (run->shared->object[object].list)
		add_items(&line, run->shared->object[object].list);
	else
		add_entries(&line, run->shared->object[object].dict);
	if (line.used + 1 == line.size)
		memcpy(line.at + line.used - 3, "...", 3);
	return 0;
}
