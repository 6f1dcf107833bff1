/* SPDX-License-Identifier: Apache-2.0 */
/* How libvips is started: its part of picture.h. */
#include "picture.h"
#include <gmodule.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MMAP_BYTES  (256 << 10)
#define STACK_BYTES (2 << 20)

/* Warnings about odd metadata are no concern of anybody's; GLib would print them. */
static void swallow(const char *domain, GLogLevelFlags level, const char *text, void *user)
{
	(void)domain, (void)level, (void)text, (void)user;
}

static void allow_only_our_loaders(unsigned types)
{
	vips_block_untrusted_set(TRUE);
	vips_operation_block_set("VipsForeignLoad", TRUE);
	for (enum format format = FORMAT_NONE + 1; format < FORMAT_COUNT; format++)
		if (types & 1U << format)
			vips_operation_block_set(format_row(format)->loader, FALSE);
}

/* keep_memory_flat - one heap, from which large buffers stay out, and small stacks for the helper threads: else what a
 * process holds depends on the pictures it has seen, and a limit on it would have to be wide. If the C library declines
 * (a debugging malloc does) the results are the same. */
static void keep_memory_flat(void)
{
	pthread_attr_t attributes;
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
	if (pthread_attr_init(&attributes) != 0)
		return;
	if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0)
		(void)pthread_setattr_default_np(&attributes);
	pthread_attr_destroy(&attributes);
}

/* load_heif - Debian has that format in a module of libvips' own. Without it nothing is registered, and loading or
 * saving says so. */
static void load_heif(unsigned types)
{
	if (!(types & (1U << FORMAT_AVIF | 1U << FORMAT_HEIC)))
		return;
	GModule *module = g_module_open(VIPS_MODULES "/vips-heif." G_MODULE_SUFFIX, G_MODULE_BIND_LAZY);
	if (module)
		g_module_make_resident(module);
}

int picture_library_open(unsigned types, char *why, size_t why_size)
{
	keep_memory_flat();
	g_log_set_default_handler(swallow, NULL);
	/* libvips looks for its plug-ins (ImageMagick, poppler, ...) under this place; they would only be weight. */
	if (setenv("VIPSHOME", "/nonexistent", 1) != 0 || setenv("VIPS_DISC_THRESHOLD", "1000000m", 1) != 0) {
		g_snprintf(why, why_size, "out of memory");
		return -1;
	}
	if (vips_init("kakehi") != 0) {
		picture_error(why, why_size);
		return -1;
	}
	load_heif(types);
	vips_leak_set(FALSE);
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	allow_only_our_loaders(types);
	return 0;
}

/* Memory for code comes from a short-lived file, of which one mapping is written and another executed; where no file
 * can be made it would be memory that is both. No pixel is made, hence no thread started. */
int picture_library_claim(char *why, size_t why_size)
{
	VipsImage *blank = NULL, *reduced = NULL;
	int result = -1;
	if (vips_black(&blank, 64, 64, "bands", 3, NULL) == 0 && vips_reducev(blank, &reduced, 2.5, NULL) == 0)
		result = 0;
	else
		picture_error(why, why_size);
	g_clear_object(&reduced);
	g_clear_object(&blank);
	return result;
}

bool picture_error(char *to, size_t size)
{
	const char *from = vips_error_buffer();
	bool memory = strstr(from, "out of memory") != NULL;
	size_t length = 0;
	for (; length + 1 < size && from[length] && from[length] != '\n'; length++)
		to[length] = from[length] >= ' ' && from[length] < 0x7f ? from[length] : '?';
	to[length] = '\0';
	vips_error_clear();
	return memory;
}
