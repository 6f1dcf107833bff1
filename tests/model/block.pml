/* SPDX-License-Identifier: Apache-2.0 */
/* block.pml - ipc/block/{arena,alloc}.c: the log word of a block, from FREE through CLAIMED and SHARED to FREE.
 *
 * Two allocators, roles 1 and 2, have a region with one block each and the big block in common. Role 1 makes two items,
 * role 2 one: allocate (moving into the big block at will, or giving up once and starting anew), write the ref into the
 * item's header, share, decide, add the second lane and start it, put the first. Roles 3 and 4 take the first and the
 * second lane of each item, look at the payload and release. All are killed before any step, KW times in all.
 *
 * -D  ALLOCATORS 2, or 1: only role 1  LANES 1, or 2 for every item  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef KW
#define KW 1
#endif
#ifndef ALLOCATORS
#define ALLOCATORS 2
#endif
#ifndef LANES
#define LANES 1
#endif
#define ITEMS 3
#define BIG   2

/* log word: state, role, generation, lanes */
#define FREE    0
#define CLAIMED 1
#define SHARED  2
#define WORD(st, role, gen, lanes) (((st) << 9) | ((role) << 7) | ((gen) << 2) | (lanes))
#define STATE(w)      ((w) >> 9)
#define ROLE(w)       (((w) >> 7) & 3)
#define GENERATION(w) (((w) >> 2) & 31)
#define HOLDERS(w)    ((w)&3)

short word[3] = 4;                             /* FREE, generation 1 */
byte r_index[ITEMS] = 255, r_generation[ITEMS];  /* the ref in an item's header */

#define NEW    0
#define HAND   1    /* in the hand of its maker    */
#define DECIDED 2   /* COMMIT                      */
#define PUT    3
byte item[ITEMS];
#define IDLE   0
#define QUEUED 1
#define HELD   2    /* by the role that reads this lane */
#define GONE   3
byte lane0[ITEMS], lane1[ITEMS];
#define LANE_OF(i) (me == 3 -> lane0[i] : lane1[i])

byte allocated[3], cancels = 1, kills = KW, running;

#define FORGET w = 0; b = 0; g = 0; heir = 0
#define STEP if :: (kills > 0) -> kills--; FORGET; i = 0; goto killed :: skip fi
#define FIRST_ITEM (me == 1 -> 0 : 2)
#define LAST_ITEM  (me == 1 -> 1 : 2)

proctype allocator(byte me)
{
	byte i, b, g;
	short w;
	bit heir;

	i = FIRST_ITEM;
next:	atomic { if :: i <= LAST_ITEM -> item[i] = HAND :: else -> goto end fi }

	/* kk_block_alloc: the region's block, or the big one */
alloc:	atomic { STEP; w = word[me - 1]; b = me - 1; if :: STATE(w) == FREE -> skip :: else -> goto big fi }
	atomic { STEP; assert(STATE(word[b]) == FREE); word[b] = WORD(CLAIMED, me, GENERATION(w), 0); allocated[b]++; g = GENERATION(w); w = 0; goto made }
big:	atomic { STEP; w = word[BIG]; b = BIG; if :: STATE(w) == FREE -> skip :: else -> goto wait fi }
	atomic { STEP;
#ifdef MUT_BIG_STORE
	  word[b] = WORD(CLAIMED, me, GENERATION(w), 0); allocated[b]++; g = GENERATION(w); w = 0; goto made
#else
	  if
	  :: word[b] == w -> word[b] = WORD(CLAIMED, me, GENERATION(w), 0); allocated[b]++; g = GENERATION(w); w = 0; goto made
	  :: else -> skip
	  fi
#endif
	}
wait:	atomic { w = 0; b = 0; if :: (STATE(word[me - 1]) == FREE || STATE(word[BIG]) == FREE) -> goto alloc :: (kills > 0) -> kills--; FORGET; i = 0; goto killed fi }

	/* grow: into the big block; or cancel and begin again; or go on */
made:	atomic {
	  if
	  :: true -> goto filled
	  :: cancels > 0 -> cancels--; goto cancel
	  :: b != BIG && STATE(word[BIG]) == FREE -> w = word[BIG]
	  fi }
	atomic { STEP; if :: word[BIG] == w -> word[BIG] = WORD(CLAIMED, me, GENERATION(w), 0); allocated[BIG]++ :: else -> w = 0; goto filled fi }
	atomic { STEP; assert(word[b] == WORD(CLAIMED, me, g, 0)); word[b] = WORD(FREE, 0, g + 1, 0); b = BIG; g = GENERATION(w); w = 0; goto filled }
cancel:	atomic { STEP; assert(word[b] == WORD(CLAIMED, me, g, 0)); word[b] = WORD(FREE, 0, g + 1, 0); b = 0; g = 0; goto alloc }

	/* seal, then the decision */
filled:
#ifdef MUT_SHARE_FIRST
	atomic { STEP; assert(word[b] == WORD(CLAIMED, me, g, 0)); word[b] = WORD(SHARED, 0, g, 1) }
	atomic { STEP; r_index[i] = b; r_generation[i] = g }
#else
	atomic { STEP; r_index[i] = b; r_generation[i] = g }
	atomic { STEP; assert(word[b] == WORD(CLAIMED, me, g, 0)); word[b] = WORD(SHARED, 0, g, 1) }
#endif
	atomic { STEP; item[i] = DECIDED; b = 0; g = 0 }

	/* complete: the other lane, then this one */
decided: atomic { STEP; if :: lane1[i] != IDLE -> goto put :: else -> skip fi }
#ifdef MUT_ADD_LATE
	atomic { STEP; lane1[i] = QUEUED }
	atomic { STEP; word[r_index[i]] = word[r_index[i]] | 2 }
#else
	atomic { STEP; word[r_index[i]] = word[r_index[i]] | 2 }
	atomic { STEP; lane1[i] = QUEUED }
#endif
put:	atomic { STEP; lane0[i] = QUEUED; item[i] = PUT; if :: heir -> goto adopt :: else -> i++; goto next fi }

	/* the heir: the item in hand, then what was allocated and shared with nobody (kk_arena_adopt) */
killed:	atomic { heir = 1; i = FIRST_ITEM; do :: i <= LAST_ITEM && item[i] == PUT -> i++ :: else -> break od;
	  if
	  :: i > LAST_ITEM -> goto adopt
	  :: i <= LAST_ITEM && item[i] == DECIDED -> goto decided
	  :: i <= LAST_ITEM && item[i] <= HAND && r_index[i] == 255 -> goto adopt
	  :: i <= LAST_ITEM && item[i] <= HAND && r_index[i] != 255 -> b = r_index[i]
	  fi }
	/* drop_undecided */
	atomic { STEP; w = word[b] }
again:	atomic { STEP;
	  if
	  :: STATE(w) != SHARED || GENERATION(w) != r_generation[i] || !(w & 1) -> skip
	  :: else -> if :: word[b] == w -> assert(w == WORD(SHARED, 0, r_generation[i], 1)); word[b] = WORD(FREE, 0, GENERATION(w) + 1, 0) :: else -> w = word[b]; goto again fi
	  fi }
adopt:
#ifndef MUT_NO_ADOPT
	atomic { STEP; b = me - 1; w = word[b]; if :: STATE(w) == CLAIMED && ROLE(w) == me -> skip :: else -> goto adopt_big fi }
	atomic { STEP; assert(word[b] == w); word[b] = WORD(FREE, 0, GENERATION(w) + 1, 0) }
adopt_big: atomic { STEP; b = BIG; w = word[b]; if :: STATE(w) == CLAIMED && ROLE(w) == me -> skip :: else -> goto adopted fi }
	atomic { STEP; assert(word[b] == w); word[b] = WORD(FREE, 0, GENERATION(w) + 1, 0) }
adopted:
#endif
	atomic { FORGET; do :: i <= LAST_ITEM && item[i] == PUT -> i++ :: else -> break od; goto next }
end:	atomic { FORGET; i = 0; running-- }
}

