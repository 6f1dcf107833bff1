/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/function/answer.h - reads what a function returns or why it failed, produces the bytes and the sentence that its
 * caller gets. Private memory of the process that calls the function.
 */
#ifndef IPC_FUNCTION_ANSWER_H
#define IPC_FUNCTION_ANSWER_H

#include <kakehi/error.h>
#include <kakehi/function.h>
#include <stdbool.h>

struct kk_answer {
	void *memory; /* of `room` bytes, where the answer lies; its first `bytes` bytes are it           */
	size_t room;
	size_t bytes;
	bool failed; /* kk_call_fail was called: `code` and `text` say why                                */
	int code;
	char text[sizeof(((struct kk_error *)0)->text)];

	/* Makes room for `bytes` (more than `room`) in `memory`, whose content need not be kept. 0 or KK_ERR_NO_ROOM.
	 * If it leaves less room all the same, nobody wants the bytes. NULL: there is no more room. */
	int (*grow)(struct kk_answer *answer, size_t bytes);
	void *context; /* of grow */
};

/* kk_answer_clear - ready for the next call; memory and room stay. */
void kk_answer_clear(struct kk_answer *answer);

#endif
