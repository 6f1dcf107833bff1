/* SPDX-License-Identifier: Apache-2.0 */
#include "killing.h"
#include "asleep.h"
#include "harness.h"
#include "sanitizers.h"
#include "step.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a burial another member dies after so many of the deaths. */
enum { QUICK = WITH_ASAN ? 40 : 200, BURIALS = 5, BURIALS_ALL = 40, ASLEEP_LIMIT_MS = 10000, WRONG_RESULT = INT_MIN };

static const struct killing *current;
static bool woken;

static struct {
	long instructions, deaths, undertakers;
} total;

/* The ways of act(), and of a burial after one certain death. */
static struct step_path *act_path, *burial_path;

static bool every_instruction(void)
{
	const char *kills = getenv("KAKEHI_KILLS");
	return kills && strcmp(kills, "all") == 0;
}

void killing_must(bool worked)
{
	if (!worked)
		_exit(97);
}

static void wake_once(void)
{
	if (!woken && current->wake)
		current->wake();
	woken = true;
}

static void complain(const struct killing_death *death, const char *what)
{
	char where[80] = "";
	if (death->undertaker_at >= 0)
		(void)snprintf(where, sizeof(where), ", the undertaker after %ld of his", death->undertaker_at);
	fail_msg("%s, %s %ld instructions%s: %s", current->name, death->finished ? "done in" : "killed after",
	         death->at, where, what);
}

/* ---- one death */

static unsigned seats_before;

static unsigned seats_taken(void)
{
	struct kk_family_usage usage;
	kk_family_usage(*current->family, &usage);
	return usage.seats_taken;
}

static void begin(void)
{
	if (current->setup)
		current->setup();
	seats_before = seats_taken();
}

/* The dead is reaped: settles, looks, verifies. */
static void settle(const struct killing_death *death)
{
	struct kk_error error = {0};
	int buried = kk_family_bury(*current->family);
	if (buried < 0)
		complain(death, "the burial found damage");
	if (!current->seats_may_stay && seats_taken() != seats_before)
		complain(death, "a seat is not free again");
	if (kk_family_check(*current->family, &error) < 0)
		complain(death, error.text);
	const char *wrong = current->verify ? current->verify(death) : NULL;
	if (wrong)
		complain(death, wrong);
	if (current->teardown)
		current->teardown();
	total.deaths++;
}

/* Clears away a death that was not what was asked for. */
static void forget(void)
{
	(void)kk_family_bury(*current->family);
	if (current->teardown)
		current->teardown();
}

static enum step_end run_act(long kill_at, bool jump, struct killing_death *death)
{
	const struct step_plan plan = {
	    .arrive = current->join,
	    .run = current->act,
	    .wrong = WRONG_RESULT,
	    .any_result = true,
	    .may_sleep = current->wake != NULL,
	    .wake = wake_once,
	    .kill_at = kill_at,
	    .remember = kill_at == LONG_MAX,
	    .jump = jump,
	    .path = act_path,
	};
	woken = false;
	enum step_end end = step_run(&plan, &death->at);
	death->finished = end == STEP_FINISHED;
	death->result = step_result();
	death->woken = woken;
	return end;
}

/* Up to a death of the one who acts. A way that differs from the one remembered is stepped. */
static void die(long kill_at, struct killing_death *death)
{
	*death = (struct killing_death){.undertaker_at = -1};
	begin();
	if (run_act(kill_at, kill_at != LONG_MAX, death) == STEP_WRONG) {
		forget();
		begin();
		if (run_act(kill_at, false, death) == STEP_WRONG)
			complain(death, "it did not do what it should");
	}
	if (current->meanwhile)
		current->meanwhile();
}

/* ---- undertakers */

static int bury(void)
{
	return kk_family_bury(*current->family);
}

