/* SPDX-License-Identifier: Apache-2.0 */
/* engine/report/repeat.h - reads log lines, produces which of them to show: the first few of each kind within a span of
 * time, and how many more there were. Lines are of a kind if they differ in digits and in what stands in parentheses.
 */
#ifndef ENGINE_REPORT_REPEAT_H
#define ENGINE_REPORT_REPEAT_H

#include <kakehi/stage.h>
#include <stdbool.h>
#include <stdint.h>

#define KK_REPEAT_KINDS   32
#define KK_REPEAT_SHOWN   10
#define KK_REPEAT_SPAN_NS 10000000000ull

/* Zero-initialise it. */
struct kk_repeats {
	struct kk_repeat {
		uint64_t kind, since_ns; /* kind 0: a free place */
		uint64_t count;
		enum kk_log_level level;
		char who[64], line[160]; /* of the first one left out */
	} at[KK_REPEAT_KINDS];
};

/* kk_repeats_see - is this line to be shown? */
bool kk_repeats_see(struct kk_repeats *repeats, uint64_t now_ns, enum kk_log_level level, const char *who,
                    const char *line, size_t length);

/* kk_repeats_over - takes out a kind whose time is over and of which count - KK_REPEAT_SHOWN lines were left out;
 * false: there is none. `all`: whether its time is over or not. */
bool kk_repeats_over(struct kk_repeats *repeats, uint64_t now_ns, bool all, struct kk_repeat *to);

#endif
