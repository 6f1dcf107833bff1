/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads, one producer and one taker: written by the one, read by the other. Rings hand over where the payload
 * lies, kakehi in blocks of an arena, Vyukov in one fixed buffer an entry; messages are copied in and out. */
#include "rings.h"
#include <kakehi/block.h>
#include <kakehi/ring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCER_ROLE = 1, TAKER_ROLE = 2, PARENT_ROLE = 3, LANE = 0, PATIENCE_MS = 5000, ROUNDS_MAX = 9 };
enum { WORK, FREE };

static const struct size {
	size_t bytes;
	uint32_t entries; /* payloads that can be on their way */
	const char *name;
} sizes[] = {
    {64, 1024, "64 B"},
    {4096, 64, "4 KiB"},
    {LARGEST, 4, "1 MiB"},
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct entry {
	struct kk_block_ref ref;
	uint64_t sum; /* what its reader must find */
};

struct scene {
	const struct rival *rival;
	const struct size *size;
	struct channel channel[2];
	struct crew crew;
	void *table, *log, *data;
	size_t table_bytes, log_bytes, data_bytes;
	struct kk_arena_shape shape;
};

/* ---- where a payload lies */

struct store {
	const struct scene *scene;
	struct kk_table *table;
	struct kk_arena *arena; /* kakehi's; NULL: fixed buffers */
};

static int open_store(struct store *store, const struct scene *scene, unsigned role)
{
	*store = (struct store){.scene = scene};
	if (kk_table_attach(&store->table, scene->table, scene->table_bytes, role) != KK_OK)
		return -1;
	if (scene->rival != &rival_kakehi)
		return 0;
	if (kk_arena_attach(&store->arena, scene->log, scene->log_bytes, scene->data, scene->data_bytes) != KK_OK)
		return -1;
	return role == PRODUCER_ROLE && kk_arena_adopt(store->arena, 0, role) != KK_OK ? -1 : 0;
}

static void close_store(struct store *store)
{
	kk_arena_detach(store->arena);
	kk_table_detach(store->table);
}

static void *fixed_buffer(const struct store *store, uint64_t handle)
{
	return (char *)store->scene->data + handle * store->scene->size->bytes;
}

/* Writes the payload of this entry and says where it is. */
static void write_payload(const struct store *store, uint64_t handle, uint64_t seed)
{
	const size_t bytes = store->scene->size->bytes;
	struct entry *entry = kk_table_entry(store->table, (uint32_t)handle);
	if (!store->arena) {
		entry->sum = fill_words(fixed_buffer(store, handle), bytes / 8, seed);
		return;
	}
	while (kk_block_alloc(store->arena, bytes, true, &entry->ref) != KK_OK)
		sched_yield();
	entry->ref.size = (uint32_t)bytes;
	entry->sum = fill_words(kk_block_memory(store->arena, &entry->ref), bytes / 8, seed);
	kk_block_share(store->arena, &entry->ref, 1u << LANE);
}

static bool read_payload(const struct store *store, uint64_t handle)
{
	const size_t bytes = store->scene->size->bytes;
	const struct entry *entry = kk_table_entry(store->table, (uint32_t)handle);
	const uint64_t *words = store->arena ? kk_block_read(store->arena, &entry->ref) : fixed_buffer(store, handle);
	bool good = words && sum_words(words, bytes / 8) == entry->sum;
	if (store->arena)
		kk_block_release(store->arena, &entry->ref, LANE);
	return good;
}

/* ---- the two members */

struct member {
	struct scene *scene;
	bool producer;
};

static int pass_entries(const struct member *member, void *ends[2], struct tally *tally)
{
	struct scene *scene = member->scene;
	struct waiter waiter = {scene->rival, WAIT_YIELD, scene->crew.control, !member->producer, 1, 0};
	struct store store;
	uint64_t handle, count = 0;
	if (open_store(&store, scene, member->producer ? PRODUCER_ROLE : TAKER_ROLE) < 0)
		return 1;
	crew_ready(scene->crew.control);
	while (wait_take(&waiter, ends[member->producer ? FREE : WORK], &handle, 1) > 0) {
		if (member->producer)
			write_payload(&store, handle, count);
		else if (!read_payload(&store, handle))
			atomic_fetch_add(&tally->failed, 1);
		wait_put(&waiter, ends[member->producer ? WORK : FREE], &handle, 1);
		count++;
		atomic_store_explicit(member->producer ? &tally->sum : &tally->items, count, memory_order_relaxed);
	}
	close_store(&store);
	return 0;
}

static int pass_messages(const struct member *member, void *end, struct tally *tally)
{
	struct scene *scene = member->scene;
	struct waiter waiter = {scene->rival, WAIT_YIELD, scene->crew.control, true, 1, 0};
	const int words = (int)(scene->size->bytes / 8);
	uint64_t count = 0, *buffer = malloc(scene->size->bytes);
	if (!buffer)
		return 1;
	crew_ready(scene->crew.control);
	if (member->producer) {
		for (; !crew_stopped(scene->crew.control); count++) {
			fill_words(buffer, (size_t)words, count);
			if (scene->rival->put(end, buffer, words) != words)
				break;
		}
		atomic_store(&tally->sum, count);
	} else {
		int got;
		while ((got = wait_take(&waiter, end, buffer, words)) > 0) {
			if (got != words || sum_words(buffer, (size_t)got) != buffer[0] * (uint64_t)got)
				atomic_fetch_add(&tally->failed, 1);
			count++;
			atomic_store_explicit(&tally->items, count, memory_order_relaxed);
		}
	}
	free(buffer);
	return 0;
}

static int run_member(void *argument)
{
	const struct member *member = argument;
	struct scene *scene = member->scene;
	struct tally *tally = &scene->crew.control->tally[member->producer ? 0 : 1];
	void *ends[2] = {NULL, NULL};
	for (int which = WORK; which <= (scene->rival->handles ? FREE : WORK); which++) {
		struct seat seat = {member->producer == (which == WORK), 0,
		                    member->producer ? PRODUCER_ROLE : TAKER_ROLE};
		if (!(ends[which] = scene->rival->open(&scene->channel[which], &seat)))
			return 1;
	}
	int status =
	    scene->rival->handles ? pass_entries(member, ends, tally) : pass_messages(member, ends[WORK], tally);
	if (member->producer && !scene->rival->eof) {
		atomic_fetch_add(&scene->crew.control->producers_done, 1);
		while (atomic_load(&scene->crew.control->takers_done) == 0)
			sleep_ms(1);
	}
	for (int which = WORK; which <= FREE; which++)
		if (ends[which])
			scene->rival->close(ends[which]);
	if (!member->producer)
		atomic_fetch_add(&scene->crew.control->takers_done, 1);
	return status;
}

/* ---- the scene */

static int make_memory(struct scene *scene)
{
	const struct size *size = scene->size;
	scene->shape =
	    (struct kk_arena_shape){1, 2 * size->entries, size->entries * (uint64_t)size->bytes, size->bytes};
	scene->table_bytes = kk_table_size(size->entries, 64);
	scene->table = shared_map(scene->table_bytes);
	scene->log_bytes = kk_arena_log_size(&scene->shape);
	scene->log = shared_map(scene->log_bytes);
	scene->data_bytes = kk_arena_data_size(&scene->shape);
	scene->data = shared_map(scene->data_bytes);
	if (!scene->table || !scene->log || !scene->data)
		return -1;
	return kk_table_init(scene->table, size->entries, 64) || kk_arena_init(scene->log, &scene->shape) ? -1 : 0;
}

static int fill_free(struct scene *scene)
{
	const struct seat seat = {true, 0, PARENT_ROLE};
	void *end = scene->rival->open(&scene->channel[FREE], &seat);
	int status = end ? 0 : -1;
	for (uint64_t i = 0; status == 0 && i < scene->size->entries; i++)
		status = scene->rival->put(end, &i, 1) == 1 ? 0 : -1;
	if (end)
		scene->rival->close(end);
	return status;
}

static int make_scene(struct scene *scene, const struct rival *rival, const struct size *size)
{
	memset(scene, 0, sizeof(*scene));
	scene->rival = rival;
	scene->size = size;
	if (crew_open(&scene->crew) < 0 || make_memory(scene) < 0)
		return -1;
	for (int which = WORK; which <= (rival->handles ? FREE : WORK); which++)
		if (channel_make(&scene->channel[which], rival, size->entries, size->bytes, scene->table,
		                 scene->table_bytes, (unsigned)which) < 0)
			return -1;
	return rival->handles ? fill_free(scene) : 0;
}

static void unmake_scene(struct scene *scene)
{
	crew_close(&scene->crew);
	for (int which = WORK; which <= (scene->rival->handles ? FREE : WORK); which++)
		channel_unmake(&scene->channel[which], scene->rival);
	shared_unmap(scene->table, scene->table_bytes);
	shared_unmap(scene->log, scene->log_bytes);
	shared_unmap(scene->data, scene->data_bytes);
}

static void check(const struct scene *scene)
{
	const struct tally *tally = scene->crew.control->tally;
	uint64_t sent = atomic_load(&tally[0].sum), got = atomic_load(&tally[1].items);
	if (scene->crew.killed || atomic_load(&tally[1].failed) || sent != got)
		mismatch("%s, %s: %llu sent, %llu received, %llu spoilt", scene->rival->name, scene->size->name,
		         (unsigned long long)sent, (unsigned long long)got,
		         (unsigned long long)atomic_load(&tally[1].failed));
}

/* Payloads a second, or negative. */
static double run_pair(const struct options *options, const struct rival *rival, const struct size *size)
{
	struct scene scene;
	double rate = -1;
	if (make_scene(&scene, rival, size) == 0) {
		struct member members[2] = {{&scene, true}, {&scene, false}};
		bool started = true;
		for (int i = 0; i < 2; i++)
			started = crew_start(&scene.crew, run_member, &members[i],
			                     &scene.channel[WORK].fds[members[i].producer], 1) == 0 &&
			          started;
		channel_close_fds(&scene.channel[WORK]);
		if (started && crew_go(&scene.crew) == 0) {
			sleep_ms(options->quick ? 5 : 50);
			uint64_t before = crew_items(&scene.crew), start = now_ns();
			sleep_ms(options->quick ? 20 : 300);
			rate = (double)(crew_items(&scene.crew) - before) * 1e9 / (double)(now_ns() - start);
			crew_stop(&scene.crew);
			crew_end(&scene.crew, PATIENCE_MS);
			check(&scene);
		}
	}
	unmake_scene(&scene);
	return rate;
}

static double run_python(const struct options *options, const struct size *size)
{
	char bytes[24];
	double figure;
	snprintf(bytes, sizeof(bytes), "%zu", size->bytes);
	const char *arguments[] = {"rate", "1", "1", bytes, "1", "0.8", NULL};
	return python_figures(options, arguments, &figure, 1) == 1 ? figure : -1;
}

static void print_row(const char *name, const double *rates)
{
	printf("  %-34s", name);
	for (size_t i = 0; i < SIZES; i++)
		if (rates[i] < 0)
			printf(" %12s", "failed");
		else
			printf(" %12.0f", rates[i]);
	printf("\n");
	fflush(stdout);
}

static void print_ratio(const char *name, const double *ratios)
{
	printf("  %-34s", name);
	for (size_t i = 0; i < SIZES; i++)
		printf(" %12.2f", ratios[i]);
	printf("\n");
}

enum { KAKEHI, VYUKOV, BARE_PAIR, ALONE, ALONE_ONE, CONTESTANTS };

static double run_contestant(const struct options *options, int who, const struct size *size)
{
	const struct floor floor = {size->bytes, who == ALONE_ONE ? 1 : size->entries, options->quick ? 20 : 200};
	if (who == KAKEHI || who == VYUKOV)
		return run_pair(options, who == KAKEHI ? &rival_kakehi : &rival_vyukov, size);
	return who == BARE_PAIR ? floor_pair(&floor) : floor_alone(&floor);
}

/* Kakehi, Vyukov and the floors take turns. */
static void compare(const struct options *options)
{
	static const char *const names[CONTESTANTS] = {
	    [KAKEHI] = "kakehi, in blocks",
	    [VYUKOV] = "Vyukov, in fixed buffers",
	    [BARE_PAIR] = "two processes and two counters",
	    [ALONE] = "one process, the same buffers",
	    [ALONE_ONE] = "one process, one buffer",
	};
	const int rounds = options->quick ? 1 : ROUNDS_MAX;
	double rate[CONTESTANTS][SIZES], ratio[CONTESTANTS][SIZES];
	for (size_t s = 0; s < SIZES; s++) {
		double of[CONTESTANTS][ROUNDS_MAX], ratios[CONTESTANTS][ROUNDS_MAX];
		for (int round = 0; round < rounds; round++)
			for (int who = 0; who < CONTESTANTS; who++) {
				of[who][round] = run_contestant(options, who, &sizes[s]);
				ratios[who][round] = of[KAKEHI][round] / of[who][round];
			}
		for (int who = 0; who < CONTESTANTS; who++) {
			rate[who][s] = median(of[who], (size_t)rounds);
			ratio[who][s] = median(ratios[who], (size_t)rounds);
		}
	}
	for (int who = 0; who < CONTESTANTS; who++)
		print_row(names[who], rate[who]);
	for (int who = VYUKOV; who < CONTESTANTS; who++) {
		char name[64];
		snprintf(name, sizeof(name), ": %s", names[who]);
		print_ratio(name, ratio[who]);
	}
}

int section_payload(const struct options *options)
{
	double rates[SIZES];
	printf("\nPayloads written by one process and read by another, 1+1 processes\n  %-34s", "a second");
	for (size_t s = 0; s < SIZES; s++)
		printf(" %12s", sizes[s].name);
	printf("\n");
	compare(options);
	for (size_t r = 2; rivals[r]; r++) {
		if (rivals[r]->handles)
			continue;
		for (size_t s = 0; s < SIZES; s++)
			rates[s] = run_pair(options, rivals[r], &sizes[s]);
		print_row(rivals[r]->name, rates);
	}
	if (options->python && !options->quick) {
		for (size_t s = 0; s < SIZES; s++)
			rates[s] = run_python(options, &sizes[s]);
		print_row("Python mp.Queue", rates);
	}
	return 0;
}
