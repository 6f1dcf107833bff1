/* SPDX-License-Identifier: Apache-2.0 */
/* ring.pml - ipc/ring/{ring,table}.c: put, take in batches, hints that jump, full, inherit, the sentinel.
 *
 * Producers (roles 1 .. NP) take an entry from the free ring F, make an item of it and put it into the work ring W;
 * consumers (the roles behind) take up to BATCH from W, sink them and put the entries into F. When every producer is
 * drained, the supervisor closes W; consumers go when they see the sentinel at the head.
 *
 * Every access to shared memory is one step, and before each the process may be killed, KW times in all. The next
 * process of its role, the heir, starts at any later time; heirs are killed too.
 *
 * -D  H entries  CAPW slots of W  NP NC producers, consumers  Q1 Q2 items of the producers  BATCH  KW kills
 *     MUT_* deliberate mistakes, see README.md
 */
#ifndef H
#define H 2
#endif
#ifndef CAPW
#define CAPW 1
#endif
#ifndef NP
#define NP 2
#endif
#ifndef NC
#define NC 2
#endif
#ifndef Q1
#define Q1 1
#endif
#ifndef Q2
#define Q2 1
#endif
#ifndef BATCH
#define BATCH 1
#endif
#ifndef KW
#define KW 1
#endif
#define NW (NP + NC)
#define NITEM (Q1 + Q2)

#define F 0
#define W 1
#define SENTINEL 6
#define NONE     7

/* own word: state, role, ring, position */
#define CLAIMED 1
#define QUEUED  2
#define OWN(st, who, q, p) (((st) << 9) | ((who) << 6) | ((q) << 5) | (p))
#define O_STATE(o) ((o) >> 9)
#define O_ROLE(o)  (((o) >> 6) & 7)
#define O_RING(o)  (((o) >> 5) & 1)
#define O_POS(o)   ((o)&31)
#define QUEUED_AT(o, q, p) (O_STATE(o) == QUEUED && O_RING(o) == (q) && O_POS(o) == (p))

/* F holds every entry there is, and so is never full; positions begin with the second cycle */
#define CAP(q)      ((q) == W -> CAPW : H)
#define INDEX(q, p) (((q) == W -> H : 0) + ((p) % CAP(q)))
#define CYCLE(q, p) ((p) / CAP(q))
#define SLOT(c, h)  (((c) << 3) | (h))
#define S_CYCLE(s)  ((s) >> 3)
#define S_HANDLE(s) ((s)&7)

short own[H];
byte slot[H + CAPW], head[2], tail[2];
bit drained[NW + 1];

/* What the checks know besides: entries put and claimed so far, whose hand an entry is in, what it stands for. */
byte puts[2], takes[2], hand_of[H], item[H], quota[3], sunk[NITEM + 1], redelivered[NITEM + 1];
byte kills = KW, sentinel_at, running;
bit dead[NW + 1];
#define COUNT(q) (puts[q] - takes[q])
#define END(q)   (puts[q] + ((q) == W && sentinel_at != 0 -> 1 : 0))

#define FORGET p = 0; s = 0; h = 0; q = 0; o = 0; before = 0; n = 0; start = 0

/* A kill: what was in hand is in nobody's, and whoever held an item of W may process it once more. */
inline die()
{
	i = 0;
	do
	:: i < H ->
	   if
	   :: hand_of[i] == me && O_STATE(own[i]) == CLAIMED && O_RING(own[i]) == W -> redelivered[item[i]]++
	   :: else -> skip
	   fi;
	   if :: hand_of[i] == me -> hand_of[i] = 0 :: else -> skip fi;
	   i++
	:: else -> break
	od;
	i = 0; FORGET; born = 0; inheriting = 0; r = 0; hand = 0; dead[me] = 1
}
#define STEP if :: (kills > 0) -> kills--; die(); goto killed :: skip fi
#define KILLED_WAITING (kills > 0) -> kills--; die(); goto killed

#define LOWEST(set) ((set)&1 -> 0 : ((set)&2 -> 1 : 2))
#define PICK h = LOWEST(hand); hand = hand & ~(1 << h)

/* What comes after an operation: go on inheriting, or work on what is in hand, or take more. */
#define NEXT FORGET; \
	if \
	:: inheriting && r < H - 1 -> r++; goto scan \
	:: else -> inheriting = 0; r = 0; \
	   if \
	   :: me <= NP && hand == 0 && quota[me] == 0 -> goto drain \
	   :: me <= NP && hand == 0 && quota[me] > 0 -> q = F; goto take \
	   :: me <= NP && hand != 0 -> PICK; q = (quota[me] > 0 -> W : F); goto put \
	   :: me > NP && hand == 0 -> q = W; goto take \
	   :: me > NP && hand != 0 -> PICK; q = F; goto sink \
	   fi \
	fi

