/* SPDX-License-Identifier: Apache-2.0 */
/* journal.pml - engine/worker/recorder.c: each failed item is written down exactly once.
 *
 * ITEMS items come one after the other, on two headers in turn (so that a header remembers an earlier item); every
 * second one has two lanes that failed, hence two lines. A line is written in two halves. The recorder is killed before
 * any step, KW times in all, heirs too.
 *
 * -D  ITEMS  KW kills  MUT_* deliberate mistakes, see README.md
 */
#ifndef ITEMS
#define ITEMS 3
#endif
#ifndef KW
#define KW 3
#endif

#define HEADER(item) ((item) % 2)
#define LINES(item)  (1 + (item) % 2)
#define HALVES       (4 * ITEMS + 2)

#define CLAIMED 1
#define QUEUED  2   /* K1 done, on its way to FAILED */
#define HOME    3
byte state[2] = HOME, claim[2];          /* own words: the claim's position names it */
byte noted[2], noted_at[2];
byte entries, length_of[2];              /* the journal: state[entries & 1] belongs to `entries` */
byte file[HALVES], file_end;             /* in halves of lines */
byte next = 1, failed, kills = KW;

#ifdef MUT_ONE_STATE
#define LENGTH(e) 0
#else
#define LENGTH(e) ((e)&1)
#endif
#define FORGET h = 0; e = 0; at = 0; n = 0; item = 0; redo = 0
#define STEP if :: (kills > 0) -> kills--; FORGET; goto killed :: skip fi

proctype recorder()
{
	byte h, e, at, n, item;
	bit redo;

	goto open;
killed:	skip;
	/* the heir: at most one header in hand */
scan:	atomic { STEP;
	  if
	  :: state[0] == QUEUED -> h = 0; goto finish_put
	  :: state[1] == QUEUED -> h = 1; goto finish_put
	  :: state[0] == CLAIMED -> h = 0; redo = 1
	  :: state[1] == CLAIMED -> h = 1; redo = 1
	  :: else -> skip
	  fi;
	  goto open }
finish_put: atomic { STEP; state[h] = HOME; failed++ }
	/* recorder_open, work_recorder */
open:	atomic { STEP; e = entries }
	atomic { STEP; file_end = length_of[LENGTH(e)]; do :: at < HALVES -> if :: at >= file_end -> file[at] = 0 :: else -> skip fi; at++ :: else -> break od; at = 0 }
take:	atomic { STEP;
	  if
	  :: redo -> redo = 0
	  :: !redo && next <= ITEMS && state[HEADER(next)] == HOME -> h = HEADER(next); state[h] = CLAIMED; claim[h] = next; next++
	  :: !redo && next > ITEMS -> goto end
	  fi;
	  item = claim[h] }
	/* record_one */
	atomic { STEP;
#if defined(MUT_NO_NOTE)
	  skip
#elif defined(MUT_NO_NOTED_AT)
	  if :: noted[h] != claim[h] -> skip :: else -> goto put fi
#else
	  if :: noted[h] != claim[h] || noted_at[h] > e -> skip :: else -> goto put fi
#endif
	}
	atomic { STEP; at = length_of[LENGTH(e)]; n = 0 }
#ifdef MUT_COMMIT_FIRST
	atomic { STEP; e++; length_of[LENGTH(e)] = at + 2 * LINES(item) }
	atomic { STEP; noted_at[h] = e }
	atomic { STEP; noted[h] = claim[h] }
	atomic { STEP; entries = e }
#endif
line:	atomic { STEP; file[at] = item; at++; file_end = (file_end < at -> at : file_end) }
	atomic { STEP; file[at] = item; at++; file_end = (file_end < at -> at : file_end); n++; if :: n < LINES(item) -> goto line :: else -> skip fi }
#ifndef MUT_COMMIT_FIRST
	atomic { STEP; e++; length_of[LENGTH(e)] = at }
	atomic { STEP; noted_at[h] = e }
	atomic { STEP; noted[h] = claim[h] }
	atomic { STEP; entries = e }
#endif
put:	atomic { STEP; at = 0; n = 0; item = 0; state[h] = QUEUED }
	atomic { STEP; state[h] = HOME; failed++; h = 0; goto take }

end:	atomic { assert(failed == ITEMS && entries == ITEMS);
	  h = 0; item = 1;
	  do
	  :: item <= ITEMS ->
	     n = 0;
	     do :: n < 2 * LINES(item) -> assert(file[h] == item); h++; n++ :: else -> break od;
	     item++
	  :: else -> break
	  od;
	  assert(file_end == h && length_of[LENGTH(entries)] == h) }
}

init { atomic { run recorder() } }
