/* SPDX-License-Identifier: Apache-2.0 */
#include "trap.h"
#include <jerror.h>
#include <string.h>

/* libvips' limit too: both ways are to agree. */
#define MAX_WARNINGS 100

/* The library's words may quote bytes of the picture. */
static void keep_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

_Noreturn static void on_error(j_common_ptr common)
{
	struct trap *trap = (struct trap *)common->err;
	trap->manager.format_message(common, trap->text);
	keep_printable(trap->text);
	trap->memory = trap->manager.msg_code == JERR_OUT_OF_MEMORY;
	longjmp(trap->back, 1);
}

/* Odd but readable pictures are no concern of anybody's, up to a point. */
static void on_message(j_common_ptr common, int level)
{
	if (level < 0 && ++common->err->num_warnings >= MAX_WARNINGS)
		on_error(common);
}

static void on_output(j_common_ptr common)
{
	(void)common;
}

struct jpeg_error_mgr *trap_set(struct trap *trap)
{
	jpeg_std_error(&trap->manager);
	trap->manager.error_exit = on_error;
	trap->manager.emit_message = on_message;
	trap->manager.output_message = on_output;
	trap->memory = false;
	trap->text[0] = '\0';
	return &trap->manager;
}

_Noreturn void trap_spring(struct trap *trap, const char *text)
{
	trap->memory = false;
	snprintf(trap->text, sizeof(trap->text), "%s", text);
	longjmp(trap->back, 1);
}
