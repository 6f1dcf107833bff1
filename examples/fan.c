/* SPDX-License-Identifier: Apache-2.0 */
/* fan - work fans out to four workers, who count the primes in ranges of numbers, and what they found fans in to the
 * parent. One worker is killed; the parent is told which, and the others do its work. */
#include <kakehi/process.h>
#include <kakehi/queue.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

enum { WORKERS = 4, RANGES = 200, RANGE = 500 };

struct range {
	int first, primes;
};

static struct kk_queue *out, *in;

static bool is_prime(int number)
{
	for (int divisor = 2; divisor * divisor <= number; divisor++)
		if (number % divisor == 0)
			return false;
	return number > 1;
}

static int work(struct kk_call *call)
{
	bool unlucky = *(const bool *)call->args;
	struct range range;
	int64_t rc = kk_queue_producer(in);
	while (rc >= 0 && (rc = kk_queue_get(out, &range, sizeof(range), -1)) >= 0) {
		if (unlucky)
			raise(SIGKILL);
		range.primes = 0;
		for (int number = range.first; number < range.first + RANGE; number++)
			range.primes += is_prime(number);
		rc = kk_queue_put(in, &range, sizeof(range), -1);
		if (rc == KK_OK)
			rc = kk_queue_task_done(out);
	}
	return rc == KK_ERR_CLOSED ? 0 : (int)rc;
}

static void fan_out(void)
{
	struct range range[RANGES];
	struct iovec items[RANGES];
	for (int i = 0; i < RANGES; i++) {
		range[i] = (struct range){.first = i * RANGE};
		items[i] = (struct iovec){&range[i], sizeof(range[i])};
	}
	kk_queue_put_many(out, items, RANGES, -1);
	kk_queue_shutdown(out);
}

static void fan_in(void)
{
	struct range range;
	int ranges = 0, primes = 0, deaths = 0;
	while (ranges < RANGES || deaths == 0) {
		int64_t rc = kk_queue_get(in, &range, sizeof(range), -1);
		if (rc == KK_ERR_DIED) {
			struct kk_casualty casualty;
			kk_queue_casualty(in, &casualty);
			printf("%s was killed\n", casualty.name);
			deaths++;
		} else {
			ranges++;
			primes += range.primes;
		}
	}
	printf("%d ranges: %d primes below %d\n", ranges, primes, RANGES * RANGE);
}

static int run(struct kk_error *error)
{
	struct kk_process *worker[WORKERS];
	for (int i = 0; i < WORKERS; i++) {
		bool unlucky = i == 0;
		char name[16];
		snprintf(name, sizeof(name), "counter-%d", i + 1);
		if (!(worker[i] = kk_process_start(work, &unlucky, sizeof(unlucky), name, error)))
			return error->code;
		/* It shall have work before the others have done everything. */
		if (unlucky) {
			fan_out();
			kk_process_join(worker[i], -1);
		}
	}
	fan_in();
	for (int i = 0; i < WORKERS; i++)
		kk_process_free(worker[i]);
	return KK_OK;
}

int main(int argc, char **argv)
{
	const struct kk_queue_spec ranges = {
	    .capacity = RANGES, .item_max = sizeof(struct range), .joinable = true, .redeliver = 1};
	const struct kk_queue_spec found = {.capacity = 10, .item_max = sizeof(struct range)};
	struct kk_error error = {0};

	kk_function_main(argc, argv);
	struct kk_family *family = kk_family_create(NULL, &error);
	if (family) {
		out = kk_queue_create(family, &ranges, &error);
		in = kk_queue_create(family, &found, &error);
	}
	if (!out || !in || run(&error) < 0) {
		fprintf(stderr, "fan: %s\n", error.text);
		return 1;
	}
	kk_queue_destroy(in);
	kk_queue_destroy(out);
	kk_family_close(family);
	return 0;
}
