/* SPDX-License-Identifier: Apache-2.0 */
/* Handing over 8-byte words: through a work ring and back through a free list, or as messages. */
#include "rings.h"
#include <kakehi/ring.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 4096, PARENT_ROLE = 511, PATIENCE_MS = 2000, ROUNDS_MAX = 9, OTHERS_ROUNDS = 5 };
enum { WORK, FREE };

static const int crowds[] = {1, 2, 4, 8, 32};
#define CROWDS (sizeof(crowds) / sizeof(crowds[0]))

/* One measurement. */
struct cell {
	const struct rival *rival;
	int pairs, batch;
	int magazine; /* what a producer claims from the free list at once, to put it one by one; 0: none */
	enum waiting waiting;
	int window_ms;
	bool stuck; /* out: did not end when told to */
	double rate;
};

struct scene {
	const struct cell *cell;
	struct channel channel[2]; /* WORK, FREE; messages have no FREE */
	struct crew crew;
	void *table;
	size_t table_bytes;
};

struct member {
	struct scene *scene;
	int index; /* among the producers or the takers */
	bool producer;
};

static struct waiter waiter_of(const struct scene *scene, bool drains)
{
	return (struct waiter){
	    scene->cell->rival, scene->cell->waiting, scene->crew.control, drains, scene->cell->pairs, 0};
}

/* A member's turn on handles: out of one ring, into the other. A taker's `items` are what was handed over. */
static void pass_handles(const struct member *member, void *from, void *to, struct tally *tally)
{
	struct waiter waiter = waiter_of(member->scene, !member->producer);
	_Atomic uint64_t *counter = member->producer ? &tally->sum : &tally->items;
	const struct cell *cell = member->scene->cell;
	const int most = member->producer && cell->magazine ? cell->magazine : cell->batch;
	uint64_t words[BATCH_MAX], count = 0;
	int taken;
	while ((taken = wait_take(&waiter, from, words, most)) > 0) {
		for (int done = 0; done < taken; done += cell->batch) {
			int left = taken - done;
			wait_put(&waiter, to, words + done, left < cell->batch ? left : cell->batch);
		}
		count += (uint64_t)taken;
		atomic_store_explicit(counter, count, memory_order_relaxed);
	}
}

static void send_messages(const struct member *member, void *end, struct tally *tally)
{
	const struct scene *scene = member->scene;
	uint64_t words[BATCH_MAX] = {0}, count = 0;
	while (!crew_stopped(scene->crew.control) &&
	       scene->cell->rival->put(end, words, scene->cell->batch) == scene->cell->batch)
		count += (uint64_t)scene->cell->batch;
	atomic_store(&tally->sum, count);
}

static void receive_messages(const struct member *member, void *end, struct tally *tally)
{
	struct waiter waiter = waiter_of(member->scene, true);
	uint64_t words[BATCH_MAX], count = 0;
	int taken;
	while ((taken = wait_take(&waiter, end, words, member->scene->cell->batch)) > 0) {
		count += (uint64_t)taken;
		atomic_store_explicit(&tally->items, count, memory_order_relaxed);
	}
}

static void *open_as(const struct member *member, int which)
{
	const struct scene *scene = member->scene;
	unsigned role = 1 + (unsigned)(member->producer ? member->index : scene->cell->pairs + member->index);
	struct seat seat = {member->producer == (which == WORK), member->index, role};
	return scene->cell->rival->open(&scene->channel[which], &seat);
}

/* Closes the work end, and lets the takers know that a producer is through. */
static void leave(const struct member *member, void *work)
{
	const struct rival *rival = member->scene->cell->rival;
	struct control *control = member->scene->crew.control;
	if (!member->producer) {
		rival->close(work);
		atomic_fetch_add(&control->takers_done, 1);
		return;
	}
	if (rival->eof)
		rival->close(work);
	atomic_fetch_add(&control->producers_done, 1);
	if (rival->event)
		kk_event_wake_all(rival->event(work), -1);
	while (!rival->handles && !rival->eof &&
	       atomic_load(&control->takers_done) < (uint32_t)member->scene->cell->pairs)
		sleep_ms(1);
	if (!rival->eof)
		rival->close(work);
}

static int run_member(void *argument)
{
	const struct member *member = argument;
	struct scene *scene = member->scene;
	const struct rival *rival = scene->cell->rival;
	struct control *control = scene->crew.control;
	struct tally *tally = &control->tally[member->producer ? member->index : scene->cell->pairs + member->index];
	void *work = open_as(member, WORK), *spare = rival->handles ? open_as(member, FREE) : NULL;
	if (!work || (rival->handles && !spare))
		return 1;
	crew_ready(control);
	if (rival->handles)
		pass_handles(member, member->producer ? spare : work, member->producer ? work : spare, tally);
	else if (member->producer)
		send_messages(member, work, tally);
	else
		receive_messages(member, work, tally);
	leave(member, work);
	if (spare)
		rival->close(spare);
	return 0;
}

