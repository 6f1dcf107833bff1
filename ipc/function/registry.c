/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/function/registry.c - functions and their names: a list that grows before main and when a library is loaded, and
 * is else only read, by other threads at the same time. */
#include <kakehi/function.h>
#include <stdatomic.h>
#include <string.h>

#define NAME_MAX_BYTES 100

/* release, acquire: who finds a function finds all of its entry. */
static struct kk_registered *_Atomic head;

static const struct kk_registered *first(void)
{
	return atomic_load_explicit(&head, memory_order_acquire);
}

int kk_function_register(struct kk_registered *one)
{
	size_t length = one->name ? strnlen(one->name, NAME_MAX_BYTES + 1) : 0;

	if (!one->function || length == 0 || length > NAME_MAX_BYTES)
		return KK_ERR_INVALID;
	for (const struct kk_registered *other = first(); other; other = other->next) {
		if (strcmp(other->name, one->name) == 0)
			return other->function == one->function ? KK_OK : KK_ERR_EXISTS;
	}
	one->next = atomic_load_explicit(&head, memory_order_relaxed);
	atomic_store_explicit(&head, one, memory_order_release);
	return KK_OK;
}

void kk_function_forget(struct kk_registered *one)
{
	struct kk_registered *before = atomic_load_explicit(&head, memory_order_relaxed);

	if (before == one) {
		atomic_store_explicit(&head, one->next, memory_order_release);
		return;
	}
	while (before && before->next != one)
		before = before->next;
	if (before)
		before->next = one->next;
}

kk_function *kk_function_find(const char *name)
{
	for (const struct kk_registered *one = first(); one; one = one->next) {
		if (strcmp(one->name, name) == 0)
			return one->function;
	}
	return NULL;
}

const char *kk_function_name(kk_function *function)
{
	for (const struct kk_registered *one = first(); one; one = one->next) {
		if (one->function == function)
			return one->name;
	}
	return NULL;
}
