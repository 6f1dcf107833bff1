/* SPDX-License-Identifier: Apache-2.0 */
#include "resizing.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct stage_host *resizing(const char *const *options)
{
	struct stage_host *host = stage_host_load(RESIZE);
	for (; options && *options; options += 2)
		stage_host_set(host, options[0], options[1]);
	if (stage_host_start(host) != 0)
		fail_msg("%s", host->why);
	return host;
}

struct stage_item *put(struct stage_host *host, struct picture picture)
{
	struct stage_item *item = stage_host_put(host, "picture", picture.data, picture.size);
	g_free(picture.data);
	return item;
}

VipsImage *passed(struct stage_item *item)
{
	if (item->verdict != KK_PASS)
		fail_msg("failed: %s", item->message);
	assert_true(item->committed);
	return picture_load(item->output, item->size);
}

void assert_failed(struct stage_item *item, enum kk_fail_class class, const char *part)
{
	if (item->verdict != KK_FAIL || item->fail != class || !strstr(item->message, part))
		fail_msg("verdict %d, class %d: %s", item->verdict, item->fail, item->message);
	assert_null(strpbrk(item->message, "\n\r\t\x1b"));
}

void assert_size(struct stage_item *item, int width, int height)
{
	VipsImage *image = passed(item);
	assert_int_equal(image->Xsize, width);
	assert_int_equal(image->Ysize, height);
	assert_string_equal(stage_host_field(item, "width"), harness_text("%d", width));
	assert_string_equal(stage_host_field(item, "height"), harness_text("%d", height));
	g_object_unref(image);
}

void assert_near(double is, double should, double by)
{
	if (is < should - by || is > should + by)
		fail_msg("%g is not near %g", is, should);
}

void assert_colour(struct stage_item *item, const double *colour, double by)
{
	VipsImage *image = passed(item);
	for (int band = 0; band < 3; band++)
		assert_near(picture_pixel(image, image->Xsize / 2, image->Ysize / 2, image->Bands < 3 ? 0 : band),
		            colour[band], by);
	g_object_unref(image);
}

bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
	return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
	return false;
#endif
}

uint64_t data_bytes(void)
{
	char *status = harness_read("/proc/self/status", NULL);
	return strtoull(strstr(status, "VmData:") + 7, NULL, 10) * 1024;
}

void limit_data(uint64_t more)
{
	struct rlimit limit = {.rlim_cur = data_bytes() + more, .rlim_max = RLIM_INFINITY};
	assert_int_equal(setrlimit(RLIMIT_DATA, &limit), 0);
}
