/* SPDX-License-Identifier: Apache-2.0 */
#include "retry_after.h"

#include <ctype.h>
#include <string.h>

/* A date has fewer bytes. */
#define DATE_BYTES 64

static const char *const forms[] = {
    "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
    "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850     */
    "%a %b %e %H:%M:%S %Y",      /* asctime     */
};

static uint64_t seconds(const char *digits)
{
	uint64_t ms = 0;

	for (; isdigit((unsigned char)*digits); digits++) {
		ms = ms * 10 + (uint64_t)(*digits - '0') * 1000;
		if (ms > RETRY_AFTER_MOST_MS)
			ms = RETRY_AFTER_MOST_MS;
	}
	return digits[strspn(digits, " \t")] == 0 ? ms : 0;
}

static uint64_t until(const char *date, time_t now)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = {0};
		const char *end = strptime(date, forms[i], &tm);
		time_t then = end && end[strspn(end, " \t")] == 0 ? timegm(&tm) : now;

		if (then <= now)
			continue;
		return then - now > (time_t)(RETRY_AFTER_MOST_MS / 1000) ? RETRY_AFTER_MOST_MS
		                                                         : (uint64_t)(then - now) * 1000;
	}
	return 0;
}

uint64_t retry_after_ms(const char *value, time_t now)
{
	value += strspn(value, " \t");
	if (isdigit((unsigned char)*value))
		return seconds(value);
	return strlen(value) < DATE_BYTES ? until(value, now) : 0;
}
