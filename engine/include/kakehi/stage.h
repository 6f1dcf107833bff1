/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/stage.h - the contract between the engine and a stage.
 *
 * A stage is a loadable module that exports one `const struct kk_stage kk_stage`. It links its own libraries and
 * nothing of kakehi: everything it may ask of the engine is in the table `kk_host` that comes with its context.
 *
 *   describe child:  plan                        options are right? what will it need?
 *   worker process:  prepare -> [sandbox closes] -> open -> process ... process -> drain -> close
 *                                                     or -> submit/poll ...     -> drain -> close
 *                                                     or -> next ... next       -> drain -> close     (source)
 *
 * Every callback runs in one worker process, on its only thread that the engine knows of. A worker may be killed at
 * any moment, also by the engine (item deadline); nothing needs to be saved for that: an item that was in hand is
 * given to the process that takes over. Hence `process` may see an item twice, and sinks publish atomically
 * (rename, PUT) under a name that depends on the item alone.
 *
 * ABI history
 *   1  first version
 * New fields only at the end of a struct; a module built against an older header says so by its sizes.
 */
#ifndef KAKEHI_STAGE_H
#define KAKEHI_STAGE_H

#include <kakehi/option.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_STAGE_ABI 1

enum kk_stage_kind { KK_SOURCE = 1, KK_TRANSFORM, KK_SINK };

/* What becomes of an item. Returned by next/process/submit, passed to kk_finish. */
enum kk_verdict {
	KK_PASS = 0,    /* hand it on; from a sink: done. From `next`: here is an item.                        */
	KK_SKIP = 1,    /* by rule nobody needs it: counted as skipped                                         */
	KK_FAIL = 2,    /* failed for good; say why with kk_fail(). Counted as failed                          */
	KK_PENDING = 3, /* `submit` keeps it; kk_finish() will settle it                                       */
	KK_END = 4,     /* `next`: there are no more items                                                     */
	KK_LATER = 5,   /* `submit`: no room (memory, connections) now; the same item is submitted again later.
	                 * `next`: nothing has come for a while; the engine looks around and calls again       */
	KK_BROKEN = 6,  /* `next`: what it keeps on a disk cannot be written, which it has logged: ends the run */
};

/* What a stage needs; everything else is taken away from its workers before `open`. */
enum kk_need {
	KK_NEED_NETWORK = 1 << 0, /* may make sockets                                                      */
	KK_NEED_READ = 1 << 1,    /* may open files for reading after `prepare`                            */
	KK_NEED_WRITE = 1 << 2,   /* may create and write files                                            */
	KK_NEED_EXEC = 1 << 3,    /* may start programs                                                    */
	KK_NEED_KEEP = 1 << 4,    /* source: kk_keep, for what cannot be read again                        */
};

/* What a source with KK_NEED_KEEP has beside its position, and its heirs have after it. */
enum kk_keep {
	KK_KEEP_FILE = 0,   /* a file without a name, on a disk if there is one, for reading and writing      */
	KK_KEEP_PIPE_READ,  /* a pipe: its read end                                                           */
	KK_KEEP_PIPE_WRITE, /* and its write end                                                              */
	KK_KEEP_KINDS
};

/* Why an item failed. The word is what people see and what `retry` selects by. */
#define KK_FAIL_CLASSES(X)                                                                                             \
	X(OTHER, "other")                                                                                              \
	X(CRASHED, "crashed")                                                                                          \
	X(TIMEOUT, "timeout")                                                                                          \
	X(DNS_TEMPORARY, "dns-temporary")                                                                              \
	X(DNS_NONE, "dns-none")                                                                                        \
	X(CONNECT, "connect")                                                                                          \
	X(TLS, "tls")                                                                                                  \
	X(SLOW, "slow")                                                                                                \
	X(HTTP_4XX, "http-4xx")                                                                                        \
	X(HTTP_429, "http-429")                                                                                        \
	X(HTTP_5XX, "http-5xx")                                                                                        \
	X(TOO_LARGE, "too-large")                                                                                      \
	X(NOT_AN_IMAGE, "not-an-image")                                                                                \
	X(OPTED_OUT, "opted-out")                                                                                      \
	X(BLOCKED_ADDRESS, "blocked-address")                                                                          \
	X(REDIRECTS, "too-many-redirects")                                                                             \
	X(ABORTED, "aborted")                                                                                          \
	X(BAD_URL, "bad-url")                                                                                          \
	X(BAD_NAME, "bad-name")                                                                                        \
	X(IO, "io")                                                                                                    \
	X(MEMORY, "memory")
