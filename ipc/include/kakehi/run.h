/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/run.h - reads commands, produces what they wrote and how they ended: Python's subprocess.run, and pipelines.
 *
 *	const char *const args[] = {"sha256sum", NULL};
 *	const struct kk_command command = {.args = args};
 *	const struct kk_run_options options = {.input = "abc", .input_bytes = 3, .capture = true, .check = true};
 *	struct kk_completed done;
 *	if (kk_run(&command, &options, 5000, &done, &error) == KK_OK)
 *		puts(done.out.data);
 *	kk_completed_free(&done);
 *
 * Any number of threads at once. Nothing that was started outlives the call, nor the caller (kakehi/popen.h).
 */
#ifndef KAKEHI_RUN_H
#define KAKEHI_RUN_H

#include <kakehi/error.h>
#include <kakehi/popen.h>
#include <kakehi/process.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_run_options {
	const void *input; /* what the child, of a pipeline the first, reads. NULL: what its `in` says */
	size_t input_bytes;
	bool capture; /* keep what goes to those of `out` and `err` that the command leaves to the caller's own */
	bool check;   /* an end other than exit 0 is an error: KK_ERR_FAILED */
};

/* What became of one command. Zero where it was not even started. */
struct kk_completed {
	int returncode;              /* exit status, or minus the signal that killed it                         */
	struct kk_process_end end;   /* the same in detail                                                      */
	struct kk_captured out, err; /* of streams that are pipes (KK_STREAM_PIPE or `capture`); else data NULL */
};

/* kk_run - starts a command, gives it its input, keeps what it writes and waits for its end. `options` NULL: none of
 * them. 0 and `done` filled. Also filled, with what there was up to then, on
 * KK_ERR_TIMEOUT: it was killed with its whole group after `timeout_ms`; what it captured is there, whoever may still
 * hold its pipes open; KK_ERR_NO_ROOM: killed, since it wrote more than the command's capture_max;
 * KK_ERR_FAILED (`check`): it did not end with exit 0.
 * Not started: KK_ERR_INVALID (also for input together with an `in` of its own), and what kk_popen returns.
 * `done` is to be freed with kk_completed_free, whatever was returned. */
KK_API int kk_run(const struct kk_command *command, const struct kk_run_options *options, int timeout_ms,
                  struct kk_completed *done, struct kk_error *error);

/* kk_run_pipeline - the same with `count` commands, each of which reads what the one before it writes: `done` is an
 * array of `count`. Only the last one's `out` and the first one's `in` may be set, `err` of any; `capture` keeps the
 * last one's `out` and every `err`. A command that cannot be started ends those before it. With `check`, one that was
 * ended by SIGPIPE has not failed unless it is the last: the next one wanted no more. */
KK_API int kk_run_pipeline(const struct kk_command *commands, size_t count, const struct kk_run_options *options,
                           int timeout_ms, struct kk_completed *done, struct kk_error *error);

/* kk_completed_free - frees what was captured; `done` is zero then. Again does nothing. */
KK_API void kk_completed_free(struct kk_completed *done);

#ifdef __cplusplus
}
#endif
#endif
