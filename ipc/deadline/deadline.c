/* SPDX-License-Identifier: Apache-2.0 */
#include "deadline/deadline.h"
#include <errno.h>
#include <kakehi/error.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t kk_deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int kk_deadline_left(int64_t deadline_ms)
{
	int64_t left;

	if (deadline_ms < 0)
		return -1;
	left = deadline_ms - now_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int kk_deadline_poll(int fd, short events, int64_t deadline_ms)
{
	struct pollfd one = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&one, 1, kk_deadline_left(deadline_ms));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return KK_OK;
	return n == 0 ? KK_ERR_TIMEOUT : KK_ERR_SYSTEM;
}
