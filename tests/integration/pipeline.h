/* SPDX-License-Identifier: Apache-2.0 */
/* tests/integration/pipeline.h - reads a config, produces the run of it by the real program, as numbers.
 *
 * Everything lies in the test's own directory, which is also the working directory of the program.
 */
#ifndef TESTS_INTEGRATION_PIPELINE_H
#define TESTS_INTEGRATION_PIPELINE_H

#include "harness.h"

/* What `kakehi run --json` said at the end. Numbers that it did not say are 0. */
struct run {
	int exit_code, signal;
	char *out, *err;
	char *end; /* the JSON object of the end; NULL if there was none */
	unsigned long in, done, failed, skipped, left, deaths;
	uint64_t ms;
};

/* pipeline_config - writes the config `pipeline.yaml`, replacing one that was there. */
void pipeline_config(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* pipeline_add - puts more lines behind it. */
void pipeline_add(const char *lines);
/* pipeline_photos - the config of the main job: urls.txt through fetch (2 workers), thumb (2) and store (2) to `to`. */
void pipeline_photos(const char *memory, const char *to);

/* pipeline_start, pipeline_end - `kakehi run --json pipeline.yaml`, in two halves. pipeline_end fails the test if the
 * numbers do not add up. */
struct harness_program *pipeline_start(unsigned limit_ms);
struct run pipeline_end(struct harness_program *program);
struct run pipeline_run(void);
/* pipeline_verb - any other call of the program; arguments closed by NULL. */
struct harness_result pipeline_verb(const char *verb, const char *argument);

/* pipeline_expect - fails the test, showing stderr, if the run ended otherwise than so, or left items. */
void pipeline_expect(const struct run *run, int exit_code, unsigned long done, unsigned long failed);

/* pipeline_workers - the processes that play roles of `stage` (NULL: of any), at most `max`; returns how many. */
size_t pipeline_workers(struct harness_program *program, const char *stage, pid_t *to, size_t max);
/* pipeline_wait_workers - waits until all `count` workers of a stage are there. */
void pipeline_wait_workers(struct harness_program *program, const char *stage, size_t count);
/* pipeline_wait_no_workers - waits until none of a stage is there any more. */
void pipeline_wait_no_workers(struct harness_program *program, const char *stage);
/* pipeline_wait_outputs - waits until `dir` holds `count` files or the program has ended. */
void pipeline_wait_outputs(struct harness_program *program, const char *dir, size_t count);

/* pipeline_errors - how many lines of errors.ndjson have this text in this member. */
size_t pipeline_errors(const char *member, const char *text);

#endif
