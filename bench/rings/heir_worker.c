/* SPDX-License-Identifier: Apache-2.0 */
/* bench-ring-heir - a worker that begins with an item and is killed; started again, it goes on with that item. Finds
 * its memory under HEIR_FD. Ends never. */
#include "heir.h"
#include <kakehi/shm.h>
#include <time.h>
#include <unistd.h>

static void begin(struct heir_page *page, uint32_t handle)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	page->handle = handle;
	page->started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	atomic_fetch_add(&page->works, 1);
	kk_event_wake(&page->began, 1, -1);
}

static int redo(void *argument, uint32_t handle, unsigned ring)
{
	(void)ring;
	begin(argument, handle);
	return 0;
}

static int complete(void *argument, uint32_t handle)
{
	(void)argument;
	(void)handle;
	return KK_ERR_CORRUPT; /* nobody decides anything here */
}

static struct kk_ring *no_ring(void *argument, unsigned number)
{
	(void)argument;
	(void)number;
	return NULL; /* nor puts */
}

int main(void)
{
	char *memory = kk_shm_map(HEIR_FD, heir_bytes(), true, NULL);
	struct kk_table *table;
	struct kk_ring *ring;
	if (!memory || kk_table_attach(&table, memory + heir_table_at(), heir_bytes() - heir_table_at(), HEIR_ROLE) ||
	    kk_ring_attach(&ring, memory + heir_ring_at(), heir_bytes() - heir_ring_at(), table))
		return 1;
	struct heir_page *page = (struct heir_page *)(void *)memory;
	struct kk_heir heir = {.complete = complete, .redo = redo, .ring = no_ring, .arg = page};
	long found = kk_table_inherit(table, &heir);
	uint32_t handle;
	if (found < 0 || (found == 0 && kk_ring_take(ring, &handle, 1) != 1))
		return 1;
	if (found == 0)
		begin(page, handle);
	for (;;)
		pause();
}
