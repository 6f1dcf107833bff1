/* SPDX-License-Identifier: Apache-2.0 */
#include "stage_host.h"
#include "worker/name.h"

#include <dlfcn.h>
#include <errno.h>
#include <kakehi/cache.h>
#include <kakehi/gate.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>

struct stage_host_setting {
	char *name, *value;
	bool used;
	struct stage_host_setting *next;
};

/* A test that has no memory cannot go on. */
static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct stage_host *host_of(const struct kk_context *context)
{
	return (struct stage_host *)((char *)(uintptr_t)context - offsetof(struct stage_host, context));
}

static struct stage_item *of(const struct kk_item *item)
{
	return (struct stage_item *)(uintptr_t)item;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what the stage may ask for */

static void *host_resize(struct kk_item *item, size_t size, bool keep)
{
	struct stage_host *host = host_of(item->context);
	struct stage_item *it = of(item);
	void *memory;

	if (host->demand.largest == 0 || size > host->demand.largest) {
		errno = EFBIG;
		return NULL;
	}
	if (keep && size <= it->room)
		return it->output;
	if (host->reserved - it->room + size > host->room) {
		errno = host->in_async ? EAGAIN : ENOMEM;
		return NULL;
	}
	/* Always another place, as the engine may do: a stage that keeps an old pointer is found out. */
	if (posix_memalign(&memory, 64, size ? size : 1))
		abort();
	if (keep && it->output)
		memcpy(memory, it->output, it->room);
	free(it->output);
	host->reserved += size - it->room;
	it->output = memory;
	it->room = size;
	it->committed = false;
	return memory;
}

static void *host_reserve(struct kk_item *item, size_t size)
{
	return host_resize(item, size, false);
}

static void *host_grow(struct kk_item *item, size_t size)
{
	return host_resize(item, size, true);
}

static void host_release(struct kk_item *item)
{
	struct stage_item *it = of(item);

	host_of(item->context)->reserved -= it->room;
	free(it->output);
	it->output = NULL;
	it->room = 0;
	it->committed = false;
}

static int host_commit(struct kk_item *item, size_t size)
{
	struct stage_item *it = of(item);

	if (!it->output || size > it->room)
		return -1;
	it->size = size;
	it->committed = true;
	return 0;
}

static int host_set_key(struct kk_item *item, const char *key, size_t length)
{
	struct stage_item *it = of(item);

	if (memchr(key, 0, length))
		return -1;
	free(it->key);
	it->key = must(strndup(key, length));
	item->key = it->key;
	return 0;
}

static int host_set_field(struct kk_item *item, const char *name, const char *value)
{
	struct stage_item *it = of(item);
	size_t i = 0;

	while (i < it->field_count && strcmp(it->field[i].name, name) != 0)
		i++;
	if (i == STAGE_HOST_FIELDS)
		return -1;
	if (i == it->field_count) {
		it->field[i].name = must(strdup(name));
		it->field_count++;
	} else {
		free(it->field[i].value);
	}
	it->field[i].value = must(strdup(value));
	return 0;
}

static const char *host_field(const struct kk_item *item, const char *name)
{
	return stage_host_field(of(item), name);
}

static const char *field_of(void *item, const char *name)
{
	return stage_host_field(item, name);
}

/* As the engine fills patterns in. */
static int host_expand(const struct kk_item *item, const char *pattern, char *to, size_t size)
{
	struct stage_item *it = of(item);
	struct kk_name_item facts = {
	    .source = "",
	    .key = it->key,
	    .sequence = item->sequence,
	    .data = item->data,
	    .size = item->size,
	    .field = field_of,
	    .arg = it,
	};

	return kk_name_expand(pattern, &facts, to, size);
}

static enum kk_verdict host_fail(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args)
{
	struct stage_item *it = of(item);

