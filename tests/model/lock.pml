/* SPDX-License-Identifier: Apache-2.0 */
/* lock.pml - ipc/sync/{lock,turnstile}.c: one owner, each death in it told once, and nobody sleeps while it is free.
 *
 * Workers (seats 1 .. NW) take and give back the lock ROUNDS times. Each access to its word, to the turnstile's and to
 * the two event words is a step, and so is each system call; before each a worker may be killed. The undertaker settles
 * the death (and may be killed and begin again), then a new sitter does what is left. Worker 1 may run out of time
 * (LATE). Whoever has failed once may find that he has waited long enough to be the favourite, and whoever sees the
 * favourite leave a free lock alone may find that this has lasted too long. Nobody looks after time-outs of his own,
 * as kk_family_sleep does: all wake-ups are the protocol's.
 *
 * -D  NW workers  ROUNDS of each  LATE  FAVOUR 0: nobody is ever favoured  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef NW
#define NW 3
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef LATE
#define LATE 0
#endif
#ifndef FAVOUR
#define FAVOUR 1
#endif
#ifndef KW
#define KW 1
#endif

#define WAITING  0
#define FAVOURED 1
#define ONE      1
#define ALL      2

byte owner;                      /* of the lock; 0: nobody                    */
bit died;
byte favourite;                  /* of the turnstile                          */
bit told;
byte word[2];                    /* bit 0: somebody may be waiting; count     */
byte asleep[4];                  /* in the kernel's queue: 1 + event          */

byte kills = KW, left[4], gone;
bit dead[4], broken;             /* ghosts: killed as owner, and not yet told */
byte inside;

#define DIE kills--; asleep[me] = 0; if :: owner == me -> broken = 1 :: else -> skip fi; \
	if :: inside == me -> inside = 0 :: else -> skip fi; FORGET; dead[me] = 1; goto killed
#define STEP if :: (kills > 0) -> DIE :: skip fi
#define FORGET e = 0; ticket = 0; back = 0; many = 0; woken = 0; seen = 0; mine = 0; late = 0; asked = 0; blocked = 0

#define TAKEN inside = me; assert(died == broken); \
	broken = 0; TAKEN_DIED
#ifdef MUT_KEEP_DIED
#define TAKEN_DIED skip
#else
#define TAKEN_DIED died = 0
#endif

#define WAKE_IF(i, event) if :: asleep[i] == (event) + 1 -> asleep[i] = 0; woken = 1 :: else -> skip fi
#define FUTEX_WAKE(event, count) woken = 0; \
	if \
	:: (count) == ONE && asleep[1] == (event) + 1 -> asleep[1] = 0; woken = 1 \
	:: (count) == ONE && asleep[2] == (event) + 1 -> asleep[2] = 0; woken = 1 \
	:: (count) == ONE && asleep[3] == (event) + 1 -> asleep[3] = 0; woken = 1 \
	:: (count) == ALL -> WAKE_IF(1, event); WAKE_IF(2, event); WAKE_IF(3, event) \
	:: else -> skip \
	fi

