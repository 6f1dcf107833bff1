/* SPDX-License-Identifier: Apache-2.0 */
/* kk_supervise with real processes that follow scripts: lives, deaths, heirs, sentinels, deadlines and stopping. */
#include "fake_run.h"
#include "supervisor/outcome.h"
#include "supervisor/supervisor.h"

/* After all of ours: cmocka makes a macro of the word `fail`. */
#include "harness.h"

#include <fcntl.h>
#include <kakehi/process.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define FAKE_WORKER KAKEHI_BUILD_DIR "/tests/bin/fake_worker"

/* A run of three stages with one worker each: roles 1, 2, 3 and the recorder, 4. */
struct world {
	struct kk_plan *plan;
	struct kk_run *run;
	struct fake_shared *shared;
	int text, json; /* what the report wrote */
	uint32_t heir_ms;
	int signal;
};

static struct world make_world(void)
{
	struct world world = {.plan = fake_plan_make(1, 1)};

	world.run = fake_run_make(world.plan);
	world.shared = fake_run_shared(world.run);
	world.shared->counts.source_ended = true;
	world.text = memfd_create("text", MFD_CLOEXEC);
	world.json = memfd_create("json", MFD_CLOEXEC);
	assert_true(world.text >= 0 && world.json >= 0);
	return world;
}

static void end_world(struct world *world)
{
	for (unsigned r = 1; r <= world->plan->role_count; r++)
		assert_string_equal(world->shared->role[r].complaint, "");
	kk_run_free(world->run);
	free(world->plan);
	close(world->text);
	close(world->json);
}

static void script(struct world *world, unsigned role, const char *acts)
{
	snprintf(world->shared->role[role].script, sizeof(world->shared->role[role].script), "%s", acts);
}

static int supervise(struct world *world)
{
	struct kk_report_options options = {.text_fd = world->text, .json_fd = world->json, .level = KK_LOG_INFO};
	struct kk_report *report = kk_report_create(world->plan, world->run, &options, NULL);
	int code;

	assert_non_null(report);
	code = kk_supervise(&(struct kk_supervise){.plan = world->plan,
	                                           .run = world->run,
	                                           .report = report,
	                                           .level = KK_LOG_INFO,
	                                           .program = FAKE_WORKER,
	                                           .heir_ms = world->heir_ms},
	                    &world->signal);
	kk_report_free(report);
	return code;
}

static char *text_of(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = harness_keep(calloc(1, (size_t)size + 1));

	assert_int_equal(pread(fd, text, (size_t)size, 0), size);
	return text;
}

static void assert_says(int fd, const char *what)
{
	char *text = text_of(fd);

	if (!strstr(text, what))
		fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void test_a_quiet_run(void **state)
{
	struct world world = make_world();

	(void)state;
	assert_int_equal(setenv("FAKE_PASSWORD", "x", 1), 0);
	world.shared->counts.in = world.shared->counts.done = 7;
	assert_int_equal(supervise(&world), 0);
	assert_int_equal(world.signal, 0);
	for (unsigned r = 1; r <= 4; r++) {
		assert_int_equal(world.shared->role[r].life, 1);
		assert_int_equal(world.shared->role[r].cause[1], KK_CAUSE_NONE);
	}
	assert_int_equal(world.shared->wakes, 0);
	assert_says(world.text, "in 7 = done 7 + failed 0 + skipped 0 + left 0");
	assert_says(world.json, "\"event\":\"end\"");
	end_world(&world);
}

static void test_a_full_ring_gets_its_sentinel_later(void **state)
{
	struct world world = make_world();

	(void)state;
	world.shared->sentinel_full = 5;
	assert_int_equal(supervise(&world), 0);
	assert_int_equal(world.shared->sentinel_full, 0);
	end_world(&world);
}

static void test_a_crash_is_told_to_the_heir(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 2, "sd");
	assert_int_equal(supervise(&world), 0);
	assert_int_equal(world.shared->role[2].life, 2);
	assert_int_equal(world.shared->role[2].cause[2], KK_CAUSE_CRASH);
	assert_string_equal(world.shared->role[2].text[2], "SIGSEGV");
	assert_int_equal(world.shared->wakes, 1);
	assert_says(world.text, "stage1/0: pid ");
	assert_says(world.text, "killed by SIGSEGV after");
	assert_says(world.text, "last words: the last words\n");
	assert_says(world.json, "\"event\":\"death\"");
	end_world(&world);
}

