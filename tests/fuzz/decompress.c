/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/decompress.c - any bytes as something packed: never more than allowed, and never outside its room. */
#include <errno.h>
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kk_stage kk_stage;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first of the stage's option rows is its struct's first field: both limits lie where the rows say. */
enum { MAX_BYTES = 200000 };

struct room {
	char *memory;
	size_t size, committed;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Always another place, of exactly the size that was asked for. */
static void *resize(struct kk_item *item, size_t size, bool keep)
{
	struct room *room = item->user;
	must(size <= MAX_BYTES);
	char *memory = malloc(size ? size : 1);
	must(memory != NULL);
	if (keep && room->memory)
		memcpy(memory, room->memory, room->size < size ? room->size : size);
	free(room->memory);
	room->memory = memory;
	room->size = size;
	return memory;
}

static void *reserve(struct kk_item *item, size_t size)
{
	return resize(item, size, false);
}

static void *grow(struct kk_item *item, size_t size)
{
	return resize(item, size, true);
}

static int commit(struct kk_item *item, size_t size)
{
	struct room *room = item->user;
	must(room->memory && size <= room->size);
	room->committed = size;
	return 0;
}

static int set_field(struct kk_item *item, const char *name, const char *value)
{
	must(item && *name && *value);
	return 0;
}

static enum kk_verdict fail(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args)
{
	char text[200];
	(void)item;
	must(why == KK_FAIL_OTHER || why == KK_FAIL_TOO_LARGE);
	must(vsnprintf(text, sizeof(text), format, args) > 0);
	return KK_FAIL;
}

static const struct kk_host host = {.struct_size = sizeof(host),
                                    .abi_version = KK_STAGE_ABI,
                                    .reserve = reserve,
                                    .grow = grow,
                                    .commit = commit,
                                    .set_field = set_field,
                                    .fail = fail};

/* Sets an option where its row says. */
static void set(void *options, const char *name, const void *value, size_t size)
{
	for (const struct kk_option *row = kk_stage.options; row->name; row++)
		if (strcmp(row->name, name) == 0)
			memcpy((char *)options + row->at, value, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kk_context context;
	static _Alignas(16) char options[256];
	if (!context.host) {
		const uint64_t bytes = MAX_BYTES, window = 1 << 20;
		const double ratio = 1000;
		const char *none = "";
		must(kk_stage.options_size <= sizeof(options));
		set(options, "max_bytes", &bytes, sizeof(bytes));
		set(options, "max_window", &window, sizeof(window));
		set(options, "max_ratio", &ratio, sizeof(ratio));
		set(options, "dictionary", &none, sizeof(none));
		context = (struct kk_context){.host = &host, .options = options, .stage = "decompress"};
		must(kk_stage.prepare(&context) == 0 && kk_stage.open(&context) == 0);
	}
	struct room room = {.memory = NULL};
	struct kk_item item = {.context = &context, .key = "k", .data = data, .size = size, .user = &room};
	enum kk_verdict verdict = kk_stage.process(&context, &item);
	must(verdict == KK_FAIL || (verdict == KK_PASS && room.memory && room.committed <= MAX_BYTES));
	free(room.memory);
	return 0;
}
