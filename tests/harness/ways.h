/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/ways.h - reads a way to start a call, produces the call, and what it wrote.
 * Link with kakehi_ways. */
#ifndef TESTS_HARNESS_WAYS_H
#define TESTS_HARNESS_WAYS_H

#include "harness.h"
#include <kakehi/process.h>

enum way { BY_FORK, BY_SPAWN, BY_FORKED_SERVER, BY_FRESH_SERVER, BY_COMMON_SERVER, WAYS };

extern const char *const way_names[WAYS];

/* What a call of the tests writes to, for way_read. */
enum { WAY_OUT = 9 };

/* way_use - from now on calls are started this way; way_done - ends what it needed. */
void way_use(enum way way);
void way_done(void);
enum way way_used(void);
struct kk_process_server *way_server(void);

/* way_start - starts `spec` that way; a failure fails the test. way_try - says how it failed. */
struct kk_process *way_start(struct kk_process_spec spec);
struct kk_process *way_try(struct kk_process_spec spec, struct kk_error *error);

/* way_end - how it ended, and frees it. Waits at most 20 s. */
struct kk_process_end way_end(struct kk_process *process);

/* way_output - starts `spec` with its descriptor `number` a pipe, and returns all that is written there; it exits with
 * `status`. */
char *way_output(struct kk_process_spec spec, int number, int status);

/* way_read - what comes from `fd` until its end. */
char *way_read(int fd);

/* way_open_descriptors - how many this process has. */
unsigned way_open_descriptors(void);

/* WAY_TESTS - one test for each way: `name`(void). */
#define WAY_TEST(name, way)                                                                                            \
	static void name##_##way(void **state)                                                                         \
	{                                                                                                              \
		(void)state;                                                                                           \
		way_use(way);                                                                                          \
		name();                                                                                                \
		way_done();                                                                                            \
	}
#define WAY_TESTS(name)                                                                                                \
	WAY_TEST(name, BY_FORK)                                                                                        \
	WAY_TEST(name, BY_SPAWN)                                                                                       \
	WAY_TEST(name, BY_FORKED_SERVER)                                                                               \
	WAY_TEST(name, BY_FRESH_SERVER)                                                                                \
	WAY_TEST(name, BY_COMMON_SERVER)
#define WAY_ROWS(name)                                                                                                 \
	cmocka_unit_test(name##_BY_FORK), cmocka_unit_test(name##_BY_SPAWN),                                           \
	    cmocka_unit_test(name##_BY_FORKED_SERVER), cmocka_unit_test(name##_BY_FRESH_SERVER),                       \
	    cmocka_unit_test(name##_BY_COMMON_SERVER)

/* The program may be started afresh. */
#define WAY_MAIN(tests)                                                                                                \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		kk_function_main(argc, argv);                                                                          \
		return harness_run(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]));                             \
	}

#endif
