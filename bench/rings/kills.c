/* SPDX-License-Identifier: Apache-2.0 */
/* Throughput while workers are killed and replaced by heirs, beside the same crew left in peace. */
#include "rings.h"
#include <kakehi/ring.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { PAIRS = 4, MEMBERS = 2 * PAIRS, ENTRIES = 4096, KILL_MS = 50, PARENT_ROLE = 511, ROUNDS_MAX = 15 };
enum { WORK, FREE };

/* One measurement. Members that are started later see the same pointers: they are forked from here. */
struct scene {
	struct control *control;
	void *table, *ring[2];
	size_t table_bytes, ring_bytes;
};

struct member {
	const struct scene *scene;
	int index; /* 0 .. PAIRS - 1 produce, the others take */
};

struct hands {
	struct kk_table *table;
	struct kk_ring *ring[2];
	int in, out;
};

static void drop(struct hands *hands)
{
	kk_ring_detach(hands->ring[WORK]);
	kk_ring_detach(hands->ring[FREE]);
	kk_table_detach(hands->table);
}

static int grasp(struct hands *hands, const struct scene *scene, unsigned role, bool producer)
{
	*hands = (struct hands){.in = producer ? FREE : WORK, .out = producer ? WORK : FREE};
	if (kk_table_attach(&hands->table, scene->table, scene->table_bytes, role) == KK_OK &&
	    kk_ring_attach(&hands->ring[WORK], scene->ring[WORK], scene->ring_bytes, hands->table) == KK_OK &&
	    kk_ring_attach(&hands->ring[FREE], scene->ring[FREE], scene->ring_bytes, hands->table) == KK_OK)
		return 0;
	drop(hands);
	return -1;
}

static int complete(void *argument, uint32_t handle)
{
	(void)argument;
	(void)handle;
	return KK_ERR_CORRUPT; /* nobody decides anything here */
}

static int redo(void *argument, uint32_t handle, unsigned ring)
{
	struct hands *hands = argument;
	(void)ring;
	int status = kk_ring_put(hands->ring[hands->out], handle, 0);
	kk_ring_announce(hands->ring[hands->out], 1);
	return status;
}

static struct kk_ring *ring_of(void *argument, unsigned number)
{
	struct hands *hands = argument;
	return hands->ring[number];
}

static void pass_on(struct hands *hands, struct control *control)
{
	struct kk_event *event = kk_ring_items_event(hands->ring[hands->in]);
	uint32_t handle;
	while (!crew_stopped(control)) {
		int taken = kk_ring_take(hands->ring[hands->in], &handle, 1);
		if (taken != 1) {
			uint32_t ticket = kk_event_prepare(event);
			taken = kk_ring_take(hands->ring[hands->in], &handle, 1);
			if (taken != 1 && !crew_stopped(control))
				kk_event_sleep(event, ticket, 1000000000);
		}
		if (taken == 1) {
			kk_ring_put(hands->ring[hands->out], handle, 0);
			kk_ring_announce(hands->ring[hands->out], 1);
		}
	}
}

static int run_member(void *argument)
{
	const struct member *member = argument;
	struct hands hands;
	if (grasp(&hands, member->scene, 1 + (unsigned)member->index, member->index < PAIRS) < 0)
		return 1;
	struct kk_heir heir = {.complete = complete, .redo = redo, .ring = ring_of, .arg = &hands};
	if (kk_table_inherit(hands.table, &heir) < 0)
		return 1;
	pass_on(&hands, member->scene->control);
	drop(&hands);
	return 0;
}

static void wake_everybody(const struct hands *hands)
{
	for (int which = WORK; which <= FREE; which++)
		kk_event_wake_all(kk_ring_items_event(hands->ring[which]), -1);
}

static struct kk_process *start(struct member *member)
{
	const struct kk_process_fd fds[] = {{2, 2}};
	const struct kk_process_spec spec = {
	    .function = run_member, .argument = member, .fds = fds, .fd_count = 1, .die_with_thread = true};
	return kk_process_spawn(&spec, NULL);
}

