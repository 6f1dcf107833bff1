/* SPDX-License-Identifier: Apache-2.0 */
/* What a hop costs when nobody disturbs: one process takes a handle out of one ring and puts it into the other. */
#include "rings.h"
#include <kakehi/ring.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 4096, HOPS = 200000, ROUNDS_MAX = 9 };

struct scene {
	struct channel channel[2];
	void *ends[2], *table;
	size_t table_bytes;
};

static int make_scene(struct scene *scene, const struct rival *rival)
{
	const struct seat seat = {true, 0, 1};
	memset(scene, 0, sizeof(*scene));
	scene->table_bytes = kk_table_size(ENTRIES, 64);
	scene->table = shared_map(scene->table_bytes);
	if (!scene->table || kk_table_init(scene->table, ENTRIES, 64) != KK_OK)
		return -1;
	for (unsigned i = 0; i < 2; i++)
		if (channel_make(&scene->channel[i], rival, ENTRIES, 8, scene->table, scene->table_bytes, i) < 0 ||
		    !(scene->ends[i] = rival->open(&scene->channel[i], &seat)))
			return -1;
	for (uint64_t word = 0; word < ENTRIES / 2; word++)
		if (rival->put(scene->ends[0], &word, 1) != 1)
			return -1;
	return 0;
}

static void unmake_scene(struct scene *scene, const struct rival *rival)
{
	for (int i = 0; i < 2; i++) {
		if (scene->ends[i])
			rival->close(scene->ends[i]);
		channel_unmake(&scene->channel[i], rival);
	}
	shared_unmap(scene->table, scene->table_bytes);
}

/* Nanoseconds of one take and one put. Negative: failed. */
static double run(const struct rival *rival)
{
	struct scene scene;
	double took = -1;
	if (make_scene(&scene, rival) == 0) {
		uint64_t word, start = now_ns();
		int passed = 0;
		for (int i = 0; i < HOPS; i++)
			passed += rival->take(scene.ends[i & 1], &word, 1) == 1 &&
			          rival->put(scene.ends[~i & 1], &word, 1) == 1;
		took = passed == HOPS ? (double)(now_ns() - start) / HOPS : -1;
	}
	unmake_scene(&scene, rival);
	return took;
}

/* The floor: the two locked instructions that both need. */
static double run_locked(void)
{
	static _Atomic uint64_t words[2];
	const uint64_t start = now_ns();
	for (int i = 0; i < 2 * HOPS; i++) {
		uint64_t seen = atomic_load_explicit(&words[i & 1], memory_order_relaxed);
		atomic_compare_exchange_strong(&words[i & 1], &seen, seen + 1);
	}
	return (double)(now_ns() - start) / HOPS;
}

int section_alone(const struct options *options)
{
	const int rounds = options->quick ? 1 : ROUNDS_MAX;
	double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], locked[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		ours[i] = run(&rival_kakehi);
		theirs[i] = run(&rival_vyukov);
		locked[i] = run_locked();
		if (ours[i] < 0 || theirs[i] < 0)
			return -1;
	}
	printf("\nOne process alone, nanoseconds of a take and a put\n  kakehi %.1f   Vyukov %.1f   two locked "
	       "instructions %.1f\n",
	       median(ours, (size_t)rounds), median(theirs, (size_t)rounds), median(locked, (size_t)rounds));
	return 0;
}
