/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"
#include "harness.h"
#include "parsed.h"

#include <kakehi/error.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "pipeline: x\nsource: { use: source, name: src }\nstages:\n"

/* The edges as text: "stage/lane>to/lane ...", stages by their names. */
static char *edges_text(const struct kk_graph *graph)
{
	char *text = "";

	for (size_t i = 0; i < graph->edge_count; i++) {
		const struct kk_plan_edge *edge = &graph->edge[i];
		text = harness_text("%s%s%s/%u>%s/%u", text, i ? " " : "", graph->stage[edge->stage]->name.text,
		                    edge->lane, graph->stage[edge->to]->name.text, edge->to_lane);
	}
	return text;
}

/* `largest`: of the payloads that every stage but the source may make. */
static void expect_with(const char *text, uint64_t largest, unsigned lanes, const char *edges)
{
	struct parsed parsed;
	struct kk_graph graph;

	parsed_config(&parsed, text);
	for (size_t i = 0; i < parsed.config->stage_count; i++)
		parsed.config->stages[i].demand.largest = largest;
	assert_int_equal(kk_graph_make(parsed.config, &graph, parsed.diagnostics), KK_OK);
	assert_string_equal(parsed_messages(&parsed), "");
	assert_string_equal(edges_text(&graph), edges);
	assert_int_equal(graph.lanes, lanes);
	parsed_free(&parsed);
}

static void expect(const char *text, unsigned lanes, const char *edges)
{
	expect_with(text, 0, lanes, edges);
}

static void test_line(void **state)
{
	(void)state;
	expect(HEAD "- { name: a, use: transform }\n- { name: b, use: sink }\n", 1, "src/0>a/0 a/0>b/0");
	expect(HEAD "- { name: a, use: transform }\n", 1, "src/0>a/0");
}

static void test_branches(void **state)
{
	(void)state;
	expect(HEAD "- { name: a, use: transform }\n"
	            "- { name: b, use: sink }\n"
	            "- { name: c, use: sink, from: a }\n"
	            "- { name: d, use: sink, from: src }\n",
	       3, "src/0>a/0 src/0>d/1 a/0>b/0 a/0>c/2");
}

/* Both ways of an item enter a stage that joins them, and go on from there. */
static void test_join(void **state)
{
	(void)state;
	expect(HEAD "- { name: a, use: transform }\n"
	            "- { name: b, use: transform, from: src }\n"
	            "- { name: c, use: transform, from: [a, b] }\n"
	            "- { name: d, use: sink }\n"
	            "- { name: e, use: sink, from: c }\n",
	       4, "src/0>a/0 src/0>b/1 a/0>c/0 b/1>c/1 c/0>d/0 c/0>e/2 c/1>d/1 c/1>e/3");
}

/* The order of the file does not matter where `from:` says it. */
static void test_order(void **state)
{
	(void)state;
	expect(HEAD "- { name: z, use: sink, from: a }\n"
	            "- { name: a, use: transform, from: b }\n"
	            "- { name: b, use: transform, from: src }\n",
	       1, "src/0>b/0 b/0>a/0 a/0>z/0");
}

/* One stands behind the stage itself; if payloads are made on the way there, also behind all that mix items, and in
 * front of joins. */
static void test_ordering(void **state)
{
	static const char line[] = HEAD "- { name: a, use: flight }\n"
	                                "- { name: b, use: transform }\n"
	                                "- { name: c, use: transform, workers: 2, order: true }\n"
	                                "- { name: d, use: transform, workers: 2 }\n";
	static const char join[] = HEAD "- { name: a, use: transform, workers: 2 }\n"
	                                "- { name: b, use: transform, from: src }\n"
	                                "- { name: c, use: transform, from: [a, b], order: true }\n"
	                                "- { name: d, use: sink, from: b }\n";

	(void)state;
	expect(line, 1, "src/0>a/0 a/0>b/0 b/0>c/0 c/0>c:order/0 c:order/0>d/0");
	expect_with(line, 1, 1, "src/0>a/0 a/0>a:order/0 a:order/0>b/0 b/0>c/0 c/0>c:order/0 c:order/0>d/0");
	expect(join, 3, "src/0>a/0 src/0>b/1 a/0>c/0 b/1>c/1 b/1>d/2 c/0>c:order/0 c/1>c:order/1");
	expect_with(join, 1, 3,
	            "src/0>a/0 src/0>b/1 a/0>a:order/0 a:order/0>c:join/0 b/1>c:join/1 b/1>d/2 c:join/0>c/0 "
	            "c:join/1>c/1 c/0>c:order/0 c/1>c:order/1");
}