static void test_causes(void **state)
{
	static const struct {
		const char *acts;
		enum kk_cause cause;
		const char *text;
	} rows[] = {
	    {"Kd", KK_CAUSE_KILLED, "SIGKILL"},
	    {"xd", KK_CAUSE_CRASH, "exit 0"},
	    {"cd", KK_CAUSE_CRASH, "exit 71"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world world = make_world();
		script(&world, 3, rows[i].acts);
		assert_int_equal(supervise(&world), 0);
		assert_int_equal(world.shared->role[3].life, 2);
		assert_int_equal(world.shared->role[3].cause[2], rows[i].cause);
		assert_string_equal(world.shared->role[3].text[2], rows[i].text);
		end_world(&world);
	}
}

static void test_an_heir_killed_early_passes_the_cause_on(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 2, "skkd");
	assert_int_equal(supervise(&world), 0);
	for (unsigned life = 2; life <= 4; life++) {
		assert_int_equal(world.shared->role[2].cause[life], KK_CAUSE_CRASH);
		assert_string_equal(world.shared->role[2].text[life], "SIGSEGV");
	}
	end_world(&world);
}

static void test_an_heir_has_its_time(void **state)
{
	struct world hangs = make_world(), waits = make_world(), twice = make_world();

	(void)state;
	hangs.heir_ms = 300;
	script(&hangs, 2, "sh");
	assert_int_equal(supervise(&hangs), KK_EXIT_INTERNAL);
	assert_says(hangs.text, "does not come to an end with what its predecessor had in hand");
	end_world(&hangs);
	/* One that hangs is killed, and the next one may do better. */
	twice.heir_ms = 1000;
	script(&twice, 2, "shhd");
	assert_int_equal(supervise(&twice), 0);
	assert_int_equal(twice.shared->role[2].life, 4);
	end_world(&twice);
	waits.heir_ms = 3000; /* less than it waits in all, more than it takes to start on a busy machine */
	script(&waits, 2, "sH");
	assert_int_equal(supervise(&waits), 0);
	end_world(&waits);
}

static void test_a_crash_loop_ends_the_run(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 2, "s");
	assert_int_equal(supervise(&world), KK_EXIT_INTERNAL);
	assert_int_equal(world.shared->role[2].life, 6);
	assert_says(world.text, "stage1/0 dies again and again");
	assert_says(world.text, "first words | the last words");
	end_world(&world);
}

static void test_crashes_with_progress_do_not(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 2, "SSSSSSSSSSSSd");
	assert_int_equal(supervise(&world), 0);
	assert_int_equal(world.shared->role[2].life, 13);
	end_world(&world);
}

static void test_what_cannot_open_names_why(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 1, "c");
	assert_int_equal(supervise(&world), KK_EXIT_INTERNAL);
	assert_says(world.text, "error stage0/0: cannot open the thing");
	assert_says(world.text, "(exit 71); it said: cannot open the thing");
	end_world(&world);
}

static void test_exits_that_end_the_run(void **state)
{
	struct world corrupt = make_world(), full = make_world(), unsound = make_world(), lost = make_world(),
	             unfinished = make_world();

	(void)state;
	script(&corrupt, 2, "C");
	assert_int_equal(supervise(&corrupt), KK_EXIT_INTERNAL);
	end_world(&corrupt);
	script(&full, 3, "D");
	assert_int_equal(supervise(&full), KK_EXIT_IO);
	end_world(&full);
	script(&unsound, 3, "sd");
	unsound.shared->unsound = 1;
	assert_int_equal(supervise(&unsound), KK_EXIT_INTERNAL);
	assert_says(unsound.text, "a ring is broken");
	end_world(&unsound);
	lost.shared->counts.in = lost.shared->counts.left = 1;
	assert_int_equal(supervise(&lost), KK_EXIT_INTERNAL);
	end_world(&lost);
	unfinished.shared->unfinished = 1;
	assert_int_equal(supervise(&unfinished), KK_EXIT_INTERNAL);
	end_world(&unfinished);
}

static void test_an_item_past_its_deadline(void **state)
{
	static const char *const acts[] = {"td", "Td"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world world = make_world();
		world.plan->stage[1].item_timeout_ms = 200;
		script(&world, 2, acts[i]);
		assert_int_equal(supervise(&world), 0);
		assert_int_equal(world.shared->role[2].life, 2);
		assert_int_equal(world.shared->role[2].cause[2], KK_CAUSE_TIMEOUT);
		assert_string_equal(world.shared->role[2].text[2], "time-out 0.2s");
		end_world(&world);
	}
}

static void test_a_signal_drains(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 1, "i");
	assert_int_equal(supervise(&world), 128 + SIGINT);
	assert_int_equal(world.signal, SIGINT);
	assert_int_equal(world.shared->role[4].state, KK_ROLE_DRAINED);
	end_world(&world);
}

