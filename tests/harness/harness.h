/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/harness.h - reads a table of cmocka tests, produces a test program that cannot hang or leave a mess.
 *
 *	static void test_first(void **state) { ... }
 *	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_first) };
 *	HARNESS_MAIN(tests)
 *
 * Each test runs in a process of its own, forked by the program, under the time limit of kakehi_test(TIMEOUT). After
 * the test (and its cmocka tear-down) that process looks for what was left behind: open descriptors, child processes,
 * running or not waited for (also orphans of its children: it is their subreaper), and entries of /dev/shm. Anything
 * found fails the test. Whatever the test has started is killed and its temporary directory removed, however it ended.
 *
 * Arguments of a test program: names of the tests to run; none: all.
 * Environment: KAKEHI_TEST_TIMEOUT seconds; KAKEHI_TEST_KEEP=1 keeps the temporary directories and says where.
 *
 * Helpers below that cannot do their work fail the test (cmocka's fail_msg), so their results need no checks. What
 * they return is the test's until its process ends: nothing is to be freed.
 */
#ifndef TESTS_HARNESS_HARNESS_H
#define TESTS_HARNESS_HARNESS_H

/* The order that cmocka.h asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <sys/types.h>

/* What cmocka.h does not tell the compiler: after fail_msg() and the asserts nothing follows. */
void _fail(const char *file, int line) __attribute__((noreturn));

/* harness_run - runs the tests that argv names, or all; returns the exit status of the program: 0 or 1. */
int harness_run(int argc, char **argv, const struct CMUnitTest *tests, size_t count);

#define HARNESS_MAIN(tests)                                                                                            \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		return harness_run(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]));                             \
	}

/* ---- time */

uint64_t harness_now_ms(void);

/* harness_wait_until - asks `is(what)` until it says true (returned) or `limit_ms` have passed (false). */
bool harness_wait_until(bool (*is)(void *what), void *what, unsigned limit_ms);

/* ---- programs */

struct harness_options {
	const char *dir;        /* working directory; NULL: harness_dir()                                       */
	const char *const *env; /* NAME=value to add to the environment, closed by NULL; NULL: none             */
	const char *input;      /* what it reads on stdin; NULL: /dev/null                                      */
	int fd;                 /* a descriptor that it gets under number 3; 0: none                            */
	unsigned limit_ms;      /* killed (with all its descendants) and the test fails after this; 0: 30 s     */
};

struct harness_result {
	int exit_code;  /* or -1: ended by a signal */
	int signal;     /* or 0                     */
	char *out;      /* stdout, NUL-terminated   */
	char *err;      /* stderr, NUL-terminated   */
	uint64_t ms;    /* how long it ran          */
	double cpu_sec; /* of it and its reaped children, user and system */
};

struct harness_program;

/* harness_exec - runs a program (searched in PATH) to its end. argv is closed by NULL. */
struct harness_result harness_exec(const char *const argv[], const struct harness_options *options);

/* harness_start, harness_finish - the same in two halves, so that something can be done to the program meanwhile.
 * Output goes to files, so that nobody has to read along. harness_finish waits until options->limit_ms after the start.
 */
struct harness_program *harness_start(const char *const argv[], const struct harness_options *options);
pid_t harness_pid(const struct harness_program *program);
bool harness_running(struct harness_program *program);
struct harness_result harness_finish(struct harness_program *program);
/* harness_out, harness_err - what the program has written so far. */
char *harness_out(const struct harness_program *program);
char *harness_err(const struct harness_program *program);

/* ---- servers: a program that writes its port as a line on stdout when it is ready and ends when its stdin closes */

struct harness_server;

struct harness_server *harness_server_start(const char *const argv[]);
unsigned harness_server_port(const struct harness_server *server);
pid_t harness_server_pid(const struct harness_server *server);
/* harness_server_stop - closes its stdin and waits for its end; a server that does not end, or not with 0, fails. */
void harness_server_stop(struct harness_server *server);

/* ---- processes */

/* harness_children - fills `to` with the children of `parent`, at most `max`; returns how many. */
size_t harness_children(pid_t parent, pid_t *to, size_t max);
/* harness_title - the process's command line, its words joined by blanks; "" when it is gone. */
char *harness_title(pid_t pid);
/* harness_pss_bytes - proportional set size of a process (smaps_rollup); 0 when it is gone. */
uint64_t harness_pss_bytes(pid_t pid);
/* harness_wait_orphans - reaps the orphans that became children of the test, until none is left or `limit_ms` have
 * passed; returns how many are still running. */
size_t harness_wait_orphans(unsigned limit_ms);
/* harness_reap_checkers - AddressSanitizer's leak checker works in a child of the program that ends. Who kills a
 * program in its check is left that child, which ends by itself and has no title any more: reaps those. Else it does
 * nothing. */
void harness_reap_checkers(void);
/* harness_alive - does the process exist (a zombie does not count)? */
bool harness_alive(pid_t pid);

/* ---- files */

/* harness_dir - a directory of this test's own, removed after it. */
const char *harness_dir(void);
/* harness_path - a path beneath harness_dir(), formatted. */
char *harness_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* harness_text - a formatted text. */
char *harness_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* harness_keep - makes allocated memory belong to the test as the texts do; fails the test if it is NULL. */
void *harness_keep(void *memory);
void harness_make_dir(const char *path);
void harness_write(const char *path, const void *data, size_t size);
void harness_write_text(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* harness_read - the whole file, NUL-terminated; `size` may be NULL. */
char *harness_read(const char *path, size_t *size);
bool harness_exists(const char *path);
/* harness_count_files - regular files in a directory, not in those beneath it; 0 if there is no such directory. */
size_t harness_count_files(const char *path);
/* harness_same_files - do two directories hold files of the same names and the same bytes? If not, `why` gets a
 * sentence. */
bool harness_same_files(const char *one, const char *other, char *why, size_t why_size);

/* ---- NDJSON */

/* harness_json - the value of a top-level member of the JSON object `line`, as text (strings unescaped, everything else
 * as it is written); NULL if there is none. */
char *harness_json(const char *line, const char *member);
/* harness_line - the n-th line of a text, from 0, without its end; NULL if there is none. */
char *harness_line(const char *text, size_t n);
size_t harness_count_lines(const char *text);

#endif