/* A producer's entry becomes an item with the first K1 of its put; a put that finds W full takes that back. */
#define BIRTH \
	if \
	:: me <= NP && q == W && !born && !inheriting -> \
	   born = 1; quota[me]--; item[h] = (me == 1 -> 1 : 1 + Q1) + quota[me] \
	:: else -> skip \
	fi
#define PUBLISHED \
	assert(p == puts[q] && COUNT(q) < CAP(q)); puts[q]++; hand_of[h] = 0; born = 0; \
	if :: q == F -> item[h] = 0 :: else -> assert(item[h] != 0 && sentinel_at == 0) fi

#ifdef MUT_SENTINEL_TAKEN
#define HEAD_LAGS skip
#else
#define HEAD_LAGS assert(p <= takes[q])
#endif

proctype worker(byte me; bit is_heir)
{
	byte p, s, h, q, n, start, i, r, hand;
	short o, before;
	bit born, inheriting;

	if :: is_heir -> goto killed :: else -> atomic { NEXT } fi;

	/* ---- the heir: kk_table_inherit, second pass (there are no commits here) */
scan:	atomic { STEP; o = own[r];
	  if
	  :: O_ROLE(o) != me -> NEXT
	  :: O_ROLE(o) == me && O_STATE(o) == CLAIMED -> assert(hand_of[r] == 0); hand_of[r] = me; hand = hand | (1 << r); NEXT
	  :: O_ROLE(o) == me && O_STATE(o) == QUEUED -> skip
	  fi }
	atomic { STEP; if :: slot[INDEX(O_RING(o), O_POS(o))] == SLOT(CYCLE(O_RING(o), O_POS(o)), r) -> NEXT :: else -> skip fi }
#ifndef MUT_NO_REREAD
	atomic { STEP; if :: own[r] != o -> NEXT :: else -> skip fi }
#endif
	atomic { assert(hand_of[r] == 0); hand_of[r] = me; h = r; q = O_RING(o); o = 0; goto put }

	/* ---- kk_ring_take */
take:	atomic { STEP; start = head[q]; p = start }
look:	atomic { STEP; s = slot[INDEX(q, p)];
	  assert(S_CYCLE(s) >= CYCLE(q, p) - 1);                                  /* else: KK_ERR_CORRUPT */
	  if
	  :: S_CYCLE(s) < CYCLE(q, p) -> assert(COUNT(q) == 0); s = 0; goto taken    /* empty */
	  :: S_CYCLE(s) > CYCLE(q, p) -> p = (S_CYCLE(s) - 1) * CAP(q) + p % CAP(q) + 1; s = 0; goto look
	  :: S_CYCLE(s) == CYCLE(q, p) && S_HANDLE(s) == SENTINEL ->
	     assert(COUNT(W) == 0); goto taken                                       /* closed */
	  :: else -> h = S_HANDLE(s); s = 0
	  fi }
	atomic { STEP; o = own[h]; p++; if :: QUEUED_AT(o, q, p - 1) -> skip :: else -> o = 0; h = 0; goto look fi }
#ifdef MUT_HEAD_FIRST
	atomic { STEP; head[q] = p }
#endif
	atomic { STEP;                                                             /* L1 */
	  if
	  :: own[h] == o ->
	     own[h] = OWN(CLAIMED, me, q, p - 1); n++;
	     assert(p - 1 == takes[q] && takes[q] < puts[q] && hand_of[h] == 0);
	     takes[q]++; hand_of[h] = me; hand = hand | (1 << h)
	  :: else -> skip
	  fi;
	  o = 0; h = 0; if :: n < (q == W -> BATCH : 1) -> goto look :: else -> skip fi }
taken:	atomic { if :: p != start -> STEP; head[q] = p; HEAD_LAGS :: else -> skip fi;   /* L2 */
	  if
	  :: n > 0 -> NEXT
	  :: n == 0 && s != 0 -> goto closed
	  :: n == 0 && s == 0 -> p = 0; start = 0
	  fi }
	atomic { if :: (COUNT(q) > 0 || (q == W && sentinel_at != 0)) -> goto take :: KILLED_WAITING fi }

	/* ---- kk_ring_put of h into q */
sink:	atomic { STEP; sunk[item[h]]++ }
put:	atomic { before = own[h] }                                                   /* one's own word: nobody else writes it */
free:	atomic { STEP; p = tail[q] }
	atomic { STEP; s = slot[INDEX(q, p)];
	  assert(S_CYCLE(s) >= CYCLE(q, p) - 1);                                  /* else: KK_ERR_CORRUPT */
	  if :: S_CYCLE(s) == CYCLE(q, p) - 1 -> goto tenant :: else -> skip fi }
	atomic { STEP; tail[q] = S_CYCLE(s) * CAP(q) + p % CAP(q) + 1; assert(tail[q] <= END(q)); goto free }
tenant:	atomic {
	  if
#ifndef MUT_NO_TENANT
	  :: S_HANDLE(s) != NONE -> STEP; assert(S_HANDLE(s) < H);                  /* else: KK_ERR_CORRUPT */
	     if
	     :: QUEUED_AT(own[S_HANDLE(s)], q, p - CAP(q)) -> assert(COUNT(q) == CAP(q)); goto is_full
	     :: else -> skip
	     fi
	  :: S_HANDLE(s) == NONE -> skip
#else
	  :: true -> skip
#endif
	  fi }
#ifdef MUT_K2_K1
	atomic { STEP; BIRTH; if :: slot[INDEX(q, p)] == s -> slot[INDEX(q, p)] = SLOT(CYCLE(q, p), h); PUBLISHED :: else -> goto free fi }
	atomic { STEP; own[h] = OWN(QUEUED, me, q, p) }
#else
	atomic { STEP; BIRTH; own[h] = OWN(QUEUED, me, q, p) }                       /* K1 */
	atomic { STEP;                                                             /* K2 */
	  if
	  :: slot[INDEX(q, p)] == s -> slot[INDEX(q, p)] = SLOT(CYCLE(q, p), h); PUBLISHED
	  :: else -> goto free
	  fi }
#endif
	atomic { STEP; tail[q] = p + 1; assert(tail[q] <= END(q)); NEXT }            /* K3 */
is_full:	atomic { STEP; own[h] = before; assert(q == W); p = 0; s = 0; before = 0;
	  if :: born -> born = 0; quota[me]++; item[h] = 0 :: else -> skip fi }
	atomic { if :: (COUNT(q) < CAP(q)) -> goto put :: KILLED_WAITING fi }

	/* ---- the end of a life */
killed:	atomic { dead[me] = 0; inheriting = 1;
#ifdef MUT_NO_HEIR
	  inheriting = 0; NEXT
#endif
#ifdef MUT_ROLE_TWICE
	  running++; run worker(me, 0);
#endif
	  goto scan }
closed:
#ifdef MUT_SENTINEL_TAKEN
	atomic { STEP; head[W] = p + 1; sentinel_at = 0 }
	atomic { STEP; if :: slot[INDEX(W, p + 1)] == s || CAPW > 1 -> slot[INDEX(W, p + 1)] = SLOT(CYCLE(W, p + 1), SENTINEL) :: else -> skip fi;
	  sentinel_at = p + 1 }
#endif
	skip;
drain:	atomic { STEP; assert(hand == 0); drained[me] = 1; running--; FORGET }
}