	it->fail = why;
	vsnprintf(it->message, sizeof(it->message), format, args);
	return KK_FAIL;
}

static void settle(struct stage_host *host, struct stage_item *item, enum kk_verdict verdict)
{
	(void)host;
	item->verdict = verdict;
	item->settled = true;
}

static void host_finish(struct kk_item *item, enum kk_verdict verdict)
{
	struct stage_host *host = host_of(item->context);

	if (of(item)->settled || !host->in_async || host->pending == 0)
		abort();
	host->pending--;
	settle(host, of(item), verdict);
}

static void host_log(struct kk_context *context, enum kk_log_level level, const char *format, va_list args)
{
	struct stage_host *host = host_of(context);

	host->log_count[level]++;
	vsnprintf(host->last_log, sizeof(host->last_log), format, args);
}

static uint64_t host_random(struct kk_context *context)
{
	struct stage_host *host = host_of(context);
	uint64_t z = host->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int no_shared(struct kk_context *context, const char *name)
{
	(void)context, (void)name;
	return -1;
}

static int no_get(struct kk_context *context, int object, size_t index, double *to)
{
	(void)context, (void)object, (void)index, (void)to;
	return -1;
}

static int no_set(struct kk_context *context, int object, size_t index, double value)
{
	(void)context, (void)object, (void)index, (void)value;
	return -1;
}

static int no_add(struct kk_context *context, int object, size_t index, double amount, double *now)
{
	(void)context, (void)object, (void)index, (void)amount, (void)now;
	return -1;
}

static long no_dict_get(struct kk_context *context, int object, const char *key, char *to, size_t size)
{
	(void)context, (void)object, (void)key, (void)to, (void)size;
	return -1;
}

static int allow_any_write(struct kk_context *context, const char *directory)
{
	(void)context;
	(void)directory;
	return 0;
}

static int no_dict_set(struct kk_context *context, int object, const char *key, const char *value)
{
	(void)context, (void)object, (void)key, (void)value;
	return -1;
}

static long no_list_length(struct kk_context *context, int object)
{
	(void)context, (void)object;
	return -1;
}

static long no_list_item(struct kk_context *context, int object, long index, char *to, size_t size)
{
	(void)context, (void)object, (void)index, (void)to, (void)size;
	return -1;
}

static int no_list_append(struct kk_context *context, int object, const char *text)
{
	(void)context, (void)object, (void)text;
	return -1;
}

/* ---- what the workers of a stage have in common */

#define NS_PER_MS UINT64_C(1000000)

enum { COMMONS_PLACES = 1024, COMMONS_WORKERS = 64, COMMONS_PERMITS = 1024 };

struct stage_host_commons {
	void *gate, *cache; /* NULL: not declared */
	uint64_t gate_bytes, cache_bytes;
	unsigned workers; /* roles given out */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *shared(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return must(memory == MAP_FAILED ? NULL : memory);
}

static void make_commons(struct stage_host *host)
{
	const struct kk_demand *demand = &host->demand;
	struct kk_gate_shape shape = {COMMONS_PLACES, demand->permits, COMMONS_WORKERS, demand->key_rate, demand->rate};
	struct stage_host_commons *commons = must(calloc(1, sizeof(*commons)));

	if (shape.permits > COMMONS_PERMITS)
		shape.permits = 0;
	host->commons = commons;
	if (demand->permits || demand->key_rate != 0 || demand->rate != 0) {
		commons->gate_bytes = kk_gate_size(&shape);
		commons->gate = shared(commons->gate_bytes);
		if (kk_gate_init(commons->gate, commons->gate_bytes, &shape, NULL) != KK_OK)
			abort();
	}
	if (demand->cached) {
		commons->cache_bytes = kk_cache_size(demand->cached);
		commons->cache = shared(commons->cache_bytes);
		if (kk_cache_init(commons->cache, commons->cache_bytes, demand->cached, NULL) != KK_OK)
			abort();
	}
}

static void open_commons(struct stage_host *host)
{
	if (host->lender)
		host->commons = host->lender->commons;
	else
		make_commons(host);
	host->gate_role = ++host->commons->workers;
	if (host->commons->gate)
		host->gate = must(kk_gate_attach(host->commons->gate, host->commons->gate_bytes, NULL));
	if (host->commons->cache)
		host->cache = must(kk_cache_attach(host->commons->cache, host->commons->cache_bytes, NULL));
}

static void close_commons(struct stage_host *host)
{
	kk_gate_detach(host->gate);
	kk_cache_detach(host->cache);
	if (!host->commons || host->lender)
		return;
	if (host->commons->gate)
		munmap(host->commons->gate, host->commons->gate_bytes);
	if (host->commons->cache)
		munmap(host->commons->cache, host->commons->cache_bytes);
	free(host->commons);
}

static long host_admit(struct kk_context *context, const char *key)
{
	struct stage_host *host = host_of(context);
	int64_t wait_ns = 0;

	if (host->gate)
		wait_ns = kk_gate_admit(host->gate, host->gate_role, key, strlen(key), now_ns());
	if (wait_ns < 0)
		abort();
	return (long)(((uint64_t)wait_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* Leaving what was not admitted is a mistake of the stage. */
static void host_leave(struct kk_context *context, const char *key)
{
	struct stage_host *host = host_of(context);

	if (host->gate && kk_gate_leave(host->gate, host->gate_role, key, strlen(key)) != KK_OK)
		abort();
}

static void host_hold_off(struct kk_context *context, const char *key, uint64_t wait_ms)
{
	struct stage_host *host = host_of(context);

	if (host->gate)
		kk_gate_hold_off(host->gate, key, strlen(key), now_ns() + wait_ms * NS_PER_MS);
}

static int host_remember(struct kk_context *context, const char *key, const void *what, size_t size, uint64_t keep_ms)
{
	struct stage_host *host = host_of(context);
	uint64_t now = now_ns();

	return host->cache && kk_cache_store(host->cache, key, strlen(key), what, size, now,
	                                     now + keep_ms * NS_PER_MS) == KK_OK
	           ? 0
	           : -1;
}

static long host_recall(struct kk_context *context, const char *key, void *to, size_t size)
{
	struct stage_host *host = host_of(context);
	int64_t bytes = host->cache ? kk_cache_load(host->cache, key, strlen(key), to, size, now_ns()) : -1;

	return bytes < 0 ? -1 : (long)bytes;
}

static int host_keep(struct kk_context *context, enum kk_keep what)
{
	return what < KK_KEEP_KINDS ? host_of(context)->keep[what] : -1;
}

static const struct kk_host host_table = {
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
    .shared = no_shared,
    .value_get = no_get,
    .value_set = no_set,
    .value_add = no_add,
    .dict_get = no_dict_get,
    .dict_set = no_dict_set,
    .list_length = no_list_length,
    .list_get = no_list_item,
    .list_append = no_list_append,
    .list_pop = no_list_item,
    .allow_write = allow_any_write,
    .admit = host_admit,
    .leave = host_leave,
    .hold_off = host_hold_off,
    .remember = host_remember,
    .recall = host_recall,
    .keep = host_keep,
};

/* ---- options */

struct unit {
	const char *suffix;
	double factor;
};

static const struct unit sizes[] = {
    {"", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"KB", 1000}, {"MB", 1e6}, {"GB", 1e9}, {NULL, 0},
};
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static int number(const char *text, const struct unit *units, double *to)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text)
		return -1;
	for (; units->suffix; units++) {
		if (strcmp(end, units->suffix) == 0) {
			*to = value * units->factor;
			return 0;
		}
	}
	return -1;
}

static int word(const struct kk_option *row, const char *text)
{
	for (int i = 0; row->words[i]; i++)
		if (strcmp(row->words[i], text) == 0)
			return i;
	return -1;
}

/* Stores one value where the row says; texts stay with the caller. */
static int store(const struct kk_option *row, void *options, const char *text)
{
	void *at = (char *)options + row->at;
	const struct unit *units = row->type == KK_OPTION_SIZE ? sizes : plain;
	double value = 0;

	if (row->type == KK_OPTION_STRING) {
		*(const char **)at = text;
		return 0;
	}
	if (row->type == KK_OPTION_BOOL) {
		*(bool *)at = strcmp(text, "true") == 0;
		return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ? 0 : -1;
	}
	if (row->type == KK_OPTION_ENUM) {
		*(int *)at = word(row, text);
		return *(int *)at < 0 ? -1 : 0;
	}
	if (number(text, row->type == KK_OPTION_DURATION ? durations : units, &value) != 0)
		return -1;
	if ((row->min != 0 || row->max != 0) && (value < row->min || value > row->max))
		return -1;
	if (row->type == KK_OPTION_FLOAT)
		*(double *)at = value;
	else if (row->type == KK_OPTION_INT)
		*(int64_t *)at = (int64_t)value;
	else
		*(uint64_t *)at = (uint64_t)value;
	return 0;
}

static void own(struct stage_host *host, void *memory)
{
	host->owned = must(realloc(host->owned, (host->owned_count + 1) * sizeof(*host->owned)));
	host->owned[host->owned_count++] = memory;
}

static int fill_row(struct stage_host *host, const struct kk_option *row)
{
	const char **list = must(calloc(64, sizeof(*list)));
	size_t count = 0;

	own(host, list);
	for (struct stage_host_setting *s = host->settings; s; s = s->next) {
		if (strcmp(s->name, row->name) != 0)
			continue;
		s->used = true;
		if (count < 64)
			list[count++] = s->value;
	}
	if (count == 0 && row->def && (row->type != KK_OPTION_LIST || *row->def))
		list[count++] = row->def;
	if (row->type == KK_OPTION_LIST) {
		*(struct kk_strings *)((char *)host->options + row->at) = (struct kk_strings){list, count};
		return 0;
	}
	if (count == 0 && (row->flags & KK_OPTION_REQUIRED)) {
		snprintf(host->why, sizeof(host->why), "option \"%s\" is required", row->name);
		return -1;
	}
	if (count == 0)
		list[count++] = "";
	if (store(row, host->options, list[count - 1]) != 0) {
		snprintf(host->why, sizeof(host->why), "option \"%s\": \"%s\" is not valid", row->name,
		         list[count - 1]);
		return -1;
	}
	return 0;
}

/* ---- life */

struct stage_host *stage_host_load(const char *path)
{
	struct stage_host *host = must(calloc(1, sizeof(*host)));

	host->table = host_table;
	host->room = SIZE_MAX / 2;
	host->random = 1;
	for (unsigned i = 0; i < KK_KEEP_KINDS; i++)
		host->keep[i] = -1;
	host->context = (struct kk_context){.host = &host->table, .stage = "stage", .workers = 1, .seed = 1};
	/* Libraries such as GLib and OpenSSL do not survive being unloaded. */
	host->module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!host->module) {
		snprintf(host->why, sizeof(host->why), "%s", dlerror());
		return host;
	}
	host->stage = dlsym(host->module, "kk_stage");
	if (!host->stage)
		snprintf(host->why, sizeof(host->why), "%s: no kk_stage", path);
	return host;
}

void stage_host_set(struct stage_host *host, const char *name, const char *value)
{
	struct stage_host_setting *setting = must(calloc(1, sizeof(*setting))), **end = &host->settings;

	setting->name = must(strdup(name));
	setting->value = must(strdup(value));
	while (*end)
		end = &(*end)->next;
	*end = setting;
}

int stage_host_plan(struct stage_host *host)
{
	const struct kk_stage *stage = host->stage;

	if (!stage)
		return -1;
	free(host->options);
	host->options = must(calloc(1, stage->options_size ? stage->options_size : 1));
	host->context.options = host->options;
	for (const struct kk_option *row = stage->options; row && row->name; row++)
		if (fill_row(host, row) != 0)
			return -1;
	for (struct stage_host_setting *s = host->settings; s; s = s->next) {
		if (!s->used) {
			snprintf(host->why, sizeof(host->why), "unknown option \"%s\"", s->name);
			return -1;
		}
	}
	host->demand = (struct kk_demand){.struct_size = sizeof(host->demand), .in_flight = 1};
	if (stage->plan && stage->plan(host->options, &host->demand, host->why, sizeof(host->why)) != 0)
		return -1;
	return 0;
}

void stage_host_share(struct stage_host *host, struct stage_host *lender)
{
	host->lender = lender;
}

int stage_host_start(struct stage_host *host)
{
	const struct kk_stage *stage = host->stage;

	if (!host->options && stage_host_plan(host) != 0)
		return -1;
	host->opened = &host->context;
	open_commons(host);
	if ((stage->prepare && stage->prepare(&host->context) != 0) ||
	    (stage->open && stage->open(&host->context) != 0)) {
		snprintf(host->why, sizeof(host->why), "prepare or open: %.400s", host->last_log);
		return -1;
	}
	return 0;
}

struct stage_item *stage_host_item(struct stage_host *host, const char *key, const void *data, size_t size)
{
	struct stage_item *item = must(calloc(1, sizeof(*item)));

	item->key = key ? must(strdup(key)) : NULL;
	if (data) {
		item->input = must(malloc(size ? size : 1));
		memcpy(item->input, data, size);
	}
	item->item = (struct kk_item){
	    .context = &host->context,
	    .sequence = host->sequence++,
	    .key = item->key,
	    .data = item->input,
	    .size = data ? size : 0,
	};
	item->next = host->items;
	host->items = item;
	return item;
}

void stage_host_add_field(struct stage_item *item, const char *name, const char *value)
{
	if (host_set_field(&item->item, name, value) != 0)
		abort();
}

void stage_host_give(struct stage_host *host, struct stage_item *item)
{
	const struct kk_stage *stage = host->stage;
	uint64_t end = now_ms() + 30000;
	enum kk_verdict verdict;

	if (stage->process) {
		settle(host, item, stage->process(&host->context, &item->item));
		return;
	}
	for (;;) {
		item->submits++;
		host->in_async = true;
		host->pending++;
		verdict = stage->submit(&host->context, &item->item);
		host->in_async = false;
		if (verdict == KK_PENDING)
			return;
		host->pending--;
		if (verdict != KK_LATER || now_ms() >= end)
			break;
		if (stage_host_poll(host, 100) != 0)
			break;
	}
	settle(host, item, verdict);
}

struct stage_item *stage_host_put(struct stage_host *host, const char *key, const void *data, size_t size)
{
	struct stage_item *item = stage_host_item(host, key, data, size);

	stage_host_give(host, item);
	return item;
}

struct stage_item *stage_host_next(struct stage_host *host)
{
	struct stage_item *item = stage_host_item(host, NULL, NULL, 0);

	settle(host, item, host->stage->next(&host->context, &item->item));
	return item;
}

int stage_host_poll(struct stage_host *host, int timeout_ms)
{
	struct pollfd ready = {.events = POLLIN};
	int result;

	ready.fd = host->stage->wait(&host->context, &timeout_ms);
	if (ready.fd < 0) {
		snprintf(host->why, sizeof(host->why), "wait: no descriptor");
		return -1;
	}
	if (poll(&ready, 1, timeout_ms) < 0 && errno != EINTR) {
		snprintf(host->why, sizeof(host->why), "poll: %s", strerror(errno));
		return -1;
	}
	host->in_async = true;
	result = host->stage->poll(&host->context);
	host->in_async = false;
	if (result != 0)
		snprintf(host->why, sizeof(host->why), "poll: %.400s", host->last_log);
	return result;
}

int stage_host_settle(struct stage_host *host, int timeout_ms)
{
	uint64_t end = now_ms() + (uint64_t)timeout_ms;

	while (host->pending > 0) {
		uint64_t now = now_ms();

		if (now >= end) {
			snprintf(host->why, sizeof(host->why), "%u items still pending", host->pending);
			return -1;
		}
		if (stage_host_poll(host, (int)(end - now)) != 0)
			return -1;
	}
	return 0;
}

const char *stage_host_field(const struct stage_item *item, const char *name)
{
	for (size_t i = 0; i < item->field_count; i++)
		if (strcmp(item->field[i].name, name) == 0)
			return item->field[i].value;
	return NULL;
}

static void free_item(struct stage_host *host, struct stage_item *item)
{
	for (size_t i = 0; i < item->field_count; i++) {
		free(item->field[i].name);
		free(item->field[i].value);
	}
	host->reserved -= item->room;
	free(item->output);
	free(item->input);
	free(item->key);
	free(item);
}

void stage_host_forget(struct stage_host *host, struct stage_item *item)
{
	struct stage_item **at = &host->items;

	if (!item->settled)
		abort();
	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	free_item(host, item);
}

int stage_host_stop(struct stage_host *host)
{
	int result = 0;

	if (!host->opened)
		return 0;
	if (host->pending > 0) {
		snprintf(host->why, sizeof(host->why), "%u items pending", host->pending);
		result = -1;
	} else if (host->stage->drain && host->stage->drain(&host->context) != 0) {
		snprintf(host->why, sizeof(host->why), "drain: %.400s", host->last_log);
		result = -1;
	}
	if (host->stage->close)
		host->stage->close(&host->context);
	host->opened = NULL;
	return result;
}

void stage_host_unload(struct stage_host *host)
{
	(void)stage_host_stop(host);
	while (host->items) {
		struct stage_item *item = host->items;
		host->items = item->next;
		free_item(host, item);
	}
	while (host->settings) {
		struct stage_host_setting *setting = host->settings;
		host->settings = setting->next;
		free(setting->name);
		free(setting->value);
		free(setting);
	}
	for (size_t i = 0; i < host->owned_count; i++)
		free(host->owned[i]);
	close_commons(host);
	free(host->owned);
	free(host->options);
	if (host->module)
		dlclose(host->module);
	free(host);
}
