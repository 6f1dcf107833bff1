/* SPDX-License-Identifier: Apache-2.0 */
/* What nobody can beat: payloads written and read by one process, and by two that have only two counters between them.
 */
#include "rings.h"
#include <sched.h>
#include <string.h>

enum { PATIENCE_MS = 5000, LOOKS = 64 };

static void *buffer_at(const struct floor *floor, char *data, uint64_t count)
{
	return data + count % floor->buffers * floor->bytes;
}

double floor_alone(const struct floor *floor)
{
	const size_t words = floor->bytes / sizeof(uint64_t);
	char *data = shared_map(floor->bytes * floor->buffers);
	if (!data)
		return -1;
	const uint64_t start = now_ns(), until = start + (uint64_t)floor->window_ms * 1000000;
	uint64_t count = 0, end = 0;
	do {
		uint64_t *payload = buffer_at(floor, data, count);
		uint64_t wanted = fill_words(payload, words, count);
		/* The compiler must not know what it has just written. */
		__asm__ __volatile__("" : : "r"(payload) : "memory");
		if (sum_words(payload, words) != wanted)
			mismatch("memory does not hold what was written to it");
		count++;
		/* Reading the clock costs as much as the smallest payload. */
	} while (count % 64 || (end = now_ns()) < until);
	shared_unmap(data, floor->bytes * floor->buffers);
	return (double)count * 1e9 / (double)(end - start);
}

struct scene {
	const struct floor *floor;
	struct crew crew;
	char *data;
	struct {
		_Alignas(64) _Atomic uint64_t count;
	} * counters; /* shared: written, read */
};

struct member {
	struct scene *scene;
	bool writes;
};

enum { WRITTEN, READ };

/* Waits until the other's counter says that this payload's turn has come. */
static bool wait_turn(const struct member *member, uint64_t count)
{
	const struct scene *scene = member->scene;
	const _Atomic uint64_t *other = &scene->counters[member->writes ? READ : WRITTEN].count;
	const uint64_t ahead = member->writes ? scene->floor->buffers : 0;
	for (int looks = 0; atomic_load_explicit(other, memory_order_acquire) + ahead <= count; looks++) {
		if (crew_stopped(scene->crew.control))
			return false;
		if (looks >= LOOKS)
			sched_yield();
	}
	return !crew_stopped(scene->crew.control);
}

static int run_member(void *argument)
{
	const struct member *member = argument;
	struct scene *scene = member->scene;
	const size_t words = scene->floor->bytes / sizeof(uint64_t);
	_Atomic uint64_t *mine = &scene->counters[member->writes ? WRITTEN : READ].count;
	crew_ready(scene->crew.control);
	for (uint64_t count = 0; wait_turn(member, count); count++) {
		uint64_t *payload = buffer_at(scene->floor, scene->data, count);
		if (member->writes)
			fill_words(payload, words, count);
		else if (sum_words(payload, words) != count * words)
			return 1;
		atomic_store_explicit(mine, count + 1, memory_order_release);
	}
	return 0;
}

static double measure(struct scene *scene)
{
	struct member members[2] = {{scene, true}, {scene, false}};
	for (int i = 0; i < 2; i++)
		if (crew_start(&scene->crew, run_member, &members[i], NULL, 0) < 0)
			return -1;
	if (crew_go(&scene->crew) < 0)
		return -1;
	const _Atomic uint64_t *read = &scene->counters[READ].count;
	sleep_ms(scene->floor->window_ms / 4);
	uint64_t before = atomic_load(read), start = now_ns();
	sleep_ms(scene->floor->window_ms);
	double rate = (double)(atomic_load(read) - before) * 1e9 / (double)(now_ns() - start);
	crew_stop(&scene->crew);
	crew_end(&scene->crew, PATIENCE_MS);
	return rate;
}

double floor_pair(const struct floor *floor)
{
	struct scene scene;
	double rate = -1;
	memset(&scene, 0, sizeof(scene));
	scene.floor = floor;
	scene.data = shared_map(floor->bytes * floor->buffers);
	scene.counters = shared_map(2 * sizeof(*scene.counters));
	if (crew_open(&scene.crew) == 0 && scene.data && scene.counters)
		rate = measure(&scene);
	crew_close(&scene.crew);
	shared_unmap(scene.data, floor->bytes * floor->buffers);
	shared_unmap(scene.counters, 2 * sizeof(*scene.counters));
	return rate;
}
