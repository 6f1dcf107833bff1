/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/family/pegs.h - the smallest object that a death matters to: pegs, each held by one seat or by nobody.
 * The tests of the family bring this kind instead of the real ones.
 */
#ifndef TESTS_UNIT_FAMILY_PEGS_H
#define TESTS_UNIT_FAMILY_PEGS_H

#include "family/object.h"
#include <stdatomic.h>

enum { PEGS = 8 };

struct pegs {
	_Atomic uint32_t held[PEGS]; /* by which seat; 0: nobody          */
	struct kk_event event;       /* woken when pegs come free         */
	_Atomic uint32_t buried;     /* pegs that came back from the dead */
	_Atomic uint32_t left;       /* and from those who left           */
	_Atomic uint32_t broken;     /* burials find damage               */
	_Atomic uint32_t dwell;      /* burials wait here while it is 1; 2: somebody does */
};

extern const struct kk_kind pegs_kind;

/* The kind number of which there is nothing but this row. */
enum { OTHER_KIND = KK_KIND_MEMORY };
extern const struct kk_kind other_kind;

/* A published object; NULL with error. */
struct pegs *pegs_make(struct kk_family *family, struct kk_object *object, struct kk_error *error);

/* The peg that the caller's seat now holds, or KK_ERR_FULL, or kk_family_seat's. */
int pegs_take(struct kk_family *family, struct pegs *pegs);
void pegs_drop(struct pegs *pegs, int peg);

/* How many are held. */
unsigned pegs_held(struct pegs *pegs);

#endif
