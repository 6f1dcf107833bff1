/* SPDX-License-Identifier: Apache-2.0 */
/* tests/schedule/search.h - reads a scenario, produces executions of it until one is bad or all were tried. */
#ifndef TESTS_SCHEDULE_SEARCH_H
#define TESTS_SCHEDULE_SEARCH_H

#include "explore.h"

struct search {
	uint64_t schedules, steps, kills;
	uint64_t seed; /* of the bad execution, if it was a random one */
	bool complete; /* nothing within the bounds is left untried    */
	struct execution last;
};

/* search_bounded - every schedule within the bounds, at most `limit` of them. false: search->last is bad. */
bool search_bounded(const struct scenario *scenario, const struct bounds *bounds, uint64_t limit,
                    struct search *search);
/* search_random - `count` schedules, number i from the seed `first_seed` + i. */
bool search_random(const struct scenario *scenario, uint64_t first_seed, uint64_t count, struct search *search);
/* search_replay - the one schedule with these deviations ("decision:fiber,decision:k"), with a trace. */
bool search_replay(const struct scenario *scenario, const char *deviations, struct search *search);
/* search_print - the last execution's deviations in that form. */
void search_print(const struct execution *execution);

#endif
