/* SPDX-License-Identifier: Apache-2.0 */
/* kk_queue: producers and consumers killed and stopped at random, over and over; every item is numbered and summed, and
 * accounted for at the end. */
#include "harness.h"
#include <kakehi/memory.h>
#include <kakehi/queue.h>

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PRODUCERS = 3, CONSUMERS = 3, MEMBERS = PRODUCERS + CONSUMERS, LIVES = 600, ITEMS = 4000, KILLS = 300 };

struct item {
	uint32_t life, number;
	uint64_t sum;
	unsigned char data[40];
};

/* Shared. A life is one process that puts items 0, 1, ... until it is killed. */
static struct board {
	_Atomic uint32_t lives, last_got;
	_Atomic uint32_t put[LIVES];  /* items whose put has returned                          */
	_Atomic uint32_t told[LIVES]; /* by pid: see pid                                       */
	_Atomic int32_t pid[LIVES];
	_Atomic uint8_t seen[LIVES][ITEMS];
	_Atomic uint32_t wrong; /* a line of this file                                   */
} * board;

static struct kk_family *family;
static struct kk_queue *queue;

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			atomic_store(&board->wrong, __LINE__);                                                         \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

static void fill(struct item *item, uint32_t life, uint32_t number)
{
	*item = (struct item){.life = life, .number = number, .sum = ((uint64_t)life << 32 | number) * 2654435761U};
	for (size_t i = 0; i < sizeof(item->data); i++)
		item->data[i] = (unsigned char)(number * 7 + life + i);
}

static void produce(void)
{
	uint32_t life = atomic_fetch_add(&board->lives, 1), number = 0;
	MUST(life < LIVES);
	atomic_store(&board->pid[life], getpid());
	while (number < ITEMS) {
		struct item many[5];
		struct iovec vector[5];
		int count = number % 11 == 0 && number + 5 <= ITEMS ? 5 : 1, put = 1;
		for (int i = 0; i < count; i++) {
			fill(&many[i], life, number + (uint32_t)i);
			vector[i] = (struct iovec){&many[i], sizeof(many[i])};
		}
		if (count > 1) {
			put = kk_queue_put_many(queue, vector, count, -1);
			MUST(put == count);
		} else if (number % 3 == 0) {
			struct kk_queue_item place;
			MUST(kk_queue_reserve(queue, &place, -1) == KK_OK);
			memcpy(place.data, &many[0], sizeof(many[0]));
			place.bytes = sizeof(many[0]);
			MUST(kk_queue_put_item(queue, &place, -1) == KK_OK);
		} else {
			MUST(kk_queue_put(queue, &many[0], sizeof(many[0]), -1) == KK_OK);
		}
		number += (uint32_t)put;
		atomic_store(&board->put[life], number);
	}
	_exit(0);
}

static void note(const struct item *item, size_t bytes)
{
	struct item should;
	MUST(bytes == sizeof(*item) && item->life < LIVES && item->number < ITEMS);
	fill(&should, item->life, item->number);
	MUST(memcmp(item, &should, sizeof(should)) == 0);
	MUST(atomic_fetch_add(&board->seen[item->life][item->number], 1) < 200);
	atomic_fetch_add(&board->last_got, 1);
}

static void be_told(void)
{
	struct kk_casualty casualty;
	MUST(kk_queue_casualty(queue, &casualty) == KK_OK);
	for (uint32_t life = 0; life < LIVES; life++)
		if (atomic_load(&board->pid[life]) == casualty.pid) {
			/* All that it had put was taken before; in hands perhaps. */
			atomic_fetch_add(&board->told[life], 1);
			return;
		}
	MUST(false);
}

static void consume(bool joinable)
{
	for (uint32_t turn = 0;; turn++) {
		struct item item;
		struct kk_queue_item place;
		int64_t rc;
		if (turn % 3 == 0) {
			rc = kk_queue_get_item(queue, &place, -1);
			if (rc == KK_OK) {
				note(place.data, place.bytes);
				MUST(kk_queue_done(queue, &place) == KK_OK);
			}
		} else {
			rc = kk_queue_get(queue, &item, sizeof(item), -1);
			if (rc >= 0) {
				note(&item, (size_t)rc);
				MUST(!joinable || kk_queue_task_done(queue) == KK_OK);
			}
		}
		if (rc == KK_ERR_CLOSED)
			_exit(0);
		if (rc == KK_ERR_DIED)
			be_told();
		else
			MUST(rc >= 0);
	}
}

static pid_t start(int member, bool joinable)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child > 0)
		return child;
	if (member < PRODUCERS)
		produce();
	else
		consume(joinable);
	_exit(0);
}

