/* SPDX-License-Identifier: Apache-2.0 */
/* group.pml - engine/worker/{hand,deliver,recorder}.c: the lanes of a source item, its group word, PARKED and IDLE, the
 * next life.
 *
 * The source begins items on a group of two headers; stage A takes lane 0 and either fails it (which settles both
 * lanes) or starts lane 1 at the other header and sends both on; B ends lane 0, C ends lane 1, each done or failed.
 * Whoever settles the last lane sends its header home: failed ones by way of the recorder, which writes down every
 * lane that failed. Then the source uses the group for the next item, while those who settled the other lane may be
 * anywhere between their compare-and-swap and the end of what they do, dead or slow.
 *
 * WAYS: A decides as well which of B and C take the item. A lane that is not taken is settled as skipped: lane 1 where
 * it would have been started, lane 0 behind it; if nobody takes it, the item is skipped.
 * KEPT: a lane that failed goes to the recorder with its payload and unsettled; the recorder writes the payload down,
 * releases it and settles the lane. It alone is killed.
 * MANIFEST: what is done goes home by way of the recorder, too, which writes down what was made.
 *
 * Rings are one step here (but for K1 and K2); every other access to shared memory is one. A, B and C are killed
 * before any step, KW times in all; with WAYS only A, whose steps these are, and only A fails items.
 *
 * -D  LIVES of the group  WAYS, KEPT, MANIFEST 0 or 1  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef LIVES
#define LIVES 2
#endif
#ifndef KW
#define KW 1
#endif
#ifndef WAYS
#define WAYS 0
#endif
#ifndef KEPT
#define KEPT 0
#endif
#ifndef MANIFEST
#define MANIFEST 0
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
#define SKIPPED 1
#define DONE    2
#define FAILED  3
#define RING_OF_END(end) ((end) == FAILED || (MANIFEST && (end) == DONE) -> RECORDER : HOME)
#define GROUP(life, end, last, settled) (((life) << 6) | ((end) << 4) | ((last) << 2) | (settled))
#define G_LIFE(g)    ((g) >> 6)
#define G_END(g)     (((g) >> 4) & 3)
#define G_LAST(g)    (((g) >> 2) & 3)
#define G_SETTLED(g) ((g)&3)
#define NO_LANE 3

/* the payload's log word: generation, lanes; without lanes it is FREE */
#define B_GENERATION(b) ((b) >> 2)

short own[2], group;
byte verdict[2], ways[2] = 3, lane[2], life[2], pay[2]; /* headers */
byte fail_stage[2], kept[2];                          /* of a failure; 1: its payload is kept, 2: and written down */
byte ended[2];                                        /* notes: the life in which the lane came to its end */
byte block = 4;                                       /* generation 1, free */
byte puts[5], slot[10];                               /* rings of two: how many were put, and who stands in the slots */

/* What the checks know besides. */
byte now, homes, lines, failures, outputs, kills = KW, running;

/* Each switch is about one process: with it the others live. */
#define MORTAL (!KEPT && (!WAYS || me == TO_A))
#define STEP if :: (kills > 0 && MORTAL) -> kills--; FORGET; goto killed :: skip fi
#define FORGET h = 0; other = 0; o = 0; g = 0; ve = 0; wy = 0; ln = 0; li = 0; pg = 0; to = 0; b = 0; en = 0; set = 0; what = 0; heir = 0
#define SLOT(q, p)   slot[2 * (q) + ((p)&1)]
#define PUT(q, who)  SLOT(q, puts[q]) = who; puts[q]++
#define STANDS(q, n) (puts[q] >= (n) && own[SLOT(q, puts[q] - (n))] == OWN(QUEUED, O_ROLE(own[SLOT(q, puts[q] - (n))]), q, puts[q] - (n)))
#define STANDS_IN(q) (STANDS(q, 2) || STANDS(q, 1))
#define TAKE(q, who) \
	if \
	:: STANDS(q, 2) -> h = SLOT(q, puts[q] - 2); own[h] = OWN(CLAIMED, who, q, puts[q] - 2) \
	:: !STANDS(q, 2) && STANDS(q, 1) -> h = SLOT(q, puts[q] - 1); own[h] = OWN(CLAIMED, who, q, puts[q] - 1) \
	fi
#define UNPUBLISHED(o, h) (puts[O_RING(o)] <= O_POS(o) || SLOT(O_RING(o), O_POS(o)) != h)

/* What the step works with: the header's fields, as they were when they were looked at. */
#define LOOK ve = verdict[h]; wy = ways[h]; ln = lane[h]; li = life[h]; pg = pay[h]
#ifdef MUT_NO_COPY
#define LOOK_AGAIN if :: heir -> LOOK :: else -> skip fi
#else
#define LOOK_AGAIN skip
#endif

