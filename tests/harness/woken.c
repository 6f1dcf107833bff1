/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for kk_family_sleep in tests that link kakehi_woken. The real one lets a sleeper look again every 160 ms at
 * the latest, so a wake-up that somebody forgot is a delay that no test sees. Here it is a hang: the sleeper looks only
 * if he was woken, or has settled a death himself. */
#include "family/object.h"

/* Rarely, so that it mostly is another one who settles a death, and has to wake him. */
enum { LOOK_NS = 200000000 };

int __wrap_kk_family_sleep(struct kk_family *family, struct kk_event *event, uint32_t ticket, int64_t deadline_ns,
                           unsigned *round);
int __wrap_kk_family_sleep(struct kk_family *family, struct kk_event *event, uint32_t ticket, int64_t deadline_ns,
                           unsigned *round)
{
	bool last = false;
	while (!last) {
		int64_t limit = LOOK_NS, left = deadline_ns - kk_family_now();
		if (deadline_ns >= 0 && left <= limit) {
			last = true;
			limit = left;
		}
		if (limit > 0 && kk_event_sleep(event, ticket, limit) == KK_OK)
			return KK_OK;
		++*round;
		if (kk_family_bury(family) > 0)
			return KK_OK;
	}
	return KK_ERR_TIMEOUT;
}
