/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/role.h - reads the events of one role, produces its lives: a process, its burial, its heir.
 *
 *   WAITING --spawn--> STARTING --inherited--> PLAYING --past its deadline--> WARNED --2 s--> KILLED
 *      ^                   |                      |                             |               |
 *      |                   +----------------------+------- the process ends ----+---------------+
 *      |                                          |
 *      +--- a death: it is not DRAINED ---------- bury --- DRAINED, or the run is given up ---> FINISHED
 */
#ifndef ENGINE_SUPERVISOR_ROLE_H
#define ENGINE_SUPERVISOR_ROLE_H

#include "report/report.h"
#include "supervisor/log.h"
#include "supervisor/setback.h"
#include <kakehi/process.h>

enum kk_life_state {
	KK_LIFE_WAITING = 0, /* for due_ns: then a process is started                        */
	KK_LIFE_STARTING,    /* the process finishes what its predecessor had in hand         */
	KK_LIFE_PLAYING,     /* it works                                                      */
	KK_LIFE_WARNED,      /* it got SIGTERM from us, since its item takes too long         */
	KK_LIFE_KILLED,      /* and then SIGKILL                                              */
	KK_LIFE_FINISHED,    /* no process, and none will come                                */
};

/* What all roles of a run share. */
struct kk_scene {
	const struct kk_plan *plan;
	struct kk_run *run;
	struct kk_report *report;
	enum kk_log_level level;
	const char *program;
	const char **environment;
	int epoll;
	uint64_t heir_ns;      /* the time an heir has to inherit             */
	uint64_t run_moved_ns; /* when the run last got something done */
	bool given_up;         /* who dies now is not played again     */
};

struct kk_role {
	struct kk_scene *scene;
	unsigned number, stage; /* stage == plan->stage_count: the recorder */
	char name[96];          /* "resize/2", "recorder"                   */

	enum kk_life_state state; /* set by set_state() alone */
	struct kk_process *process;
	struct kk_log_pipe log, chatter;
	uint64_t due_ns;   /* WAITING: when to start; STARTING: when it must have inherited; WARNED: when to kill */
	uint64_t since_ns; /* start of this life                           */
	uint64_t items;    /* done by it, as last read                     */
	uint64_t parks;    /* how often it went to sleep, as last read     */
	uint64_t calls;    /* of the stage, as last read                   */
	uint64_t calls_ns; /* when that number was first seen              */
	uint64_t cpu_ns;   /* taken by the processes that have ended       */
	uint32_t life;
	unsigned hung; /* heirs in a row that did not come to an end with inheriting */

	/* About the end of the process before this one, for its heir. Kept until an heir has inherited. */
	enum kk_cause cause;
	char cause_text[40];

	unsigned restarts;
	struct kk_setbacks setbacks;
	struct kk_last_lines last_lines; /* of this life                          */
	bool last_was_chatter;           /* the last of them: it may not be shown */
};

/* What an event of a role means for the run. */
enum kk_role_news {
	KK_ROLE_FINE = 0,
	KK_ROLE_CRASH_LOOP,    /* it dies again and again without getting anything done       */
	KK_ROLE_CORRUPT,       /* shared memory or the start message is not sound             */
	KK_ROLE_DISK_FULL,     /* local I/O that no retry mends                               */
	KK_ROLE_CANNOT_INHERIT /* the heir does not come to an end with its predecessor's work */
};

/* kk_role_init - `number` is the role's in the plan; it is to be started at once. */
void kk_role_init(struct kk_role *role, struct kk_scene *scene, unsigned number);

/* kk_role_spawn - starts a process for a role that is WAITING. What cannot be started counts as a death. */
enum kk_role_news kk_role_spawn(struct kk_role *role, uint64_t now_ns);

/* kk_role_look - several times a second: has it inherited, does it get on, is its item past the deadline? */
enum kk_role_news kk_role_look(struct kk_role *role, uint64_t now_ns);

/* kk_role_bury - its process may have ended: reaps it, tells of a death and decides what becomes of the role. */
enum kk_role_news kk_role_bury(struct kk_role *role, uint64_t now_ns);

/* kk_role_hear - there is something in its log pipes. */
void kk_role_hear(struct kk_role *role);

/* kk_role_cpu_ns - the CPU time, user and system, that its processes have taken in all their lives, and of those that
 * have ended also what they had started. */
uint64_t kk_role_cpu_ns(const struct kk_role *role);

/* kk_role_give_up - SIGKILL for its process and all that this has started; the role is not played again. */
void kk_role_give_up(struct kk_role *role);

/* kk_role_fini - frees what is left; a process that still is there is killed and not waited for. */
void kk_role_fini(struct kk_role *role);

const char *kk_life_state_name(enum kk_life_state state);

/* What the epoll set tells: the kind in the upper half, the role's number in the lower. */
enum kk_watch { KK_WATCH_SIGNAL = 1, KK_WATCH_TIMER, KK_WATCH_END, KK_WATCH_LOG };
uint64_t kk_watch_tag(enum kk_watch kind, unsigned role);

#endif
