/* SPDX-License-Identifier: Apache-2.0 */
/* park.pml - ipc/wait/event.c and its use: nobody sleeps while there is work for him and nobody left to wake him.
 *
 * Producers (roles 1, 2) put two items at a time into a ring and announce them with one wake-up; consumers (roles 3 and
 * 4) take one at a time, wake producers when half of the ring is free, and wake each other when there may be more.
 * Consumer 3 sleeps on the futex; consumer 4 also waits for descriptors and so watches the bell, edge-triggered. A ring
 * operation is one step here, every access to an event word and every system call is one. All are killed before any
 * step, KW times in all; the parent wakes everybody after a death, then starts the heir.
 *
 * -D  CAP slots  Q items of producer 1, 2 makes one  NP producers  SLEEPER, WATCHER 1: there is a consumer 3, 4  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef CAP
#define CAP 2
#endif
#ifndef Q
#define Q 2
#endif
#ifndef NP
#define NP 2
#endif
#ifndef SLEEPER
#define SLEEPER 1
#endif
#ifndef WATCHER
#define WATCHER 0
#endif
#ifndef KW
#define KW 1
#endif

#define ITEMS 0
#define ROOM  1
#define ONE   1
#define ALL   2
byte word[2];                    /* bit 0: somebody may be waiting; the rest counts wake-ups */
byte asleep[5];                  /* in the kernel's queue: 1 + event                         */
bit edge;                        /* of the bell, at consumer 4                               */

byte puts, takes, left[3], sunk, kills = KW;
bit hold[5], dead[5], drained[5], closed;
#define COUNT (puts - takes)
#define TOTAL (Q + NP - 1)
#if defined(MUT_LOWER_SAME) || defined(MUT_NO_COUNT)   /* raised again, the word is what a stale ticket says */
#define LOWERED(value) ((value) - 1)
#else
#define LOWERED(value) ((value) - 1 + 2)
#endif
#define IS_PRODUCER (me <= 2)

#define FORGET e = 0; many = 0; ticket = 0; back = 0; owed = 0; woken = 0; position = 0; looked = 0
#define DIE kills--; asleep[me] = 0; if :: me == 4 -> edge = 0 :: else -> skip fi; FORGET; dead[me] = 1; goto killed
#define STEP if :: (kills > 0) -> DIE :: skip fi

#define WAKE_IF(i, event) if :: asleep[i] == (event) + 1 -> asleep[i] = 0; woken = 1 :: else -> skip fi
/* The kernel: any one of the sleepers, or all of them. */
#define FUTEX_WAKE(event, count) woken = 0; \
	if \
	:: (count) == ONE && asleep[1] == (event) + 1 -> asleep[1] = 0; woken = 1 \
	:: (count) == ONE && asleep[2] == (event) + 1 -> asleep[2] = 0; woken = 1 \
	:: (count) == ONE && asleep[3] == (event) + 1 -> asleep[3] = 0; woken = 1 \
	:: (count) == ALL -> WAKE_IF(1, event); WAKE_IF(2, event); WAKE_IF(3, event) \
	:: else -> skip \
	fi
#define BELL(event) if :: (event) == ITEMS -> edge = 1 :: else -> skip fi

