/* SPDX-License-Identifier: Apache-2.0 */
/* group.pml - engine/worker/deliver.c: the lanes of a source item, its group word, PARKED and IDLE, the next life.
 *
 * The source begins items on a group of two headers; stage A takes lane 0 and either fails it (which settles both
 * lanes) or starts lane 1 at the other header and sends both on; B ends lane 0, C ends lane 1, each done or failed.
 * Whoever settles the last lane sends its header home: failed ones by way of the recorder, which writes down every
 * lane that failed. Then the source uses the group for the next item, while those who settled the other lane may be
 * anywhere between their compare-and-swap and the end of what they do, dead or slow.
 *
 * Rings are one step here (but for K1 and K2); every other access to shared memory is one. A, B and C are killed
 * before any step, KW times in all.
 *
 * -D  LIVES of the group  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef LIVES
#define LIVES 2
#endif
#ifndef KW
#define KW 1
#endif

#define HOME     0
#define RECORDER 1
#define TO_A     2
#define TO_B     3
#define TO_C     4

#define IDLE    0
#define CLAIMED 1
#define QUEUED  2
#define COMMIT  3
#define PARKED  4
#define OWN(st, who, q, p) (((st) << 10) | ((who) << 7) | ((q) << 4) | (p))
#define O_STATE(o) ((o) >> 10)
#define O_ROLE(o)  (((o) >> 7) & 7)
#define O_RING(o)  (((o) >> 4) & 7)
#define O_POS(o)   ((o)&15)

/* group word: life, end, last, settled */
#define DONE   1
#define FAILED 2
#define GROUP(life, end, last, settled) (((life) << 6) | ((end) << 4) | ((last) << 2) | (settled))
#define G_LIFE(g)    ((g) >> 6)
#define G_END(g)     (((g) >> 4) & 3)
#define G_LAST(g)    (((g) >> 2) & 3)
#define G_SETTLED(g) ((g)&3)
#define NO_LANE 3

/* the payload's log word: generation, lanes; without lanes it is FREE */
#define B_GENERATION(b) ((b) >> 2)

short own[2], group;
byte verdict[2], lane[2], life[2], pay[2];           /* headers */
byte block = 4;                                       /* generation 1, free */
byte puts[5], last_put[5];                            /* rings: how many were put, and who stands in the last slot */

/* What the checks know besides. */
byte now, homes, lines, failures, kills = KW, running;

#define STEP if :: (kills > 0) -> kills--; FORGET; goto killed :: skip fi
#define FORGET h = 0; other = 0; o = 0; g = 0; ve = 0; ln = 0; li = 0; pg = 0; to = 0; b = 0; heir = 0
#define STANDS_IN(q) (puts[q] > 0 && own[last_put[q]] == OWN(QUEUED, O_ROLE(own[last_put[q]]), q, puts[q] - 1))

/* What the step works with: the header's fields, as they were when they were looked at. */
#define LOOK ve = verdict[h]; ln = lane[h]; li = life[h]; pg = pay[h]
#ifdef MUT_NO_COPY
#define LOOK_AGAIN if :: heir -> LOOK :: else -> skip fi
#else
#define LOOK_AGAIN skip
#endif

