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

/* The last warning: libpng's errors are told nowhere else. libvips may give it from a thread of its own. */
static GMutex warning_lock;
static char warning[200];

/* GLib would print them, and most are about odd metadata, no concern of anybody's. libvips' own says where, not why. */
static void keep_warning(const char *domain, GLogLevelFlags level, const char *text, void *user)
{
	(void)domain, (void)level, (void)user;
	if (g_str_has_prefix(text, "error in tile"))
		return;
	g_mutex_lock(&warning_lock);
	g_strlcpy(warning, text, sizeof(warning));
	g_mutex_unlock(&warning_lock);
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
	g_log_set_default_handler(keep_warning, NULL);
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

/* reason - the first line of the errors that is one: libheif looks beyond the end of a file that is sound, too. */
static const char *reason(const char *errors)
{
	while (g_str_has_prefix(errors, "source: bad seek")) {
		errors += strcspn(errors, "\n");
		errors += *errors == '\n';
	}
	return *errors ? errors : warning;
}

bool picture_error(char *to, size_t size)
{
	const char *errors = vips_error_buffer(), *from;
	bool memory = strstr(errors, "out of memory") != NULL;
	size_t length = 0;
	g_mutex_lock(&warning_lock);
	from = reason(errors);
	for (; length + 1 < size && from[length] && from[length] != '\n'; length++)
		to[length] = from[length] >= ' ' && from[length] < 0x7f ? from[length] : '?';
	to[length] = '\0';
	g_mutex_unlock(&warning_lock);
	picture_error_forget();
	return memory;
}

void picture_error_forget(void)
{
	vips_error_clear();
	g_mutex_lock(&warning_lock);
	warning[0] = '\0';
	g_mutex_unlock(&warning_lock);
}
