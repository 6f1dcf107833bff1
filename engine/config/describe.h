/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/describe.h - reads the name of a config file, produces the plan of its run.
 *
 * Parsing, loading stages and planning happen in a short-lived child process: the caller parses no YAML and loads no
 * module, and a stage that crashes or hangs while it is asked for its needs is a message, not the end of the caller.
 */
#ifndef ENGINE_CONFIG_DESCRIBE_H
#define ENGINE_CONFIG_DESCRIBE_H

#include "config/config.h"
#include <stdint.h>

struct kk_plan;

struct kk_describe_request {
	const char *file;        /* the config; "-": standard input                */
	const char *const *sets; /* arguments of --set: path=value                 */
	size_t set_count;
	struct kk_selection selection; /* which items; texts belong to the caller        */
	uint32_t deadline;             /* milliseconds the child may take; 0: 10 s       */
};

/* kk_describe - what `run` and `validate` both do first. The caller must be single-threaded.
 *
 * Returns 0 and *plan (checked; the caller frees it with free()), or the exit code that the program should end with:
 * 78 if the config is wrong, 70 if the child failed. *text gets everything there is to tell people, ready to be
 * printed on stderr: one paragraph per mistake, each line ended; "" if there is nothing; the caller frees it; NULL
 * only if memory ran out. */
int kk_describe(const struct kk_describe_request *request, struct kk_plan **plan, char **text);

/* kk_describe_config - the same, but the result is the effective config (config/effective.h), NUL-terminated, the
 * caller's to free(). */
int kk_describe_config(const struct kk_describe_request *request, char **config, char **text);

#endif