proctype worker(byte me)
{
	byte h, other, ve, ln, li, pg, to, b;
	short o, g;
	bit heir;

take:	atomic {
	  if
	  :: STANDS_IN(me) -> h = last_put[me]; own[h] = OWN(CLAIMED, me, me, puts[me] - 1)
	  :: !STANDS_IN(me) && now == LIVES && homes == LIVES -> goto end
	  :: (kills > 0) -> kills--; goto killed
	  fi }
work:	atomic { STEP; assert(B_GENERATION(block) == pay[h] && (block & (1 << lane[h])));
	  assert(lane[h] == (me == TO_C -> 1 : 0) && life[h] == now) }
	atomic { STEP; if :: verdict[h] = DONE :: verdict[h] = FAILED fi }                /* hand_settle */
	atomic { STEP; own[h] = OWN(COMMIT, me, O_RING(own[h]), O_POS(own[h]));
	  if :: verdict[h] == FAILED -> failures++ :: else -> skip fi; LOOK }

	/* ---- complete */
decided: atomic { STEP; LOOK_AGAIN; if :: me == TO_A && ve == DONE -> other = 1 - h; goto branch :: else -> skip fi }
	/* end_item: release the payload */
	atomic { STEP; LOOK_AGAIN; b = block }
release: atomic {
	  if
	  :: B_GENERATION(b) != pg || !(b & (1 << ln)) -> goto settle
	  :: else -> STEP;
	     if
	     :: block == b -> b = b & ~(1 << ln); block = ((b & 3) -> b : (b & ~3) + 4)
	     :: else -> b = block; goto release
	     fi
	  fi }
	/* settle_lane */
settle:	atomic { STEP; b = 0; LOOK_AGAIN; g = group }
again:	atomic {
	  if
#ifndef MUT_NO_LIFE
	  :: G_LIFE(g) != li -> goto park
#endif
	  :: else ->
	     if
	     :: G_SETTLED(g) & (1 << ln) ->
	        if
	        :: G_SETTLED(g) == 3 && G_LAST(g) == ln -> to = (G_END(g) == FAILED -> RECORDER : HOME); goto put
	        :: else -> goto park
	        fi
	     :: else -> STEP;
	        if
#ifdef MUT_NO_LIFE
	        :: (group & 63) == (g & 63) ->
#else
	        :: group == g ->
#endif
	           b = G_SETTLED(g) | (ve == DONE -> 1 << ln : (me == TO_A -> 3 : 1 << ln));
	           g = GROUP(G_LIFE(group), (G_END(g) > ve -> G_END(g) : ve), (b == 3 -> ln : NO_LANE), b);
	           b = 0; group = g;
	           if
	           :: G_SETTLED(g) == 3 -> to = (G_END(g) == FAILED -> RECORDER : HOME); goto put
	           :: else -> skip
	           fi
	        :: else -> g = group; goto again
	        fi
	     fi
	  fi }
	/* kk_table_park */
#ifdef MUT_PARK_STORE
park:	atomic { STEP; own[h] = OWN(PARKED, 0, 0, 0); goto next }
#else
park:	atomic { STEP; o = own[h]; if :: O_ROLE(o) == me && (O_STATE(o) == CLAIMED || O_STATE(o) == COMMIT) -> skip :: else -> goto next fi }
	atomic { STEP; if :: own[h] == o -> own[h] = OWN(PARKED, 0, 0, 0) :: else -> skip fi; goto next }
#endif
	/* start_branch */
branch:	atomic { STEP; if :: O_STATE(own[other]) != IDLE -> to = TO_B; goto put :: else -> skip fi }
	atomic { STEP; lane[other] = 1; life[other] = li }
	atomic { STEP; pay[other] = pg }
	atomic { STEP; assert(B_GENERATION(block) == pg && (block & 1)); block = block | 2 }
	atomic { STEP; own[other] = OWN(QUEUED, me, TO_C, puts[TO_C]) }
	atomic { STEP; puts[TO_C]++; last_put[TO_C] = other; to = TO_B; goto put }

	/* ---- a put: K1, K2 */
put:	atomic { STEP; own[h] = OWN(QUEUED, me, to, puts[to]) }
	atomic { STEP;
	  if
	  :: O_POS(own[h]) != puts[to] -> goto put
	  :: else -> puts[to]++; last_put[to] = h;
	     if
	     :: to == HOME || to == RECORDER ->
	        assert(life[h] == now && homes == now - 1);
	        assert((to == RECORDER) == (failures > 0));
	        if :: to == HOME -> homes++ :: else -> skip fi
	     :: else -> skip
	     fi
	  fi;
	  goto next }

next:	atomic { if :: heir && h == 0 -> FORGET; heir = 1; h = 1; goto first :: heir && h == 1 -> FORGET; goto take :: else -> FORGET; goto take fi }

	/* ---- the heir: kk_table_inherit. It walks twice, but here no entry's decision names another's. */
killed:	atomic { heir = 1; h = 0 }
first:	atomic { STEP; o = own[h];
	  if
	  :: O_ROLE(o) != me -> goto next
	  :: O_ROLE(o) == me && O_STATE(o) == CLAIMED -> goto work
	  :: O_ROLE(o) == me && O_STATE(o) == QUEUED && puts[O_RING(o)] == O_POS(o) -> to = O_RING(o); goto put
	  :: O_ROLE(o) == me && O_STATE(o) == QUEUED && puts[O_RING(o)] != O_POS(o) -> goto next
	  :: O_ROLE(o) == me && O_STATE(o) == COMMIT -> skip
	  fi }
	/* kk_table_look: its fields, which count only if the own word has not changed since */
	atomic { STEP; o = own[h]; if :: O_ROLE(o) == me && O_STATE(o) == COMMIT -> skip :: else -> goto next fi }
	atomic { STEP; ve = verdict[h]; ln = lane[h] }
	atomic { STEP; li = life[h]; pg = pay[h] }
#ifndef MUT_NO_COPY
	atomic { STEP; if :: own[h] != o -> goto next :: else -> o = 0; goto decided fi }
#else
	goto decided;
#endif
end:	atomic { running--; FORGET }
}

