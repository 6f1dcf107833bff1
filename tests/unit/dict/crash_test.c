/* SPDX-License-Identifier: Apache-2.0 */
/* kk_dict in plain memory: writers that are killed, at random and all over an operation, and their heirs. */
#include "harness.h"
#include "sanitizers.h"
#include "step.h"
#include <kakehi/array.h>
#include <kakehi/dict.h>
#include <kakehi/shm.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *shared(uint64_t bytes)
{
	struct kk_shm *shm = kk_shm_create(bytes, "a test", 0, NULL);
	assert_non_null(shm);
	void *memory = kk_shm_map(kk_shm_fd(shm, true), bytes, true, NULL);
	assert_non_null(memory);
	kk_shm_free(shm);
	return memory;
}

static struct kk_dict *shared_dict(const struct kk_dict_shape *shape)
{
	uint64_t bytes = kk_dict_size(shape);
	void *memory = shared(bytes);
	assert_int_equal(kk_dict_init(memory, bytes, shape, NULL), KK_OK);
	struct kk_dict *dict = kk_dict_attach(memory, bytes, NULL);
	assert_non_null(dict);
	return dict;
}

/* ---- many writers, killed at random */

enum { ROLES = 6, OWN_KEYS = 4, COMMON_KEYS = 5, KILLS = 400, VALUE_MAX = 200 };

/* committed[role * OWN_KEYS + key]: the last number that a set of the role's own key returned for. */
static struct kk_array *committed;

/* A value: its number, its length and bytes that follow from them. */
static size_t make_value(unsigned char *to, int64_t number)
{
	size_t bytes = 16 + (uint64_t)number * 2654435761U % (VALUE_MAX - 15);
	memcpy(to, &number, 8);
	memcpy(to + 8, &bytes, 8);
	for (size_t i = 16; i < bytes; i++)
		to[i] = (unsigned char)((uint64_t)number * 31 + i);
	return bytes;
}

/* The number of a value; -1 if it is not one that make_value made. */
static int64_t number_of(const unsigned char *value, int64_t bytes)
{
	unsigned char should[VALUE_MAX];
	int64_t number;
	if (bytes < 16 || bytes > VALUE_MAX)
		return -1;
	memcpy(&number, value, 8);
	if (make_value(should, number) != (size_t)bytes || memcmp(should, value, (size_t)bytes) != 0)
		return -1;
	return number;
}

static int own_key(char *to, unsigned role, unsigned key)
{
	return snprintf(to, 16, "own %u.%u", role, key);
}

/* One common key: read and check it, then set or remove it. 0, or an exit status that says what is wrong. */
static int use_common_key(struct kk_dict *dict, int64_t number)
{
	char key[16];
	unsigned char value[VALUE_MAX];
	int length = snprintf(key, sizeof(key), "common %d", (int)(number % COMMON_KEYS));
	int64_t bytes = kk_dict_get(dict, key, (size_t)length, value, sizeof(value));
	if (bytes != KK_ERR_MISSING && number_of(value, bytes) < 0)
		return 2;
	if (number % 7 == 0) {
		int rc = kk_dict_remove(dict, key, (size_t)length);
		return rc < 0 && rc != KK_ERR_MISSING ? 3 : 0;
	}
	return kk_dict_set(dict, key, (size_t)length, value, make_value(value, number)) < 0 ? 4 : 0;
}

/* A writer: inherits, then counts its own keys up for ever, between uses of the common ones. */
static int play(struct kk_dict *dict, unsigned role)
{
	int rc = kk_dict_inherit(dict, role) < 0 ? 1 : 0;
	for (int64_t i = 0; rc == 0; i++) {
		unsigned key = (unsigned)i % OWN_KEYS;
		char name[16];
		unsigned char value[VALUE_MAX];
		int64_t number = 0, found = 0;
		int length = own_key(name, role, key);
		int64_t bytes = kk_dict_get(dict, name, (size_t)length, value, sizeof(value));
		if (kk_array_get_int(committed, role * OWN_KEYS + key, &number) < 0)
			return 5;
		if (bytes != KK_ERR_MISSING)
			found = number_of(value, bytes);
		/* A committed one must be there; the one after it may be, if the last process died in between. */
		if (found != number && found != number + 1)
			return 6;
		number = found + 1;
		if (kk_dict_set(dict, name, (size_t)length, value, make_value(value, number)) < 0)
			return 7;
		if (kk_array_set_int(committed, role * OWN_KEYS + key, number) < 0)
			return 8;
		rc = use_common_key(dict, number * ROLES + role);
	}
	return rc;
}