/* Lets the others do a random number of items; a stopped one may keep them from it, so not for ever. */
static void let_work(void)
{
	uint32_t until = atomic_load(&board->last_got) + (uint32_t)rand() % 60;
	struct timespec begin, now;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		sched_yield();
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((int32_t)(atomic_load(&board->last_got) - until) < 0 &&
	         (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 5);
}

/* A busy machine may have let nobody work between the kills. */
static bool much_was_done(void *unused)
{
	(void)unused;
	return atomic_load(&board->last_got) >= 1000;
}

/* How the last one ended; a fault of its own fails the test. */
static void reap(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (atomic_load(&board->wrong))
		fail_msg("a member found a fault in line %u", atomic_load(&board->wrong));
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
}

static void torment(pid_t *member, bool joinable, uint32_t *killed)
{
	srand(7);
	for (int i = 0; i < KILLS; i++) {
		int victim = rand() % MEMBERS, stopped = rand() % MEMBERS;
		assert_int_equal(kill(member[stopped], SIGSTOP), 0);
		let_work();
		assert_int_equal(kill(member[victim], SIGKILL), 0);
		let_work();
		assert_int_equal(kill(member[stopped], SIGCONT), 0);
		reap(member[victim]);
		killed[victim >= PRODUCERS]++;
		member[victim] = start(victim, joinable);
	}
}

/* Each item whose put returned was seen, as often as deaths allow; at most what was under way was seen beyond that. */
static void account(bool joinable, const uint32_t *killed)
{
	uint32_t missing = 0, doubled = 0, untold = 0, lives = atomic_load(&board->lives);
	for (uint32_t life = 0; life < lives; life++) {
		uint32_t put = atomic_load(&board->put[life]);
		for (uint32_t number = 0; number < ITEMS; number++) {
			uint32_t seen = atomic_load(&board->seen[life][number]);
			missing += number < put && seen == 0;
			doubled += seen > 1 ? seen - 1 : 0;
			/* A killed put_many has put a part. */
			assert_true(seen == 0 || number < put + 5);
		}
		assert_true(atomic_load(&board->told[life]) <= 1);
		untold += put > 0 && put < ITEMS && atomic_load(&board->told[life]) == 0;
	}
	/* Killed between copying and noting, or between noting and being done. */
	assert_in_range(missing, 0, joinable ? 0 : killed[1]);
	assert_in_range(doubled, 0, killed[1]);
	assert_in_range(untold, 0, killed[1]);
}

static void run(bool joinable)
{
	static const struct kk_family_spec small = {.bytes = 4 << 20, .seats = MEMBERS + 2, .objects = 4};
	const struct kk_queue_spec spec = {.capacity = 7,
	                                   .item_max = sizeof(struct item),
	                                   .in_hand = 4,
	                                   .joinable = joinable,
	                                   .redeliver = joinable ? KK_QUEUE_ALWAYS : 0};
	struct kk_error error = {0};
	pid_t member[MEMBERS];
	uint32_t killed[2] = {0};
	family = kk_family_create(&small, &error);
	assert_non_null(family);
	queue = kk_queue_create(family, &spec, &error);
	struct kk_memory *memory = kk_memory_create(family, sizeof(*board), &error);
	assert_non_null(queue);
	assert_non_null(memory);
	board = kk_memory_data(memory);
	for (int i = 0; i < MEMBERS; i++)
		member[i] = start(i, joinable);
	torment(member, joinable, killed);
	assert_true(harness_wait_until(much_was_done, NULL, 30000));
	for (int i = 0; i < PRODUCERS; i++) {
		assert_int_equal(kill(member[i], SIGKILL), 0);
		reap(member[i]);
	}
	assert_true(kk_family_bury(family) >= 0);
	if (joinable)
		assert_int_equal(kk_queue_join(queue, -1), KK_OK);
	assert_int_equal(kk_queue_shutdown(queue), KK_OK);
	for (int i = PRODUCERS; i < MEMBERS; i++)
		reap(member[i]);
	struct kk_queue_usage usage;
	kk_queue_usage(queue, &usage);
	assert_int_equal(usage.waiting + usage.in_hand + usage.unfinished + usage.lost, 0);
	if (kk_queue_check(queue, &error) < 0)
		fail_msg("%s", error.text);
	account(joinable, killed);
	kk_memory_destroy(memory);
	kk_queue_destroy(queue);
	kk_family_close(family);
}

static void test_plain(void **state)
{
	(void)state;
	run(false);
}

static void test_joinable(void **state)
{
	(void)state;
	run(true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_plain),
    cmocka_unit_test(test_joinable),
};
HARNESS_MAIN(tests)
