/* SPDX-License-Identifier: Apache-2.0 */
/* Queues, lifos and priority queues in children of each start method, which find them by their references. */
#include "ways.h"
#include <kakehi/lifo.h>
#include <kakehi/priority_queue.h>

#include <signal.h>

struct refs {
	uint64_t work, stack, order;
};

/* What comes by the queue goes to the two others; then this child is killed as a producer. */
static int pass_on(struct kk_call *call)
{
	const struct refs *refs = call->args;
	struct kk_queue *work = kk_queue_open(call->family, refs->work, NULL);
	struct kk_lifo *stack = kk_lifo_open(call->family, refs->stack, NULL);
	struct kk_priority_queue *order = kk_priority_queue_open(call->family, refs->order, NULL);
	int number;
	if (!work || !stack || !order)
		return 2;
	while (kk_queue_get(work, &number, sizeof(number), -1) == sizeof(number) && number != 0)
		if (kk_lifo_put(stack, &number, sizeof(number), -1) < 0 ||
		    kk_priority_queue_put(order, -number, &number, sizeof(number), -1, NULL) < 0 ||
		    kk_queue_task_done(work) < 0)
			return 3;
	number = -1;
	if (kk_queue_task_done(work) < 0 || kk_queue_put(work, &number, sizeof(number), -1) < 0)
		return 4;
	raise(SIGKILL);
	return 5;
}
KK_FUNCTION(pass_on)

static void pass_around(void)
{
	struct kk_error error = {0};
	struct kk_family *family = kk_family_create(NULL, &error);
	assert_non_null(family);
	const struct kk_queue_spec spec = {.capacity = 3, .item_max = sizeof(int), .joinable = true};
	struct kk_queue *work = kk_queue_create(family, &spec, &error);
	struct kk_lifo *stack = kk_lifo_create(family, NULL, &error);
	struct kk_priority_queue *order = kk_priority_queue_create(family, NULL, &error);
	assert_true(work && stack && order);
	const struct refs refs = {kk_queue_ref(work), kk_lifo_ref(stack), kk_priority_queue_ref(order)};
	struct kk_process *child = way_start((struct kk_process_spec){
	    .call = pass_on, .args = &refs, .args_bytes = sizeof(refs), .family = family, .name = "passer"});
	for (int number = 10; number >= 0; number--)
		assert_int_equal(kk_queue_put(work, &number, sizeof(number), -1), KK_OK);
	int got;
	assert_int_equal(way_end(child).signal, SIGKILL);
	for (int number = 1; number <= 10; number++) {
		assert_int_equal(kk_lifo_get(stack, &got, sizeof(got), 0), sizeof(got));
		assert_int_equal(got, number);
		assert_int_equal(kk_priority_queue_get(order, NULL, &got, sizeof(got), 0), sizeof(got));
		assert_int_equal(got, 11 - number);
	}
	assert_int_equal(kk_queue_get(work, &got, sizeof(got), 0), sizeof(got));
	assert_int_equal(got, -1);
	assert_int_equal(kk_queue_task_done(work), KK_OK);
	assert_int_equal(kk_queue_join(work, 0), KK_OK);
	struct kk_casualty casualty;
	assert_int_equal(kk_queue_get(work, &got, sizeof(got), -1), KK_ERR_DIED);
	assert_int_equal(kk_queue_casualty(work, &casualty), KK_OK);
	assert_string_equal(casualty.name, "passer");
	kk_queue_destroy(work);
	kk_lifo_destroy(stack);
	kk_priority_queue_destroy(order);
	kk_family_close(family);
}
WAY_TESTS(pass_around)

static const struct CMUnitTest tests[] = {WAY_ROWS(pass_around)};
WAY_MAIN(tests)