static pid_t start(struct kk_dict *dict, unsigned role)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(play(dict, role));
	return child;
}

/* What the killer does meanwhile, so that its kills fall anywhere: reads. */
static void read_for_a_while(const struct kk_dict *dict, int reads)
{
	unsigned char value[VALUE_MAX];
	char key[16];
	for (int i = 0; i < reads; i++) {
		int length = i % 2 ? snprintf(key, sizeof(key), "common %d", i % COMMON_KEYS)
		                   : own_key(key, 1 + (unsigned)i % ROLES, (unsigned)i % OWN_KEYS);
		int64_t bytes = kk_dict_get(dict, key, (size_t)length, value, sizeof(value));
		if (bytes != KK_ERR_MISSING)
			assert_true(number_of(value, bytes) > 0);
	}
}

static void end(pid_t child)
{
	int status;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		fail_msg("a writer found fault %d", WEXITSTATUS(status));
}

/* Has every writer written all of its keys, in one life or another? */
static bool all_committed(void *unused)
{
	(void)unused;
	for (unsigned i = OWN_KEYS; i < (ROLES + 1) * OWN_KEYS; i++) {
		int64_t number = 0;
		if (kk_array_get_int(committed, i, &number) < 0 || number == 0)
			return false;
	}
	return true;
}

/* When all are dead and inherited, everything is accounted for. */
static void check_peace(struct kk_dict *dict)
{
	struct kk_dict_usage usage;
	struct kk_error error = {0};
	for (unsigned role = 1; role <= ROLES; role++)
		assert_int_equal(kk_dict_inherit(dict, role), KK_OK);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	if (kk_dict_check(dict, &error) < 0)
		fail_msg("%s", error.text);
	for (unsigned role = 1; role <= ROLES; role++) {
		for (unsigned key = 0; key < OWN_KEYS; key++) {
			char name[16];
			unsigned char value[VALUE_MAX];
			int64_t number;
			int length = own_key(name, role, key);
			assert_int_equal(kk_array_get_int(committed, role * OWN_KEYS + key, &number), KK_OK);
			int64_t bytes = kk_dict_get(dict, name, (size_t)length, value, sizeof(value));
			int64_t found = bytes == KK_ERR_MISSING ? 0 : number_of(value, bytes);
			assert_true(found == number || found == number + 1);
		}
	}
}

static void test_random_kills(void **state)
{
	(void)state;
	static const struct kk_dict_shape shape = {
	    .keys = ROLES * OWN_KEYS + COMMON_KEYS, .roles = ROLES, .key_max = 16, .value_max = VALUE_MAX};
	struct kk_dict *dict = shared_dict(&shape);
	void *numbers = shared(kk_array_size((ROLES + 1) * OWN_KEYS));
	pid_t writer[ROLES + 1];
	assert_int_equal(
	    kk_array_init(numbers, kk_array_size((ROLES + 1) * OWN_KEYS), KK_NUMBER_INT, (ROLES + 1) * OWN_KEYS, NULL),
	    KK_OK);
	committed = kk_array_attach(numbers, kk_array_size((ROLES + 1) * OWN_KEYS), NULL);
	assert_non_null(committed);
	for (unsigned role = 1; role <= ROLES; role++)
		writer[role] = start(dict, role);
	srand(1);
	for (int i = 0; i < KILLS; i++) {
		unsigned role = 1 + (unsigned)rand() % ROLES;
		read_for_a_while(dict, rand() % 2000);
		end(writer[role]);
		/* Sometimes the role stays dead for a while: the others must not notice. */
		if (rand() % 3 == 0)
			read_for_a_while(dict, rand() % 2000);
		writer[role] = start(dict, role);
	}
	assert_true(harness_wait_until(all_committed, NULL, 30000));
	for (unsigned role = 1; role <= ROLES; role++)
		end(writer[role]);
	check_peace(dict);
	kk_array_detach(committed);
	kk_dict_detach(dict);
}

/* ---- one writer, killed all over an operation (at every instruction: family_test.c), and its heirs as well */

static int set_as(struct kk_dict *dict, unsigned role, const char *key, const char *value)
{
	int rc = kk_dict_inherit(dict, role);
	return rc < 0 ? rc : kk_dict_set(dict, KK_TEXT(key), KK_TEXT(value));
}

/* What role 1 does in a new process. */
static struct {
	struct kk_dict *dict;
	enum operation { INSERT, REPLACE, REMOVE, INHERIT } operation;
} act;

static void inherit_first(void)
{
	if (act.operation != INHERIT)
		(void)kk_dict_inherit(act.dict, 1);
}