enum kk_fail_class {
#define KK_X(name, word) KK_FAIL_##name,
	KK_FAIL_CLASSES(KK_X)
#undef KK_X
	    KK_FAIL_CLASS_COUNT
};

/* The same as in kakehi/log.h. */
#ifndef KK_LOG_LEVELS
#define KK_LOG_LEVELS
enum kk_log_level { KK_LOG_ERROR = 0, KK_LOG_WARNING, KK_LOG_INFO, KK_LOG_DEBUG };
#endif

struct kk_host;

/* Where a source stands: two numbers of the source's own choosing, all zero at the very start. */
struct kk_position {
	uint64_t at, extra;
};

/* A worker's context. Owned by the engine; valid from `prepare` to `close`. */
struct kk_context {
	const struct kk_host *host;
	const void *options;         /* the stage's options struct, filled from its rows; read only             */
	void *state;                 /* the stage's own; the engine never looks                                 */
	const char *stage;           /* its name in the config                                                  */
	unsigned worker, workers;    /* this worker's number among the stage's workers: 0 .. workers-1          */
	uint64_t seed;               /* of this worker's own random stream                                      */
	struct kk_position position; /* source: in `open` where to go on, later where an heir would (after the
	                              * last committed item)                                                    */
	bool alone;                  /* the item in hand was present at several deaths and is run by itself     */
};

/* An item in hand. Owned by the engine; valid from the call that brings it until it is settled (returned with a
 * verdict other than KK_PENDING, or passed to kk_finish). All pointers in it live as long and are read only: writing
 * through them ends the worker. */
struct kk_item {
	struct kk_context *context;
	uint64_t sequence;           /* its number in the source, from 0                                          */
	const char *key;             /* the line, URL or path that the source gave it; in `next`: NULL until set  */
	const void *data;            /* the payload, NULL if it has none                                          */
	size_t size;                 /* bytes in the payload                                                      */
	void *user;                  /* the stage's own while the item is pending                                 */
	struct kk_position position; /* `next`: where the source stands *after* this item: set it             */
};

/* Numbers a stage declares for its options. Filled by `plan`; the engine presets every field. */
struct kk_demand {
	uint32_t struct_size;
	uint64_t largest;          /* bytes of the largest payload it may reserve; 0: it makes none of its own     */
	uint64_t heap;             /* bytes of private memory one worker may need beyond what it has at `open`     */
	uint32_t in_flight;        /* items one worker may hold pending; 1 for stages with `process`               */
	uint32_t needs;            /* enum kk_need                                                                 */
	uint32_t permits;          /* kk_admit: how many may be under way at one key at once; 0, or > 1024: any     */
	uint32_t cached;           /* kk_remember: how many things to remember; 0: none                             */
	double key_rate;           /* kk_admit: admissions a second at one key; 0: any                              */
	double rate;               /* kk_admit: admissions a second in all; 0: any                                  */
	uint32_t unique;           /* source: 1 if no key can come twice, so that nobody need look for duplicates   */
	uint64_t takes_ms;         /* `process` keeps a deadline of its own, this one; 0: the engine's will do       */
	const char *const *fields; /* names of all the fields it gives items, closed by NULL; NULL: does not say    */
};

/* The descriptor. `[describe]` callbacks run in a short-lived child that has no items; `[worker]` ones in a worker. */
struct kk_stage {
	uint32_t struct_size; /* sizeof(struct kk_stage)  */
	uint32_t abi_version; /* KK_STAGE_ABI             */
	uint32_t option_size; /* sizeof(struct kk_option) */
	enum kk_stage_kind kind;
	const char *name;                /* as in `use:`                                                    */
	const char *text;                /* one sentence                                                    */
	const struct kk_option *options; /* closed by a row without a name                                  */
	size_t options_size;             /* bytes of the options struct                                     */

	/* Checks what rows alone cannot (combinations, syntax) and declares what this configuration needs. Returns 0,
	 * or -1 with one sentence in `why` (no file or line: the engine adds them). Optional. [describe] */
	int (*plan)(const void *options, struct kk_demand *demand, char *why, size_t why_size);

