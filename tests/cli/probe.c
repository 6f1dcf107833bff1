/* SPDX-License-Identifier: Apache-2.0 */
/* A stage that misbehaves, as its options say, when it is asked what it needs. */
#include <fcntl.h>
#include <kakehi/stage.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

struct options {
	int act;
	int64_t number;
	double ratio;
	uint64_t largest, wait_ms;
	const char *word, *token;
	struct kk_strings list;
	bool flag;
};

enum act { WELL, REFUSE, CRASH, HANG, LEAVE, PRINT, ABSURD, KILLED };
static const char *const acts[] = {"well", "refuse", "crash", "hang", "leave", "print", "absurd", "killed", NULL};

#define AT(field) offsetof(struct options, field)
static const struct kk_option rows[] = {
    {.name = "act", .type = KK_OPTION_ENUM, .at = AT(act), .def = "well", .words = acts, .text = "What to do."},
    {.name = "number",
     .type = KK_OPTION_INT,
     .at = AT(number),
     .min = -5,
     .max = 5,
     .unit = "items",
     .text = "A number."},
    {.name = "ratio", .type = KK_OPTION_FLOAT, .at = AT(ratio), .def = "0.5", .max = 1, .text = "A share."},
    {.name = "largest", .type = KK_OPTION_SIZE, .at = AT(largest), .def = "64KiB", .text = "Bytes of a payload."},
    {.name = "wait", .type = KK_OPTION_DURATION, .at = AT(wait_ms), .def = "1s", .max = 60000, .text = "A time."},
    {.name = "word", .type = KK_OPTION_STRING, .at = AT(word), .text = "A text."},
    {.name = "token", .type = KK_OPTION_STRING, .flags = KK_OPTION_SECRET, .at = AT(token), .text = "A secret."},
    {.name = "list", .type = KK_OPTION_LIST, .at = AT(list), .def = "[a, b c]", .text = "Some texts."},
    {.name = "flag", .type = KK_OPTION_BOOL, .at = AT(flag), .def = "true", .text = "Yes or no."},
    {0},
};

static int plan(const void *given, struct kk_demand *demand, char *why, size_t why_size)
{
	const struct options *options = given;

	demand->largest = options->largest;
	switch ((enum act)options->act) {
	case REFUSE:
		snprintf(why, why_size, "\"number\" and \"ratio\" do not go together");
		return -1;
	case CRASH:
		raise(SIGSEGV);
		return 0;
	case HANG:
		for (;;)
			pause();
	case LEAVE:
		_exit(0);
	case PRINT:
		fputs("probe: a line on stderr\n", stderr);
		puts("probe: a line on stdout");
		return 0;
	case ABSURD:
		demand->in_flight = 0;
		return 0;
	case KILLED:
		/* once, if there is a file to remember it by */
		if (!*options->word || open(options->word, O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0)
			raise(SIGKILL);
		return 0;
	case WELL:
		break;
	}
	return 0;
}

static enum kk_verdict process(struct kk_context *context, struct kk_item *item)
{
	(void)context;
	(void)item;
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "probe",
    .text = "Misbehaves when it is asked what it needs, for the tests of the command line and of the configuration.",
    .options = rows,
    .options_size = sizeof(struct options),
    .plan = plan,
    .process = process,
};
