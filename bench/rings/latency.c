/* SPDX-License-Identifier: Apache-2.0 */
/* Half a round trip of one word: out through one channel, back through another, each process on its own processor. */
#include "rings.h"
#include <kakehi/ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 5000, SLOTS = 64 };
enum { THERE, BACK };

struct scene {
	const struct rival *rival; /* NULL: two words in shared memory, the floor */
	enum waiting waiting;
	struct channel channel[2];
	struct crew crew;
	void *table;
	size_t table_bytes, rounds;
	uint64_t *took; /* shared */
	struct {
		_Alignas(64) _Atomic uint64_t word;
	} * words; /* of the floor, shared */
};

struct member {
	struct scene *scene;
	bool pings;
};

static int pass_words(struct scene *scene, bool pings)
{
	for (uint64_t i = 1; i <= scene->rounds; i++) {
		uint64_t start = now_ns();
		if (pings)
			atomic_store_explicit(&scene->words[THERE].word, i, memory_order_release);
		while (atomic_load_explicit(&scene->words[pings ? BACK : THERE].word, memory_order_acquire) != i)
			if (crew_stopped(scene->crew.control))
				return 1;
		if (pings)
			scene->took[i - 1] = now_ns() - start;
		else
			atomic_store_explicit(&scene->words[BACK].word, i, memory_order_release);
	}
	return 0;
}

static int pass(struct scene *scene, bool pings, void *out, void *in)
{
	/* Nobody drains: when told to stop, the measurement has failed. */
	struct waiter waiter = {scene->rival, scene->waiting, scene->crew.control, false, 1, 0};
	uint64_t word = 0;
	for (size_t i = 0; i < scene->rounds; i++) {
		uint64_t start = now_ns();
		if (pings && scene->rival->handles)
			wait_put(&waiter, out, &word, 1);
		else if (pings && scene->rival->put(out, &word, 1) != 1)
			return 1;
		if (wait_take(&waiter, in, &word, 1) != 1)
			return 1;
		if (pings)
			scene->took[i] = now_ns() - start;
		else if (scene->rival->handles)
			wait_put(&waiter, out, &word, 1);
		else if (scene->rival->put(out, &word, 1) != 1)
			return 1;
	}
	return 0;
}

/* Entry 0 is IDLE and may be put by whoever goes first. */
static int run_member(void *argument)
{
	const struct member *member = argument;
	struct scene *scene = member->scene;
	const struct rival *rival = scene->rival;
	void *ends[2] = {NULL, NULL};
	pin_to(member->pings);
	for (int which = THERE; rival && which <= BACK; which++) {
		struct seat seat = {member->pings == (which == THERE), 0, member->pings ? 1 : 2};
		if (!(ends[which] = rival->open(&scene->channel[which], &seat)))
			return 1;
	}
	crew_ready(scene->crew.control);
	int status =
	    rival ? pass(scene, member->pings, ends[member->pings ? THERE : BACK], ends[member->pings ? BACK : THERE])
	          : pass_words(scene, member->pings);
	for (int which = THERE; rival && which <= BACK; which++)
		rival->close(ends[which]);
	return status;
}

static int make_scene(struct scene *scene)
{
	for (int i = 0; i < 4; i++)
		scene->channel[i / 2].fds[i % 2] = -1;
	scene->table_bytes = kk_table_size(SLOTS, 64);
	scene->table = shared_map(scene->table_bytes);
	scene->took = shared_map(scene->rounds * sizeof(*scene->took));
	scene->words = shared_map(2 * sizeof(*scene->words));
	if (crew_open(&scene->crew) < 0 || !scene->table || !scene->took || !scene->words ||
	    kk_table_init(scene->table, SLOTS, 64) != KK_OK)
		return -1;
	for (int which = THERE; scene->rival && which <= BACK; which++)
		if (channel_make(&scene->channel[which], scene->rival, SLOTS, sizeof(uint64_t), scene->table,
		                 scene->table_bytes, (unsigned)which) < 0)
			return -1;
	return 0;
}

static void unmake_scene(struct scene *scene)
{
	crew_close(&scene->crew);
	for (int which = THERE; scene->rival && which <= BACK; which++)
		channel_unmake(&scene->channel[which], scene->rival);
	shared_unmap(scene->table, scene->table_bytes);
	shared_unmap(scene->took, scene->rounds * sizeof(*scene->took));
	shared_unmap(scene->words, 2 * sizeof(*scene->words));
}

static int start(struct scene *scene)
{
	static struct member members[2];
	int status = 0;
	for (int i = 0; i < 2 && status == 0; i++) {
		members[i] = (struct member){scene, i == 0};
		int fds[] = {scene->channel[THERE].fds[members[i].pings], scene->channel[BACK].fds[!members[i].pings]};
		status = crew_start(&scene->crew, run_member, &members[i], fds, 2);
	}
	for (int which = THERE; scene->rival && which <= BACK; which++)
		channel_close_fds(&scene->channel[which]);
	return status < 0 ? status : crew_go(&scene->crew);
}

/* The two figures, in nanoseconds. 0 or negative. */
static int run(const struct rival *rival, enum waiting waiting, size_t rounds, double figures[2])
{
	struct scene scene = {.rival = rival, .waiting = waiting, .rounds = rounds};
	int status = make_scene(&scene);
	if (status == 0)
		status = start(&scene);
	if (status == 0) {
		crew_end(&scene.crew, PATIENCE_MS + (int)rounds);
		status = scene.crew.killed ? -1 : 0;
	}
	if (status == 0) {
		figures[0] = (double)percentile(scene.took, rounds, 50) / 2;
		figures[1] = (double)percentile(scene.took, rounds, 99) / 2;
	}
	unmake_scene(&scene);
	return status;
}

static void print_row(const char *name, const char *how, int status, const double figures[2])
{
	printf("  %-22s %-18s", name, how);
	if (status < 0)
		printf(" %10s\n", "failed");
	else
		printf(" %10.2f %10.2f\n", figures[0] / 1000, figures[1] / 1000);
	fflush(stdout);
}

int section_latency(const struct options *options)
{
	const size_t rounds = options->quick ? 200 : 20000;
	double figures[2] = {0, 0};
	printf("\nHand-over: half a round trip, two processes, pinned\n  %-22s %-18s %10s %10s\n", "microseconds",
	       "waiting", "p50", "p99");
	int status = run(NULL, WAIT_YIELD, rounds, figures);
	print_row("a shared word", "spins", status, figures);
	for (size_t r = 0; rivals[r]; r++) {
		status = run(rivals[r], WAIT_YIELD, rounds, figures);
		print_row(rivals[r]->name, rivals[r]->handles ? "spins and yields" : "its own", status, figures);
	}
	for (size_t r = 0; r < 2; r++) {
		status = run(rivals[r], WAIT_PARK, rounds, figures);
		print_row(rivals[r]->name, "spins and parks", status, figures);
	}
	if (options->python && !options->quick) {
		const char *arguments[] = {"latency", "5000", NULL};
		status = python_figures(options, arguments, figures, 2) == 2 ? 0 : -1;
		print_row("Python mp.Queue", "its own", status, figures);
	}
	return 0;
}
