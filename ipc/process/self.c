/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/self.c - what a process knows of itself. */
#include "process/self.h"
#include <kakehi/log.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static struct kk_process_self self = {.name = "MainProcess"};
static char identity[KK_IDENTITY_BYTES];
static _Atomic unsigned children;
static pid_t became; /* the process that is the call */

const struct kk_process_self *kk_process_current(void)
{
	return &self;
}

int kk_process_rename(const char *name)
{
	size_t length = strnlen(name, sizeof(self.name));

	if (length == 0 || length >= sizeof(self.name))
		return KK_ERR_INVALID;
	memcpy(self.name, name, length + 1);
	return KK_OK;
}

void kk_self_become(const struct kk_order *order, struct kk_family *family)
{
	memcpy(self.name, order->name, sizeof(self.name));
	memcpy(identity, order->identity, sizeof(identity));
	became = getpid();
	self.parent = order->parent;
	self.daemon = order->daemon;
	self.family = family;
	atomic_store_explicit(&children, 0, memory_order_relaxed);
	kk_log_configure(order->levels, NULL);
	/* What ps and top show; cut at 15 bytes by the kernel. */
	if (order->named)
		prctl(PR_SET_NAME, self.name);
}

void kk_self_next(char *to, size_t size)
{
	/* relaxed: only the numbers have to differ. */
	unsigned number = atomic_fetch_add_explicit(&children, 1, memory_order_relaxed) + 1;

	snprintf(to, size, "%.*s%s%u", (int)size - 13, identity, identity[0] ? ":" : "", number);
}

uint64_t kk_self_salt(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct timespec now;

	/* FNV-1a. */
	for (const char *at = identity; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	if (became == getpid())
		return hash;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return hash ^ (uint64_t)getpid() << 40 ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec;
}