proctype reader(byte me)
{
	byte i, b, g;
	short w;
	bit heir;

take:	atomic {
	  if
	  :: LANE_OF(0) == QUEUED -> i = 0
	  :: LANE_OF(1) == QUEUED -> i = 1
	  :: LANE_OF(2) == QUEUED -> i = 2
	  :: LANE_OF(0) == GONE && LANE_OF(1) == GONE && LANE_OF(2) == GONE -> goto end
	  :: (kills > 0) -> kills--; goto killed
	  fi;
	  if :: me == 3 -> lane0[i] = HELD :: else -> lane1[i] = HELD fi }
	/* kk_block_read: a lane that is not released yet has its payload, in this life of the block */
	atomic { STEP; w = word[r_index[i]]; assert(STATE(w) == SHARED && GENERATION(w) == r_generation[i] && (w & (1 << (me - 3)))) }
	atomic { STEP; w = word[r_index[i]]; assert(STATE(w) == SHARED && GENERATION(w) == r_generation[i] && (w & (1 << (me - 3)))) }
	/* kk_block_release, by a process that has decided: its heir begins here */
release: atomic { STEP; b = r_index[i]; g = r_generation[i]; w = word[b] }
again:	atomic {
	  if
#ifdef MUT_NO_GENERATION
	  :: STATE(w) != SHARED || !(w & (1 << (me - 3))) -> goto released
#else
	  :: STATE(w) != SHARED || GENERATION(w) != g || !(w & (1 << (me - 3))) -> goto released
#endif
	  :: else -> STEP;
	     if
	     :: word[b] == w ->
	        w = w & ~(1 << (me - 3));
#ifdef MUT_TWO_STEPS
	        word[b] = w;
	        if :: HOLDERS(w) == 0 -> skip :: else -> goto released fi
#else
	        word[b] = (HOLDERS(w) == 0 -> WORD(FREE, 0, GENERATION(w) + 1, 0) : w); goto released
#endif
	     :: else -> w = word[b]; goto again
	     fi
	  fi }
#ifdef MUT_TWO_STEPS
	atomic { STEP; word[b] = WORD(FREE, 0, GENERATION(w) + 1, 0) }
#endif
released: atomic { STEP; if :: me == 3 -> lane0[i] = GONE :: else -> lane1[i] = GONE fi; FORGET; i = 0; goto take }

killed:	atomic {
	  if
	  :: LANE_OF(0) == HELD -> i = 0; goto release
	  :: LANE_OF(1) == HELD -> i = 1; goto release
	  :: LANE_OF(2) == HELD -> i = 2; goto release
	  :: else -> goto take
	  fi }
end:	atomic { FORGET; i = 0; running-- }
}

init {
	byte i;
	atomic {
		running = ALLOCATORS + LANES;
		if :: ALLOCATORS == 2 -> run allocator(2) :: else -> lane0[2] = GONE; lane1[2] = GONE fi;
		if :: LANES == 2 -> run reader(4) :: else -> lane1[0] = GONE; lane1[1] = GONE; lane1[2] = GONE fi;
		run allocator(1); run reader(3)
	}
	atomic {
		(running == 0) ->
		do
		:: i < 3 -> assert(STATE(word[i]) == FREE && GENERATION(word[i]) == 1 + allocated[i]); i++
		:: else -> break
		od
	}
}
