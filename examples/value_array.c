/* SPDX-License-Identifier: Apache-2.0 */
/* value_array - a Value and an Array that two processes change: atomically, under the lock, and without either. */
#include <kakehi/family.h>
#include <kakehi/function.h>
#include <kakehi/process.h>
#include <kakehi/value.h>

#include <stdio.h>

enum { ROUNDS = 100000, LENGTH = 10 };

static struct kk_value *number, *balance;
static struct kk_array *squares;

/* The program of Python's manual: num.value = 3.1415927; arr[i] = -arr[i]. */
static int change(struct kk_call *call)
{
	(void)call;
	int rc = kk_value_set_float(number, 3.1415927);
	for (uint64_t i = 0; rc == 0 && i < LENGTH; i++) {
		int64_t one;
		rc = kk_array_get_int(squares, i, &one);
		if (rc == 0)
			rc = kk_array_set_int(squares, i, -one);
	}
	return rc;
}

/* Each round in one step: nobody has to be kept out. */
static int count(struct kk_call *call)
{
	int rc = 0;
	(void)call;
	for (int i = 0; rc == 0 && i < ROUNDS; i++)
		rc = kk_array_add_int(squares, 0, 1, NULL);
	return rc;
}

/* Two steps that belong together: under the value's lock. */
static int deposit(struct kk_call *call)
{
	(void)call;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t now;
		if (kk_value_lock(balance, -1) < 0 || kk_value_get_int(balance, &now) < 0 ||
		    kk_value_set_int(balance, now + 2) < 0 || kk_value_unlock(balance) < 0)
			return 1;
	}
	return 0;
}

static int run(kk_function *function, int processes)
{
	struct kk_error error;
	struct kk_process *process[2] = {NULL, NULL};
	int rc = 0;
	for (int i = 0; i < processes; i++)
		process[i] = kk_process_start(function, NULL, 0, NULL, &error);
	for (int i = 0; i < processes; i++) {
		int code = 1;
		if (!process[i] || kk_process_join(process[i], -1) < 0 || kk_process_exitcode(process[i], &code) < 0 ||
		    code != 0)
			rc = 1;
		kk_process_free(process[i]);
	}
	return rc;
}

int main(void)
{
	struct kk_error error;
	struct kk_family *family = kk_family_create(NULL, &error);
	if (!family)
		return fprintf(stderr, "%s\n", error.text), 1;
	number = kk_value_create(family, KK_NUMBER_F64, true, &error);
	balance = kk_value_create(family, KK_NUMBER_I64, true, &error);
	squares = kk_array_create(family, KK_NUMBER_I32, LENGTH, true, &error);
	if (!number || !balance || !squares)
		return fprintf(stderr, "%s\n", error.text), 1;

	for (int i = 0; i < LENGTH; i++)
		kk_array_set_int(squares, (uint64_t)i, i * i);
	int rc = run(change, 1);
	/* RawValue, RawArray: the C objects themselves. */
	printf("%.7f\n", *(double *)kk_value_data(number));
	const int32_t *raw = kk_array_data(squares);
	for (int i = 0; i < LENGTH; i++)
		printf("%s%d", i ? " " : "", (int)raw[i]);
	printf("\n");

	rc |= run(count, 2);
	printf("counted by two processes: %d\n", (int)raw[0]);
	rc |= run(deposit, 2);
	printf("changed under the lock by two processes: %lld\n", (long long)*(int64_t *)kk_value_data(balance));

	kk_array_destroy(squares);
	kk_value_destroy(balance);
	kk_value_destroy(number);
	kk_family_close(family);
	return rc;
}
