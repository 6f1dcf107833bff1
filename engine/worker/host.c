/* SPDX-License-Identifier: Apache-2.0 */
/* What a stage may ask of the engine: kakehi/stage.h, turned into calls on the item in hand. */
#include "run/commons.h"
#include "run/shared.h"
#include "worker/crew.h"
#include "worker/name.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every context lies in its worker, every item in its hand. */
static struct worker *worker_of(struct kk_context *context)
{
	return (struct worker *)(void *)((char *)context - offsetof(struct worker, context));
}

static struct hand *hand_of(const struct kk_item *item)
{
	return (struct hand *)(void *)((char *)(uintptr_t)item - offsetof(struct hand, item));
}

/* ---- payloads */

static void *host_reserve(struct kk_item *item, size_t size)
{
	return hand_reserve(hand_of(item), size);
}

static void *host_grow(struct kk_item *item, size_t size)
{
	return hand_grow(hand_of(item), size);
}

static void host_release(struct kk_item *item)
{
	hand_cancel(hand_of(item));
}

static int host_commit(struct kk_item *item, size_t size)
{
	return hand_commit(hand_of(item), size);
}

/* ---- keys and fields. A source's go into its record, which everybody else can only read. */

static size_t record_room(const struct worker *worker, const struct source_record *record)
{
	return worker->plan->record_bytes - sizeof(*record) - record->key_bytes - record->field_bytes;
}

static int host_set_key(struct kk_item *item, const char *key, size_t length)
{
	struct hand *hand = hand_of(item);
	struct source_record *record = run_record(hand->worker->run, hand->handle);
	if (hand->worker->stage != 0 || item->key || memchr(key, 0, length) ||
	    length >= record_room(hand->worker, record))
		return -1;
	memcpy(record->bytes, key, length);
	record->bytes[length] = 0;
	record->key_bytes = (uint32_t)length + 1;
	item->key = record->bytes;
	return chooser_wants(hand->worker->chooser, item->key) ? 0 : 1;
}

static int set_record_field(struct hand *hand, const char *name, const char *value)
{
	struct source_record *record = run_record(hand->worker->run, hand->handle);
	size_t name_bytes = strlen(name) + 1, value_bytes = strlen(value) + 1;
	if (!hand->item.key || name_bytes == 1 || name_bytes + value_bytes > record_room(hand->worker, record))
		return -1;
	char *to = record->bytes + record->key_bytes + record->field_bytes;
	memcpy(to, name, name_bytes);
	memcpy(to + name_bytes, value, value_bytes);
	record->field_bytes += (uint32_t)(name_bytes + value_bytes);
	return 0;
}

static int host_set_field(struct kk_item *item, const char *name, const char *value)
{
	struct hand *hand = hand_of(item);
	return hand->worker->stage == 0 ? set_record_field(hand, name, value) : hand_set_field(hand, name, value);
}

static const char *host_field(const struct kk_item *item, const char *name)
{
	return hand_field(hand_of(item), name);
}

static const char *name_field(void *arg, const char *name)
{
	return hand_field(arg, name);
}

static int host_expand(const struct kk_item *item, const char *pattern, char *to, size_t size)
{
	struct hand *hand = hand_of(item);
	const struct kk_plan *plan = hand->worker->plan;
	struct kk_name_item facts = {
	    .source = kk_plan_text(plan, plan->stage[0].name),
	    .key = item->key,
	    .occurrence = run_record(hand->worker->run, hand->handle)->occurrence,
	    .sequence = item->sequence,
	    .data = item->data,
	    .size = item->size,
	    .field = name_field,
	    .arg = hand,
	};
	return kk_name_expand(pattern, &facts, to, size);
}

/* ---- verdicts and words */

static enum kk_verdict host_fail(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args)
{
	char text[sizeof(hand_of(item)->text)];
	vsnprintf(text, sizeof(text), format, args);
	return hand_fail(hand_of(item), why, text);
}

static void host_finish(struct kk_item *item, enum kk_verdict verdict)
{
	struct hand *hand = hand_of(item);
	hand->verdict = verdict == KK_PASS || verdict == KK_SKIP ? verdict : KK_FAIL;
	hand->settled = true;
}

/* One line is one write of less than PIPE_BUF, so that lines of several writers never mix. */
static void write_line(struct worker *worker, enum kk_log_level level, const char *format, va_list args)
{
	char line[1024];
	if ((int)level > worker->start.log_level)
		return;
	int length = snprintf(line, sizeof(line), "%d ", (int)level);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, args);
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	for (int i = 0; i < length; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[length++] = '\n';
	ssize_t written;
	do
		written = write(worker->start.log, line, (size_t)length);
	while (written < 0 && errno == EINTR);
}

