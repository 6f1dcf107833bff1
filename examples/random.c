/* SPDX-License-Identifier: Apache-2.0 */
/* random - workers that all inherit one generator draw different numbers, and the same ones in every run. */
#include <kakehi/process.h>
#include <kakehi/random.h>

#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 3 };

/* Seeded before the workers are forked: with rand() or Python's random they would all draw the same. */
static struct kk_random random_numbers;

static int draw(struct kk_call *call)
{
	(void)call;
	printf("%s:", kk_process_current()->name);
	for (int i = 0; i < 6; i++)
		printf(" %2d", (int)kk_random_between(&random_numbers, 1, 49));
	printf("\n");
	return 0;
}
KK_FUNCTION(draw)

/* The stream of a worker that is known by a number, wherever it runs. */
static int draw_as(struct kk_call *call)
{
	int worker = *(const int *)call->args;

	kk_random_seed(&random_numbers, kk_random_worker(2026, (uint64_t)worker));
	return draw(call);
}
KK_FUNCTION(draw_as)

static void run(kk_function *function, int worker)
{
	struct kk_error error;
	struct kk_process *process = kk_process_start(function, &worker, sizeof(worker), NULL, &error);

	if (!process) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	kk_process_join(process, -1);
	kk_process_free(process);
}

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	kk_random_seed(&random_numbers, 2026);
	printf("inherited\n");
	for (int worker = 0; worker < WORKERS; worker++)
		run(draw, worker);
	printf("by number: the third one is the first one again\n");
	for (int worker = 0; worker < WORKERS; worker++)
		run(draw_as, worker % 2);
	return 0;
}