proctype worker(byte me)
{
	byte h, other, ve, wy, ln, li, pg, to, b, en, set, what;
	short o, g;
	bit heir;

take:	atomic {
	  if
	  :: STANDS_IN(me) -> TAKE(me, me)
	  :: !STANDS_IN(me) && now == LIVES && homes == LIVES -> goto end
	  :: (kills > 0 && MORTAL) -> kills--; goto killed
	  fi }
work:	atomic { STEP; assert(B_GENERATION(block) == pay[h] && (block & (1 << lane[h])));
	  assert(lane[h] == (me == TO_C -> 1 : 0) && life[h] == now) }
	/* hand_settle: who takes it, what was made, how it ended */
	atomic { if :: WAYS && me == TO_A -> STEP; if :: ways[h] = 0 :: ways[h] = 1 :: ways[h] = 2 :: ways[h] = 3 fi :: else -> skip fi }
	atomic { if :: MANIFEST && me != TO_A -> STEP; ended[h] = life[h] :: else -> skip fi }
	atomic { STEP; fail_stage[h] = me; kept[h] = 1;
	  if :: verdict[h] = (me == TO_A && ways[h] == 0 -> SKIPPED : DONE) :: (!WAYS || me == TO_A) -> verdict[h] = FAILED fi }
	atomic { STEP; own[h] = OWN(COMMIT, me, O_RING(own[h]), O_POS(own[h]));
	  failures = failures + (verdict[h] == FAILED); outputs = outputs + (verdict[h] == DONE && me != TO_A); LOOK }

	/* ---- complete */
decided: atomic { STEP; LOOK_AGAIN;
#ifdef MUT_WAYS_AGAIN
	  if :: WAYS && heir && me == TO_A && ve == DONE -> if :: wy = 1 :: wy = 2 :: wy = 3 fi :: else -> skip fi;
#endif
	  en = ve; set = (me == TO_A && ve != DONE -> 3 : 1 << ln); what = ln;
	  if
	  :: me == TO_A && ve == DONE && (wy & 1) -> other = 1 - h; goto branch
	  :: me == TO_A && ve == DONE && !(wy & 1) -> other = 1 - h; en = SKIPPED; set = 1
	  :: KEPT && ve == FAILED -> to = RECORDER; goto put
	  :: else -> goto pay_off
	  fi }
#ifdef MUT_END_FIRST
	goto pay_off;
#endif
	/* has_settled: then all branches are through, and what stands there may be of the next life */
	atomic { STEP; if :: G_LIFE(group) != li || (G_SETTLED(group) & (1 << ln)) -> goto pay_off :: else -> goto branch fi }
	/* end_item: release the payload */
pay_off: atomic { STEP; LOOK_AGAIN; b = block }
release: atomic {
	  if
	  :: B_GENERATION(b) != pg || !(b & (1 << ln)) -> goto settle
	  :: else -> STEP;
	     if
	     :: block == b -> b = b & ~(1 << ln); block = ((b & 3) -> b : (b & ~3) + 4)
	     :: else -> b = block; goto release
	     fi
	  fi }
	/* settle_lanes: `what` with all of `set`, as `en` */
settle:	atomic { STEP; b = 0; LOOK_AGAIN; g = group }
again:	atomic {
	  if
#ifndef MUT_NO_LIFE
	  :: G_LIFE(g) != li -> if :: what != ln -> goto branched :: else -> goto park fi
#endif
	  :: else ->
	     if
	     :: G_SETTLED(g) & (1 << what) ->
	        if
	        :: what != ln -> goto branched
	        :: what == ln && G_SETTLED(g) == 3 && G_LAST(g) == ln -> to = RING_OF_END(G_END(g)); goto put
	        :: else -> goto park
	        fi
	     :: else -> STEP;
	        if
#ifdef MUT_NO_LIFE
	        :: (group & 63) == (g & 63) ->
#else
	        :: group == g ->
#endif
	           b = G_SETTLED(g) | set;
	           g = GROUP(G_LIFE(group), (G_END(g) > en -> G_END(g) : en), (b == 3 -> what : NO_LANE), b);
	           b = 0; group = g;
	           if
	           :: what != ln -> goto branched
	           :: what == ln && G_SETTLED(g) == 3 -> to = RING_OF_END(G_END(g)); goto put
	           :: else -> skip
	           fi
	        :: else -> g = group; goto again
	        fi
	     fi
	  fi }
#ifdef MUT_END_FIRST
	atomic { if :: me == TO_A && ve == DONE && !(wy & 1) && heir == 0 -> goto branch :: else -> skip fi }
#endif
	/* kk_table_park */
#ifdef MUT_PARK_STORE
park:	atomic { STEP; own[h] = OWN(PARKED, 0, 0, 0); goto next }
#else
park:	atomic { STEP; o = own[h]; if :: O_ROLE(o) == me && (O_STATE(o) == CLAIMED || O_STATE(o) == COMMIT) -> skip :: else -> goto next fi }
	atomic { STEP; if :: own[h] == o -> own[h] = OWN(PARKED, 0, 0, 0) :: else -> skip fi; goto next }
#endif
	/* branch_off: start lane 1, or settle it if it is not taken */
branch:	atomic { if :: !(wy & 2) -> what = 1; set = 2; en = SKIPPED; goto settle :: else -> skip fi }
	/* start_branch */
	atomic { STEP; if :: O_STATE(own[other]) != IDLE -> goto branched :: else -> skip fi }
	atomic { STEP; lane[other] = 1; life[other] = li }
	atomic { STEP; pay[other] = pg }
	atomic { STEP; assert(B_GENERATION(block) == pg && (block & 1)); block = block | 2 }
	atomic { STEP; own[other] = OWN(QUEUED, me, TO_C, puts[TO_C]) }
	atomic { STEP; PUT(TO_C, other) }
branched: atomic { g = 0; what = ln;
	  if
	  :: wy & 1 -> to = TO_B; goto put
	  :: else -> en = SKIPPED; set = 1;
#ifdef MUT_END_FIRST
	     goto park
#else
	     goto pay_off
#endif
	  fi }

	/* ---- a put: K1, K2 */
put:	atomic { STEP; own[h] = OWN(QUEUED, me, to, puts[to]) }
	atomic { STEP;
	  if
	  :: O_POS(own[h]) != puts[to] -> goto put
	  :: else -> PUT(to, h);
	     if
	     :: to == HOME || to == RECORDER ->
	        assert(life[h] == now && homes == now - 1);
	        assert(to == RECORDER || (failures == 0 && !(MANIFEST && outputs > 0)));
	        assert(to == HOME || failures > 0 || (MANIFEST && outputs > 0));
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
	  :: O_ROLE(o) == me && O_STATE(o) == QUEUED && UNPUBLISHED(o, h) -> to = O_RING(o); goto put
	  :: O_ROLE(o) == me && O_STATE(o) == QUEUED && !UNPUBLISHED(o, h) -> goto next
	  :: O_ROLE(o) == me && O_STATE(o) == COMMIT -> skip
	  fi }
	/* kk_table_look: its fields, which count only if the own word has not changed since */
	atomic { STEP; o = own[h]; if :: O_ROLE(o) == me && O_STATE(o) == COMMIT -> skip :: else -> goto next fi }
	atomic { STEP; ve = verdict[h]; wy = ways[h]; ln = lane[h] }
	atomic { STEP; li = life[h]; pg = pay[h] }
#ifndef MUT_NO_COPY
	atomic { STEP; if :: own[h] != o -> goto next :: else -> o = 0; goto decided fi }
#else
	goto decided;
#endif
end:	atomic { running--; FORGET }
}

