/* SPDX-License-Identifier: Apache-2.0 */
/* The shared memory of a run: whose bell is rung. */
#include "run/run.h"
#include <sys/eventfd.h>

#include "harness.h" /* last: it takes the word `fail` */

/* Fetch 1 feeds x, fetch 2 feeds y, and fetch 3 both: whoever takes from x or y has one bell to ring, which all three
 * must hear. Fetch 4 shares no ring with them. */
static void test_bells_of_common_rings(void **state)
{
	enum { SOURCE, FETCH1, FETCH2, FETCH3, FETCH4, X, Y, Z, STAGES };
	static const struct kk_plan_edge edges[] = {
	    {SOURCE, 0, FETCH1, 0}, {SOURCE, 0, FETCH2, 1}, {SOURCE, 0, FETCH3, 2},
	    {SOURCE, 0, FETCH4, 3}, {FETCH1, 0, X, 0},      {FETCH2, 1, Y, 1},
	    {FETCH3, 2, X, 2},      {FETCH3, 2, Y, 4},      {FETCH4, 3, Z, 3},
	};
	struct kk_plan plan = {
	    .bytes = sizeof(plan), .stage_count = STAGES, .edge_count = 9, .role_count = STAGES + 1, .groups = 2};
	struct kk_error error = {.code = 0};
	struct kk_run_fds fds;
	uint64_t rings;

	(void)state;
	plan.lanes = 5;
	plan.record_bytes = 256;
	plan.attempts = 3;
	for (unsigned i = 0; i < plan.edge_count; i++)
		plan.edge[i] = edges[i];
	for (unsigned s = 0; s < STAGES; s++)
		plan.stage[s] = (struct kk_plan_stage){
		    .workers = 1, .first_role = s + 1, .in_flight = 1, .ring_slots = s == SOURCE ? 0 : 2};
	for (unsigned s = FETCH1; s <= FETCH4; s++)
		plan.stage[s].asynchronous = 1;
	struct kk_run *run = kk_run_create(&plan, &error);
	if (!run)
		fail_msg("%s", error.text);
	kk_run_fds(run, FETCH1 + 1, &fds);
	for (unsigned s = FETCH1; s <= FETCH3; s++) {
		assert_int_equal(eventfd_write(fds.bell[s], 1), 0);
		for (unsigned other = FETCH1; other <= FETCH4; other++) {
			bool hears = eventfd_read(fds.bell[other], &rings) == 0;
			assert_int_equal(hears, other != FETCH4);
			if (hears)
				assert_int_equal(eventfd_write(fds.bell[s], 1), 0);
		}
		assert_int_equal(eventfd_read(fds.bell[s], &rings), 0);
	}
	kk_run_free(run);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bells_of_common_rings),
};
HARNESS_MAIN(tests)
