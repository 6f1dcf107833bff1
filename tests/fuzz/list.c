/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/list.c - any bytes as a list: the stage as a whole, text, tables, objects, packed or not. What comes must
 * not depend on where a reader that was killed goes on, and is always text.
 *
 * The first two bytes choose the options.
 */
#include "options.h"
#include "record.h"
#include <kakehi/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const struct kk_stage kk_stage;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ITEMS = 200, RECORD_BYTES = 2000 };

/* What became of one item. */
struct outcome {
	char *text;
	size_t size;
	struct kk_position position;
};

struct making {
	FILE *to;
	char key[RECORD_BYTES];
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct making *of(const struct kk_item *item)
{
	return item->user;
}

static void must_be_text(const char *text, size_t length)
{
	enum span_fault fault = span_fault((struct span){(char *)(uintptr_t)text, length});
	must(fault == SPAN_CLEAN || fault == SPAN_CONTROL);
}

static int set_key(struct kk_item *item, const char *key, size_t length)
{
	if (item->key || length >= RECORD_BYTES || memchr(key, 0, length))
		return -1;
	must_be_text(key, length);
	memcpy(of(item)->key, key, length);
	of(item)->key[length] = 0;
	item->key = of(item)->key;
	fprintf(of(item)->to, "%s\n", item->key);
	return 0;
}

static int set_field(struct kk_item *item, const char *name, const char *value)
{
	must(item->key != NULL);
	must_be_text(name, strlen(name));
	must_be_text(value, strlen(value));
	if (strlen(name) + strlen(value) > RECORD_BYTES)
		return -1;
	fprintf(of(item)->to, "%s=%s\n", name, value);
	return 0;
}

static enum kk_verdict fail(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args)
{
	must(item->key != NULL);
	fprintf(of(item)->to, "!%d ", (int)why);
	vfprintf(of(item)->to, format, args);
	return KK_FAIL;
}

static void no_log(struct kk_context *context, enum kk_log_level level, const char *format, va_list args)
{
	char line[1000];
	(void)context, (void)level;
	vsnprintf(line, sizeof(line), format, args);
}

static const struct kk_host host = {.struct_size = sizeof(host),
                                    .abi_version = KK_STAGE_ABI,
                                    .set_key = set_key,
                                    .set_field = set_field,
                                    .fail = fail,
                                    .log = no_log};

/* read_from - the items behind a position, at most `max`; returns how many. */
static size_t read_from(const struct list_options *options, struct kk_position from, struct outcome *to, size_t max)
{
	struct kk_context context = {.host = &host, .options = options, .stage = "list", .position = from};
	size_t count = 0;
	must(kk_stage.prepare(&context) == 0 && kk_stage.open(&context) == 0);
	for (; count < max; count++) {
		struct making making = {.to = open_memstream(&to[count].text, &to[count].size)};
		struct kk_item item = {.context = &context, .user = &making};
		must(making.to != NULL);
		enum kk_verdict verdict = kk_stage.next(&context, &item);
		must(fclose(making.to) == 0);
		must(verdict == KK_PASS || verdict == KK_FAIL || verdict == KK_END);
		if (verdict == KK_END) {
			free(to[count].text);
			break;
		}
		must(item.key && (verdict == KK_FAIL || *item.key));
		context.position = to[count].position = item.position;
	}
	kk_stage.close(&context);
	return count;
}

static void forget(struct outcome *outcomes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(outcomes[i].text);
}

/* Reads all, then again from some places on. */
static void compare(const struct list_options *options)
{
	static struct outcome all[MAX_ITEMS], rest[MAX_ITEMS];
	size_t count = read_from(options, (struct kk_position){.at = 0}, all, MAX_ITEMS);
	for (size_t start = 0; start < count; start += 1 + start / 2) {
		size_t more = read_from(options, all[start].position, rest, count - start - 1);
		must(more == count - start - 1);
		for (size_t i = 0; i < more; i++) {
			const struct outcome *one = &all[start + 1 + i], *other = &rest[i];
			must(one->size == other->size && memcmp(one->text, other->text, one->size) == 0);
			must(one->position.at == other->position.at && one->position.extra == other->position.extra);
		}
		forget(rest, more);
	}
	forget(all, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"url", "1", "a.b", "2"};
	static const char *const all[] = {"*"}, *const some[] = {"t", "a"};
	char path[40], why[500];
	if (size < 2)
		return 0;
	struct list_options options = {
	    .key = keys[data[1] & 3],
	    .separator = data[1] & 4 ? ";" : "",
	    .comment = data[1] & 8 ? "#" : "",
	    .fields = data[1] & 16 ? (struct kk_strings){some, 2} : (struct kk_strings){all, 1},
	    .max_line = data[1] & 32 ? 64 : 1000,
	    .max_window = 1 << 20,
	    .format = 1 + data[0] % 4,
	    .compression = data[0] >> 2 & 3,
	    .header = !(data[0] & 16),
	    .path = path,
	};
	struct kk_demand demand = {.struct_size = sizeof(demand)};
	int fd = memfd_create("list", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data + 2, size - 2) == (ssize_t)(size - 2));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (kk_stage.plan(&options, &demand, why, sizeof(why)) == 0)
		compare(&options);
	close(fd);
	return 0;
}
