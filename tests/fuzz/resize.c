/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/resize.c - any bytes as a picture: the first byte chooses the options, the rest is what `process` gets.
 * The stage is linked in and finds a small engine of its own here. */
#include <kakehi/stage.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "options.h"

extern const struct kk_stage kk_stage;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VARIANTS 8

static void *output;
static size_t output_room;

static void *reserve(struct kk_item *item, size_t size)
{
	(void)item;
	free(output);
	output_room = size;
	output = malloc(size ? size : 1);
	return output;
}

static int commit(struct kk_item *item, size_t size)
{
	(void)item;
	return size <= output_room ? 0 : -1;
}

static int set_field(struct kk_item *item, const char *name, const char *value)
{
	(void)item;
	return name && value ? 0 : -1;
}

static enum kk_verdict fail(struct kk_item *item, enum kk_fail_class why, const char *format, va_list args)
{
	char text[1024];
	(void)item, (void)why;
	vsnprintf(text, sizeof(text), format, args);
	for (const char *at = text; *at; at++)
		if (*at < ' ' || *at > '~')
			abort(); /* a message is one printable line */
	return KK_FAIL;
}

static void say(struct kk_context *context, enum kk_log_level level, const char *format, va_list args)
{
	(void)context, (void)level;
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

static const struct kk_host host = {.struct_size = sizeof(host),
                                    .abi_version = KK_STAGE_ABI,
                                    .reserve = reserve,
                                    .commit = commit,
                                    .set_field = set_field,
                                    .fail = fail,
                                    .log = say};

static const char *const types[] = {"jpeg", "png", "webp", "gif"};

#define COMMON                                                                                                         \
	.width = 40, .height = 30, .quality = 80, .compression = 1, .effort = 0, .max_pixels = 200000,                 \
	.max_side = 5000, .max_output = 1 << 20, .background = "teal", .types = {types, 4}, .kernel = KERNEL_LANCZOS3, \
	.speed = SPEED_BALANCED

static const struct resize_options options[VARIANTS] = {
    {COMMON, .output = OUTPUT_JPEG},
    {COMMON, .output = OUTPUT_JPEG, .fit = FIT_COVER, .subsampling = SUBSAMPLING_422, .metadata = 1, .profile = 1},
    {COMMON, .output = OUTPUT_JPEG, .fit = FIT_PAD, .progressive = true, .subsampling = SUBSAMPLING_444},
    {COMMON, .output = OUTPUT_PNG, .fit = FIT_OUTSIDE, .metadata = 1},
    {COMMON, .output = OUTPUT_WEBP, .fit = FIT_FILL, .enlarge = true, .profile = 1},
    {COMMON, .output = OUTPUT_JPEG, .fit = FIT_COVER, .gravity = GRAVITY_ENTROPY, .metadata = 1},
    {COMMON, .output = OUTPUT_KEEP, .enlarge = true, .optimise = true},
    {COMMON, .output = OUTPUT_PNG, .fit = FIT_PAD, .palette = true},
};

static struct kk_context contexts[VARIANTS];

static void start(void)
{
	for (int i = 0; i < VARIANTS; i++) {
		contexts[i] = (struct kk_context){.host = &host, .options = &options[i], .stage = "fuzz", .workers = 1};
		if (kk_stage.prepare(&contexts[i]) != 0 || kk_stage.open(&contexts[i]) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (!contexts[0].host)
		start();
	struct kk_context *context = &contexts[data[0] % VARIANTS];
	void *copy = malloc(size > 1 ? size - 1 : 1); /* of exactly the size, so that every overrun is seen */
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	struct kk_item item = {.context = context, .key = "picture", .data = copy, .size = size - 1};
	enum kk_verdict verdict = kk_stage.process(context, &item);
	if (verdict != KK_PASS && verdict != KK_FAIL)
		abort();
	free(copy);
	return 0;
}
