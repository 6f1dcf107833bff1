/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/error/error.c - texts of codes, and the sentence that travels with them. */
#include <kakehi/error.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *kk_status_text(int status)
{
	switch (status) {
	case KK_OK:
		return "no error";
#define KK_X(name, code, text)                                                                                         \
	case name:                                                                                                     \
		return text;
		KK_ERRORS(KK_X)
#undef KK_X
	default:
		return "unknown error";
	}
}

/* Appends ": <what errno means>"; a sentence that fills the buffer stays as it is, cut. */
static void append_system_text(struct kk_error *error)
{
	char reason[128];
	/* The GNU form: it may return a constant text instead of filling the buffer. */
	const char *text = strerror_r(error->system, reason, sizeof(reason));
	size_t used = strlen(error->text);
	(void)snprintf(error->text + used, sizeof(error->text) - used, "%s%s", used > 0 ? ": " : "", text);
}

int kk_error_set(struct kk_error *error, int code, const char *format, ...)
{
	int system = errno;
	if (!error)
		return code;
	error->code = code;
	error->system = code == KK_ERR_SYSTEM ? system : 0;
	va_list args;
	va_start(args, format);
	if (vsnprintf(error->text, sizeof(error->text), format, args) < 0)
		error->text[0] = '\0';
	va_end(args);
	if (error->system)
		append_system_text(error);
	errno = system;
	return code;
}

int kk_error_wrap(struct kk_error *error, const char *format, ...)
{
	if (!error)
		return KK_OK;
	char inner[sizeof(error->text)];
	size_t room = sizeof(error->text);
	memcpy(inner, error->text, sizeof(inner));
	va_list args;
	va_start(args, format);
	int used = vsnprintf(error->text, room, format, args);
	va_end(args);
	if (used < 0)
		used = 0;
	if ((size_t)used + 3 < room) {
		room -= (size_t)used;
		(void)snprintf(error->text + used, room, ": %.*s", (int)(room - 3), inner);
	}
	return error->code;
}
