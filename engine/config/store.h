/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/store.h - reads sizes and texts, produces memory that is freed all at once.
 *
 * A config becomes many small nodes and texts that live exactly as long as each other; so do the option values of one
 * stage. Not for more than one thread.
 */
#ifndef ENGINE_CONFIG_STORE_H
#define ENGINE_CONFIG_STORE_H

#include <stdarg.h>
#include <stddef.h>

struct kk_store;

/* kk_store_new - an empty store, owned by the caller; NULL: out of memory. */
struct kk_store *kk_store_new(void);

/* kk_store_free - frees the store and everything it gave out. `store` may be NULL. */
void kk_store_free(struct kk_store *store);

/* kk_store_alloc - `bytes` of zeroed memory, aligned for any type, valid until kk_store_free; NULL: out of memory. */
void *kk_store_alloc(struct kk_store *store, size_t bytes);

/* kk_store_text - a NUL-terminated copy of `length` bytes; NULL: out of memory. */
char *kk_store_text(struct kk_store *store, const char *text, size_t length);

/* kk_store_format - a formatted text; NULL: out of memory. */
char *kk_store_format(struct kk_store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *kk_store_vformat(struct kk_store *store, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif
