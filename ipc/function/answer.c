/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/function/answer.c - what a function hands back. */
#include "function/answer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kk_answer_clear(struct kk_answer *answer)
{
	answer->bytes = 0;
	answer->failed = false;
	answer->code = KK_OK;
	answer->text[0] = '\0';
}

int kk_call_return(struct kk_call *call, const void *data, size_t bytes)
{
	struct kk_answer *answer = call->answer;
	int rc = KK_OK;

	if (!answer)
		return KK_OK;
	if (!data && bytes > 0)
		return KK_ERR_INVALID;
	if (bytes > answer->room)
		rc = answer->grow ? answer->grow(answer, bytes) : KK_ERR_NO_ROOM;
	if (rc < 0)
		return rc;
	if (bytes > 0 && bytes <= answer->room)
		memcpy(answer->memory, data, bytes);
	answer->bytes = bytes;
	return KK_OK;
}

int kk_call_fail(struct kk_call *call, int code, const char *format, ...)
{
	struct kk_answer *answer = call->answer;
	va_list args;

	if (code == KK_OK)
		code = KK_ERR_FAILED;
	if (!answer)
		return code;
	answer->failed = true;
	answer->code = code;
	va_start(args, format);
	if (vsnprintf(answer->text, sizeof(answer->text), format, args) < 0)
		answer->text[0] = '\0';
	va_end(args);
	return code;
}