static void test_a_second_signal_ends_at_once(void **state)
{
	struct world world = make_world();

	(void)state;
	script(&world, 1, "I");
	assert_int_equal(supervise(&world), 128 + SIGINT);
	assert_int_equal(world.signal, SIGINT);
	assert_int_not_equal(world.shared->role[1].state, KK_ROLE_DRAINED);
	end_world(&world);
}

static void test_draining_has_an_end(void **state)
{
	struct world world = make_world();

	(void)state;
	world.plan->shutdown_timeout_ms = 300;
	script(&world, 1, "i");
	script(&world, 3, "e");
	world.shared->counts = (struct kk_run_counts){.in = 5, .done = 3, .left = 2};
	assert_int_equal(supervise(&world), 128 + SIGINT);
	assert_says(world.text, "shutdown_timeout is over");
	assert_says(world.text, "in 5 = done 3 + failed 0 + skipped 0 + left 2");
	end_world(&world);
}

static void test_too_many_failures_stop_the_source(void **state)
{
	struct world world = make_world();

	(void)state;
	world.plan->max_failures = 3;
	world.shared->counts =
	    (struct kk_run_counts){.in = 9, .done = 6, .failed = 3, .by_class = {[KK_FAIL_DNS_NONE] = 3}};
	script(&world, 1, "w");
	assert_int_equal(supervise(&world), KK_EXIT_FAILED);
	assert_says(world.text, "max_failures");
	assert_says(world.text, "failed: dns-none 3");
	end_world(&world);
}

/* ---- the supervisor itself is killed */

static int supervise_in_child(void *argument)
{
	return supervise(argument);
}

struct fake_watch {
	struct fake_shared *shared;
};

static bool all_run(void *what)
{
	struct fake_shared *shared = what;

	for (unsigned r = 1; r <= 4; r++) {
		if (__atomic_load_n(&shared->role[r].state, __ATOMIC_SEQ_CST) != KK_ROLE_RUNNING)
			return false;
	}
	return true;
}

static void test_nobody_outlives_the_supervisor(void **state)
{
	struct world world = make_world();
	struct kk_process_fd fds[] = {{world.text, world.text}, {world.json, world.json}, {0, 200}};
	struct kk_process *supervisor;
	int workers[5];

	(void)state;
	for (unsigned r = 1; r <= 4; r++)
		script(&world, r, "e");
	struct kk_run_fds run_fds;
	kk_run_fds(world.run, 1, &run_fds);
	fds[2] = (struct kk_process_fd){run_fds.control, run_fds.control};
	supervisor = kk_process_spawn(
	    &(struct kk_process_spec){.function = supervise_in_child, .argument = &world, .fds = fds, .fd_count = 3},
	    NULL);
	assert_non_null(supervisor);
	assert_true(harness_wait_until(all_run, world.shared, 20000));
	for (unsigned r = 1; r <= 4; r++) {
		workers[r] = pidfd_open((pid_t)world.shared->role[r].pid, 0);
		assert_true(workers[r] >= 0);
	}
	assert_int_equal(kk_process_kill(supervisor, SIGKILL), KK_OK);
	for (unsigned r = 1; r <= 4; r++) {
		assert_int_equal(poll(&(struct pollfd){.fd = workers[r], .events = POLLIN}, 1, 1000), 1);
		close(workers[r]);
	}
	assert_int_equal(kk_process_wait(supervisor, 10000, NULL), KK_OK);
	kk_process_free(supervisor);
	assert_int_equal(harness_wait_orphans(1000), 0);
	end_world(&world);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_quiet_run),
    cmocka_unit_test(test_a_full_ring_gets_its_sentinel_later),
    cmocka_unit_test(test_a_crash_is_told_to_the_heir),
    cmocka_unit_test(test_causes),
    cmocka_unit_test(test_an_heir_killed_early_passes_the_cause_on),
    cmocka_unit_test(test_an_heir_has_its_time),
    cmocka_unit_test(test_a_crash_loop_ends_the_run),
    cmocka_unit_test(test_crashes_with_progress_do_not),
    cmocka_unit_test(test_what_cannot_open_names_why),
    cmocka_unit_test(test_exits_that_end_the_run),
    cmocka_unit_test(test_an_item_past_its_deadline),
    cmocka_unit_test(test_a_signal_drains),
    cmocka_unit_test(test_a_second_signal_ends_at_once),
    cmocka_unit_test(test_draining_has_an_end),
    cmocka_unit_test(test_too_many_failures_stop_the_source),
    cmocka_unit_test(test_nobody_outlives_the_supervisor),
};

HARNESS_MAIN(tests)
