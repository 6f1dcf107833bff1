/* SPDX-License-Identifier: Apache-2.0 */
/* From a worker's SIGKILL to its item being worked on again by an heir that is forked and executed anew. */
#include "heir.h"
#include "rings.h"
#include <kakehi/shm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { DEATHS_MAX = 50, PATIENCE_NS = 1000000000, PARENT_ROLE = 2 };

struct scene {
	struct kk_shm *shm;
	char *memory;
	struct heir_page *page;
	struct kk_table *table;
	struct kk_ring *ring;
};

static int make_scene(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->shm = kk_shm_create(heir_bytes(), "bench", 0, NULL);
	scene->memory = scene->shm ? kk_shm_map(kk_shm_fd(scene->shm, true), heir_bytes(), true, NULL) : NULL;
	if (!scene->memory)
		return -1;
	scene->page = (struct heir_page *)(void *)scene->memory;
	char *table = scene->memory + heir_table_at(), *ring = scene->memory + heir_ring_at();
	if (kk_table_init(table, HEIR_ENTRIES, 64) || kk_ring_init(ring, HEIR_ENTRIES, 0, 0) ||
	    kk_table_attach(&scene->table, table, heir_bytes() - heir_table_at(), PARENT_ROLE) ||
	    kk_ring_attach(&scene->ring, ring, heir_bytes() - heir_ring_at(), scene->table))
		return -1;
	return kk_ring_fill(scene->ring, 0, HEIR_ENTRIES);
}

static void unmake_scene(struct scene *scene)
{
	kk_ring_detach(scene->ring);
	kk_table_detach(scene->table);
	kk_shm_unmap(scene->memory, heir_bytes());
	kk_shm_free(scene->shm);
}

static struct kk_process *start(const struct scene *scene, const char *program)
{
	const struct kk_process_fd fds[] = {{kk_shm_fd(scene->shm, true), HEIR_FD}, {2, 2}};
	const struct kk_process_spec spec = {.path = program, .fds = fds, .fd_count = 2, .die_with_thread = true};
	return kk_process_spawn(&spec, NULL);
}

/* Waits until the worker has begun for the `times`-th time. */
static int wait_begun(const struct scene *scene, uint32_t times)
{
	for (;;) {
		uint32_t ticket = kk_event_prepare(&scene->page->began);
		if (atomic_load(&scene->page->works) >= times)
			return 0;
		if (kk_event_sleep(&scene->page->began, ticket, PATIENCE_NS) == KK_ERR_TIMEOUT &&
		    atomic_load(&scene->page->works) < times)
			return -1;
	}
}

/* One death: what it took, and for how much of it the process was started. */
static int die_once(const struct scene *scene, const char *program, struct kk_process **worker, uint32_t times,
                    uint64_t *took)
{
	const uint32_t handle = scene->page->handle;
	const uint64_t start_ns = now_ns();
	if (kk_process_kill(*worker, SIGKILL) != 0 || kk_process_wait(*worker, -1, NULL) != 0)
		return -1;
	kk_process_free(*worker);
	*worker = start(scene, program);
	if (!*worker || wait_begun(scene, times) < 0)
		return -1;
	if (scene->page->handle != handle)
		mismatch("the heir began with item %u, not %u", scene->page->handle, handle);
	*took = scene->page->started_ns - start_ns;
	return 0;
}

int section_heir(const struct options *options)
{
	const uint32_t deaths = options->quick ? 3 : DEATHS_MAX;
	struct scene scene;
	struct kk_process *worker = NULL;
	uint64_t took[DEATHS_MAX];
	int status = make_scene(&scene);
	if (status == 0) {
		worker = start(&scene, options->heir);
		status = worker ? wait_begun(&scene, 1) : -1;
	}
	for (uint32_t i = 0; status == 0 && i < deaths; i++)
		status = die_once(&scene, options->heir, &worker, i + 2, &took[i]);
	kk_process_free(worker);
	if (status == 0 && kk_ring_count(scene.ring) != HEIR_ENTRIES - 1)
		mismatch("%llu items are left", (unsigned long long)kk_ring_count(scene.ring));
	unmake_scene(&scene);
	if (status < 0)
		return -1;
	printf("\nFrom SIGKILL to the dead worker's item being worked on by its heir (reaped, fork + exec, %d entries\n"
	       "inherited), milliseconds of %u deaths\n  p50 %.2f   p99 %.2f   worst %.2f\n",
	       HEIR_ENTRIES, deaths, (double)percentile(took, deaths, 50) / 1e6,
	       (double)percentile(took, deaths, 99) / 1e6, (double)percentile(took, deaths, 100) / 1e6);
	return 0;
}