#ifdef MUT_SENTINEL_EARLY   /* who is dead is taken for drained */
#define THROUGH(w) (drained[w] || dead[w])
#else
#define THROUGH(w) drained[w]
#endif

/* Puts the sentinel: kk_ring_close. The supervisor is the parent of all; it does not die here. */
proctype supervisor()
{
	byte p, s;

	atomic { (THROUGH(1) && (NP < 2 || THROUGH(2))) -> skip }
free:	atomic { p = tail[W] }
	atomic { s = slot[INDEX(W, p)]; if :: S_CYCLE(s) == CYCLE(W, p) - 1 -> goto tenant :: else -> skip fi }
	atomic { tail[W] = S_CYCLE(s) * CAPW + p % CAPW + 1; goto free }
tenant:	atomic { if :: S_HANDLE(s) != NONE && QUEUED_AT(own[S_HANDLE(s)], W, p - CAPW) -> goto is_full :: else -> skip fi }
	atomic {
	  if
	  :: slot[INDEX(W, p)] == s -> slot[INDEX(W, p)] = SLOT(CYCLE(W, p), SENTINEL); sentinel_at = p; goto done
	  :: else -> goto free
	  fi }
is_full:	atomic { (COUNT(W) < CAPW) -> goto free }
done:	atomic { p = 0; s = 0; running-- }
}

init {
	byte i;
	atomic {
		i = 0;
		do
		:: i < H -> own[i] = OWN(QUEUED, 0, F, H + i); slot[i] = SLOT(1, i); i++
		:: i >= H && i < H + CAPW -> slot[i] = SLOT(0, NONE); i++
		:: else -> break
		od;
		head[F] = H; takes[F] = H; tail[F] = 2 * H; puts[F] = 2 * H;
		head[W] = CAPW; takes[W] = CAPW; tail[W] = CAPW; puts[W] = CAPW;
		quota[1] = Q1; quota[2] = Q2;
		running = NW + 1;
		run supervisor();
		i = NW;
		do :: i > 0 -> run worker(i, 0); i-- :: else -> break od;
	}
	atomic {
		(running == 0) -> i = 0;
		do
		:: i < H -> assert(O_STATE(own[i]) == QUEUED && O_RING(own[i]) == F && hand_of[i] == 0); i++
		:: else -> break
		od;
		assert(COUNT(F) == H && COUNT(W) == 0 && puts[W] == CAPW + NITEM && sentinel_at != 0);
		i = 1;
		do
		:: i <= NITEM -> assert(sunk[i] >= 1 && sunk[i] <= 1 + redelivered[i]); i++
		:: else -> break
		od
	}
}