static void test_sixteen_ways(void **state)
{
	char *text = HEAD;

	(void)state;
	for (unsigned i = 0; i < KK_PLAN_MAX_LANES; i++)
		text = harness_text("%s- { name: s%u, use: sink, from: src }\n", text, i);
	struct parsed parsed;
	struct kk_graph graph;
	parsed_config(&parsed, text);
	assert_int_equal(kk_graph_make(parsed.config, &graph, parsed.diagnostics), KK_OK);
	assert_int_equal(graph.lanes, KK_PLAN_MAX_LANES);
	parsed_free(&parsed);
	text = harness_text("%s- { name: more, use: sink, from: src }\n", text);
	parsed_config(&parsed, text);
	assert_int_equal(kk_graph_make(parsed.config, &graph, parsed.diagnostics), KK_ERR_INVALID);
	assert_non_null(strstr(parsed_messages(&parsed), "t:20:34: error: at stage \"more\""));
	parsed_free(&parsed);
}

struct wrong {
	const char *text, *says;
};

static void test_mistakes(void **state)
{
	static const struct wrong rows[] = {
	    {HEAD "- { name: a, use: transform, from: b }\n- { name: b, use: transform, from: a }\n",
	     "t:4:36: error: the stages read from each other in a circle: a -> b -> a\n"},
	    {HEAD "- { name: a, use: transform, from: a }\n", "t:4:36: error: stage \"a\" reads from itself\n"},
	    {HEAD "- { name: a, use: sink }\n- { name: b, use: sink }\n",
	     "t:5:3: error: stage \"b\" stands below \"a\""},
	    {HEAD "- { name: a, use: sink }\n- { name: b, use: sink, from: a }\n",
	     "t:5:31: error: \"from\" of stage \"b\""},
	    {HEAD "- { name: a, use: transform, from: sre }\n", "did you mean \"src\"?"},
	    {HEAD "- { name: src, use: sink }\n",
	     "t:4:11: error: two stages are called \"src\"; the other one is on line 2\n"},
	    {HEAD "- { name: a, use: sink, order: true }\n",
	     "t:4:32: error: \"order\": stage \"a\" is a sink, nothing comes out of it"},
	    {HEAD "- { name: a, use: source }\n", "t:4:19: error: \"source\" is a source"},
	    {"pipeline: x\nsource: { use: sink, workers: 1 }\nstages: [ use: sink ]\n",
	     "t:2:16: error: \"sink\" is a sink"},
	    {"pipeline: x\nsource: { use: source, workers: 3 }\nstages: [ use: sink ]\n",
	     "t:2:33: error: a source has 1 worker"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed parsed;
		struct kk_graph graph;
		parsed_config(&parsed, rows[i].text);
		if (kk_graph_make(parsed.config, &graph, parsed.diagnostics) != KK_ERR_INVALID ||
		    !strstr(parsed_messages(&parsed), rows[i].says))
			fail_msg("%s says %s", rows[i].text, parsed_messages(&parsed));
		parsed_free(&parsed);
	}
}

static void test_too_many_stages(void **state)
{
	char *text = HEAD;
	struct parsed parsed;
	struct kk_graph graph;

	(void)state;
	for (unsigned i = 0; i < KK_PLAN_MAX_STAGES - 1; i++)
		text = harness_text("%s- { name: s%u, use: transform }\n", text, i);
	parsed_config(&parsed, text);
	assert_int_equal(kk_graph_make(parsed.config, &graph, parsed.diagnostics), KK_OK);
	assert_int_equal(graph.stage_count, KK_PLAN_MAX_STAGES);
	parsed_free(&parsed);
	text = harness_text("%s- { name: more, use: transform }\n", text);
	parsed_config(&parsed, text);
	assert_int_equal(kk_graph_make(parsed.config, &graph, parsed.diagnostics), KK_ERR_INVALID);
	parsed_free(&parsed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_line),     cmocka_unit_test(test_branches),        cmocka_unit_test(test_join),
    cmocka_unit_test(test_order),    cmocka_unit_test(test_ordering),        cmocka_unit_test(test_sixteen_ways),
    cmocka_unit_test(test_mistakes), cmocka_unit_test(test_too_many_stages),
};
HARNESS_MAIN(tests)