static int make_scene(struct scene *scene, const struct cell *cell)
{
	const struct rival *rival = cell->rival;
	memset(scene, 0, sizeof(*scene));
	scene->cell = cell;
	if (crew_open(&scene->crew) < 0)
		return -1;
	if (rival->handles) {
		scene->table_bytes = kk_table_size(ENTRIES, 64);
		scene->table = shared_map(scene->table_bytes);
		if (!scene->table || kk_table_init(scene->table, ENTRIES, 64) != KK_OK)
			return -1;
	}
	for (int which = WORK; which <= (rival->handles ? FREE : WORK); which++) {
		struct channel *channel = &scene->channel[which];
		if (channel_make(channel, rival, ENTRIES, (size_t)cell->batch * sizeof(uint64_t), scene->table,
		                 scene->table_bytes, (unsigned)which) < 0)
			return -1;
		channel->producers = channel->takers = cell->pairs;
	}
	return 0;
}

static void unmake_scene(struct scene *scene)
{
	crew_close(&scene->crew);
	for (int which = WORK; which <= (scene->cell->rival->handles ? FREE : WORK); which++)
		channel_unmake(&scene->channel[which], scene->cell->rival);
	shared_unmap(scene->table, scene->table_bytes);
}

/* The parent's ends of the two rings. */
static int open_parent(struct scene *scene, void *ends[2])
{
	const struct seat seat = {false, 0, PARENT_ROLE};
	for (int which = WORK; which <= FREE; which++)
		if (!(ends[which] = scene->cell->rival->open(&scene->channel[which], &seat)))
			return -1;
	for (uint64_t i = 0; i < ENTRIES; i++)
		if (scene->cell->rival->put(ends[FREE], &i, 1) != 1)
			return -1;
	return 0;
}

/* Every handle must be back, once. */
static void check_handles(const struct scene *scene, void *ends[2])
{
	static bool seen[ENTRIES];
	uint64_t words[BATCH_MAX];
	int taken, count = 0;
	memset(seen, 0, sizeof(seen));
	while ((taken = scene->cell->rival->take(ends[FREE], words, BATCH_MAX)) > 0)
		for (int i = 0; i < taken; i++, count++) {
			if (words[i] >= ENTRIES || seen[words[i]])
				mismatch("%s: handle %llu came back twice", scene->cell->rival->name,
				         (unsigned long long)words[i]);
			seen[words[i] % ENTRIES] = true;
		}
	if (count != ENTRIES || scene->cell->rival->take(ends[WORK], words, 1) > 0)
		mismatch("%s: %d of %d handles came back", scene->cell->rival->name, count, ENTRIES);
}

static void check_sums(const struct scene *scene)
{
	uint64_t sent = 0;
	for (int i = 0; i < scene->cell->pairs; i++)
		sent += atomic_load(&scene->crew.control->tally[i].sum);
	if (sent != crew_items(&scene->crew))
		mismatch("%s: %llu sent, %llu received", scene->cell->rival->name, (unsigned long long)sent,
		         (unsigned long long)crew_items(&scene->crew));
}

static int start_members(struct scene *scene)
{
	static struct member members[MEMBERS_MAX];
	int pairs = scene->cell->pairs;
	for (int i = 0; i < 2 * pairs; i++) {
		members[i] = (struct member){scene, i % pairs, i < pairs};
		int fd = scene->channel[WORK].fds[members[i].producer];
		if (crew_start(&scene->crew, run_member, &members[i], &fd, 1) < 0)
			return -1;
	}
	/* Only the members hold the ends now, so that takers see the last producer go. */
	if (!scene->cell->rival->handles)
		channel_close_fds(&scene->channel[WORK]);
	return crew_go(&scene->crew);
}

static void measure(struct cell *cell, struct scene *scene)
{
	sleep_ms(cell->window_ms / 4);
	uint64_t before = crew_items(&scene->crew), start = now_ns();
	sleep_ms(cell->window_ms);
	cell->rate = (double)(crew_items(&scene->crew) - before) * 1e9 / (double)(now_ns() - start);
}

static int run_cell(struct cell *cell)
{
	struct scene scene;
	void *ends[2] = {NULL, NULL};
	const struct rival *rival = cell->rival;
	int status = make_scene(&scene, cell);
	if (status == 0 && rival->handles)
		status = open_parent(&scene, ends);
	if (status == 0)
		status = start_members(&scene);
	if (status == 0) {
		measure(cell, &scene);
		crew_stop(&scene.crew);
		if (rival->event)
			kk_event_wake_all(rival->event(ends[FREE]), -1);
		crew_end(&scene.crew, PATIENCE_MS);
		cell->stuck = scene.crew.killed > 0;
		if (!cell->stuck)
			check_sums(&scene);
		if (!cell->stuck && rival->handles)
			check_handles(&scene, ends);
	}
	for (int which = WORK; which <= FREE; which++)
		if (ends[which])
			rival->close(ends[which]);
	unmake_scene(&scene);
	return status;
}

