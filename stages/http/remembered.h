/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/remembered.h - reads what one worker has learnt about a host, produces it for all workers of the stage.
 */
#ifndef STAGES_HTTP_REMEMBERED_H
#define STAGES_HTTP_REMEMBERED_H

#include "resolve.h"

/* remembered_store - keeps an answer about a name for so long, if it says anything about it. remembered_find - such an
 * answer; false, and `answer` as it was, if there is none that makes sense. */
void remembered_store(struct kk_context *context, const char *host, const struct resolve_answer *answer,
                      uint64_t keep_ms);
bool remembered_find(struct kk_context *context, const char *host, struct resolve_answer *answer);

/* remembered_refuse - `host` has answered with a failure of the class `why` and wants to be left alone for so long.
 * remembered_refusal - does it still? Stores the class then. */
void remembered_refuse(struct kk_context *context, const char *host, enum kk_fail_class why, uint64_t keep_ms);
bool remembered_refusal(struct kk_context *context, const char *host, enum kk_fail_class *why);

#endif