	/* Everything that needs files or privileges the sandbox takes away. 0, or -1 after kk_log. Optional. [worker]
	 */
	int (*prepare)(struct kk_context *context);
	/* Opens connections, allocates. A session per worker, never one inherited. 0 or -1. Optional. [worker] */
	int (*open)(struct kk_context *context);

	/* Source: makes the next item: kk_set_key, kk_set_field, kk_reserve/kk_commit, item->position.
	 * KK_PASS, KK_SKIP, KK_FAIL (each counted), KK_LATER or KK_END. [worker] */
	enum kk_verdict (*next)(struct kk_context *context, struct kk_item *item);

	/* Transform or sink, one item at a time. KK_PASS, KK_SKIP or KK_FAIL. [worker] */
	enum kk_verdict (*process)(struct kk_context *context, struct kk_item *item);

	/* Transform or sink with many items in flight: instead of `process`, all three of these. Never blocks.
	 * `submit` takes one item; `poll` moves what can be moved and calls kk_finish for items that are through;
	 * `wait` tells what to wait for: returns a pollable descriptor (an epoll set; readable = call poll) and lowers
	 * *timeout_ms if poll must be called earlier. It enforces its own deadlines. [worker] */
	enum kk_verdict (*submit)(struct kk_context *context, struct kk_item *item);
	int (*poll)(struct kk_context *context);
	int (*wait)(struct kk_context *context, int *timeout_ms);

	/* No item will come any more and none is in hand: flush. 0 or -1. Optional. [worker] */
	int (*drain)(struct kk_context *context);
	/* Frees what prepare and open made. Optional. [worker] */
	void (*close)(struct kk_context *context);
};

/* The one symbol a module exports. */
#ifdef KK_STAGE_MODULE
__attribute__((visibility("default"))) extern const struct kk_stage kk_stage;
#endif

/* What a stage may ask of the engine. Use the functions below it, which read better. */
struct kk_host {
	uint32_t struct_size;
	uint32_t abi_version;
	void *(*reserve)(struct kk_item *item, size_t size);
	void *(*grow)(struct kk_item *item, size_t size);
	int (*commit)(struct kk_item *item, size_t size);
	int (*set_key)(struct kk_item *item, const char *key, size_t length);
	int (*set_field)(struct kk_item *item, const char *name, const char *value);
	const char *(*field)(const struct kk_item *item, const char *name);
	int (*expand)(const struct kk_item *item, const char *pattern, char *to, size_t size);
	enum kk_verdict (*fail)(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args);
	void (*finish)(struct kk_item *item, enum kk_verdict verdict);
	void (*log)(struct kk_context *context, enum kk_log_level level, const char *format, va_list args);
	uint64_t (*random)(struct kk_context *context);
	int (*shared)(struct kk_context *context, const char *name);
	int (*value_get)(struct kk_context *context, int object, size_t index, double *to);
	int (*value_set)(struct kk_context *context, int object, size_t index, double value);
	int (*value_add)(struct kk_context *context, int object, size_t index, double amount, double *now);
	long (*dict_get)(struct kk_context *context, int object, const char *key, char *to, size_t size);
	int (*dict_set)(struct kk_context *context, int object, const char *key, const char *value);
	int (*allow_write)(struct kk_context *context, const char *directory);
	long (*admit)(struct kk_context *context, const char *key);
	void (*leave)(struct kk_context *context, const char *key);
	void (*hold_off)(struct kk_context *context, const char *key, uint64_t wait_ms);
	int (*remember)(struct kk_context *context, const char *key, const void *what, size_t size, uint64_t keep_ms);
	long (*recall)(struct kk_context *context, const char *key, void *to, size_t size);
	int (*keep)(struct kk_context *context, enum kk_keep what);
	void (*release)(struct kk_item *item);
	long (*list_length)(struct kk_context *context, int object);
	long (*list_get)(struct kk_context *context, int object, long index, char *to, size_t size);
	int (*list_append)(struct kk_context *context, int object, const char *text);
	long (*list_pop)(struct kk_context *context, int object, long index, char *to, size_t size);
};

/* kk_reserve - room for the item's new payload, at least `size` bytes, in the stage's own arena; replaces an earlier
 * reservation. Contiguous, 64-byte aligned, contents undefined, owned by the engine, writable until the item is
 * settled. In `process` and `next` it waits for room; in submit/poll it returns NULL with errno EAGAIN instead (try
 * again in a later poll). NULL with errno EFBIG: larger than `largest`. */