proctype worker(byte me)
{
	byte e, ticket, back, seen, many;
	bit woken, mine, late, asked, blocked;

	/* ---- kk_lock_acquire: where nobody is favoured, at once */
acquire: atomic { if :: left[me] == 0 -> goto end :: else -> skip fi; STEP;
	  if
	  :: favourite == 0 && owner == 0 -> owner = me; TAKEN; goto critical
	  :: else -> skip
	  fi }

	/* ---- wait_for_turn */
wait:	atomic { STEP; mine = (favourite == me); e = (mine -> FAVOURED : WAITING); blocked = 0 }
	atomic { STEP; word[e] = word[e] | 1; ticket = word[e] }
#if !defined(MUT_KEEP_TOLD) && !defined(MUT_CLEAR_LATE)
	atomic { STEP; told = 0 }
#endif
	/* T3 */
look:	atomic { STEP; seen = favourite }
	if
	:: atomic { seen != 0 && seen != me -> STEP;
	     if
	     :: owner == 0 && !late -> blocked = 1; goto missed          /* stands back */
	     :: owner == 0 -> skip                                        /* for too long */
	     :: owner != 0 -> goto missed
	     fi }
	   atomic { STEP; if :: favourite == seen -> favourite = 0; e = FAVOURED; many = ONE; back = 3; goto wake :: else -> skip fi }
	:: atomic { else -> skip }
	fi;
take:	atomic { STEP; seen = 0;
	  if
#ifdef MUT_TAKE_STORE
	  :: owner == 0 -> goto store
#else
	  :: owner == 0 -> owner = me; TAKEN; goto passed
#endif
	  :: else -> goto missed
	  fi }
#ifdef MUT_TAKE_STORE
store:	atomic { STEP; owner = me; TAKEN; goto passed }
#endif
missed:	atomic { seen = 0;
	  if :: late && me == 1 && LATE -> goto passed :: else -> skip fi }
#ifdef MUT_CLEAR_LATE
	atomic { STEP; told = 0 }
#endif
#ifndef MUT_NOT_EXPECTED
	atomic { STEP; if :: mine != (favourite == me) -> goto wait :: else -> skip fi }
#endif
	/* Once in a wait: long enough to go first. */
	atomic { if
	  :: FAVOUR && !mine && !blocked && !asked && favourite == 0 -> STEP; asked = 1; favourite = me; goto wait
	  :: skip
	  fi }
	/* T4 */
	atomic { STEP; if :: word[e] == ticket -> asleep[me] = e + 1 :: else -> skip fi; ticket = 0; blocked = 0 }
	atomic {
	  if
	  :: asleep[me] == 0 -> goto wait
	  :: asleep[me] != 0 && LATE && me == 1 -> asleep[me] = 0; late = 1; goto wait
	  :: asleep[me] != 0 && favourite != 0 && favourite != me && owner == 0 -> asleep[me] = 0; late = 1; goto wait
	  :: (kills > 0) -> DIE
	  fi }

	/* ---- turnstile_pass: the favourite is through, or gives up */
passed:	atomic { STEP; ticket = 0; e = 0; mine = 0; blocked = 0; asked = 0;
	  if
	  :: favourite == me -> favourite = 0;
	     if
#ifndef MUT_NO_LET
	     :: inside != me -> late = 0; goto let
#endif
	     :: else -> skip
	     fi
	  :: else -> skip
	  fi; late = 0; if :: inside == me -> goto critical :: else -> goto round fi }

	/* ---- what it is all for */
critical: atomic { assert(inside == me && owner == me); STEP; inside = 0 }

	/* ---- kk_lock_release */
#ifdef MUT_LET_FIRST
	goto let;
give:	atomic { STEP; owner = 0; goto round }
#else
	atomic { STEP; owner = 0 }
#endif
let:	atomic { STEP; seen = favourite; mine = told }
	atomic { STEP;
	  if
	  :: seen != 0 && (word[FAVOURED] & 1) -> seen = 0; mine = 0; e = FAVOURED; many = ONE; back = 2; goto wake
	  :: seen == 0 && !mine && (word[WAITING] & 1) -> seen = 0
	  :: else -> seen = 0; mine = 0; goto let_go
	  fi }
	atomic { STEP; told = 1; e = WAITING; many = ONE; back = 2; goto wake }
let_go:
#ifdef MUT_LET_FIRST
	if :: owner == me -> goto give :: else -> goto round fi;
#endif
round:	atomic { left[me]--; FORGET; goto acquire }

	/* ---- kk_event_wake */
wake:	atomic { STEP; if :: !(word[e] & 1) -> goto returned :: else -> skip fi }
	atomic { STEP; word[e] = word[e] + 2; ticket = word[e] }
	atomic { STEP; FUTEX_WAKE(e, many); if :: woken -> goto returned :: else -> skip fi }
	atomic { STEP; if :: word[e] == ticket -> word[e] = ticket - 1 + 2 :: else -> goto returned fi }
	atomic { STEP; FUTEX_WAKE(e, ALL) }
returned: atomic { ticket = 0; woken = 0; many = 0;
	  if
	  :: back == 2 -> back = 0; e = 0; goto let_go
	  :: back == 3 -> back = 0; e = WAITING; goto removed
	  fi }
	/* Who removed the favourite goes on to take; if he misses it he has to announce himself anew. */
removed: atomic { STEP; seen = 0; late = 0;
	  if
	  :: owner == 0 -> owner = me; TAKEN; goto passed
	  :: else -> goto wait
	  fi }

killed:	(!dead[me]); goto acquire;
end:	atomic { gone++; FORGET }
}

/* lock_bury, by whoever survives; he may be killed too: then it is begun again. */
#define UNDERTAKER_STEP if :: kills > 0 -> kills--; w = 0; woken = 0; goto idle :: skip fi
proctype undertaker()
{
	byte w;
	bit woken;

idle:	atomic { w = 1; woken = 0;
	  if
	  :: (dead[1] || dead[2] || dead[3]) -> do :: !dead[w] -> w++ :: else -> break od
	  :: gone == NW -> w = 0; goto end
	  fi }
	atomic { UNDERTAKER_STEP;
	  if
#ifdef MUT_BURY_STORE
	  :: owner != 0
#else
	  :: owner == w
#endif
	    -> owner = 0;
#ifndef MUT_NO_DIED
	       died = 1
#endif
	  :: else -> skip
	  fi }
	atomic { UNDERTAKER_STEP; if :: favourite == w -> favourite = 0 :: else -> skip fi }
#ifndef MUT_NO_DEATH_WAKE
	atomic { UNDERTAKER_STEP; word[FAVOURED] = word[FAVOURED] + 2 }
	atomic { UNDERTAKER_STEP; FUTEX_WAKE(FAVOURED, ALL) }
	atomic { UNDERTAKER_STEP; word[WAITING] = word[WAITING] + 2 }
	atomic { UNDERTAKER_STEP; FUTEX_WAKE(WAITING, ALL) }
#endif
	atomic { dead[w] = 0; w = 0; woken = 0; goto idle }
end:	assert(owner == 0 && favourite == 0)
}

init {
	atomic {
		run undertaker();
		left[1] = ROUNDS; run worker(1);
		left[2] = ROUNDS; run worker(2);
		if :: NW == 3 -> left[3] = ROUNDS; run worker(3) :: else -> skip fi
	}
}