/* Kills one member after the other, `deaths` in all, and starts an heir for each; or only lets as much time pass. */
static int disturb(struct kk_process **processes, struct member *members, const struct hands *hands, int deaths,
                   bool kills)
{
	for (int i = 0; i < deaths; i++) {
		const int victim = i % MEMBERS;
		const uint64_t next = now_ns() + KILL_MS * UINT64_C(1000000);
		if (kills) {
			if (kk_process_kill(processes[victim], SIGKILL) < 0 ||
			    kk_process_wait(processes[victim], -1, NULL) < 0)
				return -1;
			kk_process_free(processes[victim]);
			wake_everybody(hands);
			if (!(processes[victim] = start(&members[victim])))
				return -1;
		}
		uint64_t now = now_ns();
		sleep_ms(now < next ? (int)((next - now) / 1000000) : 0);
	}
	return 0;
}

static int make_scene(struct scene *scene)
{
	scene->table_bytes = kk_table_size(ENTRIES, 64);
	scene->ring_bytes = kk_ring_size(ENTRIES);
	scene->table = shared_map(scene->table_bytes);
	scene->control = shared_map(sizeof(*scene->control));
	if (!scene->table || !scene->control || kk_table_init(scene->table, ENTRIES, 64) != KK_OK)
		return -1;
	for (int which = WORK; which <= FREE; which++) {
		scene->ring[which] = shared_map(scene->ring_bytes);
		if (!scene->ring[which] || kk_ring_init(scene->ring[which], ENTRIES, (unsigned)which, 0) != KK_OK)
			return -1;
	}
	return 0;
}

static void unmake_scene(struct scene *scene)
{
	for (int which = WORK; which <= FREE; which++)
		shared_unmap(scene->ring[which], scene->ring_bytes);
	shared_unmap(scene->table, scene->table_bytes);
	shared_unmap(scene->control, sizeof(*scene->control));
}

/* Those in nobody's hand: all, when the members have ended. */
static uint64_t left_in_rings(const struct hands *hands)
{
	return kk_ring_count(hands->ring[WORK]) + kk_ring_count(hands->ring[FREE]);
}

static double measure(struct scene *scene, struct hands *hands, int deaths, bool kills)
{
	struct kk_process *processes[MEMBERS] = {NULL};
	struct member members[MEMBERS];
	double rate = -1;
	bool started = kk_ring_fill(hands->ring[FREE], 0, ENTRIES) == KK_OK;
	for (int i = 0; i < MEMBERS && started; i++) {
		members[i] = (struct member){scene, i};
		started = (processes[i] = start(&members[i]));
	}
	if (started) {
		sleep_ms(KILL_MS);
		uint64_t before = kk_ring_puts(hands->ring[FREE]), start_ns = now_ns();
		if (disturb(processes, members, hands, deaths, kills) == 0)
			rate = (double)(kk_ring_puts(hands->ring[FREE]) - before) * 1e9 / (double)(now_ns() - start_ns);
		atomic_store(&scene->control->stop, 1);
		wake_everybody(hands);
	}
	for (int i = 0; i < MEMBERS; i++) {
		if (rate >= 0 && kk_process_wait(processes[i], 5000, NULL) != 0)
			mismatch("survivors of kills do not end");
		kk_process_free(processes[i]);
	}
	if (rate >= 0 && left_in_rings(hands) != ENTRIES)
		mismatch("%llu of %d handles are left after kills", (unsigned long long)left_in_rings(hands), ENTRIES);
	return rate;
}

static double run(int deaths, bool kills)
{
	struct scene scene;
	struct hands hands;
	double rate = -1;
	memset(&scene, 0, sizeof(scene));
	if (make_scene(&scene) == 0 && grasp(&hands, &scene, PARENT_ROLE, true) == 0) {
		rate = measure(&scene, &hands, deaths, kills);
		drop(&hands);
	}
	unmake_scene(&scene);
	return rate;
}

int section_kills(const struct options *options)
{
	const int rounds = options->quick ? 1 : ROUNDS_MAX, deaths = options->quick ? 4 : 20;
	double calm[ROUNDS_MAX], hunted[ROUNDS_MAX], ratio[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		calm[i] = run(deaths, false);
		hunted[i] = run(deaths, true);
		if (calm[i] < 0 || hunted[i] < 0)
			return -1;
		ratio[i] = hunted[i] / calm[i];
	}
	printf("\nA kill every %d ms and an heir for each, %d+%d processes, %d entries, million a second\n"
	       "  in peace %.2f   with kills %.2f   ratio %.2f (median of %d pairs, %d deaths each)\n",
	       KILL_MS, PAIRS, PAIRS, ENTRIES, median(calm, (size_t)rounds) / 1e6, median(hunted, (size_t)rounds) / 1e6,
	       median(ratio, (size_t)rounds), rounds, deaths);
	return 0;
}