static inline void *kk_reserve(struct kk_item *item, size_t size)
{
	return item->context->host->reserve(item, size);
}

/* kk_grow - makes the reservation at least `size` bytes, keeping its contents; it may move. NULL as kk_reserve: the
 * old reservation stays good. */
static inline void *kk_grow(struct kk_item *item, size_t size)
{
	return item->context->host->grow(item, size);
}

/* kk_release - gives the reservation back, if there is one: for an item that will wait for long without one. */
static inline void kk_release(struct kk_item *item)
{
	item->context->host->release(item);
}

/* kk_commit - says that `size` bytes of the reservation are the item's new payload; the rest is given back. Takes
 * effect if the item is settled with KK_PASS. 0, or -1: there is no reservation that large. */
static inline int kk_commit(struct kk_item *item, size_t size)
{
	return item->context->host->commit(item, size);
}

/* kk_set_key - source only: the item's key (a line, URL, path), `length` bytes, copied, made NUL-terminated.
 * 0; 1: it is set, but this run does not want the item, so that its payload need not be made: return any verdict; or
 * -1: it has a NUL byte or the record is full. */
static inline int kk_set_key(struct kk_item *item, const char *key, size_t length)
{
	return item->context->host->set_key(item, key, length);
}

/* kk_set_field - names a fact about the item: from a source, a carried column; from a transform a result, which
 * travels with a new payload (after kk_commit); from a sink a result for the manifest, which knows two by name:
 * `output` (where it is now: a path, a URL) and `bytes`. Copied. 0, or -1: no room. */
static inline int kk_set_field(struct kk_item *item, const char *name, const char *value)
{
	return item->context->host->set_field(item, name, value);
}

/* kk_field - the value of a field: the source's own first, then what earlier stages set. NULL if there is none. */
static inline const char *kk_field(const struct kk_item *item, const char *name)
{
	return item->context->host->field(item, name);
}

/* kk_expand - fills a name pattern: {id} {key} {name} {ext} {n} {md5} {xxh3} and {field}. Every expansion is sanitised
 * as one path component (no '/', control characters, leading dot; at most 200 bytes); slashes of the pattern itself
 * stay. Returns the length, or -1: unknown name in the pattern, or too long for `size`. */
static inline int kk_expand(const struct kk_item *item, const char *pattern, char *to, size_t size)
{
	return item->context->host->expand(item, pattern, to, size);
}

/* kk_fail - records why the item failed and returns KK_FAIL, so that `return kk_fail(...)` reads well. */
__attribute__((format(printf, 3, 4))) static inline enum kk_verdict
kk_fail(struct kk_item *item, enum kk_fail_class why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	enum kk_verdict verdict = item->context->host->fail(item, why, format, args);
	va_end(args);
	return verdict;
}

/* kk_finish - settles a pending item; the item must not be touched afterwards. Only from submit or poll. */
static inline void kk_finish(struct kk_item *item, enum kk_verdict verdict)
{
	item->context->host->finish(item, verdict);
}

/* kk_log - one line for people, with level, stage and worker added. */
__attribute__((format(printf, 3, 4))) static inline void kk_log(struct kk_context *context, enum kk_log_level level,
                                                                const char *format, ...)
{
	va_list args;
	va_start(args, format);
	context->host->log(context, level, format, args);
	va_end(args);
}

/* kk_allow_write - in `prepare` only, by a stage with KK_NEED_WRITE: it will write beneath this directory, which
 * exists. Without it only the current directory is open for writing once the sandbox is closed. 0, or -1: too many. */
static inline int kk_allow_write(struct kk_context *context, const char *directory)
{
	return context->host->allow_write(context, directory);
}

/* kk_random - the next number of this worker's own stream (reproducible from the run's seed). */
static inline uint64_t kk_random(struct kk_context *context)
{
	return context->host->random(context);
}

/* kk_shared - the object that the config names under `shared:`; -1 if there is none. Look it up once, in `open`. */
static inline int kk_shared(struct kk_context *context, const char *name)
{
	return context->host->shared(context, name);
}

/* kk_shared_get, _set, _add - a value (index 0) or an element of an array; atomic across all workers of the run.
 * int64 objects hold exact integers up to 2^53 through this interface. `now` (may be NULL) gets the new value.
 * 0, or -1: no such object, not numeric, index out of range. */
