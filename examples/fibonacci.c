/* SPDX-License-Identifier: Apache-2.0 */
/* fibonacci.c - work for the processor over all cores, against one: an executor with a process for each. The times go
 * to standard error. */
#include <kakehi/cpus.h>
#include <kakehi/executor.h>

#include <stdio.h>
#include <time.h>

enum { FROM = 24, COUNT = 8 };

static long fibonacci(long n)
{
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static int compute(struct kk_call *call)
{
	long number = fibonacci(*(const long *)call->args);
	return kk_call_return(call, &number, sizeof(number));
}
KK_FUNCTION(compute)

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Sums the answers of `workers` processes; -1: something went wrong. */
static long run(unsigned workers, bool print)
{
	long number[COUNT], sum = 0;
	const struct kk_executor_spec spec = {.workers = workers};
	struct kk_error error;
	const void *data;
	struct kk_executor *executor = kk_executor_create(NULL, &spec, &error);
	if (!executor) {
		fprintf(stderr, "%s\n", error.text);
		return -1;
	}
	for (int i = 0; i < COUNT; i++)
		number[i] = FROM + i;
	double begin = now();
	struct kk_results *results = kk_executor_map(executor, compute, number, sizeof(long), COUNT, 1, &error);
	while (results && kk_results_next(results, -1, &data, NULL, &error) == 1) {
		long answer = *(const long *)data;
		if (print)
			printf("fibonacci(%ld) = %ld\n", number[kk_results_item(results)], answer);
		sum += answer;
	}
	fprintf(stderr, "%u workers: %.3f s\n", workers, now() - begin);
	kk_results_free(results);
	kk_executor_close(executor);
	return results ? sum : -1;
}

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	long over_all = run(kk_cpus(), true);
	long by_one = run(1, false);
	printf("%s\n",
	       over_all == by_one && by_one > 0 ? "one worker says the same" : "one worker says something else");
	return 0;
}
