/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/shutdown.h"
#include <signal.h>

bool kk_shutdown_signal(struct kk_shutdown *shutdown, int signal, uint64_t now_ns)
{
	if (shutdown->rung == KK_SHUTDOWN_KILLING)
		return false;
	if (shutdown->rung == KK_SHUTDOWN_DRAINING)
		return now_ns - shutdown->since_ns >= KK_SHUTDOWN_SAME_NS && kk_shutdown_fail(shutdown, now_ns);
	/* A terminal that went away asks for the same as SIGTERM. */
	shutdown->signal = signal == SIGINT ? SIGINT : SIGTERM;
	shutdown->since_ns = now_ns;
	shutdown->rung = KK_SHUTDOWN_DRAINING;
	return true;
}

bool kk_shutdown_tick(struct kk_shutdown *shutdown, uint64_t now_ns)
{
	return shutdown->rung == KK_SHUTDOWN_DRAINING && now_ns - shutdown->since_ns >= shutdown->timeout_ns &&
	       kk_shutdown_fail(shutdown, now_ns);
}

bool kk_shutdown_fail(struct kk_shutdown *shutdown, uint64_t now_ns)
{
	if (shutdown->rung == KK_SHUTDOWN_KILLING)
		return false;
	shutdown->since_ns = now_ns;
	shutdown->rung = KK_SHUTDOWN_KILLING;
	return true;
}

bool kk_shutdown_is_over(const struct kk_shutdown *shutdown, uint64_t now_ns)
{
	return shutdown->rung == KK_SHUTDOWN_KILLING && now_ns - shutdown->since_ns >= KK_SHUTDOWN_KILL_NS;
}
