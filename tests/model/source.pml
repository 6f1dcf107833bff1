/* SPDX-License-Identifier: Apache-2.0 */
/* source.pml - engine/worker/source.c and the source's part of inherit.c: when does an item begin to exist?
 *
 * One source makes N items on H headers. It takes free headers in batches of BATCH, writes the record (with the own
 * word it was written under), moves the cursor and puts the header; what is left of the last batch goes back. One
 * consumer takes items and puts their headers home. The source is killed before any step, KW times in all, heirs too.
 *
 * Rings are one step (but for K1 and K2). A claim is named by its position, which no other claim has.
 *
 * -D  H headers  N items  BATCH  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef H
#define H 2
#endif
#ifndef N
#define N 3
#endif
#ifndef BATCH
#define BATCH 2
#endif
#ifndef KW
#define KW 2
#endif

#define CLAIMED 1  /* by the source, from the free rings       */
#define QUEUED  2  /* by the source, K1 done                   */
#define COMMIT  3
#define FREE    4  /* in a free ring                           */
#define IN_RING 5  /* in the ring of the next stage            */
#define TAKEN   6  /* by the consumer                          */

/* state, and the position of the last claim out of a free ring: together the own word */
byte state[H] = FREE, position[H];
byte r_own[H] = 255, r_sequence[H] = 255;     /* the record */
byte content[H];                              /* what key and payload say: sequence + 1, 0: half written */
byte cursor, place_of[2];                     /* the source's own place belongs to the cursor: place_of[cursor & 1] */
#ifdef MUT_ONE_PLACE
#define PLACE 0
#else
#define PLACE (next & 1)
#endif
byte claims, seen[N], kills = KW;
bit ended;

#define FORGET h = 0; r = 0; batch = 0; redo = 0; inheriting = 0; next = 0; place = 0; fresh = 1
#define STEP if :: (kills > 0) -> kills--; FORGET; goto killed :: skip fi
#define FIRST(set) ((set)&1 -> 0 : ((set)&2 -> 1 : 2))

proctype source()
{
	byte h, r, batch, redo, next, place;
	bit inheriting, fresh;

	fresh = 1;
	/* take_free: inherited headers first, one at a time; else a batch */
look:	atomic { STEP;
	  if
	  :: batch != 0 -> skip
	  :: batch == 0 && redo != 0 -> h = FIRST(redo); redo = redo & ~(1 << h); batch = 1 << h; h = 0
	  :: batch == 0 && redo == 0 && cursor < N && (state[0] == FREE || (H > 1 && state[H - 1] == FREE)) -> goto take
	  :: batch == 0 && redo == 0 && cursor >= N -> goto end
	  fi;
	  goto make }
take:	atomic { STEP; if :: state[0] == FREE -> h = 0 :: H > 1 && state[H - 1] == FREE -> h = H - 1 :: else -> goto took fi;
	  state[h] = CLAIMED; claims++; position[h] = claims; batch = batch | (1 << h); h = 0 }
	atomic { if :: BATCH > 1 && (batch & (batch - 1)) == 0 -> goto take :: else -> skip fi }
took:	atomic { if :: batch == 0 -> goto look :: else -> skip fi }

	/* begin: the header and its record for the item that the cursor says is next */
make:	atomic { STEP; h = FIRST(batch); next = cursor; if :: next >= N -> goto give :: else -> skip fi }
	atomic { STEP; r_own[h] = 0 }
	atomic { STEP; r_sequence[h] = next; content[h] = 0; if :: fresh -> place = place_of[PLACE]; fresh = 0 :: else -> skip fi }
	/* the stage fills it from where it stands; a new process from where the cursor stands */
	atomic { STEP; assert(place == next); content[h] = place + 1; place++ }
	/* commit */
#ifdef MUT_CURSOR_FIRST
	atomic { STEP; next++; place_of[PLACE] = place }
	atomic { STEP; cursor = next }
#endif
	atomic { STEP; r_own[h] = position[h] }
#if !defined(MUT_CURSOR_FIRST) && !defined(MUT_CURSOR_LAST)
	atomic { STEP; next++; place_of[PLACE] = place }
	atomic { STEP; cursor = next }
#endif
	atomic { batch = batch & ~(1 << h); goto send }

	/* deliver: K1, K2 (or COMMIT before them, if the source feeds several stages) */
send:	atomic { STEP; if :: state[h] = COMMIT :: skip fi }
	atomic { STEP; state[h] = QUEUED }
	atomic { STEP; state[h] = IN_RING }
#ifdef MUT_CURSOR_LAST
	atomic { STEP; if :: !inheriting -> next++; place_of[PLACE] = place; cursor = next :: else -> skip fi }
#endif
	atomic { h = 0; next = 0; if :: inheriting -> goto scanned :: else -> goto look fi }

	/* give_back */
give:	atomic { STEP;
	  if
	  :: batch != 0 -> h = FIRST(batch); batch = batch & ~(1 << h)
	  :: batch == 0 && redo != 0 -> h = FIRST(redo); redo = redo & ~(1 << h)
	  :: batch == 0 && redo == 0 -> goto end
	  fi }
	atomic { STEP; state[h] = FREE; h = 0; goto give }             /* its K1 and K2 are those of ring.pml */

	/* the heir: decisions first, then the rest */
killed:	atomic { inheriting = 1; r = 0 }
scan:	atomic { STEP; if :: r < H && state[r] == COMMIT -> h = r; goto commit_found :: else -> goto scanned fi }
commit_found: atomic { STEP; state[h] = QUEUED }
	atomic { STEP; state[h] = IN_RING; h = 0 }
scanned: atomic { STEP;
	  if
	  :: r < H - 1 -> r++; goto scan
	  :: r == H - 1 -> r = H
	  :: r >= H && r < 2 * H - 1 -> r++
	  :: r >= 2 * H - 1 -> inheriting = 0; r = 0; goto look
	  fi;
	  h = r - H;
	  if
	  :: state[h] == QUEUED -> skip
	  :: state[h] == CLAIMED -> goto redo_source
	  :: else -> h = 0; goto scanned
	  fi }
	atomic { STEP; state[h] = IN_RING; h = 0; goto scanned }
redo_source: atomic { STEP;
#if defined(MUT_CURSOR_LAST)
	  redo = redo | (1 << h); h = 0; goto scanned
#elif defined(MUT_NO_TAG)
	  if :: r_sequence[h] + 1 == cursor -> goto send :: else -> redo = redo | (1 << h); h = 0; goto scanned fi
#else
	  if
	  :: r_own[h] == position[h] && r_sequence[h] + 1 == cursor -> goto send
	  :: else -> redo = redo | (1 << h); h = 0; goto scanned
	  fi
#endif
	}
end:	atomic { ended = 1; FORGET }
}

proctype consumer()
{
	byte h;

	do
	:: atomic { state[0] == IN_RING -> h = 0; state[h] = TAKEN; goto work }
	:: atomic { H > 1 && state[H - 1] == IN_RING -> h = H - 1; state[h] = TAKEN; goto work }
	:: atomic { ended && state[0] != IN_RING && state[H - 1] != IN_RING -> break };
work:	   atomic { assert(content[h] == r_sequence[h] + 1); seen[r_sequence[h]]++; assert(seen[r_sequence[h]] == 1) };
	   atomic { state[h] = FREE; h = 0 }
	od;
	assert(state[0] == FREE && state[H - 1] == FREE);
	do
	:: h < N -> assert(seen[h] == 1); h++
	:: else -> break
	od
}

init { atomic { run source(); run consumer() } }
