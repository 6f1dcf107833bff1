/* SPDX-License-Identifier: Apache-2.0 */
/* Queues, lifos and priority queues between processes that were forked, started afresh, and forked by a server; each
 * finds them by their references. */
#include "harness.h"
#include <kakehi/lifo.h>
#include <kakehi/priority_queue.h>
#include <kakehi/process.h>
#include <signal.h>
#include <string.h>

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

static void pass_around(enum kk_start_method method)
{
	struct kk_error error = {0};
	struct kk_process_server *server = NULL;
	if (method == KK_START_FORKSERVER)
		server = kk_process_server_start(KK_START_FORK, NULL);
	struct kk_family *family = kk_family_create(NULL, &error);
	assert_non_null(family);
	const struct kk_queue_spec spec = {.capacity = 3, .item_max = sizeof(int), .joinable = true};
	struct kk_queue *work = kk_queue_create(family, &spec, &error);
	struct kk_lifo *stack = kk_lifo_create(family, NULL, &error);
	struct kk_priority_queue *order = kk_priority_queue_create(family, NULL, &error);
	assert_true(work && stack && order);
	const struct refs refs = {kk_queue_ref(work), kk_lifo_ref(stack), kk_priority_queue_ref(order)};
	struct kk_process *child = kk_process_spawn(&(struct kk_process_spec){.call = pass_on,
	                                                                      .args = &refs,
	                                                                      .args_bytes = sizeof(refs),
	                                                                      .method = method,
	                                                                      .server = server,
	                                                                      .family = family,
	                                                                      .name = "passer"},
	                                            &error);
	if (!child)
		fail_msg("%s", error.text);
	for (int number = 10; number >= 0; number--)
		assert_int_equal(kk_queue_put(work, &number, sizeof(number), -1), KK_OK);
	int got, code;
	assert_int_equal(kk_process_join(child, 20000), KK_OK);
	assert_int_equal(kk_process_exitcode(child, &code), KK_OK);
	assert_int_equal(code, -SIGKILL);
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
	kk_process_free(child);
	kk_process_server_stop(server);
	kk_queue_destroy(work);
	kk_lifo_destroy(stack);
	kk_priority_queue_destroy(order);
	kk_family_close(family);
}

static void test_fork(void **state)
{
	(void)state;
	pass_around(KK_START_FORK);
}

static void test_spawn(void **state)
{
	(void)state;
	pass_around(KK_START_SPAWN);
}

static void test_fork_server(void **state)
{
	(void)state;
	pass_around(KK_START_FORKSERVER);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fork),
    cmocka_unit_test(test_spawn),
    cmocka_unit_test(test_fork_server),
};

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	return harness_run(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
