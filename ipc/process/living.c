/* SPDX-License-Identifier: Apache-2.0 */
#include "process/living.h"

#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kk_living *first;

void kk_living_lock(void)
{
	pthread_mutex_lock(&lock);
}

void kk_living_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void kk_living_forget(void)
{
	first = NULL;
}

void kk_living_add(struct kk_living *one, pid_t pid, struct kk_process *call)
{
	pthread_mutex_lock(&lock);
	one->pid = pid;
	one->call = call;
	one->next = first;
	one->link = &first;
	if (first)
		first->link = &one->next;
	first = one;
	pthread_mutex_unlock(&lock);
}

void kk_living_remove(struct kk_living *one)
{
	pthread_mutex_lock(&lock);
	if (one->pid != 0) {
		*one->link = one->next;
		if (one->next)
			one->next->link = one->link;
		one->pid = 0;
	}
	pthread_mutex_unlock(&lock);
}

bool kk_living_has(pid_t pid)
{
	const struct kk_living *one;
	pthread_mutex_lock(&lock);
	for (one = first; one && one->pid != pid; one = one->next)
		;
	pthread_mutex_unlock(&lock);
	return one != NULL;
}

size_t kk_living_calls(bool (*is)(struct kk_process *call), struct kk_process **to, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&lock);
	for (const struct kk_living *one = first; one; one = one->next) {
		if (!one->call || !is(one->call))
			continue;
		if (count < max)
			to[count] = one->call;
		count++;
	}
	pthread_mutex_unlock(&lock);
	return count;
}
