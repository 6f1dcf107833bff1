/* SPDX-License-Identifier: Apache-2.0 */
/* commit.pml - engine/worker/{hand,deliver,inherit}.c: from a verdict to the next rings, with one decision between.
 *
 * A stage takes two items, one after the other; each may be passed on unchanged, passed on with a new payload, or
 * failed. What is passed goes to two rings (ROUTES 2: the second on a header of its own, sharing the payload) or to
 * one. Readers behind these rings look at the payload and release their lane. The stage is killed before any step, KW
 * times in all, heirs too.
 *
 * The stage's input payloads lie in arena 0, its own in arena 1. The side of a header that does not count holds what
 * an earlier life left there: a ref that names block 0 of arena 0.
 * Rings are one step, but for K1 and K2; so is a release, which block.pml takes apart.
 *
 * -D  ROUTES 1 or 2  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef ROUTES
#define ROUTES 2
#endif
#ifndef KW
#define KW 2
#endif
#define ITEMS 2

/* log words: generation, lanes; CLAIMED is marked by lane bit 2, FREE by none */
#define MINE 4
#define BLOCK(gen, lanes) (((gen) << 3) | (lanes))
#define GENERATION(w) ((w) >> 3)
#define LANES(w)      ((w)&7)
byte block[4];                       /* arena 0: 0, 1; arena 1: 2, 3 */
#define AT(stage, index) (2 * (stage) + (index))

/* headers: i stands for lane 0 of item i, 2 + i for lane 1 */
#define IDLE    0
#define CLAIMED 1
#define QUEUED  2
#define COMMIT  3
#define PASS 0
#define FAIL 1
#define STAGE  1
#define READER 2
byte own_state[4], own_role[4], own_ring[4];
bit own_side[4], in_slot[4];
byte index0[4], index1[4], gen0[4], gen1[4], stage0[4], stage1[4];
byte verdict[4]; bit replaced[4];

#define INDEX(h, side) ((side) -> index1[h] : index0[h])
#define GEN(h, side)   ((side) -> gen1[h] : gen0[h])
#define PSTAGE(h, side) ((side) -> stage1[h] : stage0[h])
#define IN     0
#define OUT0   1
#define OUT1   2
#define HOME   3

/* What the checks know besides: what came out of each item. */
bit stage_done;
byte out0[ITEMS], out1[ITEMS], home[ITEMS], kills = KW, running;

#define FORGET h = 0; b = 0; g = 0; side = 0; heir = 0; pass = 0; r = 0
#define STEP if :: (kills > 0) -> kills--; FORGET; goto killed :: skip fi

/* kk_block_release of lane 0 of what stands at this side of the header. */
#define RELEASE(h, s, lane) \
	b = AT(PSTAGE(h, s), INDEX(h, s)); \
	if \
	:: GENERATION(block[b]) == GEN(h, s) && (LANES(block[b]) & (1 << (lane))) && !(LANES(block[b]) & MINE) -> \
	   block[b] = block[b] & ~(1 << (lane)); \
	   if :: LANES(block[b]) == 0 -> block[b] = BLOCK(GENERATION(block[b]) + 1, 0) :: else -> skip fi \
	:: else -> skip \
	fi; \
	b = 0

