/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/log.h - reads what a program has to say, produces lines that tell which process said it and when.
 *
 *	kk_log_info("db.pool", "%u connections", n);
 *
 *	2026-11-22T09:30:00.123456Z INFO Process-1 db.pool: 4 connections
 *
 * Each line is one write(2) of at most KK_LOG_LINE bytes, so that lines of processes that share a pipe, or a file that
 * was opened with O_APPEND, never mix. What is printed at all is decided by level and module, a dotted name: the level
 * of the longest prefix counts ("db" is one of "db.pool", "d" is not), warnings and errors if there is none. A block
 * can have levels of its own, in the thread that runs it:
 *
 *	KK_LOG_SCOPE("db", KK_LOG_DEBUG);
 *
 * Nothing here takes a lock. Children have the levels that their parent has when they are started.
 */
#ifndef KAKEHI_LOG_H
#define KAKEHI_LOG_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_LOG_LINE   4096U /* bytes of a line with its end; what does not fit is cut             */
#define KK_LOG_MODULE 47U   /* bytes of the name of a module; longer ones are cut                 */
#define KK_LOG_RULES  64U   /* modules that can have a level; a level for all is one of them      */

/* The same as in kakehi/stage.h. */
#ifndef KK_LOG_LEVELS
#define KK_LOG_LEVELS
enum kk_log_level { KK_LOG_ERROR = 0, KK_LOG_WARNING, KK_LOG_INFO, KK_LOG_DEBUG };
#endif
#define KK_LOG_OFF (-1) /* as a level: not even errors */

/* A line before it is one. */
struct kk_log_entry {
	enum kk_log_level level;
	uint64_t time_ns; /* CLOCK_REALTIME, since 1970, UTC */
	pid_t pid;
	const char *process, *module; /* names */
	const char *text;
};

/* Takes entries, in the thread that logs; `entry` lives during the call. It may log itself: that goes to standard
 * error. */
typedef void kk_log_sink(void *context, const struct kk_log_entry *entry);

/* kk_log_write - what the macros below call. errno stays as it is. Any thread. */
KK_API void kk_log_write(enum kk_log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* kk_log_wants - would a line of this level be printed? */
KK_API bool kk_log_wants(enum kk_log_level level, const char *module);

#define kk_log_at(level, module, ...)                                                                                  \
	do {                                                                                                           \
		if (kk_log_wants(level, module))                                                                       \
			kk_log_write(level, module, __VA_ARGS__);                                                      \
	} while (0)
#define kk_log_error(module, ...)   kk_log_at(KK_LOG_ERROR, module, __VA_ARGS__)
#define kk_log_warning(module, ...) kk_log_at(KK_LOG_WARNING, module, __VA_ARGS__)
#define kk_log_info(module, ...)    kk_log_at(KK_LOG_INFO, module, __VA_ARGS__)
#define kk_log_debug(module, ...)   kk_log_at(KK_LOG_DEBUG, module, __VA_ARGS__)

/* kk_log_set - the level of a module and what lies beneath it; "" for all. A level or KK_LOG_OFF. 0; KK_ERR_INVALID:
 * the name is too long, or no level; KK_ERR_FULL: KK_LOG_RULES modules have one. */
KK_API int kk_log_set(const char *module, int level);

/* kk_log_configure - several at once, as from a command line: "info,db=debug,db.pool=off". 0, or as kk_log_set: what
 * stands before the mistake is set. */
KK_API int kk_log_configure(const char *levels, struct kk_error *error);

/* kk_log_to_fd - lines go to this descriptor (at first: 2), which stays the caller's. Before threads log. */
KK_API void kk_log_to_fd(int fd);

/* kk_log_to - entries go to `sink`, as into a queue whose other end writes them; NULL: to the descriptor again. Before
 * threads log. */
KK_API void kk_log_to(kk_log_sink *sink, void *context);

/* kk_log_format - the line of an entry, with its end, cut at `size` bytes and NUL-terminated. What is not printable is
 * escaped as in C, so that it is one line. Returns its length. */
KK_API size_t kk_log_format(const struct kk_log_entry *entry, char *to, size_t size);

/* kk_log_level_name - "ERROR", "WARNING", "INFO", "DEBUG". */
KK_API const char *kk_log_level_name(enum kk_log_level level);

/* A level for the calling thread, until it is ended; the innermost that fits a module counts. */
struct kk_log_scope {
	const char *module;
	int level;
	struct kk_log_scope *outer;
};

/* kk_log_scope_begin, kk_log_scope_end - in the same thread, in the order of brackets. `module` lives as long. */
KK_API void kk_log_scope_begin(struct kk_log_scope *scope, const char *module, int level);
KK_API void kk_log_scope_end(struct kk_log_scope *scope);

/* KK_LOG_SCOPE - from here to the end of the block. */
#define KK_LOG_JOIN2(a, b) a##b
#define KK_LOG_JOIN(a, b)  KK_LOG_JOIN2(a, b)
#define KK_LOG_SCOPE(module, level)                                                                                    \
	__attribute__((cleanup(kk_log_scope_end))) struct kk_log_scope KK_LOG_JOIN(kk_log_scope_, __LINE__);           \
	kk_log_scope_begin(&KK_LOG_JOIN(kk_log_scope_, __LINE__), module, level)

#ifdef __cplusplus
}
#endif
#endif
