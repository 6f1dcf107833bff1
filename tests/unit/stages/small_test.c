/* SPDX-License-Identifier: Apache-2.0 */
/* The small stages: generate, pass, discard, template. */
#include "source_test.h"

#include "harness.h"
#include <stdlib.h>
#include <string.h>

static void test_generate_numbers_its_items(void **state)
{
	(void)state;
	assert_string_equal(source_all("generate", OPTIONS("count", "3")), "0\n1\n2\n");
	assert_string_equal(source_all("generate", OPTIONS("count", "0")), "");
	source_resumes_everywhere("generate", OPTIONS("count", "20"));
	assert_non_null(strstr(source_plan_error("generate", OPTIONS("size", "1")), "required"));
}

/* Gives an item of `generate` to `discard`, its payload changed at a byte unless that is negative. */
static struct stage_item *verify(struct stage_host *sink, const struct stage_item *made, long changed)
{
	unsigned char *copy = harness_keep(malloc(made->size + 1));
	memcpy(copy, made->output, made->size);
	if (changed >= 0)
		copy[changed] ^= 1;
	return stage_host_put(sink, made->key, copy, made->size);
}

static void test_discard_verifies_what_generate_made(void **state)
{
	static const char *const sizes[] = {"1", "7", "8", "9", "1000", "65536"};
	struct stage_host *sink = source_start("discard", OPTIONS("verify", "true", "seed", "5"), NULL);
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct stage_host *source =
		    source_start("generate", OPTIONS("count", "3", "size", sizes[i], "seed", "5"), NULL);
		for (int n = 0; n < 3; n++) {
			struct stage_item *made = stage_host_next(source);
			assert_int_equal(made->verdict, KK_PASS);
			assert_int_equal(verify(sink, made, -1)->verdict, KK_PASS);
			assert_int_equal(verify(sink, made, 0)->verdict, KK_FAIL);
			assert_int_equal(verify(sink, made, (long)made->size / 2)->verdict, KK_FAIL);
			assert_int_equal(verify(sink, made, (long)made->size - 1)->verdict, KK_FAIL);
			assert_int_equal(stage_host_put(sink, "77", made->output, made->size)->verdict, KK_FAIL);
			assert_int_equal(stage_host_put(sink, "x", made->output, made->size)->verdict, KK_FAIL);
		}
		stage_host_unload(source);
	}
	assert_int_equal(stage_host_put(sink, "0", NULL, 0)->verdict, KK_PASS);
	stage_host_unload(sink);
	sink = source_start("discard", OPTIONS("verify", "false"), NULL);
	assert_int_equal(stage_host_put(sink, "x", "y", 1)->verdict, KK_PASS);
	stage_host_unload(sink);
}

static void test_generate_says_why_there_is_no_payload(void **state)
{
	struct stage_host *source = source_start("generate", OPTIONS("count", "2", "size", "10"), NULL);
	(void)state;
	source->room = 5;
	struct stage_item *item = stage_host_next(source);
	assert_int_equal(item->verdict, KK_FAIL);
	assert_int_equal(item->fail, KK_FAIL_MEMORY);
	assert_string_equal(item->key, "0");
	stage_host_unload(source);
}

static void test_pass_hands_on_and_holds(void **state)
{
	struct stage_host *host = source_start("pass", OPTIONS("delay", "30ms"), NULL);
	uint64_t before = harness_now_ms();
	(void)state;
	struct stage_item *item = stage_host_put(host, "k", "data", 4);
	assert_int_equal(item->verdict, KK_PASS);
	assert_false(item->committed);
	assert_true(harness_now_ms() - before >= 29);
	assert_int_equal(host->demand.largest, 0);
	stage_host_unload(host);
}

static void assert_template(struct stage_host *host, const char *payload, const char *expected)
{
	struct stage_item *item = stage_host_put(host, "k", payload, strlen(payload));
	assert_int_equal(item->verdict, KK_PASS);
	assert_int_equal(item->size, strlen(expected));
	assert_memory_equal(item->output, expected, item->size);
}

static void test_template(void **state)
{
	struct stage_host *host = source_start("template", OPTIONS("prefix", "> "), NULL);
	static char large[(1 << 20) + 1];
	(void)state;
	assert_template(host, "Hello, World", "> HELLO, WORLD");
	assert_template(host, "", "> ");
	assert_int_equal(stage_host_put(host, "k", large, sizeof(large))->fail, KK_FAIL_TOO_LARGE);
	stage_host_unload(host);
	host = source_start("template", OPTIONS("capitals", "false"), NULL);
	assert_template(host, "as it is", "as it is");
	assert_template(host, "", "");
	stage_host_unload(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_generate_numbers_its_items),
    cmocka_unit_test(test_discard_verifies_what_generate_made),
    cmocka_unit_test(test_generate_says_why_there_is_no_payload),
    cmocka_unit_test(test_pass_hands_on_and_holds),
    cmocka_unit_test(test_template),
};
HARNESS_MAIN(tests)