/* ---- printing */

static void print_cell(const struct cell *cell)
{
	printf(cell->rate < 995000 ? " %8.4f%c" : " %8.2f%c", cell->rate / 1e6, cell->stuck ? '!' : ' ');
	fflush(stdout);
}

static void print_head(const char *title, size_t crowd_count)
{
	printf("\n%s\n  %-22s", title, "million a second");
	for (size_t i = 0; i < crowd_count; i++)
		printf(" %5d+%-3d", crowds[i], crowds[i]);
	printf("\n");
}

/* Who takes turns. A magazine needs nothing of the ring: it is a worker that holds claimed handles back. */
enum { KAKEHI, VYUKOV, MAGAZINE, CONTESTANTS };

/* What they reached, by crowd and round. */
struct contest {
	double rate[CONTESTANTS][CROWDS][ROUNDS_MAX];
	int rounds, contestants;
};

/* Everybody's turn comes in every round, so that whatever else the machine does falls on all of them. */
static int run_contest(struct contest *contest, const struct options *options, int batch, enum waiting waiting,
                       size_t crowd_count)
{
	const int window_ms = options->quick ? 20 : 200;
	contest->rounds = options->quick ? 1 : ROUNDS_MAX;
	contest->contestants = batch == 1 ? CONTESTANTS : MAGAZINE;
	const size_t turns = (size_t)contest->contestants;
	for (int round = 0; round < contest->rounds; round++) {
		for (size_t c = 0; c < turns * crowd_count; c++) {
			size_t who = (c + (size_t)round) % turns;
			struct cell cell = {.rival = rivals[who == VYUKOV],
			                    .pairs = crowds[c / turns],
			                    .batch = batch,
			                    .magazine = who == MAGAZINE ? BATCH_MAX : 0,
			                    .waiting = waiting,
			                    .window_ms = window_ms};
			if (run_cell(&cell) < 0)
				return -1;
			if (cell.stuck)
				mismatch("%s: did not end", cell.rival->name);
			contest->rate[who][c / turns][round] = cell.rate;
		}
	}
	return 0;
}

/* How many times as fast as `than`: the median of the rounds' ratios. */
static double times_as_fast(const struct contest *contest, int who, int than, size_t crowd)
{
	double ratios[ROUNDS_MAX];
	for (int round = 0; round < contest->rounds; round++)
		ratios[round] = contest->rate[who][crowd][round] / contest->rate[than][crowd][round];
	return median(ratios, (size_t)contest->rounds);
}

static void print_contest(struct contest *contest, size_t crowd_count)
{
	static const char *const names[CONTESTANTS] = {
	    [KAKEHI] = "kakehi", [VYUKOV] = "Vyukov", [MAGAZINE] = "kakehi, magazines"};
	static const char *const ratios[CONTESTANTS] = {
	    [VYUKOV] = "kakehi : Vyukov", [MAGAZINE] = "kakehi : with magazines"};
	for (int who = VYUKOV; who < contest->contestants; who++) {
		printf("  %-22s", ratios[who]);
		for (size_t c = 0; c < crowd_count; c++)
			printf(" %8.2f ", times_as_fast(contest, KAKEHI, who, c));
		printf("\n");
	}
	for (int who = KAKEHI; who < contest->contestants; who++) {
		printf("  %-22s", names[who]);
		for (size_t c = 0; c < crowd_count; c++)
			print_cell(&(struct cell){.rate = median(contest->rate[who][c], (size_t)contest->rounds)});
		printf("\n");
	}
}

/* `ours` gets what kakehi reached. */
static int compare(const struct options *options, int batch, enum waiting waiting, size_t crowd_count, double *ours)
{
	struct contest contest;
	double best = 0, worst = 1e18;
	if (run_contest(&contest, options, batch, waiting, crowd_count) < 0)
		return -1;
	print_contest(&contest, crowd_count);
	for (size_t c = 0; c < crowd_count; c++) {
		ours[c] = median(contest.rate[KAKEHI][c], (size_t)contest.rounds);
		best = ours[c] > best ? ours[c] : best;
		worst = ours[c] < worst ? ours[c] : worst;
	}
	printf("  %-22s %8.2f\n", "kakehi's worst : best", worst / best);
	return 0;
}

