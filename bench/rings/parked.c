/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to wait: CPU time of workers that wait for an empty ring, with a back-stop of a second. */
#include "rings.h"
#include <kakehi/ring.h>
#include <stdio.h>
#include <string.h>

enum { WORKERS = 64, SLOTS = 64, PATIENCE_MS = 5000 };

struct scene {
	struct crew crew;
	struct channel channel;
	void *table;
	size_t table_bytes;
};

struct member {
	struct scene *scene;
	int index;
};

static int run_member(void *argument)
{
	const struct member *member = argument;
	struct scene *scene = member->scene;
	const struct seat seat = {false, member->index, 1 + (unsigned)member->index};
	struct waiter waiter = {&rival_kakehi, WAIT_PARK, scene->crew.control, false, 0, 0};
	uint64_t word;
	void *end = rival_kakehi.open(&scene->channel, &seat);
	if (!end)
		return 1;
	crew_ready(scene->crew.control);
	uint64_t before = cpu_ns();
	int taken = wait_take(&waiter, end, &word, 1);
	atomic_store(&scene->crew.control->tally[member->index].nanoseconds, cpu_ns() - before);
	rival_kakehi.close(end);
	return taken;
}

static int wait_parked(struct scene *scene, int seconds_ms)
{
	static struct member members[WORKERS];
	const struct seat seat = {true, 0, WORKERS + 1};
	for (int i = 0; i < WORKERS; i++) {
		members[i] = (struct member){scene, i};
		if (crew_start(&scene->crew, run_member, &members[i], NULL, 0) < 0)
			return -1;
	}
	void *end = rival_kakehi.open(&scene->channel, &seat);
	if (!end || crew_go(&scene->crew) < 0)
		return -1;
	sleep_ms(seconds_ms);
	crew_stop(&scene->crew);
	kk_event_wake_all(rival_kakehi.event(end), -1);
	rival_kakehi.close(end);
	crew_end(&scene->crew, PATIENCE_MS);
	return 0;
}

int section_parked(const struct options *options)
{
	const int ms = options->quick ? 500 : 10000;
	struct scene scene;
	uint64_t total = 0;
	memset(&scene, 0, sizeof(scene));
	scene.table_bytes = kk_table_size(SLOTS, 64);
	scene.table = shared_map(scene.table_bytes);
	int status = scene.table && kk_table_init(scene.table, SLOTS, 64) == KK_OK ? crew_open(&scene.crew) : -1;
	if (status == 0)
		status = channel_make(&scene.channel, &rival_kakehi, SLOTS, 0, scene.table, scene.table_bytes, 0);
	if (status == 0)
		status = wait_parked(&scene, ms);
	for (int i = 0; status == 0 && i < WORKERS; i++)
		total += atomic_load(&scene.crew.control->tally[i].nanoseconds);
	if (status == 0 && scene.crew.killed)
		mismatch("%d parked workers did not end", scene.crew.killed);
	crew_close(&scene.crew);
	channel_unmake(&scene.channel, &rival_kakehi);
	shared_unmap(scene.table, scene.table_bytes);
	if (status == 0)
		printf("\nCPU time of %d workers parked for %.1f s, falling asleep, back-stops and waking up included\n"
		       "  %.2f ms in all\n",
		       WORKERS, ms / 1000.0, (double)total / 1e6);
	return status;
}