static inline int kk_shared_get(struct kk_context *context, int object, size_t index, double *to)
{
	return context->host->value_get(context, object, index, to);
}
static inline int kk_shared_set(struct kk_context *context, int object, size_t index, double value)
{
	return context->host->value_set(context, object, index, value);
}
static inline int kk_shared_add(struct kk_context *context, int object, size_t index, double amount, double *now)
{
	return context->host->value_add(context, object, index, amount, now);
}

/* kk_shared_look_up - copies the value under `key` into `to`, NUL-terminated, cut at `size`; returns its length, -1 if
 * there is none. kk_shared_enter - stores a copy; a NULL value removes it; 0, or -1: no dict, full, or too long. */
static inline long kk_shared_look_up(struct kk_context *context, int object, const char *key, char *to, size_t size)
{
	return context->host->dict_get(context, object, key, to, size);
}
static inline int kk_shared_enter(struct kk_context *context, int object, const char *key, const char *value)
{
	return context->host->dict_set(context, object, key, value);
}

/* kk_shared_length - how many texts a list holds; -1: no list. kk_shared_item - copies the one at `index`,
 * NUL-terminated, cut at `size`; kk_shared_pop - takes it off as well. An index counts from the end if it is negative:
 * -1 is the last. The length of the text; -1: there is none. kk_shared_append - puts one behind the last; 0, or -1: no
 * list, full, or too long. Who writes waits for others who do; who reads waits for nobody. An item that is done again,
 * since its worker was killed, appends again. */
static inline long kk_shared_length(struct kk_context *context, int object)
{
	return context->host->list_length(context, object);
}
static inline long kk_shared_item(struct kk_context *context, int object, long index, char *to, size_t size)
{
	return context->host->list_get(context, object, index, to, size);
}
static inline int kk_shared_append(struct kk_context *context, int object, const char *text)
{
	return context->host->list_append(context, object, text);
}
static inline long kk_shared_pop(struct kk_context *context, int object, long index, char *to, size_t size)
{
	return context->host->list_pop(context, object, index, to, size);
}

/* kk_admit - may one more thing begin at `key` (a host)? Asked of all workers of the stage together, by the limits that
 * `plan` declared: permits under way at once, admissions a second at this key and in all, and kk_hold_off. Returns 0:
 * yes, and it is under way until kk_leave; or in how many milliseconds (at least 1) it is worth asking again. What a
 * killed worker had under way is given back by its heir. Keys share a limited number of places by their hash: two may
 * count as one, which makes the limits stricter, never laxer. Without any limit declared everything is admitted and
 * kk_hold_off does nothing: a stage that wants that alone asks for UINT32_MAX permits. Admissions at a rate are evenly
 * spaced; of one above 100 a second those of 10 ms may come together. */
static inline long kk_admit(struct kk_context *context, const char *key)
{
	return context->host->admit(context, key);
}
static inline void kk_leave(struct kk_context *context, const char *key)
{
	context->host->leave(context, key);
}

/* kk_hold_off - nothing more begins at `key` for so long, in any worker of the stage. The longest wish counts. */
static inline void kk_hold_off(struct kk_context *context, const char *key, uint64_t wait_ms)
{
	context->host->hold_off(context, key, wait_ms);
}

/* kk_remember - keeps up to 448 bytes under `key` for all workers of the stage and so long; older things make room. 0,
 * or -1: too large, or `plan` asked for no room. kk_recall - copies what is remembered, whole, and returns its size;
 * -1: nothing, not any more, or larger than `size`. Neither ever waits; what is remembered may be forgotten early. */
static inline int kk_remember(struct kk_context *context, const char *key, const void *what, size_t size,
                              uint64_t keep_ms)
{
	return context->host->remember(context, key, what, size, keep_ms);
}
static inline long kk_recall(struct kk_context *context, const char *key, void *to, size_t size)
{
	return context->host->recall(context, key, to, size);
}

/* kk_keep - source with KK_NEED_KEEP only: a descriptor that all processes which play the source share, one after the
 * other; it stays open, the engine's. What a killed source had read and put there, its heir finds there. -1: there is
 * none. */
static inline int kk_keep(struct kk_context *context, enum kk_keep what)
{
	return context->host->keep(context, what);
}

#ifdef __cplusplus
}
#endif
#endif
