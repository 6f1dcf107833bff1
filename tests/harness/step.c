/* SPDX-License-Identifier: Apache-2.0 */
#include "step.h"
#include "asleep.h"
#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum phase { BEFORE, DURING, AFTER };

/* Shared with the worker. Only single words, written on one side; the worker stands still when the tracer looks. */
struct marks {
	uint32_t phase;
	int32_t result;
};

static struct marks *marks;

static void mark(enum phase phase)
{
	__atomic_store_n(&marks->phase, phase, __ATOMIC_SEQ_CST);
}

static enum phase marked(void)
{
	return __atomic_load_n(&marks->phase, __ATOMIC_SEQ_CST);
}

static void work(const struct step_plan *plan)
{
	if (plan->arrive)
		plan->arrive();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(99);
	syscall(SYS_kill, getpid(), SIGSTOP);
	mark(DURING);
	int result = plan->run();
	marks->result = result;
	mark(AFTER);
	_exit(0);
}

static sigset_t only_child(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	return set;
}

/* Waits for the end of one step. False: it went to sleep in the middle of it. SIGCHLD is blocked, and tells. */
static bool step_done(pid_t pid, bool may_sleep, int *status)
{
	const struct timespec a_while = {.tv_nsec = 1000000};
	const sigset_t child = only_child();
	if (!may_sleep)
		return waitpid(pid, status, 0) == pid;
	while (waitpid(pid, status, WNOHANG) != pid)
		if (sigtimedwait(&child, NULL, &a_while) < 0 && asleep(pid))
			return false;
	return true;
}

/* One instruction further. False: it is not there any more, or it sleeps and is to die there. */
static bool step(pid_t pid, const struct step_plan *plan)
{
	int status;
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
		return false;
	while (!step_done(pid, plan->may_sleep, &status)) {
		if (plan->die_asleep)
			return false;
		if (plan->wake)
			plan->wake();
	}
	return WIFSTOPPED(status);
}

static void end(pid_t pid)
{
	int status;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		;
}

/* Up to the first instruction of the operation. */
static bool reach_start(pid_t pid, const struct step_plan *plan)
{
	int status;
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL) < 0)
		return false;
	while (marked() == BEFORE)
		if (!step(pid, plan))
			return false;
	return true;
}

/* ---- jumping: a breakpoint where it is to go */

static struct step_path common_path;

static struct step_path *path_of(const struct step_plan *plan)
{
	return plan->path ? plan->path : &common_path;
}

/* The register that holds the next instruction's address, and the instruction that stops, as the low bits of a word. */
#if defined(__x86_64__)
#define ADDRESS         rip
#define BREAKPOINT      0xccL
#define BREAKPOINT_MASK 0xffL
#elif defined(__aarch64__)
#define ADDRESS         pc
#define BREAKPOINT      0xd4200000L
#define BREAKPOINT_MASK 0xffffffffL
#else
#error "this processor's breakpoint is not known"
#endif

static bool registers(int request, pid_t pid, struct user_regs_struct *all)
{
	struct iovec set = {.iov_base = all, .iov_len = sizeof(*all)};
	return ptrace(request, pid, NT_PRSTATUS, &set) == 0;
}

static uint64_t address(pid_t pid)
{
	struct user_regs_struct all;
	return registers(PTRACE_GETREGSET, pid, &all) ? all.ADDRESS : 0;
}

static void set_address(pid_t pid, uint64_t to)
{
	struct user_regs_struct all;
	if (!registers(PTRACE_GETREGSET, pid, &all))
		return;
	all.ADDRESS = to;
	registers(PTRACE_SETREGSET, pid, &all);
}

/* Returns the word that was there. */
static long set_breakpoint(pid_t pid, uint64_t at)
{
	long word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	ptrace(PTRACE_POKETEXT, pid, at, (word & ~BREAKPOINT_MASK) | BREAKPOINT);
	return word;
}

static void lift_breakpoint(pid_t pid, uint64_t at, long word)
{
	ptrace(PTRACE_POKETEXT, pid, at, word);
}

