/* SPDX-License-Identifier: Apache-2.0 */
/* queue - four workers square numbers that come through a bounded queue. The parent waits until all are done, although
 * one of the workers is killed with a number in its hand. */
#include <kakehi/process.h>
#include <kakehi/queue.h>
#include <kakehi/value.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { WORKERS = 4, NUMBERS = 100, UNLUCKY = 13 };

static struct kk_queue *tasks;
static struct kk_value *sum, *accidents;

static int work(struct kk_call *call)
{
	int64_t number, bytes, now;
	(void)call;
	while ((bytes = kk_queue_get(tasks, &number, sizeof(number), -1)) >= 0) {
		/* The first worker that meets this one does not survive it. */
		if (number == UNLUCKY && kk_value_add_int(accidents, 1, &now) == 0 && now == 1)
			raise(SIGKILL);
		kk_value_add_int(sum, number * number, NULL);
		kk_queue_task_done(tasks);
	}
	return bytes == KK_ERR_CLOSED ? 0 : 1;
}

static int run(struct kk_error *error)
{
	struct kk_process *worker[WORKERS];
	struct kk_queue_usage usage;
	int64_t total = 0;
	int ended[2] = {0};

	for (int i = 0; i < WORKERS; i++)
		if (!(worker[i] = kk_process_start(work, NULL, 0, NULL, error)))
			return error->code;
	for (int64_t number = 1; number <= NUMBERS; number++)
		kk_queue_put(tasks, &number, sizeof(number), -1);
	int rc = kk_queue_join(tasks, -1);
	kk_value_get_int(sum, &total);
	kk_queue_usage(tasks, &usage);
	printf("join: %s; the sum of %d squares is %" PRId64 "\n", kk_status_text(rc), NUMBERS, total);
	printf("unfinished: %u, lost: %" PRIu64 "\n", usage.unfinished, usage.lost);

	kk_queue_shutdown(tasks);
	for (int i = 0; i < WORKERS; i++) {
		int code = 1;
		kk_process_join(worker[i], -1);
		kk_process_exitcode(worker[i], &code);
		ended[code == 0]++;
		kk_process_free(worker[i]);
	}
	printf("%d workers came to the end of the queue, %d was killed\n", ended[1], ended[0]);
	return rc;
}

int main(int argc, char **argv)
{
	const struct kk_queue_spec spec = {
	    .capacity = 10, .item_max = sizeof(int64_t), .joinable = true, .redeliver = 1};
	struct kk_error error = {0};

	kk_function_main(argc, argv);
	struct kk_family *family = kk_family_create(NULL, &error);
	if (family) {
		tasks = kk_queue_create(family, &spec, &error);
		sum = kk_value_create(family, KK_NUMBER_I64, false, &error);
		accidents = kk_value_create(family, KK_NUMBER_I64, false, &error);
	}
	if (!tasks || !sum || !accidents || run(&error) < 0) {
		fprintf(stderr, "queue: %s\n", error.text);
		return 1;
	}
	kk_value_destroy(accidents);
	kk_value_destroy(sum);
	kk_queue_destroy(tasks);
	kk_family_close(family);
	return 0;
}
