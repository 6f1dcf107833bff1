/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes, values, arrays, memories and lists in children of each start method, which find them by their references. */
#include "ways.h"
#include <kakehi/pipe.h>
#include <kakehi/shareable.h>
#include <kakehi/value.h>

#include <string.h>

/* What the child is told: names in the family. */
struct refs {
	uint64_t connection, value, array, memory, list;
};

static int change(const struct refs *refs, struct kk_family *family)
{
	struct kk_error error = {0};
	struct kk_value *value = kk_value_open(family, refs->value, &error);
	struct kk_array *array = kk_array_open(family, refs->array, &error);
	struct kk_memory *memory = kk_memory_open(family, refs->memory, &error);
	struct kk_shareable *list = kk_shareable_open(family, refs->list, &error);
	const struct kk_item item = {.type = KK_ITEM_INT, .as_int = 7};
	bool done = value && array && memory && list && kk_value_lock(value, -1) == KK_OK &&
	            kk_value_set_float(value, 2.5) == KK_OK && kk_value_unlock(value) == KK_OK &&
	            kk_array_set_text(array, "child") == KK_OK && kk_shareable_set(list, 0, &item) == KK_OK;
	if (done)
		memcpy(kk_memory_data(memory), "bytes", 6);
	kk_shareable_close(list);
	kk_memory_close(memory);
	kk_array_close(array);
	kk_value_close(value);
	return done ? 0 : 1;
}

/* Changes everything, then echoes until the other end is closed. */
static int serve(struct kk_call *call)
{
	const struct refs *refs = call->args;
	struct kk_connection *connection = kk_connection_open(call->family, refs->connection, NULL);
	char text[32];
	size_t bytes;
	int rc = connection ? change(refs, call->family) : 2;
	if (rc == 0)
		rc = kk_connection_send_bytes(connection, "ready", 5, -1);
	while (rc == 0 && kk_connection_recv_bytes_into(connection, text, sizeof(text), &bytes, -1) == KK_OK)
		rc = kk_connection_send_bytes(connection, text, bytes, -1);
	/* Not closed: the end of the process does that. */
	return rc;
}
KK_FUNCTION(serve)

static void check_changed(struct kk_value *value, struct kk_array *array, struct kk_memory *memory,
                          struct kk_shareable *list)
{
	struct kk_item item;
	double real;
	assert_int_equal(kk_value_get_float(value, &real), KK_OK);
	assert_true(real == 2.5);
	assert_string_equal(kk_array_data(array), "child");
	assert_string_equal(kk_memory_data(memory), "bytes");
	assert_int_equal(kk_shareable_get(list, 0, &item, NULL, 0), KK_OK);
	assert_int_equal(item.as_int, 7);
}

static void converse(void)
{
	struct kk_connection *end[2];
	const struct kk_item nothing = {.type = KK_ITEM_NONE};
	struct kk_family *family = kk_family_create(NULL, NULL);
	assert_int_equal(kk_pipe_create(family, true, 0, end, NULL), KK_OK);
	struct kk_value *value = kk_value_create(family, KK_NUMBER_F64, true, NULL);
	struct kk_array *array = kk_array_create(family, KK_NUMBER_CHAR, 10, false, NULL);
	struct kk_memory *memory = kk_memory_create(family, 10, NULL);
	struct kk_shareable *list = kk_shareable_create(family, &nothing, 1, NULL);
	const struct refs refs = {.connection = kk_connection_ref(end[1]),
	                          .value = kk_value_ref(value),
	                          .array = kk_array_ref(array),
	                          .memory = kk_memory_ref(memory),
	                          .list = kk_shareable_ref(list)};
	struct kk_process *child = way_start(
	    (struct kk_process_spec){.call = serve, .args = &refs, .args_bytes = sizeof(refs), .family = family});
	/* As Python's programs do, often before the child has begun. */
	kk_connection_close(end[1]);
	char text[32];
	size_t bytes;
	assert_int_equal(kk_connection_recv_bytes_into(end[0], text, sizeof(text), &bytes, -1), KK_OK);
	assert_memory_equal(text, "ready", 5);
	check_changed(value, array, memory, list);
	assert_int_equal(kk_connection_send_bytes(end[0], "hello", 5, -1), KK_OK);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], text, sizeof(text), &bytes, -1), KK_OK);
	assert_int_equal(bytes, 5);
	assert_memory_equal(text, "hello", 5);
	kk_connection_shut(end[0]);
	struct kk_process_end its_end = way_end(child);
	assert_true(its_end.exited && its_end.code == 0);
	kk_shareable_destroy(list);
	kk_memory_destroy(memory);
	kk_array_destroy(array);
	kk_value_destroy(value);
	kk_connection_destroy(end[0]);
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	assert_int_equal(usage.objects_used, 0);
	kk_family_close(family);
}

WAY_TESTS(converse)

/* A child that ends without closing what it used: in peace. */
static int say_one(struct kk_call *call)
{
	struct kk_connection *connection = kk_connection_open(call->family, *(const uint64_t *)call->args, NULL);
	return connection ? kk_connection_send_bytes(connection, "one", 3, -1) : 1;
}
KK_FUNCTION(say_one)

static void end_in_peace(void)
{
	char text[8];
	struct kk_connection *end[2];
	struct kk_family *family = kk_family_create(NULL, NULL);
	assert_int_equal(kk_pipe_create(family, false, 0, end, NULL), KK_OK);
	const uint64_t ref = kk_connection_ref(end[1]);
	struct kk_process *child = way_start(
	    (struct kk_process_spec){.call = say_one, .args = &ref, .args_bytes = sizeof(ref), .family = family});
	assert_int_equal(kk_connection_recv_bytes_into(end[0], text, 3, NULL, -1), KK_OK);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], text, 3, NULL, -1), KK_ERR_CLOSED);
	assert_int_equal(way_end(child).code, 0);
	kk_connection_close(end[1]);
	kk_connection_destroy(end[0]);
	kk_family_close(family);
}
WAY_TESTS(end_in_peace)

static const struct CMUnitTest tests[] = {WAY_ROWS(converse), WAY_ROWS(end_in_peace)};
WAY_MAIN(tests)
