/* SPDX-License-Identifier: Apache-2.0 */
/* The stage `resize`: the process that it runs in, and its memory. */
#include "resizing.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each in a process of its own: resizes and writes down what came out. */
static void resize_into(const char *path, struct picture picture, int times)
{
	struct stage_host *host = START("width", "200", "height", "200");
	struct stage_item *item = NULL;
	for (int i = 0; i < times; i++)
		item = stage_host_put(host, "x", picture.data, picture.size);
	assert_int_equal(item->verdict, KK_PASS);
	harness_write(path, item->output, item->size);
	stage_host_unload(host);
}

static void run_in_child(void (*run)(const char *, struct picture, int), const char *path, struct picture picture,
                         int n)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		run(path, picture, n);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void save_photo(const char *path, struct picture unused, int n)
{
	(void)unused, (void)n;
	struct picture photo = picture_photo();
	harness_write(path, photo.data, photo.size);
}

static void test_same_bytes_in_every_process(void **state)
{
	size_t size, other_size;
	(void)state;
	/* libvips has threads and must not be started before a fork, so the photo too is made in a child. */
	run_in_child(save_photo, harness_path("photo"), (struct picture){0}, 0);
	struct picture photo;
	photo.data = harness_read(harness_path("photo"), &photo.size);
	run_in_child(resize_into, harness_path("1"), photo, 1);
	char *first = harness_read(harness_path("1"), &size);
	for (int n = 2; n <= 4; n++) {
		run_in_child(resize_into, harness_path("%d", n), photo, n);
		char *other = harness_read(harness_path("%d", n), &other_size);
		assert_int_equal(size, other_size);
		assert_memory_equal(first, other, size);
	}
}

static void test_memory_stays_flat(void **state)
{
	struct stage_host *host = START("width", "64", "height", "64");
	struct picture good[] = {picture_save(picture_detailed(320, 240, 3), ".jpg"),
	                         picture_save(picture_detailed(320, 240, 4), ".png"),
	                         picture_save(picture_detailed(320, 240, 3), ".webp")};
	uint64_t before = 0;
	(void)state;
	for (int i = 0; i < 600; i++) {
		if (i == 200) {
			before = data_bytes();
			if (!sanitized())
				limit_data(16 << 20);
		}
		const struct picture *picture = &good[i % 3];
		size_t size = i % 5 == 4 ? picture->size / 2 : picture->size;
		struct stage_item *item = stage_host_put(host, "x", picture->data, size);
		if (item->verdict != (i % 5 == 4 ? KK_FAIL : KK_PASS))
			fail_msg("picture %d: verdict %d, %s", i, item->verdict, item->message);
		stage_host_forget(host, item);
	}
	if (!sanitized() && data_bytes() > before + (4 << 20))
		fail_msg("private memory grew from %llu to %llu", (unsigned long long)before,
		         (unsigned long long)data_bytes());
	for (size_t i = 0; i < 3; i++)
		g_free(good[i].data);
	stage_host_unload(host);
}

/* What the plan declares is enough for large photos, and a picture that takes more is refused, not died of. The host's
 * copy of the input counts too. */
static void test_declared_heap_is_enough(void **state)
{
	(void)state;
	if (sanitized())
		skip();
	struct picture photo = picture_save(picture_detailed(6400, 4800, 3), ".jpg");
	struct picture progressive = picture_save(picture_detailed(8000, 6000, 3), ".jpg[interlace]");
	struct picture plain = picture_save(picture_detailed(6400, 4800, 3), ".png[compression=1]");
	struct picture smaller = picture_save(picture_detailed(4000, 3000, 3), ".jpg[interlace]");
	struct stage_host *host = START("width", "1024", "height", "1024");
	limit_data(host->demand.heap + plain.size);
	assert_size(put(host, photo), 1024, 768);
	assert_size(put(host, plain), 1024, 768);
	limit_data(host->demand.heap + progressive.size);
	assert_failed(put(host, progressive), KK_FAIL_MEMORY, "heap");
	assert_size(put(host, smaller), 1024, 768);
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_same_bytes_in_every_process),
    cmocka_unit_test(test_memory_stays_flat),
    cmocka_unit_test(test_declared_heap_is_enough),
};
HARNESS_MAIN(tests)
