/* SPDX-License-Identifier: Apache-2.0 */
/* closable - a pipeline of three stages with 3, 4 and 5 workers. Each iterates over its queue until that is closed;
 * when all workers of a stage have come to the end, the parent closes the queue that they filled. */
#include <kakehi/process.h>
#include <kakehi/queue.h>

#include <inttypes.h>
#include <stdio.h>

enum { STAGES = 3, MOST_WORKERS = 5, ITEMS = 1000 };

static int64_t twice(int64_t number)
{
	return 2 * number;
}

static int64_t next(int64_t number)
{
	return number + 1;
}

static int64_t square(int64_t number)
{
	return number * number;
}

static const struct stage {
	const char *name;
	int64_t (*act)(int64_t number);
	int workers;
} stages[STAGES] = {{"twice", twice, 3}, {"next", next, 4}, {"square", square, 5}};

/* Stage i gets from queues[i] and puts into queues[i + 1]. */
static struct kk_queue *queues[STAGES + 1];

static int work(struct kk_call *call)
{
	int i = *(const int *)call->args;
	int64_t number, rc;
	while ((rc = kk_queue_get(queues[i], &number, sizeof(number), -1)) >= 0) {
		number = stages[i].act(number);
		rc = kk_queue_put(queues[i + 1], &number, sizeof(number), -1);
		if (rc < 0)
			break;
	}
	return rc == KK_ERR_CLOSED ? 0 : (int)rc;
}

static int start_all(struct kk_process *worker[STAGES][MOST_WORKERS], struct kk_error *error)
{
	for (int i = 0; i < STAGES; i++)
		for (int j = 0; j < stages[i].workers; j++)
			if (!(worker[i][j] = kk_process_start(work, &i, sizeof(i), stages[i].name, error)))
				return error->code;
	return KK_OK;
}

/* The last queue has room for everything: the parent reads it when all is through. */
static void end_all(struct kk_process *worker[STAGES][MOST_WORKERS])
{
	for (int i = 0; i < STAGES; i++) {
		kk_queue_shutdown(queues[i]);
		for (int j = 0; j < stages[i].workers; j++) {
			kk_process_join(worker[i][j], -1);
			kk_process_free(worker[i][j]);
		}
		printf("%s: %d workers are through\n", stages[i].name, stages[i].workers);
	}
	kk_queue_shutdown(queues[STAGES]);
}

static int run(struct kk_family *family, struct kk_error *error)
{
	struct kk_process *worker[STAGES][MOST_WORKERS];
	int64_t number, sum = 0, rc;
	int count = 0;

	for (int i = 0; i <= STAGES; i++) {
		const struct kk_queue_spec spec = {.capacity = i < STAGES ? 20 : ITEMS, .item_max = sizeof(int64_t)};
		if (!(queues[i] = kk_queue_create(family, &spec, error)))
			return error->code;
	}
	if (start_all(worker, error) < 0)
		return error->code;
	for (number = 0; number < ITEMS; number++)
		kk_queue_put(queues[0], &number, sizeof(number), -1);
	end_all(worker);
	while ((rc = kk_queue_get(queues[STAGES], &number, sizeof(number), -1)) >= 0) {
		sum += number;
		count++;
	}
	printf("%d items, their sum is %" PRId64 " (%s)\n", count, sum, kk_status_text((int)rc));
	for (int i = 0; i <= STAGES; i++)
		kk_queue_destroy(queues[i]);
	return KK_OK;
}

int main(int argc, char **argv)
{
	struct kk_error error = {0};

	kk_function_main(argc, argv);
	struct kk_family *family = kk_family_create(NULL, &error);
	if (!family || run(family, &error) < 0) {
		fprintf(stderr, "closable: %s\n", error.text);
		return 1;
	}
	kk_family_close(family);
	return 0;
}