proctype stage()
{
	byte h, b, g, pass, r, redo;
	bit side, heir;

	redo = 255;
	goto take;
next:	atomic { if :: heir -> goto scanned :: else -> skip fi }
take:	atomic {
	  if
	  :: redo != 255 -> h = redo; redo = 255
	  :: redo == 255 && in_slot[0] && own_ring[0] == IN -> h = 0; in_slot[0] = 0
	  :: redo == 255 && in_slot[1] && own_ring[1] == IN -> h = 1; in_slot[1] = 0
	  :: redo == 255 && !(in_slot[0] && own_ring[0] == IN) && !(in_slot[1] && own_ring[1] == IN) -> goto end
	  fi;
	  own_state[h] = CLAIMED; own_role[h] = STAGE; side = own_side[h] }
	/* the stage looks at what it was given */
	atomic { STEP; b = AT(PSTAGE(h, side), INDEX(h, side)); assert(GENERATION(block[b]) == GEN(h, side) && (LANES(block[b]) & 1)); b = 0 }
	/* hand_settle */
	if
	:: atomic { STEP; verdict[h] = FAIL; replaced[h] = 0; goto settled }
	:: atomic { STEP; verdict[h] = PASS; replaced[h] = 0; goto settled }
	:: atomic { STEP; verdict[h] = PASS; replaced[h] = 0 }
	fi;
	atomic { if :: LANES(block[AT(STAGE, 0)]) == 0 -> b = 0 :: LANES(block[AT(STAGE, 1)]) == 0 -> b = 1 fi;
	  STEP; g = GENERATION(block[AT(STAGE, b)]); block[AT(STAGE, b)] = BLOCK(g, MINE) }
#ifdef MUT_STAGE_FIRST
	atomic { STEP; if :: side -> stage0[h] = STAGE :: else -> stage1[h] = STAGE fi }
	atomic { STEP; if :: side -> index0[h] = b; gen0[h] = g :: else -> index1[h] = b; gen1[h] = g fi }
#else
	atomic { STEP; if :: side -> index0[h] = b; gen0[h] = g :: else -> index1[h] = b; gen1[h] = g fi }
	atomic { STEP; if :: side -> stage0[h] = STAGE :: else -> stage1[h] = STAGE fi }
#endif
	atomic { STEP; assert(block[AT(STAGE, b)] == BLOCK(g, MINE)); block[AT(STAGE, b)] = BLOCK(g, 1); b = 0; g = 0 }
	atomic { STEP; replaced[h] = 1 }
settled: atomic { if :: ROUTES == 1 && verdict[h] == PASS && !replaced[h] -> goto put :: else -> skip fi }
#ifdef MUT_RELEASE_FIRST
	atomic { STEP; if :: replaced[h] -> RELEASE(h, side, 0) :: else -> skip fi }
#endif
#ifndef MUT_NO_COMMIT
	atomic { STEP; own_state[h] = COMMIT }
#endif
	/* complete: everything from here on may be repeated */
complete: atomic { STEP;
#ifdef MUT_NO_SIDE
	  /* which payload counts is turned round in the header once the other is released */
	  if :: replaced[h] -> RELEASE(h, own_side[h], 0); own_side[h] = !own_side[h] :: else -> skip fi;
	  side = own_side[h]
#else
	  side = own_side[h];
	  if :: replaced[h] -> RELEASE(h, side, 0); side = !side :: else -> skip fi
#endif
	  }
	atomic {
	  if
	  :: verdict[h] == FAIL -> STEP; RELEASE(h, side, 0); goto put
	  :: verdict[h] != FAIL && ROUTES == 1 -> goto put
	  :: verdict[h] != FAIL && ROUTES == 2 -> skip
	  fi }
#ifdef MUT_PUT_FIRST
	atomic { STEP; own_state[h] = QUEUED; own_role[h] = STAGE; own_ring[h] = OUT0; own_side[h] = side }
	atomic { STEP; in_slot[h] = 1; out0[h]++; assert(out0[h] == 1) }
#endif
	/* start_branch */
	atomic { STEP; if :: own_state[2 + h] != IDLE -> goto put :: else -> skip fi }
	atomic { STEP; index0[2 + h] = INDEX(h, side); gen0[2 + h] = GEN(h, side); stage0[2 + h] = PSTAGE(h, side) }
	atomic { STEP; b = AT(stage0[2 + h], index0[2 + h]); assert(GENERATION(block[b]) == gen0[2 + h] && LANES(block[b])); block[b] = block[b] | 2; b = 0 }
	atomic { STEP; own_state[2 + h] = QUEUED; own_role[2 + h] = STAGE; own_ring[2 + h] = OUT1; own_side[2 + h] = 0 }
	atomic { STEP; in_slot[2 + h] = 1; out1[h]++; assert(out1[h] == 1) }
put:
#ifdef MUT_PUT_FIRST
	atomic { if :: verdict[h] != FAIL && ROUTES == 2 -> FORGET; goto take :: else -> skip fi }
#endif
	/* K1 names the ring; an end goes home */
	atomic { STEP; own_state[h] = QUEUED; own_role[h] = STAGE; own_ring[h] = (verdict[h] == FAIL -> HOME : OUT0); own_side[h] = side }
published: atomic { STEP; in_slot[h] = 1;
	  if
	  :: own_ring[h] == HOME -> home[h]++; assert(home[h] == 1 && verdict[h] == FAIL)
	  :: own_ring[h] == OUT0 -> out0[h]++; assert(out0[h] == 1)
	  :: own_ring[h] == OUT1 -> out1[h - 2]++; assert(out1[h - 2] == 1)
	  fi;
	  h = 0; side = 0; goto next }

	/* the heir: decisions, then the rest; then kk_arena_adopt */
killed:	atomic { heir = 1; pass = 0; r = 0; redo = 255 }
scan:	atomic { STEP;
	  if
	  :: own_role[r] == STAGE && own_state[r] == COMMIT && pass == 0 -> h = r; goto complete
	  :: own_role[r] == STAGE && own_state[r] == QUEUED && pass == 1 && !in_slot[r] -> h = r; goto published
	  :: own_role[r] == STAGE && own_state[r] == CLAIMED && pass == 1 -> redo = r; side = !own_side[r]
	  :: else -> goto scanned
	  fi }
	/* drop_undecided */
#ifndef MUT_NO_DROP
	atomic { if :: PSTAGE(r, side) == STAGE -> STEP; RELEASE(r, side, 0) :: else -> skip fi; side = 0 }
#endif
scanned: atomic { h = 0; r++;
	  if
	  :: r < 4 -> goto scan
	  :: r == 4 && pass == 0 -> pass = 1; r = 0; goto scan
	  :: r == 4 && pass == 1 -> pass = 0; r = 0
	  fi }
	atomic { STEP; if :: LANES(block[2]) == MINE -> block[2] = BLOCK(GENERATION(block[2]) + 1, 0) :: else -> skip fi }
	atomic { STEP; if :: LANES(block[3]) == MINE -> block[3] = BLOCK(GENERATION(block[3]) + 1, 0) :: else -> skip fi;
	  heir = 0; goto take }
end:	atomic { running--; stage_done = 1; FORGET; redo = 0 }
}

