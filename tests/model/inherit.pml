/* SPDX-License-Identifier: Apache-2.0 */
/* inherit.pml - ipc/ring/table.c: why kk_table_inherit walks twice.
 *
 * A commit may name entries that are in the same hand: here a worker takes t from IN and an unused entry a from FREE,
 * notes in t that a (under this claim) is what came of it, commits t, puts a into OUT and t into FREE. Left over by a
 * death without the commit, a is an unused entry that goes back. A consumer takes from OUT and puts into FREE.
 * Rings are one step, but for K1 and K2. The worker is killed before any step, KW times in all, heirs too.
 *
 * -D  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef KW
#define KW 3
#endif
#define H 4

#define IN   0
#define FREE 1
#define OUT  2

#define CLAIMED 1
#define QUEUED  2
#define COMMIT  3
byte state[H] = QUEUED, ring[H], claim[H];    /* the worker's own words; claim names one claim */
bit in_slot[H] = 1, other[H];                 /* other: in somebody else's hand */
byte made[H], made_claim[H];                  /* the record in t: which entry, under which claim */
byte value[H], seen[3], claims, kills = KW;
bit done;

#define FORGET h = 0; a = 0; t = 0; r = 0; pass = 0; heir = 0; to = 0; then = 0
#define STEP if :: (kills > 0) -> kills--; FORGET; redo = 255; goto killed :: skip fi
#define STANDS(h, q) (in_slot[h] && ring[h] == (q))
#define TAKE(h) in_slot[h] = 0; state[h] = CLAIMED; claims++; claim[h] = claims

proctype worker()
{
	byte h, a, t, r, pass, to, then, redo;
	bit heir;

	redo = 255;
take:	atomic {
	  if
	  :: redo != 255 -> t = redo; redo = 255
	  :: redo == 255 && STANDS(1, IN) -> t = 1; TAKE(t)
	  :: redo == 255 && STANDS(3, IN) -> t = 3; TAKE(t)
	  :: redo == 255 && !STANDS(1, IN) && !STANDS(3, IN) -> goto end
	  fi }
	atomic {
	  if
	  :: STANDS(0, FREE) -> a = 0
	  :: STANDS(1, FREE) -> a = 1
	  :: STANDS(2, FREE) -> a = 2
	  :: STANDS(3, FREE) -> a = 3
	  fi;
	  STEP; TAKE(a) }
	atomic { STEP; value[a] = value[t]; made[t] = a; made_claim[t] = claim[a] }
	atomic { STEP; state[t] = COMMIT }
	/* complete */
complete: atomic { STEP; a = made[t]; if :: state[a] == CLAIMED && claim[a] == made_claim[t] && !other[a] -> h = a; to = OUT; then = 1; goto put :: else -> skip fi }
finish:	atomic { STEP; h = t; to = FREE; then = 2; goto put }

put:	atomic { STEP; state[h] = QUEUED; ring[h] = to }
publish: atomic { STEP; in_slot[h] = 1;
	  if
	  :: then == 1 -> h = 0; to = 0; goto finish
	  :: then == 2 -> h = 0; a = 0; t = 0; to = 0; then = 0; if :: heir -> goto scanned :: else -> goto take fi
	  fi }

killed:	atomic { heir = 1; r = 0 }
#ifdef MUT_ONE_PASS
#define PASS(n) true
#else
#define PASS(n) (pass == (n))
#endif
scan:	atomic { STEP;
	  if
	  :: state[r] == COMMIT && PASS(0) -> t = r; goto complete
	  :: state[r] == QUEUED && !in_slot[r] && !other[r] && PASS(1) -> h = r; to = ring[r]; then = 2; goto publish
	  :: state[r] == CLAIMED && !other[r] && ring[r] == FREE && PASS(1) -> h = r; to = FREE; then = 2; goto put
	  :: state[r] == CLAIMED && !other[r] && ring[r] == IN && PASS(1) -> redo = r
	  :: else -> skip
	  fi }
scanned: atomic { r++;
	  if
	  :: r < H -> goto scan
#ifndef MUT_ONE_PASS
	  :: r == H && pass == 0 -> pass = 1; r = 0; goto scan
	  :: r == H && pass == 1 -> FORGET; goto take
#else
	  :: r == H -> FORGET; goto take
#endif
	  fi }
end:	atomic { FORGET; redo = 0; done = 1 }
}

proctype consumer()
{
	byte h;

take:	atomic {
	  if
	  :: STANDS(0, OUT) -> h = 0
	  :: STANDS(1, OUT) -> h = 1
	  :: STANDS(2, OUT) -> h = 2
	  :: STANDS(3, OUT) -> h = 3
	  :: done && !STANDS(0, OUT) && !STANDS(1, OUT) && !STANDS(2, OUT) && !STANDS(3, OUT) -> goto end
	  fi;
	  in_slot[h] = 0; other[h] = 1; state[h] = CLAIMED }
	atomic { seen[value[h]]++; assert(seen[value[h]] == 1) }
	atomic { state[h] = QUEUED; ring[h] = FREE; in_slot[h] = 1; other[h] = 0; h = 0; goto take }
end:	atomic { h = 0;
	  do :: h < H -> assert(STANDS(h, FREE)); h++ :: else -> break od;
	  assert(seen[1] == 1 && seen[2] == 1) }
}

init {
	atomic {
		ring[0] = FREE; ring[1] = IN; ring[2] = FREE; ring[3] = IN; value[1] = 1; value[3] = 2;
		run worker(); run consumer()
	}
}