static void host_log(struct kk_context *context, enum kk_log_level level, const char *format, va_list args)
{
	write_line(worker_of(context), level, format, args);
}

void worker_log(struct worker *worker, enum kk_log_level level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	write_line(worker, level, format, args);
	va_end(args);
}

static uint64_t host_random(struct kk_context *context)
{
	return kk_random_next(&worker_of(context)->random);
}

/* ---- shared objects */

static int host_shared(struct kk_context *context, const char *name)
{
	return run_shared_find(worker_of(context)->run, name);
}

static int host_value_get(struct kk_context *context, int object, size_t index, double *to)
{
	return run_shared_get(worker_of(context)->run, object, index, to);
}

static int host_value_set(struct kk_context *context, int object, size_t index, double value)
{
	return run_shared_set(worker_of(context)->run, object, index, value);
}

static int host_value_add(struct kk_context *context, int object, size_t index, double amount, double *now)
{
	return run_shared_add(worker_of(context)->run, object, index, amount, now);
}

static long host_dict_get(struct kk_context *context, int object, const char *key, char *to, size_t size)
{
	return run_dict_get(worker_of(context)->run, object, key, to, size);
}

static int host_dict_set(struct kk_context *context, int object, const char *key, const char *value)
{
	return run_dict_set(worker_of(context)->run, object, key, value);
}

static long host_list_length(struct kk_context *context, int object)
{
	return run_list_length(worker_of(context)->run, object);
}

static long host_list_get(struct kk_context *context, int object, long index, char *to, size_t size)
{
	return run_list_get(worker_of(context)->run, object, index, to, size);
}

static int host_list_append(struct kk_context *context, int object, const char *text)
{
	return run_list_append(worker_of(context)->run, object, text);
}

static long host_list_pop(struct kk_context *context, int object, long index, char *to, size_t size)
{
	return run_list_pop(worker_of(context)->run, object, index, to, size);
}

static int host_keep(struct kk_context *context, enum kk_keep what)
{
	return what < KK_KEEP_KINDS ? worker_of(context)->start.keep[what] : -1;
}

static int host_allow_write(struct kk_context *context, const char *directory)
{
	struct worker *worker = worker_of(context);
	char *path = worker->write_count < KK_WRITES_MAX ? realpath(directory, NULL) : NULL;
	if (!path)
		return -1;
	worker->writes[worker->write_count++] = path;
	return 0;
}

/* ---- what the workers of the stage have in common */

static long host_admit(struct kk_context *context, const char *key)
{
	return run_admit(worker_of(context)->run, key);
}

static void host_leave(struct kk_context *context, const char *key)
{
	run_leave(worker_of(context)->run, key);
}

static void host_hold_off(struct kk_context *context, const char *key, uint64_t wait_ms)
{
	run_hold_off(worker_of(context)->run, key, wait_ms);
}

static int host_remember(struct kk_context *context, const char *key, const void *what, size_t size, uint64_t keep_ms)
{
	return run_remember(worker_of(context)->run, key, what, size, keep_ms);
}

static long host_recall(struct kk_context *context, const char *key, void *to, size_t size)
{
	return run_recall(worker_of(context)->run, key, to, size);
}

const struct kk_host worker_host = {
    .struct_size = sizeof(struct kk_host),
    .abi_version = KK_STAGE_ABI,
    .reserve = host_reserve,
    .release = host_release,
    .grow = host_grow,
    .commit = host_commit,
    .set_key = host_set_key,
    .set_field = host_set_field,
    .field = host_field,
    .expand = host_expand,
    .fail = host_fail,
    .finish = host_finish,
    .log = host_log,
    .random = host_random,
    .shared = host_shared,
    .value_get = host_value_get,
    .value_set = host_value_set,
    .value_add = host_value_add,
    .dict_get = host_dict_get,
    .dict_set = host_dict_set,
    .allow_write = host_allow_write,
    .keep = host_keep,
    .admit = host_admit,
    .leave = host_leave,
    .hold_off = host_hold_off,
    .remember = host_remember,
    .recall = host_recall,
    .list_length = host_list_length,
    .list_get = host_list_get,
    .list_append = host_list_append,
    .list_pop = host_list_pop,
};