/* Takes what comes out on its lane, looks at the payload, releases it, sends the header home. */
proctype reader(byte lane)
{
	byte h, b;

take:	atomic {
	  h = 2 * lane;
	  if
	  :: in_slot[2 * lane] && own_ring[2 * lane] == OUT0 + lane -> h = 2 * lane
	  :: in_slot[2 * lane + 1] && own_ring[2 * lane + 1] == OUT0 + lane -> h = 2 * lane + 1
	  :: stage_done && !(in_slot[2 * lane] && own_ring[2 * lane] == OUT0 + lane) && !(in_slot[2 * lane + 1] && own_ring[2 * lane + 1] == OUT0 + lane) -> goto end
	  fi;
	  in_slot[h] = 0; own_state[h] = CLAIMED; own_role[h] = READER }
	atomic { b = AT(PSTAGE(h, own_side[h]), INDEX(h, own_side[h])); assert(GENERATION(block[b]) == GEN(h, own_side[h]) && (LANES(block[b]) & (1 << lane)));
	  /* the new payload if there is one */
	  assert(!replaced[h % 2] || PSTAGE(h, own_side[h]) == STAGE); assert(replaced[h % 2] || PSTAGE(h, own_side[h]) == 0); b = 0 }
	atomic { RELEASE(h, own_side[h], lane); own_state[h] = QUEUED; own_ring[h] = HOME; goto take }
end:	atomic { h = 0; running-- }
}

init {
	byte i;
	atomic {
		/* every ring in front has handed over both items; on either side, with a stale ref on the other */
		block[0] = BLOCK(2, 1); block[1] = BLOCK(1, 1); block[2] = BLOCK(1, 0); block[3] = BLOCK(1, 0);
		do
		:: i < ITEMS ->
		   own_state[i] = QUEUED; own_role[i] = 0; own_ring[i] = IN; in_slot[i] = 1;
		   if
		   :: own_side[i] = 0; index0[i] = i; gen0[i] = 2 - i; index1[i] = 0; gen1[i] = 1
		   :: own_side[i] = 1; index1[i] = i; gen1[i] = 2 - i; index0[i] = 0; gen0[i] = 1
		   fi;
		   i++
		:: else -> break
		od;
		running = 1 + ROUTES;
		run stage(); run reader(0); if :: ROUTES == 2 -> run reader(1) :: else -> skip fi
	}
	atomic {
		(running == 0) -> i = 0;
		do :: i < 4 -> assert(LANES(block[i]) == 0); i++ :: else -> break od;
		i = 0;
		do
		:: i < ITEMS ->
		   assert(out0[i] == (verdict[i] == PASS) && home[i] == (verdict[i] == FAIL));
		   assert(out1[i] == (ROUTES == 2 && verdict[i] == PASS)); i++
		:: else -> break
		od
	}
}