/* Writes down the lanes that failed; it is killed in journal.pml. */
proctype recorder()
{
	byte h;

take:	atomic {
	  if
	  :: STANDS_IN(RECORDER) -> h = last_put[RECORDER]; own[h] = OWN(CLAIMED, RECORDER, RECORDER, puts[RECORDER] - 1); lines = 0
	  :: !STANDS_IN(RECORDER) && now == LIVES && homes == LIVES -> goto end
	  fi }
#ifdef MUT_PARKED_ONLY
#define HAS_ENDED(i) ((i) == h || O_STATE(own[i]) == PARKED)
#else
#define HAS_ENDED(i) true
#endif
	atomic { if :: HAS_ENDED(0) && verdict[0] == FAILED && life[0] == now -> lines++ :: else -> skip fi }
	atomic { if :: HAS_ENDED(1) && verdict[1] == FAILED && life[1] == now -> lines++ :: else -> skip fi }
	atomic { assert(lines == failures);
	  own[h] = OWN(QUEUED, RECORDER, HOME, puts[HOME]); puts[HOME]++; last_put[HOME] = h; homes++; h = 0; goto take }
end:	atomic { running--; h = 0 }
}

proctype source()
{
	byte h;

take:	atomic {
	  if
	  :: now < LIVES && STANDS_IN(HOME) -> h = last_put[HOME]; own[h] = OWN(CLAIMED, 5, HOME, puts[HOME] - 1)
	  :: now == LIVES && homes == LIVES -> goto end
	  fi }
	atomic { own[1 - h] = OWN(IDLE, 0, 0, 0) }
	atomic { now++; failures = 0; group = GROUP(now, 0, NO_LANE, 0) }
	atomic { life[h] = now; lane[h] = 0 }
	atomic { assert((block & 3) == 0); block = block | 1; pay[h] = B_GENERATION(block) }
	atomic { own[h] = OWN(QUEUED, 5, TO_A, puts[TO_A]); puts[TO_A]++; last_put[TO_A] = h; h = 0; goto take }
end:	atomic { running-- }
}

init {
	atomic {
		own[0] = OWN(QUEUED, 5, HOME, 0); puts[HOME] = 1;
		running = 5;
		run source(); run recorder(); run worker(TO_A); run worker(TO_B); run worker(TO_C)
	}
	atomic {
		(running == 0) ->
		assert(homes == LIVES && (block & 3) == 0 && STANDS_IN(HOME));
		assert(O_STATE(own[1 - last_put[HOME]]) != QUEUED && O_STATE(own[1 - last_put[HOME]]) != CLAIMED)
	}
}
