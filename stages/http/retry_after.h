/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/retry_after.h - reads the value of a Retry-After header, produces how long the server wants to be left
 * alone.
 */
#ifndef STAGES_HTTP_RETRY_AFTER_H
#define STAGES_HTTP_RETRY_AFTER_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* More than a day is a day. */
#define RETRY_AFTER_MOST_MS UINT64_C(86400000)

/* retry_after_ms - the value is seconds, or a date in one of HTTP's three forms (RFC 9110, 5.6.7); `now` is the time to
 * compare it with. Milliseconds; 0: a date in the past, or nothing that makes sense. */
uint64_t retry_after_ms(const char *value, time_t now);

#endif
