/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/shutdown.h - reads signals and the clock, produces the rung of the stopping ladder we are on.
 *
 *   RUNNING --signal--> DRAINING --shutdown_timeout, or a second signal--> KILLING
 *      |                                                                     ^
 *      +---------------------------- internal error -------------------------+
 *
 * A signal right behind the first one is the same request: timeout(1) sends its signal to us and then to our group.
 * DRAINING: the source stops, everything under way is finished. KILLING: SIGKILL for all; whatever was in hand is left.
 * Who does not die of it within a second, since he waits in the kernel, is left to die alone.
 */
#ifndef ENGINE_SUPERVISOR_SHUTDOWN_H
#define ENGINE_SUPERVISOR_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

enum kk_shutdown_rung { KK_SHUTDOWN_RUNNING = 0, KK_SHUTDOWN_DRAINING, KK_SHUTDOWN_KILLING };

#define KK_SHUTDOWN_SAME_NS 100000000ull
#define KK_SHUTDOWN_KILL_NS 900000000ull

/* Zero-initialise it and set timeout_ns. */
struct kk_shutdown {
	enum kk_shutdown_rung rung;
	uint64_t timeout_ns, since_ns; /* when we came to this rung */
	int signal;                    /* to re-raise at the end: the first one, or 0 */
};

/* Each returns true if it went down a rung. */
bool kk_shutdown_signal(struct kk_shutdown *shutdown, int signal, uint64_t now_ns);
bool kk_shutdown_tick(struct kk_shutdown *shutdown, uint64_t now_ns);
bool kk_shutdown_fail(struct kk_shutdown *shutdown, uint64_t now_ns);

/* kk_shutdown_is_over - nobody waits any longer for those that have been killed. */
bool kk_shutdown_is_over(const struct kk_shutdown *shutdown, uint64_t now_ns);

#endif