static enum step_end run_burial(long kill_at, bool jump, struct killing_death *death)
{
	const struct step_plan plan = {
	    .run = bury,
	    .wrong = KK_ERR_CORRUPT,
	    .any_result = true,
	    .kill_at = kill_at,
	    .remember = kill_at == LONG_MAX,
	    .jump = jump,
	    .path = burial_path,
	};
	return step_run(&plan, &death->undertaker_at);
}

/* One death, and the death of who buries it. */
static void die_twice(long kill_at, long bury_kill_at, struct killing_death *death)
{
	die(kill_at, death);
	enum step_end end = run_burial(bury_kill_at, bury_kill_at != LONG_MAX, death);
	if (end == STEP_WRONG) {
		forget();
		die(kill_at, death);
		end = run_burial(bury_kill_at, false, death);
	}
	if (end == STEP_WRONG)
		complain(death, "the burial did not do what it should");
	total.undertakers += end == STEP_KILLED;
}

/* One death, and the one who buries it dies everywhere; of a sample the `turn`-th in `turns` dies at other places than
 * the ones before. */
static void kill_undertakers(long kill_at, long most, long turn, long turns)
{
	struct killing_death death;
	die_twice(kill_at, LONG_MAX, &death);
	long length = death.undertaker_at, stride = most > 0 ? length / most + 1 : 1;
	settle(&death);
	for (long at = stride * turn / turns; at < length; at += stride) {
		die_twice(kill_at, at, &death);
		settle(&death);
	}
}

/* ---- all of them */

static void start(const struct killing *killing)
{
	if (WITH_TSAN) {
		print_message("%s: nobody can be stepped here\n", killing->name);
		skip();
	}
	current = killing;
	memset(&total, 0, sizeof(total));
	act_path = harness_keep(calloc(1, sizeof(*act_path)));
	burial_path = harness_keep(calloc(1, sizeof(*burial_path)));
}

static void kill_everywhere(long length, long most)
{
	struct killing_death death;
	long stride = most > 0 ? length / most + 1 : 1;
	for (long at = 0; at < length; at += stride) {
		/* Steps of one length could miss one branch of a loop for ever. */
		die(at + (stride > 1 ? at / stride % stride : 0), &death);
		settle(&death);
	}
}

long killing_sweep(const struct killing *killing)
{
	struct killing_death death;
	bool all = every_instruction();
	long most = all ? 0 : killing->most > 0 ? killing->most : QUICK, burials = all ? BURIALS_ALL : BURIALS;
	start(killing);
	die(LONG_MAX, &death);
	total.instructions = death.at;
	settle(&death);
	kill_everywhere(total.instructions, killing->no_undertakers ? most : most / 2);
	if (!killing->no_undertakers)
		for (long i = 0; i < burials; i++)
			kill_undertakers(total.instructions * i / burials, most > 0 ? most / 2 / burials + 1 : 0, i,
			                 burials);
	if (total.instructions == 0 || (total.undertakers == 0 && !killing->no_undertakers))
		fail_msg("%s: nobody was killed", killing->name);
	print_message("%-40s %6ld instructions, %6ld deaths, %6ld undertakers killed: all sound\n", killing->name,
	              total.instructions, total.deaths, total.undertakers);
	return total.deaths + total.undertakers;
}

static bool sleeps(void *pid)
{
	return asleep(*(pid_t *)pid);
}

void killing_asleep(const struct killing *killing)
{
	struct killing_death death = {.asleep = true, .undertaker_at = -1};
	int status, ready[2];
	char byte;
	current = killing;
	begin();
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (killing->join)
			killing->join();
		killing_must(write(ready[1], "", 1) == 1);
		(void)killing->act();
		_exit(98);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	bool slept = harness_wait_until(sleeps, &pid, ASLEEP_LIMIT_MS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!slept || !WIFSIGNALED(status))
		complain(&death, "it did not go to sleep");
	settle(&death);
	print_message("%-40s killed asleep: sound\n", killing->name);
}