/* A stalled ring hands over nothing at all in the window. */
static void print_times(const char *name, const double *ours, const double *theirs, size_t crowd_count)
{
	printf("  kakehi : %-13s", name);
	for (size_t c = 0; c < crowd_count; c++)
		if (theirs[c] > 0)
			printf(" %8.1f ", ours[c] / theirs[c]);
		else
			printf(" %8s ", "nothing");
	printf("\n");
}

/* One of the others: the median of some short measurements, and their range where it is wide: whether a ring stalls in
 * one of them is a matter of who is preempted where. */
static int measure_other(const struct options *options, const struct rival *rival, int pairs, int batch,
                         double range[2], struct cell *cell)
{
	const int rounds = options->quick || !rival->handles ? 1 : OTHERS_ROUNDS;
	double rates[OTHERS_ROUNDS];
	bool stuck = false;
	for (int round = 0; round < rounds; round++) {
		*cell = (struct cell){.rival = rival,
		                      .pairs = pairs,
		                      .batch = batch,
		                      .waiting = WAIT_YIELD,
		                      .window_ms = options->quick ? 20 : 300};
		if (run_cell(cell) < 0)
			return -1;
		rates[round] = cell->rate;
		stuck = stuck || cell->stuck;
	}
	cell->stuck = stuck;
	cell->rate = median(rates, (size_t)rounds);
	range[0] = rates[0];
	range[1] = rates[rounds - 1];
	return 0;
}

static void print_range(const char *name, const double *end, size_t crowd_count)
{
	printf("  %-22s", name);
	for (size_t c = 0; c < crowd_count; c++)
		print_cell(&(struct cell){.rate = end[c]});
	printf("\n");
}

static void others(const struct options *options, int batch, size_t crowd_count, const double *ours)
{
	for (size_t r = 2; rivals[r]; r++) {
		double rate[CROWDS], slowest[CROWDS], fastest[CROWDS];
		printf("  %-22s", rivals[r]->name);
		for (size_t c = 0; c < crowd_count; c++) {
			struct cell cell = {0};
			double range[2] = {0, 0};
			if (measure_other(options, rivals[r], crowds[c], batch, range, &cell) < 0)
				printf(" %8s ", "failed");
			else
				print_cell(&cell);
			rate[c] = cell.rate;
			slowest[c] = range[0];
			fastest[c] = range[1];
		}
		printf("\n");
		if (!rivals[r]->handles)
			continue;
		print_range("  slowest round", slowest, crowd_count);
		print_range("  fastest round", fastest, crowd_count);
		print_times(rivals[r]->name, ours, rate, crowd_count);
	}
}

static void python_row(const struct options *options, int batch, size_t crowd_count)
{
	printf("  %-22s", "Python mp.Queue");
	for (size_t c = 0; c < crowd_count; c++) {
		char pairs[16], batch_text[16];
		double figure;
		snprintf(pairs, sizeof(pairs), "%d", crowds[c]);
		snprintf(batch_text, sizeof(batch_text), "%d", batch);
		const char *arguments[] = {"rate", pairs, pairs, "8", batch_text, "0.8", NULL};
		if (python_figures(options, arguments, &figure, 1) == 1)
			printf(" %8.4f ", figure / 1e6);
		else
			printf(" %8s ", "failed");
		fflush(stdout);
	}
	printf("\n");
}

int section_handles(const struct options *options)
{
	static const int batches[] = {1, BATCH_MAX};
	const size_t crowd_count = options->quick ? 2 : CROWDS;
	double ours[CROWDS] = {0};
	for (size_t b = 0; b < 2; b++) {
		char title[160];
		snprintf(title, sizeof(title), "8-byte handles, work ring + free list, %s, processes spin and yield",
		         batches[b] == 1 ? "one at a time" : "16 at a time");
		print_head(title, crowd_count);
		if (compare(options, batches[b], WAIT_YIELD, crowd_count, ours) < 0)
			return -1;
		others(options, batches[b], crowd_count, ours);
		if (options->python && !options->quick)
			python_row(options, batches[b], crowd_count);
		snprintf(title, sizeof(title),
		         "The same, %s, processes spin and park (an event on every ring, for both)",
		         batches[b] == 1 ? "one at a time" : "16 at a time");
		print_head(title, crowd_count);
		if (compare(options, batches[b], WAIT_PARK, crowd_count, ours) < 0)
			return -1;
	}
	printf(
	    "  ck_ring and rte_ring spin and yield; Boost, ZeroMQ, pipe and Queue copy messages one way, have no free\n"
	    "  list, and wait in their own way; 16 at a time they carry 16 words a message. Magazines: a producer "
	    "claims\n"
	    "  16 free handles at once and works them off one by one. !: did not end within %d s after it was told "
	    "to.\n",
	    PATIENCE_MS / 1000);
	return 0;
}
