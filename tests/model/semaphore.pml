/* SPDX-License-Identifier: Apache-2.0 */
/* semaphore.pml - ipc/sync/semaphore.c: permits and the records of who has them change as one.
 *
 * Workers (seats 1 .. NW) acquire and release ROUNDS times; worker 1 first releases a permit that it has not got (SIGNAL).
 * Each access to `now` and to a record is a step, before each a worker may be killed; any number of workers may be in the
 * middle of finishing the same operation. The undertaker gives back what the dead one held (and may be killed and begin
 * again), then a new sitter does what is left. Who finds no permit waits for one: how, lock.pml shows.
 *
 * -D  NW workers  PERMITS  ROUNDS of each  SIGNAL  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef NW
#define NW 2
#endif
#ifndef PERMITS
#define PERMITS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef SIGNAL
#define SIGNAL 0
#endif
#ifndef KW
#define KW 1
#endif

#define DROP 0
#define TAKE 1
#define GIVE 2

/* Packed as the code does it, so that one comparison takes all of it. */
#define MAKE(value, operation, seat, number) (((value) << 12) | ((operation) << 10) | ((seat) << 8) | (number))
#define VALUE(n)     ((n) >> 12)
#define OPERATION(n) (((n) >> 10) & 3)
#define SEAT(n)      (((n) >> 8) & 3)
#define NUMBER(n)    ((n) & 255)
#define RECORD(held, number) (((held) << 8) | (number))
#define HELD(r)      ((r) >> 8)

short now = MAKE(PERMITS, DROP, 0, 0);
short record[4];

byte kills = KW, left[4], gone, signalled;
bit dead[4];

#define HELD_AFTER(i) ((SEAT(now) == (i) && NUMBER(record[i]) != NUMBER(now)) -> \
	(OPERATION(now) == DROP -> 0 : (OPERATION(now) == TAKE -> HELD(record[i]) + 1 : HELD(record[i]) - 1)) : HELD(record[i]))
#define TOTAL (VALUE(now) + HELD_AFTER(1) + HELD_AFTER(2) + HELD_AFTER(3))
#define SOUND assert(TOTAL == PERMITS + signalled)

#define DIE kills--; n = 0; r = 0; holder = 0; releasing = 0; goto killed
#define STEP if :: (kills > 0) -> DIE :: skip fi

inline apply(at)
{
	r = RECORD((OPERATION(n) == DROP -> 0 : (OPERATION(n) == TAKE -> HELD(r) + 1 : HELD(r) - 1)), NUMBER(n));
	record[at] = r
}

/* M1. Where the code says `return`, on to the label behind it. */
#ifdef MUT_NO_AGAIN
#define NOW_IS_STILL(n) true
#else
#define NOW_IS_STILL(n) (now == (n))
#endif
#define FINISH(behind) \
	atomic { STEP_HERE; r = record[SEAT(n)]; if :: NUMBER(r) == NUMBER(n) -> r = 0; goto behind :: else -> skip fi } \
	atomic { STEP_HERE; if :: !NOW_IS_STILL(n) -> r = 0; goto behind :: else -> skip fi } \
	atomic { STEP_HERE; if :: record[SEAT(n)] == r -> apply(SEAT(n)); SOUND :: else -> skip fi; r = 0 }

/* M3 */
#define NEXT(value, operation, seat) MAKE(value, operation, seat, (NUMBER(record[seat]) + 1) & 255)
#define CHANGE(value, operation, seat) \
	atomic { STEP_HERE; if :: now == n -> now = NEXT(value, operation, seat); n = now :: else -> n = 0 fi }

#define STEP_HERE STEP
proctype worker(byte me)
{
	short n, r;
	byte holder;
	bit releasing;

start:	if :: SIGNAL && me == 1 && signalled == 0 && left[1] == ROUNDS -> releasing = 1; goto release :: else -> skip fi;
acquire: atomic { if :: left[me] == 0 -> goto end :: else -> skip fi; VALUE(now) > 0; STEP; n = now }
#ifndef MUT_NO_HELP
	FINISH(take)
#endif
take:	CHANGE(VALUE(n) - 1, TAKE, me);
	atomic { if :: n == 0 -> goto acquire :: else -> SOUND fi }
	FINISH(release)

release: atomic { STEP; n = now }
	FINISH(find)
find:	atomic { STEP; holder = me; if :: HELD(record[me]) > 0 -> skip :: else -> holder = (me == 1 -> 2 : 1);
	    if :: HELD(record[holder]) > 0 -> skip :: else -> holder = 0 fi fi }
	atomic { STEP;
	  if
	  :: now == n && holder == 0 -> assert(releasing || SIGNAL); signalled++; now = NEXT(VALUE(n) + 1, DROP, 0); n = now; SOUND
	  :: now == n && holder != 0 -> now = NEXT(VALUE(n) + 1, GIVE, holder); n = now; SOUND
	  :: else -> goto release
	  fi }
	FINISH(done)
done:	atomic { n = 0; r = 0; holder = 0; if :: releasing -> releasing = 0; goto acquire :: else -> left[me]--; goto acquire fi }

killed:	atomic { dead[me] = 1 }
	(!dead[me]); goto start;
end:	gone++
}
#undef STEP_HERE

/* bury, by whoever survives. */
#define STEP_HERE if :: kills > 0 -> kills--; n = 0; r = 0; goto idle :: skip fi
proctype undertaker()
{
	short n, r;
	byte w;

idle:	atomic { w = 1;
	  if
	  :: (dead[1] || dead[2] || dead[3]) -> do :: !dead[w] -> w++ :: else -> break od
	  :: gone == NW -> w = 0; goto end
	  fi }
bury:	atomic { STEP_HERE; n = now }
	FINISH(settled)
settled: atomic { STEP_HERE; if :: HELD(record[w]) == 0 -> goto buried :: else -> skip fi }
#ifdef MUT_TWO_STEPS
	atomic { r = HELD(record[w]); record[w] = RECORD(0, NUMBER(record[w])) }
	atomic { STEP_HERE; now = MAKE(VALUE(now) + r, OPERATION(now), SEAT(now), NUMBER(now)); n = 1 }
#else
	CHANGE(VALUE(n) + HELD(record[w]), DROP, w);
	atomic { if :: n == 0 -> goto bury :: else -> SOUND fi }
	FINISH(buried)
#endif
buried:	atomic { n = 0; r = 0; dead[w] = 0; w = 0; goto idle }
end:	assert(VALUE(now) == PERMITS + signalled && TOTAL == VALUE(now))
}

init {
	atomic {
		run undertaker();
		left[1] = ROUNDS; run worker(1);
		left[2] = ROUNDS; run worker(2);
		if :: NW == 3 -> left[3] = ROUNDS; run worker(3) :: else -> skip fi
	}
}
