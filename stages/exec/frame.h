/* SPDX-License-Identifier: Apache-2.0 */
/* stages/exec/frame.h - reads an item, produces the line that asks a standing program for it; reads the line that comes
 * back, produces what it says. The protocol is docs/exec-protocol.md.
 */
#ifndef STAGES_EXEC_FRAME_H
#define STAGES_EXEC_FRAME_H

#include <kakehi/stage.h>

enum { FRAME_LINE_MAX = 64 << 10, FRAME_PROTOCOL = 1 };

/* One field by name: kk_field, for whoever has no item. */
struct frame_item {
	const char *id, *key;
	uint64_t sequence, size;
	const struct kk_strings *fields; /* names to hand on */
	const char *(*field)(void *arg, const char *name);
	void *arg;
};

/* frame_ask - the line, with its end, allocated; NULL: no memory. Bytes of the item that are no UTF-8 become the lone
 * surrogates U+DC80 .. U+DCFF, as in Python's "surrogateescape". */
char *frame_ask(const struct frame_item *item, size_t *length);

/* What a program answered. `json` is behind the texts. */
struct frame_answer {
	enum kk_verdict verdict; /* KK_PASS, KK_SKIP, KK_FAIL                  */
	enum kk_fail_class class;
	const char *message; /* of KK_FAIL; "" if it gave none         */
	bool has_size;       /* there is a new payload                 */
	uint64_t size;       /* of it                                  */
	void *json;
};

/* frame_read - a line without its end. 0, or -1 with a sentence in `why`: not JSON, a member that is unknown or of the
 * wrong type. Either way the answer is to be freed. */
int frame_read(struct frame_answer *answer, const char *line, size_t length, char *why, size_t why_size);
void frame_free(struct frame_answer *answer);

/* frame_fields - calls `each` for every field of the answer; stops when that returns other than 0, and returns it. */
int frame_fields(const struct frame_answer *answer, int (*each)(void *arg, const char *name, const char *value),
                 void *arg);

#endif
