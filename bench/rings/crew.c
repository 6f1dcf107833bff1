/* SPDX-License-Identifier: Apache-2.0 */
/* The children of a measurement. */
#include "rings.h"
#include <string.h>

enum { READY_MS = 20000 };

int crew_open(struct crew *crew)
{
	memset(crew, 0, sizeof(*crew));
	crew->control = shared_map(sizeof(*crew->control));
	return crew->control ? 0 : -1;
}

void crew_close(struct crew *crew)
{
	for (int i = 0; i < crew->count; i++)
		kk_process_free(crew->member[i]);
	shared_unmap(crew->control, sizeof(*crew->control));
	crew->control = NULL;
	crew->count = 0;
}

int crew_start(struct crew *crew, int (*function)(void *), void *argument, const int *fds, int fd_count)
{
	struct kk_process_fd list[8] = {{2, 2}};
	size_t count = 1;
	for (int i = 0; i < fd_count && count < 8; i++)
		if (fds[i] >= 0)
			list[count++] = (struct kk_process_fd){fds[i], fds[i]};
	struct kk_process_spec spec = {
	    .function = function, .argument = argument, .fds = list, .fd_count = count, .die_with_thread = true};
	struct kk_process *member = crew->count < MEMBERS_MAX ? kk_process_spawn(&spec, NULL) : NULL;
	if (!member)
		return -1;
	crew->member[crew->count++] = member;
	return 0;
}

int crew_go(struct crew *crew)
{
	int waited_ms = 0;
	while (atomic_load(&crew->control->ready) < (uint32_t)crew->count) {
		if (waited_ms++ > READY_MS)
			return -1;
		sleep_ms(1);
	}
	atomic_store(&crew->control->go, 1);
	return 0;
}

void crew_ready(struct control *control)
{
	atomic_fetch_add(&control->ready, 1);
	while (!atomic_load(&control->go))
		sleep_ms(1);
}

void crew_stop(struct crew *crew)
{
	atomic_store(&crew->control->stop, 1);
}

void crew_end(struct crew *crew, int timeout_ms)
{
	const uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000;
	for (int i = 0; i < crew->count; i++) {
		uint64_t now = now_ns();
		struct kk_process_end end;
		if (kk_process_wait(crew->member[i], now < until ? (int)((until - now) / 1000000) : 0, &end) != 0) {
			crew->killed++;
			kk_process_free(crew->member[i]);
			crew->member[i] = NULL;
		} else if (!end.exited || end.code) {
			char text[64];
			mismatch("a member ended with %s", kk_process_obituary(&end, text, sizeof(text)));
		}
	}
}

uint64_t crew_items(const struct crew *crew)
{
	uint64_t items = 0;
	for (int i = 0; i < MEMBERS_MAX; i++)
		items += atomic_load_explicit(&crew->control->tally[i].items, memory_order_relaxed);
	return items;
}