/* Writes down what failed and what was made. That each line is written once is journal.pml's; here it is killed only
 * where it does more than that (KEPT). It has one header in hand at most. */
#define FORGET_RECORDED h = 0; ve = 0; ln = 0; li = 0; pg = 0; b = 0
#define STEP_R if :: (KEPT && kills > 0) -> kills--; FORGET_RECORDED; goto killed :: skip fi
#ifdef MUT_PARKED_ONLY
#define HAS_ENDED(i) ((i) == h || O_STATE(own[i]) == PARKED)
#else
#define HAS_ENDED(i) true
#endif
#define WRITE(i) \
	if \
	:: HAS_ENDED(i) && life[i] == li && verdict[i] == FAILED -> lines++ \
	:: HAS_ENDED(i) && MANIFEST && life[i] == li && verdict[i] == DONE && ended[i] == li -> b++ \
	:: else -> skip \
	fi

proctype recorder()
{
	byte h, ve, ln, li, pg, b;

take:	atomic {
	  if
	  :: STANDS_IN(RECORDER) -> TAKE(RECORDER, RECORDER)
	  :: !STANDS_IN(RECORDER) && now == LIVES && homes == LIVES -> goto end
	  fi }
	/* record_one: a copy of the header, without a look at its own word */
redo:	atomic { STEP_R; ve = verdict[h]; ln = lane[h]; li = life[h]; pg = pay[h] }
	atomic { if :: KEPT && ve == FAILED -> b = kept[h] :: else -> goto note fi }
#ifdef MUT_LETTER_SETTLED
	goto settle;
#endif
	/* bury */
#ifndef MUT_LETTER_LATE
letter:	atomic { if :: b == 1 -> STEP_R; assert(B_GENERATION(block) == pg && (block & (1 << ln))) :: else -> skip fi }
#ifndef MUT_NO_WRITTEN
	atomic { if :: b == 1 -> STEP_R; kept[h] = 2 :: else -> skip fi }
#endif
#endif
	atomic { STEP_R;
	  if
	  :: B_GENERATION(block) == pg && (block & (1 << ln)) -> block = block & ~(1 << ln); block = ((block & 3) -> block : block + 4)
	  :: else -> skip
	  fi }
#ifdef MUT_LETTER_LATE
	atomic { if :: b == 1 -> STEP_R; assert(B_GENERATION(block) == pg && (block & (1 << ln))) :: else -> skip fi }
	atomic { if :: b == 1 -> STEP_R; kept[h] = 2 :: else -> skip fi }
#endif
#ifdef MUT_LETTER_SETTLED
	goto parked;
#endif
	/* deliver_settle: one compare-and-swap, which it repeats */
settle:	atomic { STEP_R; b = (fail_stage[h] == TO_A -> 3 : 1 << ln);
	  if
	  :: G_LIFE(group) != li -> skip
	  :: G_LIFE(group) == li && (G_SETTLED(group) & (1 << ln)) ->
	     if :: G_SETTLED(group) == 3 && G_LAST(group) == ln -> goto note :: else -> skip fi
	  :: else ->
	     b = b | G_SETTLED(group);
	     group = GROUP(li, FAILED, (b == 3 -> ln : NO_LANE), b);
	     if :: b == 3 -> goto note :: else -> skip fi
	  fi }
parked:	atomic { STEP_R;
#ifdef MUT_LETTER_SETTLED
	  if :: O_STATE(own[h]) != PARKED -> own[h] = OWN(PARKED, 0, 0, 0); b = kept[h]; goto letter :: else -> skip fi;
#else
	  if :: O_ROLE(own[h]) == RECORDER && O_STATE(own[h]) == CLAIMED -> own[h] = OWN(PARKED, 0, 0, 0) :: else -> skip fi;
#endif
	  FORGET_RECORDED; goto take }
note:	atomic { STEP_R; b = 0; lines = 0 }
	atomic { WRITE(0) }
	atomic { WRITE(1);
	  assert(lines == failures && (b == outputs || !MANIFEST)) }
	atomic { STEP_R; own[h] = OWN(QUEUED, RECORDER, HOME, puts[HOME]); b = 0 }
home:	atomic { STEP_R; assert(li == 0 || homes == now - 1); PUT(HOME, h); homes++; FORGET_RECORDED; goto take }

	/* the heir */
killed:	atomic { STEP_R;
	  if
	  :: O_ROLE(own[0]) == RECORDER && O_STATE(own[0]) == CLAIMED -> h = 0; goto redo
	  :: O_ROLE(own[1]) == RECORDER && O_STATE(own[1]) == CLAIMED -> h = 1; goto redo
	  :: O_ROLE(own[0]) == RECORDER && O_STATE(own[0]) == QUEUED && UNPUBLISHED(own[0], 0) -> h = 0; goto home
	  :: O_ROLE(own[1]) == RECORDER && O_STATE(own[1]) == QUEUED && UNPUBLISHED(own[1], 1) -> h = 1; goto home
	  :: else -> goto take
	  fi }
end:	atomic { running--; FORGET_RECORDED }
}

proctype source()
{
	byte h;

take:	atomic {
	  if
	  :: now < LIVES && STANDS_IN(HOME) -> TAKE(HOME, 5)
	  :: now == LIVES && homes == LIVES -> goto end
	  fi }
	atomic { own[1 - h] = OWN(IDLE, 0, 0, 0) }
	atomic { now++; failures = 0; outputs = 0; group = GROUP(now, 0, NO_LANE, 0) }
	atomic { life[h] = now; lane[h] = 0 }
	atomic { assert((block & 3) == 0); block = block | 1; pay[h] = B_GENERATION(block) }
	atomic { own[h] = OWN(QUEUED, 5, TO_A, puts[TO_A]); PUT(TO_A, h); h = 0; goto take }
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
		assert(O_STATE(own[1 - SLOT(HOME, puts[HOME] - 1)]) != QUEUED && O_STATE(own[1 - SLOT(HOME, puts[HOME] - 1)]) != CLAIMED)
	}
}
