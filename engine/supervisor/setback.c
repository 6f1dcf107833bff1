/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off and the crash-loop limit. */
#include "supervisor/setback.h"

#define DELAY_FIRST_NS 100000000ull
#define DELAY_MOST_NS  5000000000ull

void kk_setbacks_init(struct kk_setbacks *setbacks, unsigned attempts)
{
	*setbacks = (struct kk_setbacks){.limit = attempts > KK_SETBACK_LIMIT ? attempts : KK_SETBACK_LIMIT};
	if (setbacks->limit >= KK_SETBACK_KEPT)
		setbacks->limit = KK_SETBACK_KEPT - 1;
}

static bool crashed_too_often(struct kk_setbacks *setbacks, uint64_t now_ns)
{
	uint64_t first_ns;

	setbacks->crash_ns[setbacks->crashes++ % KK_SETBACK_KEPT] = now_ns;
	if (setbacks->crashes <= setbacks->limit)
		return false;
	first_ns = setbacks->crash_ns[(setbacks->crashes - 1 - setbacks->limit) % KK_SETBACK_KEPT];
	return now_ns - first_ns <= KK_SETBACK_WINDOW_NS;
}

bool kk_setbacks_add(struct kk_setbacks *setbacks, const struct kk_setback *death)
{
	if (death->items != setbacks->items)
		setbacks->streak = setbacks->crashes = 0;
	setbacks->items = death->items;
	setbacks->streak++;
	if (!death->from_outside)
		return crashed_too_often(setbacks, death->now_ns);
	return setbacks->streak > setbacks->limit && death->now_ns > death->run_moved_ns + KK_SETBACK_WINDOW_NS;
}

uint64_t kk_setbacks_delay_ns(const struct kk_setbacks *setbacks)
{
	uint64_t delay = DELAY_FIRST_NS;

	if (setbacks->streak <= 1)
		return 0;
	for (unsigned n = 2; n < setbacks->streak && delay < DELAY_MOST_NS; n++)
		delay *= 2;
	return delay < DELAY_MOST_NS ? delay : DELAY_MOST_NS;
}
