/* SPDX-License-Identifier: Apache-2.0 */
/* processes - two named processes run side by side and speak in turns; one returns, the other is killed. */
#include <kakehi/barrier.h>
#include <kakehi/process.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TURNS = 3 };

struct part {
	int number; /* 0 or 1: whose turn is first */
	bool stays; /* when it has said all        */
};

static struct kk_barrier *turn;

/* Both come to the barrier once a turn: neither is ever further than the other. */
static int speak(struct kk_call *call)
{
	const struct part *part = call->args;

	for (int i = 0; i < 2 * TURNS; i++) {
		if (i % 2 == part->number) {
			printf("%s: turn %d\n", kk_process_current()->name, i / 2 + 1);
			fflush(stdout);
		}
		if (kk_barrier_wait(turn, 10000) < 0)
			return kk_call_fail(call, 1, "the other one does not come");
	}
	while (part->stays)
		pause();
	return 7;
}
KK_FUNCTION(speak)

static void check(bool fine, const struct kk_error *error)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", error->text);
	exit(1);
}

static void finish(struct kk_process *process)
{
	struct kk_process_end end;
	char how[64];
	int code = 0;

	kk_process_wait(process, -1, &end);
	kk_process_exitcode(process, &code);
	printf("%s: %s, exit code %d\n", kk_process_name(process), kk_process_obituary(&end, how, sizeof(how)), code);
	kk_process_close(process);
}

int main(void)
{
	const struct part parts[2] = {{0, false}, {1, true}};
	static const char *const names[2] = {"left", "right"};
	struct kk_process *processes[2];
	struct kk_error error;
	struct kk_family *family = kk_family_create(NULL, &error);

	check(family != NULL, &error);
	turn = kk_barrier_create(family, 2, &error);
	check(turn != NULL, &error);
	for (int i = 0; i < 2; i++) {
		struct kk_process_spec spec = {
		    .call = speak,
		    .args = &parts[i],
		    .args_bytes = sizeof(parts[i]),
		    .name = names[i],
		    .family = family,
		};
		processes[i] = kk_process_spawn(&spec, &error);
		check(processes[i] != NULL, &error);
	}
	finish(processes[0]);
	printf("%s is %s\n", names[1], kk_process_is_alive(processes[1]) ? "alive" : "dead");
	kk_process_kill(processes[1], SIGKILL);
	finish(processes[1]);

	kk_barrier_close(turn);
	kk_family_close(family);
	return 0;
}
