/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/order.c - the spec of a call as one block of bytes, and back. */
#include "process/order.h"
#include "log/levels.h"
#include "process/private.h"
#include "process/self.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t environment_bytes(const char *const *environment)
{
	uint64_t bytes = 0;

	for (size_t i = 0; environment && environment[i]; i++)
		bytes += strlen(environment[i]) + 1;
	return bytes;
}

/* Takes `bytes` of the block, 16-byte aligned. */
static uint64_t place(struct kk_order *order, uint64_t bytes)
{
	uint64_t at = (order->bytes + 15) & ~UINT64_C(15);

	order->bytes = at + bytes;
	return at;
}

static void lay_out(struct kk_order *order, const struct kk_process_spec *spec)
{
	order->bytes = sizeof(*order);
	order->args_bytes = spec->args_bytes;
	order->args_at = place(order, order->args_bytes);
	order->environment_bytes = environment_bytes(spec->environment);
	order->environment_at = place(order, order->environment_bytes);
	order->limit_count = spec->limit_count;
	order->limits_at = place(order, order->limit_count * sizeof(*spec->limits));
	order->target_count = spec->fd_count;
	order->targets_at = place(order, order->target_count * sizeof(int));
	order->directory_bytes = spec->directory ? strlen(spec->directory) + 1 : 0;
	order->directory_at = place(order, order->directory_bytes);
}

static void fill(struct kk_order *order, const struct kk_process_spec *spec)
{
	char *base = (char *)order, *to = base + order->environment_at;
	int *targets = (int *)(void *)(base + order->targets_at);

	if (order->args_bytes > 0)
		memcpy(base + order->args_at, spec->args, order->args_bytes);
	for (size_t i = 0; spec->environment && spec->environment[i]; i++)
		to = stpcpy(to, spec->environment[i]) + 1;
	if (order->limit_count > 0)
		memcpy(base + order->limits_at, spec->limits, order->limit_count * sizeof(*spec->limits));
	for (size_t i = 0; i < spec->fd_count; i++)
		targets[i] = spec->fds[i].to;
	if (spec->directory)
		memcpy(base + order->directory_at, spec->directory, order->directory_bytes);
}

static_assert(sizeof("Process-") - 1 + KK_IDENTITY_BYTES <= KK_NAME_MAX + 1, "a name has room for any identity");

static void name_it(struct kk_order *order, const struct kk_process_spec *spec)
{
	const char *function = spec->call ? kk_function_name(spec->call) : NULL;

	if (!order->serve)
		kk_self_next(order->identity, sizeof(order->identity));
	if (spec->name) {
		strcpy(order->name, spec->name);
	} else {
		memcpy(stpcpy(order->name, "Process-"), order->identity, sizeof(order->identity));
	}
	if (function)
		strcpy(order->function, function);
	kk_log_describe(order->levels, sizeof(order->levels));
}

struct kk_order *kk_order_make(const struct kk_process_spec *spec, struct kk_error *error)
{
	size_t name = spec->name ? strnlen(spec->name, KK_NAME_MAX + 1) : 1;
	struct kk_order plan = {
	    .magic = KK_ORDER_MAGIC,
	    .serve = !spec->call,
	    .member = spec->family != NULL,
	    .replaces = spec->environment != NULL,
	    .call = spec->call,
	    .kin = spec->family,
	    .carry = -1,
	    .hello = -1,
	    .parent = getpid(),
	    .named = spec->name != NULL,
	    .daemon = spec->daemon,
	    .own_group = spec->own_group,
	    .own_session = spec->own_session,
	    .set_umask = spec->set_umask,
	    .umask = spec->umask,
	};

	if (name == 0 || name > KK_NAME_MAX) {
		kk_error_set(error, KK_ERR_INVALID, "the name of a process has 1 to %u bytes", KK_NAME_MAX);
		return NULL;
	}
	if (!spec->args && spec->args_bytes > 0) {
		kk_error_set(error, KK_ERR_INVALID, "a length of arguments without any");
		return NULL;
	}
	lay_out(&plan, spec);
	struct kk_order *order = calloc(1, plan.bytes);
	if (!order) {
		kk_error_set(error, KK_ERR_MEMORY, "no memory for the arguments of a process");
		return NULL;
	}
	*order = plan;
	fill(order, spec);
	name_it(order, spec);
	return order;
}

static int write_all(int fd, const void *data, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = write(fd, (const char *)data + done, bytes - done);
		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int kk_order_send(const struct kk_order *order)
{
	struct rlimit limit;
	int fd;

	/* A file that may not be that large would end us by SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && order->bytes > limit.rlim_cur) {
		errno = EFBIG;
		return -1;
	}
	fd = kk_private_adopt(memfd_create("kakehi-order", MFD_CLOEXEC));
	if (fd >= 0 && write_all(fd, order, order->bytes) < 0) {
		int failed = errno;
		kk_private_close(&fd);
		errno = failed;
	}
	return fd;
}

static bool inside(const struct kk_order *order, uint64_t at, uint64_t count, uint64_t size)
{
	return at <= order->bytes && count <= (order->bytes - at) / size;
}

static bool is_sound(const struct kk_order *order, uint64_t bytes)
{
	return order->magic == KK_ORDER_MAGIC && order->bytes == bytes &&
	       inside(order, order->args_at, order->args_bytes, 1) &&
	       inside(order, order->environment_at, order->environment_bytes, 1) &&
	       inside(order, order->limits_at, order->limit_count, sizeof(struct kk_process_limit)) &&
	       inside(order, order->targets_at, order->target_count, sizeof(int)) &&
	       inside(order, order->directory_at, order->directory_bytes, 1);
}

const struct kk_order *kk_order_receive(int fd)
{
	struct stat file;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) || file.st_size < (off_t)sizeof(struct kk_order))
		return NULL;
	/* Private and writable: a function may do with its arguments as it likes, as in a fork. */
	void *memory = mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		return NULL;
	if (is_sound(memory, (uint64_t)file.st_size))
		return memory;
	munmap(memory, (size_t)file.st_size);
	return NULL;
}

void kk_order_unmap(const struct kk_order *order)
{
	if (order)
		munmap((void *)(uintptr_t)order, order->bytes);
}

kk_function *kk_order_find(const struct kk_order *order, bool fork)
{
	if (fork)
		return order->call;
	return order->function[0] ? kk_function_find(order->function) : NULL;
}
