/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/log/levels.c - which lines are wanted: rules of the process, and scopes of its threads. */
#include "log/levels.h"
#include <kakehi/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A rule is made once and stays; only its level changes. A death or a fork between TAKEN and MADE leaves a rule that
 * nobody reads. */
enum { FREE, TAKEN, MADE };

static struct rule {
	_Atomic int state;
	_Atomic int level;
	char module[KK_LOG_MODULE + 1];
} rules[KK_LOG_RULES];

static _Thread_local struct kk_log_scope *innermost;

static const char *const names[] = {
    [KK_LOG_ERROR] = "ERROR",
    [KK_LOG_WARNING] = "WARNING",
    [KK_LOG_INFO] = "INFO",
    [KK_LOG_DEBUG] = "DEBUG",
};

const char *kk_log_level_name(enum kk_log_level level)
{
	return names[level];
}

/* The length of `prefix` + 1 if it is `module` or one that it lies beneath; else 0. */
static size_t fits(const char *prefix, const char *module)
{
	size_t length = strlen(prefix);

	if (length == 0)
		return 1;
	if (strncmp(prefix, module, length) != 0 || (module[length] != '\0' && module[length] != '.'))
		return 0;
	return length + 1;
}

static int level_of(const char *module)
{
	size_t longest = 0;
	int level = KK_LOG_WARNING;

	for (const struct kk_log_scope *scope = innermost; scope; scope = scope->outer) {
		if (fits(scope->module, module) > 0)
			return scope->level;
	}
	/* acquire: pairs with the release in make(): the name is there. */
	for (struct rule *rule = rules; rule < rules + KK_LOG_RULES; rule++) {
		int state = atomic_load_explicit(&rule->state, memory_order_acquire);
		size_t length = state == MADE ? fits(rule->module, module) : 0;
		if (state == FREE)
			break;
		if (length > longest) {
			longest = length;
			level = atomic_load_explicit(&rule->level, memory_order_relaxed);
		}
	}
	return level;
}

bool kk_log_wants(enum kk_log_level level, const char *module)
{
	return (int)level <= level_of(module);
}

static bool make(struct rule *rule, const char *module, int level)
{
	int expected = FREE;

	if (!atomic_compare_exchange_strong_explicit(&rule->state, &expected, TAKEN, memory_order_relaxed,
	                                             memory_order_relaxed))
		return false;
	memcpy(rule->module, module, strlen(module) + 1);
	atomic_store_explicit(&rule->level, level, memory_order_relaxed);
	atomic_store_explicit(&rule->state, MADE, memory_order_release);
	return true;
}

int kk_log_set(const char *module, int level)
{
	if (strlen(module) > KK_LOG_MODULE || level < KK_LOG_OFF || level > KK_LOG_DEBUG)
		return KK_ERR_INVALID;
	for (struct rule *rule = rules; rule < rules + KK_LOG_RULES; rule++) {
		int state = atomic_load_explicit(&rule->state, memory_order_acquire);
		if (state == FREE && make(rule, module, level))
			return KK_OK;
		/* Again: it may have been made meanwhile, for the same module. */
		state = atomic_load_explicit(&rule->state, memory_order_acquire);
		if (state == MADE && strcmp(rule->module, module) == 0) {
			atomic_store_explicit(&rule->level, level, memory_order_relaxed);
			return KK_OK;
		}
	}
	return KK_ERR_FULL;
}

static int level_named(const char *name, size_t length)
{
	if (length == 3 && strncasecmp(name, "off", 3) == 0)
		return KK_LOG_OFF;
	for (int level = KK_LOG_ERROR; level <= KK_LOG_DEBUG; level++) {
		if (strlen(names[level]) == length && strncasecmp(name, names[level], length) == 0)
			return level;
	}
	return KK_LOG_OFF - 1;
}

/* "level" or "module=level" of `length` bytes. */
static int configure_one(const char *text, size_t length, struct kk_error *error)
{
	const char *equals = memchr(text, '=', length);
	size_t module_bytes = equals ? (size_t)(equals - text) : 0;
	const char *name = equals ? equals + 1 : text;
	char module[KK_LOG_MODULE + 1] = "";
	int level = level_named(name, length - (size_t)(name - text)), rc = KK_ERR_INVALID;

	if (module_bytes <= KK_LOG_MODULE) {
		memcpy(module, text, module_bytes);
		module[module_bytes] = '\0';
		rc = kk_log_set(module, level);
	}
	if (rc == KK_ERR_FULL)
		return kk_error_set(error, rc, "more than %u modules with a level", KK_LOG_RULES);
	if (rc < 0)
		return kk_error_set(error, rc, "not a level of the log: %.*s", (int)length, text);
	return KK_OK;
}

int kk_log_configure(const char *levels, struct kk_error *error)
{
	int rc = KK_OK;

	while (*levels && rc == KK_OK) {
		size_t length = strcspn(levels, ",");
		rc = configure_one(levels, length, error);
		levels += length + (levels[length] == ',');
	}
	return rc;
}

void kk_log_describe(char *to, size_t size)
{
	size_t used = 0;

	to[0] = '\0';
	for (struct rule *rule = rules; rule < rules + KK_LOG_RULES && used < size; rule++) {
		if (atomic_load_explicit(&rule->state, memory_order_acquire) != MADE)
			continue;
		int level = atomic_load_explicit(&rule->level, memory_order_relaxed);
		int length = snprintf(to + used, size - used, "%s%s%s%s", used > 0 ? "," : "", rule->module,
		                      rule->module[0] ? "=" : "", level < 0 ? "off" : names[level]);
		/* A rule that was cut would be another one. */
		if (length < 0 || (size_t)length >= size - used) {
			to[used] = '\0';
			break;
		}
		used += (size_t)length;
	}
}

void kk_log_scope_begin(struct kk_log_scope *scope, const char *module, int level)
{
	*scope = (struct kk_log_scope){module, level, innermost};
	innermost = scope;
}

void kk_log_scope_end(struct kk_log_scope *scope)
{
	innermost = scope->outer;
}
