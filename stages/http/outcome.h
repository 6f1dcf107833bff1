/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/outcome.h - reads what libcurl or a server says, produces the class of the failure and whether to retry.
 */
#ifndef STAGES_HTTP_OUTCOME_H
#define STAGES_HTTP_OUTCOME_H

#include <curl/curl.h>
#include <kakehi/stage.h>

/* How a try has failed. */
struct outcome {
	bool set;
	bool final; /* another try would go the same way */
	enum kk_fail_class class;
	uint64_t retry_after_ms; /* what the server asks for; 0: nothing */
	char text[320];
};

/* outcome_set - stores class and text, unless a reason is there already. */
void outcome_set(struct outcome *outcome, enum kk_fail_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void outcome_setv(struct outcome *outcome, enum kk_fail_class class, const char *format, va_list args);

/* outcome_is_redirect - does this status send us elsewhere? */
bool outcome_is_redirect(long status);

/* outcome_of_status - an answer whose status is not what was wanted; `easy` for its Retry-After. */
void outcome_of_status(struct outcome *outcome, long status, CURL *easy);

/* outcome_of_code - a hop that libcurl gave up, with its own words if it has any. */
void outcome_of_code(struct outcome *outcome, CURLcode code, const char *words);

/* outcome_retryable - may another try go better? */
bool outcome_retryable(const struct outcome *outcome);

/* outcome_delay_ms - how long to wait before try number `tries` + 1: doubling from `base_ms`, up to 30 s, the upper
 * half of it by chance (`random`), and never less than the server asks for. */
uint64_t outcome_delay_ms(const struct outcome *outcome, uint64_t base_ms, unsigned tries, uint64_t random);

#endif