/* Lets it run on to its next stop. False: it ended. */
static bool run_on(pid_t pid, const struct step_plan *plan, int *status)
{
	if (ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
		return false;
	while (!step_done(pid, plan->may_sleep, status))
		if (plan->wake)
			plan->wake();
	return WIFSTOPPED(*status);
}

/* Lets it run to the breakpoint at `to`. False: it ended. */
static bool run_to(pid_t pid, const struct step_plan *plan, uint64_t to)
{
	int status;
	if (!run_on(pid, plan, &status))
		return false;
	set_address(pid, to);
	return true;
}

/* From the instruction `*at` of the path to `to`. False: it ended on the way. */
static bool jump(pid_t pid, const struct step_plan *plan, long *at, long to)
{
	const struct step_path *path = path_of(plan);
	bool there = true;
	while (there && *at < to) {
		uint64_t target = path->at[to];
		if (path->at[*at] == target) {
			there = step(pid, plan);
			++*at;
			continue;
		}
		long word = set_breakpoint(pid, target);
		there = run_to(pid, plan, target);
		lift_breakpoint(pid, target, word);
		do
			++*at;
		while (path->at[*at] != target);
	}
	return there;
}

static bool is_right(const struct step_plan *plan, int result)
{
	return result == plan->expected || (plan->any_result && result != plan->wrong);
}

/* Without a stop to its end. */
static enum step_end run_out(pid_t pid, const struct step_plan *plan)
{
	int status = SIGKILL;
	if (run_on(pid, plan, &status) || !WIFEXITED(status))
		return STEP_WRONG;
	return marked() == AFTER && is_right(plan, marks->result) ? STEP_FINISHED : STEP_WRONG;
}

static enum step_end trace_jumping(pid_t pid, const struct step_plan *plan, long *steps)
{
	bool there = true;
	if (plan->rival && plan->rival_at <= plan->kill_at) {
		there = jump(pid, plan, steps, plan->rival_at);
		if (there)
			plan->rival();
	}
	if (there && plan->kill_at >= path_of(plan)->count)
		return run_out(pid, plan);
	there = there && jump(pid, plan, steps, plan->kill_at);
	return there ? STEP_KILLED : STEP_WRONG;
}

/* ---- stepping */

static void remember(pid_t pid, struct step_path *path, long steps)
{
	if (steps == 0)
		path->count = 0;
	if (steps < STEP_PATH_MAX)
		path->at[path->count++] = address(pid);
}

static enum step_end trace(pid_t pid, const struct step_plan *plan, long *steps)
{
	for (*steps = 0;; ++*steps) {
		if (marked() == AFTER)
			return is_right(plan, marks->result) ? STEP_FINISHED : STEP_WRONG;
		if (plan->rival && *steps == plan->rival_at)
			plan->rival();
		if (plan->remember)
			remember(pid, path_of(plan), *steps);
		if (*steps >= plan->kill_at || (plan->until && plan->until()))
			return STEP_KILLED;
		if (!step(pid, plan))
			return plan->die_asleep ? STEP_KILLED : STEP_WRONG;
	}
}

/* The one who steps and the one who is stepped take turns: on one processor they need not wake another. */
static void stay_on_one_cpu(cpu_set_t *before)
{
	cpu_set_t one;
	(void)sched_getaffinity(0, sizeof(*before), before);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

enum step_end step_run(const struct step_plan *plan, long *steps)
{
	*steps = 0;
	if (!marks)
		marks = mmap(NULL, sizeof(*marks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (marks == MAP_FAILED)
		abort();
	mark(BEFORE);
	const sigset_t child = only_child();
	sigset_t before;
	cpu_set_t cpus;
	stay_on_one_cpu(&cpus);
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		work(plan);
	(void)sigprocmask(SIG_BLOCK, &child, &before);
	bool jumps = plan->jump && !plan->remember;
	enum step_end how = STEP_WRONG;
	if (reach_start(pid, plan))
		how = jumps ? trace_jumping(pid, plan, steps) : trace(pid, plan, steps);
	end(pid);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
	return how;
}

int step_result(void)
{
	return marks->result;
}