static int operate(void)
{
	switch (act.operation) {
	case INSERT:
		return kk_dict_set(act.dict, "new", 3, "11", 2);
	case REPLACE:
		return kk_dict_set(act.dict, "old", 3, "22", 2);
	case REMOVE:
		return kk_dict_remove(act.dict, "old", 3);
	default:
		return kk_dict_inherit(act.dict, 1);
	}
}

/* Runs the operation in a child, `steps` instructions of it, and kills the child. Returns how many were done. */
static long operate_and_die(struct kk_dict *dict, enum operation operation, long steps)
{
	long done;
	const struct step_plan plan = {.arrive = inherit_first, .run = operate, .expected = KK_OK, .kill_at = steps};
	act.dict = dict;
	act.operation = operation;
	assert_int_not_equal(step_run(&plan, &done), STEP_WRONG);
	return done;
}

static bool holds(const struct kk_dict *dict, const char *key, const char *value)
{
	char to[8];
	int64_t bytes = kk_dict_get(dict, key, strlen(key), to, sizeof(to));
	return value ? bytes == (int64_t)strlen(value) && memcmp(to, value, (size_t)bytes) == 0
	             : bytes == KK_ERR_MISSING;
}

/* The state after the kill is the one before the operation or the one after it. */
static void check_either(const struct kk_dict *dict, enum operation operation)
{
	switch (operation) {
	case INSERT:
		assert_true(holds(dict, "new", NULL) || holds(dict, "new", "11"));
		break;
	case REPLACE:
		assert_true(holds(dict, "old", "0") || holds(dict, "old", "22"));
		break;
	case REMOVE:
		assert_true(holds(dict, "old", "0") || holds(dict, "old", NULL));
		break;
	default:
		break;
	}
}

/* One dict, one death after `steps` instructions; a rival works on before the heir comes. Returns how many were done.
 */
static long one_death(enum operation operation, long steps)
{
	static const struct kk_dict_shape shape = {.keys = 2, .roles = 2, .key_max = 8, .value_max = 8};
	struct kk_dict *dict = shared_dict(&shape);
	struct kk_dict_usage usage;
	assert_int_equal(set_as(dict, 2, "old", "0"), KK_OK);
	long done = operate_and_die(dict, operation, steps);
	check_either(dict, operation);
	/* Whatever the dead one has in hand, there is room for as many keys as were promised. */
	assert_int_equal(set_as(dict, 2, "new", "33"), KK_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(set_as(dict, 2, "old", "44"), KK_OK);
	/* Often the heir dies as well, somewhere; so does its heir. */
	if (steps % 4 == 0) {
		(void)operate_and_die(dict, INHERIT, steps % 97);
		(void)operate_and_die(dict, INHERIT, steps % 389);
	}
	assert_int_equal(kk_dict_inherit(dict, 1), KK_OK);
	kk_dict_usage(dict, &usage);
	assert_int_equal(usage.in_hand, 0);
	assert_int_equal(kk_dict_check(dict, NULL), KK_OK);
	assert_int_equal(set_as(dict, 1, "new", "55"), KK_OK);
	assert_true(holds(dict, "new", "55"));
	assert_int_equal(set_as(dict, 1, "old", ""), KK_OK);
	assert_int_equal(set_as(dict, 1, "more", ""), KK_OK);
	assert_int_equal(set_as(dict, 1, "most", ""), KK_OK);
	assert_int_equal(set_as(dict, 1, "too many", ""), KK_ERR_FULL);
	kk_dict_detach(dict);
	return done;
}

/* Sanitizers make ten instructions of one, and processes slow to start: a sample has to do there. */
enum { MOST_DEATHS = WITH_ASAN || WITH_TSAN ? 20 : 60 };

static void kill_everywhere(enum operation operation)
{
	long length = one_death(operation, LONG_MAX);
	long stride = length / MOST_DEATHS + 1;
	for (long steps = 0; steps <= length; steps += stride)
		(void)one_death(operation, steps);
}

static void test_kill_insert_everywhere(void **state)
{
	(void)state;
	kill_everywhere(INSERT);
}

static void test_kill_replace_everywhere(void **state)
{
	(void)state;
	kill_everywhere(REPLACE);
}

static void test_kill_remove_everywhere(void **state)
{
	(void)state;
	kill_everywhere(REMOVE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_random_kills),
    cmocka_unit_test(test_kill_insert_everywhere),
    cmocka_unit_test(test_kill_replace_everywhere),
    cmocka_unit_test(test_kill_remove_everywhere),
};
HARNESS_MAIN(tests)