proctype worker(byte me)
{
	byte e, many, ticket, back, position;
	bit owed, woken, looked;

	/* ---- the work. back: where kk_event_wake returns to */
again:	if :: !IS_PRODUCER -> goto consume :: else -> skip fi;

produce: atomic { STEP;
#ifdef MUT_WAKE_FIRST
	  if :: left[me] > 0 && COUNT < CAP && !owed -> owed = 1; e = ITEMS; many = ONE; back = 5; goto wake :: else -> skip fi;
#endif
	  if
	  :: left[me] == 0 -> back = 1; goto announce
	  :: left[me] > 0 && COUNT < CAP -> puts++; left[me]--; owed = 1; looked = 0; ticket = 0; goto produce
	  :: left[me] > 0 && COUNT == CAP && !looked -> back = 2; goto announce
	  :: left[me] > 0 && COUNT == CAP && looked -> e = ROOM; goto sleep
	  fi }
is_full:	atomic { STEP; e = ROOM; goto prepare }

consume: atomic {
	  if :: hold[me] -> goto sink :: else -> skip fi;
	  STEP;
	  if
	  :: COUNT > 0 -> takes++; hold[me] = 1; position = takes; looked = 0; ticket = 0
	  :: COUNT == 0 && closed -> goto end
	  :: COUNT == 0 && !closed && !looked -> e = ITEMS; goto prepare
	  :: COUNT == 0 && !closed && looked -> e = ITEMS; goto sleep
	  fi }
	/* make_room_known */
	atomic { if :: puts - position <= CAP / 2 -> STEP; position = 0; e = ROOM; many = ALL; back = 3; goto wake :: else -> position = 0 fi }
	/* a full batch: there is probably more than we can carry */
chain:	atomic { STEP; if :: word[ITEMS] & 1 -> e = ITEMS; many = ONE; back = 4; goto wake :: else -> skip fi }
sink:	atomic { STEP; hold[me] = 0; sunk++; goto consume }

announce: atomic { if :: owed -> STEP; owed = 0; e = ITEMS; many = ONE; goto wake :: else -> goto returned fi }

	/* ---- kk_event_prepare, kk_event_sleep */
prepare: atomic { STEP; word[e] = word[e] | 1; ticket = word[e];
#ifdef MUT_NO_SECOND_LOOK
	  goto sleep
#else
	  looked = 1; e = 0; goto again
#endif
	}
sleep:	atomic { STEP; looked = 0;
	  if
	  :: me == 4 -> ticket = 0
	  :: me != 4 -> if :: word[e] == ticket -> asleep[me] = e + 1 :: else -> skip fi; ticket = 0
	  fi; e = 0 }
	atomic {
	  if
	  :: me == 4 && edge -> edge = 0; goto again
	  :: me != 4 && asleep[me] == 0 -> goto again
	  :: (kills > 0) -> DIE
	  fi }

	/* ---- kk_event_wake */
wake:	atomic { STEP; if :: !(word[e] & 1) -> goto returned :: else -> skip fi }
#ifdef MUT_NO_COUNT
	atomic { STEP; ticket = word[e] }
#else
	atomic { STEP; word[e] = word[e] + 2; ticket = word[e] }
#endif
	atomic { STEP; BELL(e) }
	atomic { STEP; FUTEX_WAKE(e, many); if :: woken -> goto returned :: else -> skip fi }
	/* lower_flag */
#ifdef MUT_LOWER_STORE
	atomic { STEP; word[e] = LOWERED(ticket) }
#else
	atomic { STEP; if :: word[e] == ticket -> word[e] = LOWERED(ticket) :: else -> goto returned fi }
#endif
#ifndef MUT_NO_SECOND_WAKE
	atomic { STEP; BELL(e) }
	atomic { STEP; FUTEX_WAKE(e, ALL) }
#endif
returned: atomic { ticket = 0; woken = 0; e = 0; many = 0;
	  if
	  :: back == 1 -> back = 0; goto end
	  :: back == 2 -> back = 0; goto is_full
	  :: back == 3 -> back = 0; goto chain
	  :: back == 4 -> back = 0; goto sink
#ifdef MUT_WAKE_FIRST
	  :: back == 5 -> back = 0; if :: COUNT < CAP -> puts++; left[me]--; owed = 0; goto produce :: else -> owed = 0; goto is_full fi
#endif
	  fi }

killed:	(!dead[me]); goto again;
end:	atomic { STEP; drained[me] = 1; FORGET }
}

/* Buries: wakes everybody, then starts the heir. Closes the ring when all is done, so that closing it (which wakes
 * everybody) makes up for no wake-up that was lost. */
proctype parent()
{
	byte w;
	bit woken;

idle:	atomic { w = 1;
	  if
	  :: (dead[1] || dead[2] || dead[3] || dead[4]) -> do :: !dead[w] -> w++ :: else -> break od
	  :: !dead[1] && !dead[2] && drained[1] && drained[2] && !closed && sunk == TOTAL -> closed = 1; w = 0
	  :: drained[3] && drained[4] && closed && !dead[1] && !dead[2] && !dead[3] && !dead[4] -> goto end
	  fi }
#ifdef MUT_NO_DEATH_WAKE
	if :: w > 0 -> goto heir :: else -> skip fi;
#endif
	atomic { word[ITEMS] = word[ITEMS] + 2 }
	atomic { BELL(ITEMS) }
	atomic { FUTEX_WAKE(ITEMS, ALL) }
	atomic { word[ROOM] = word[ROOM] + 2 }
	atomic { FUTEX_WAKE(ROOM, ALL); woken = 0 }
heir:	atomic { if :: w > 0 -> dead[w] = 0 :: else -> skip fi; w = 0; goto idle }
end:	assert(sunk == TOTAL && COUNT == 0)
}

init {
	atomic {
		left[1] = Q; left[2] = (NP == 2 -> 1 : 0);
		run parent(); run worker(1);
		if :: NP == 2 -> run worker(2) :: else -> drained[2] = 1 fi;
		if :: SLEEPER -> run worker(3) :: else -> drained[3] = 1 fi;
		if :: WATCHER -> run worker(4) :: else -> drained[4] = 1 fi
	}
}
