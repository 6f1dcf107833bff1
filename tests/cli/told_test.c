/* SPDX-License-Identifier: Apache-2.0 */
/* What the program tells of a config without running it - the effective config, the plan, the drawing - and how the
 * command line and secrets get into it and do not get out of it. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KAKEHI KAKEHI_BUILD_DIR "/kakehi"

enum { USAGE = 2, IO = 74, WRONG = 78 };

/* Runs a shell's command line in the test's directory; $K is the program. */
static struct harness_result shell(const char *command)
{
	const char *const argv[] = {"/bin/bash", "-c", command, NULL};
	const char *const env[] = {"K=" KAKEHI, "KAKEHI_STAGES=" PROBE_DIR, NULL};

	return harness_exec(argv, &(struct harness_options){.env = env});
}

static void expect(const struct harness_result *result, int code, const char *says)
{
	if (result->exit_code != code || (says && !strstr(result->out, says) && !strstr(result->err, says)))
		fail_msg("exit %d, wanted %d and \"%s\":\n%s%s", result->exit_code, code, says ? says : "", result->out,
		         result->err);
}

static const char plain[] = "pipeline: told\n"
                            "memory: 64MiB\n"
                            "source: { use: generate, with: { count: 3 } }\n"
                            "stages:\n"
                            "  - { name: one, use: probe, with: { word: \"a: b\", list: [x, y z] } }\n"
                            "  - { name: v1.2, use: discard, when: n >= 1 }\n";

static void write_plain(void)
{
	harness_write_text(harness_path("c.yaml"), "%s", plain);
}

/* ---- --set */

static void test_set(void **state)
{
	static const struct {
		const char *set, *says;
	} right[] = {{"memory=96MiB", "memory: 96MiB\n"},
	             {"stages.one.workers=3", "workers: 3\n"},
	             {"stages.one.with.word=", NULL},
	             {"stages.v1.2.with.verify=true", "verify: true\n"},
	             {"stages.one.with.list=[p, \"q: r\"]", "- p\n        - \"q: r\"\n"},
	             {"errors.attempts=7", "attempts: 7\n"},
	             {"shared.n.type=value", "shared:\n  n:\n    type: value\n"},
	             {"source.with.count=1 --set source.with.count=2", "count: 2\n"}};

	(void)state;
	write_plain();
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct harness_result result =
		    shell(harness_text(i == 4 ? "$K config c.yaml --set 'stages.one.with.list=[p, \"q: r\"]'"
		                              : "$K config c.yaml --set %s",
		                       right[i].set));
		expect(&result, right[i].says ? 0 : WRONG, right[i].says);
	}
}

static void test_set_mistakes(void **state)
{
	static const struct {
		const char *set, *says;
	} wrong[] = {
	    {"memory=64", "--set:1:8: error: \"memory\": 64 is out of range"},
	    {"memory=64MiB --set stages.noe.workers=2", "--set:2:8: error: there is no stage \"noe\"\n"},
	    {"stages.noe.workers=2", "did you mean \"one\"?"},
	    {"stages.one.with.wrod=x", "--set:1:17: error: stage \"one\": unknown option \"wrod\""},
	    {"stages.one.with.number=9", "--set:1:24: error: stage \"one\": option \"number\": 9 is out of range"},
	    {"memory.x=3", "--set:1:8: error: there is no \"x\": what it would be in is not a map"},
	    {"stages=none", "--set:1:8: error: \"stages\" must be a list"},
	    {"stages.one.with.list=[x", "--set:1:22: error: "},
	    {"=3", "--set:1:1: error: this is not PATH=VALUE"},
	    {"memory=\\${file:none}", "--set:1:8: error: cannot read the secret file none: No such file"},
	};

	(void)state;
	write_plain();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct harness_result result = shell(harness_text("$K validate c.yaml --set %s", wrong[i].set));
		expect(&result, WRONG, wrong[i].says);
	}
	struct harness_result result = shell("$K validate c.yaml --set memory");
	expect(&result, USAGE, "--set is PATH=VALUE");
}

/* ---- secrets */

static const char secret[] = "pipeline: told\n"
                             "source: { use: generate, with: { count: 3 } }\n"
                             "stages:\n"
                             "  - name: one\n"
                             "    use: probe\n"
                             "    with: { token: \"x-${file:tok}\", word: http://me:mine@host/?token=tick, %s }\n"
                             "  - { name: end, use: discard }\n";

static void write_secret(const char *more, unsigned mode)
{
	harness_write_text(harness_path("c.yaml"), secret, more);
	harness_write_text(harness_path("tok"), "hunter2hunter2hunter2\n");
	assert_int_equal(chmod(harness_path("tok"), mode), 0);
}

static void expect_hidden(const struct harness_result *result)
{
	static const char *const secrets[] = {"hunter", "mine", "tick"};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (strstr(result->out, secrets[i]) || strstr(result->err, secrets[i]))
			fail_msg("shows %s:\n%s%s", secrets[i], result->out, result->err);
	}
}

static void test_secrets_are_hidden(void **state)
{
	static const char *const more[] = {"nubmer: 3", "number: \"${file:tok}\"", "act: \"${file:tok}\"",
	                                   "flag: \"a${file:tok}\"", "list: [\"${file:tok}\"], ratio: 3"};

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		write_secret(more[i], 0600);
		struct harness_result result = shell("$K validate c.yaml");
		expect(&result, WRONG, "c.yaml:6:");
		expect_hidden(&result);
	}
	/* also where the stage and so its options are not known */
	struct harness_result result = shell("sed -i 's/use: probe/use: prob/; s/x-.{file:tok}/hunter/' c.yaml; "
	                                     "$K validate c.yaml --set stages.one.with.token=3");
	expect(&result, WRONG, "there is no stage \"prob\"");
	expect_hidden(&result);
}

static void test_secret_in_the_effective_config(void **state)
{
	(void)state;
	write_secret("number: 3", 0600);
	struct harness_result result = shell("$K config c.yaml");
	expect(&result, 0, "token: \"***\"  # secret\n");
	expect_hidden(&result);
	result = shell("$K config c.yaml --set 'stages.one.with.token=${file:tok}'");
	expect(&result, 0, "token: \"${file:tok}\"\n");
	expect_hidden(&result);
	assert_string_equal(result.err, "");
}

static void test_secret_for_everybody(void **state)
{
	(void)state;
	write_secret("number: 3", 0644);
	struct harness_result result = shell("$K validate c.yaml");
	expect(&result, 0, "c.yaml:6:20: warning: everybody on this machine can read the secret file tok: chmod 600");
	expect_hidden(&result);
}

/* ---- where a config comes from */

static void test_pipes(void **state)
{
	(void)state;
	write_plain();
	struct harness_result result = shell("$K validate - <c.yaml");
	expect(&result, 0, "<stdin>: ok: ");
	result = shell("cat c.yaml | $K validate /dev/stdin");
	expect(&result, 0, "/dev/stdin: ok: ");
	result = shell("cat c.yaml | $K run --quiet -");
	expect(&result, 0, NULL);
	result = shell("sed 's/told/a b/' c.yaml | $K validate -");
	expect(&result, WRONG, "<stdin>:1:11: error: \"a b\" is not a name");
	result = shell("$K validate .");
	expect(&result, WRONG, ".: error: cannot read the config: Is a directory");
	result = shell("$K validate /dev/zero");
	expect(&result, WRONG, "/dev/zero: error: the file is larger than 1 MiB");
	result = shell("head -c 1100000 /dev/zero | tr '\\0' '#' | $K validate -");
	expect(&result, WRONG, "<stdin>: error: the file is larger than 1 MiB");
}

/* ---- what is told */

static void test_effective_config(void **state)
{
	(void)state;
	write_plain();
	struct harness_result one = shell("$K config c.yaml"), two = shell("$K config c.yaml | $K config -");
	expect(&one, 0, "  workers: 1                            # default\n");
	expect(&two, 0, "word: \"a: b\"\n");
	/* the same again, but that nothing is a default any more */
	one = shell(
	    "$K config c.yaml | sed 's/ *# .*//' >one; $K config c.yaml | $K config - | sed 's/ *# .*//' | diff one -");
	expect(&one, 0, NULL);
	one = shell("$K run -n c.yaml | tail -n +2 >one; $K config c.yaml | $K run -n - | tail -n +2 | diff one -");
	expect(&one, 0, NULL);
}

static void test_plan(void **state)
{
	(void)state;
	write_plain();
	struct harness_result result = shell("$K run -n --limit 5 --shard 2/3 --only k c.yaml; ls");
	expect(&result, 0, "items: all of \"source\", only k, part 2 of 3, the first 5; ");
	expect(&result, 0, "one when n >= 1\n");
	expect(&result, 0, "\nc.yaml\n");
	result = shell("$K run --shard 4/3 c.yaml");
	expect(&result, USAGE, "--shard is one part of several");
	result = shell("$K run --only= c.yaml");
	expect(&result, USAGE, "--only is the key");
}

static void test_graph(void **state)
{
	static const char expected[] = "\t\"source\" [shape=parallelogram, label=\"source\\ngenerate x 1\"];\n"
	                               "\t\"one\" [shape=box, label=\"one\\nprobe x 1\"];\n"
	                               "\t\"v1.2\" [shape=cylinder, label=\"v1.2\\ndiscard x 1\"];\n"
	                               "\t\"source\" -> \"one\";\n"
	                               "\t\"one\" -> \"v1.2\" [style=dashed, label=\"n >= 1\"];\n"
	                               "}\n";

	(void)state;
	write_plain();
	struct harness_result result = shell("$K graph c.yaml");
	expect(&result, 0, expected);
}

static void test_init(void **state)
{
	(void)state;
	struct harness_result result =
	    shell("$K init new && cd new && $K run --quiet kakehi.yaml && cat out/first.txt");
	expect(&result, 0, "An item.");
	result = shell("echo mine >new/kakehi.yaml; $K init new; echo $?; cat new/kakehi.yaml");
	expect(&result, 0, "74\nmine\n");
	expect(&result, 0, "kakehi init: cannot write new/kakehi.yaml: File exists");
}

static void test_options(void **state)
{
	(void)state;
	write_plain();
	struct harness_result result = shell("$K run --limti 3 c.yaml");
	expect(&result, USAGE, "did you mean \"--limit\"?");
	result = shell("$K run --limit");
	expect(&result, USAGE, "--limit needs its N");
	result = shell("$K run --quiet=1 c.yaml");
	expect(&result, USAGE, "--quiet takes no value");
	result = shell("$K run --limit=0 c.yaml");
	expect(&result, USAGE, "--limit is a number of items from 1, not \"0\"");
	result = shell("$K run c.yaml d.yaml");
	expect(&result, USAGE, "unexpected argument \"d.yaml\"");
	result = shell("$K validate -- --c.yaml");
	expect(&result, WRONG, "--c.yaml: error: cannot read the config");
	result = shell("$K help confgi");
	expect(&result, USAGE, "did you mean \"config\"?");
	result = shell("$K help config");
	expect(&result, 0, "\n  memory: size, 1MiB to 1TiB; default 512MiB\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_set),
    cmocka_unit_test(test_set_mistakes),
    cmocka_unit_test(test_secrets_are_hidden),
    cmocka_unit_test(test_secret_in_the_effective_config),
    cmocka_unit_test(test_secret_for_everybody),
    cmocka_unit_test(test_pipes),
    cmocka_unit_test(test_effective_config),
    cmocka_unit_test(test_plan),
    cmocka_unit_test(test_graph),
    cmocka_unit_test(test_init),
    cmocka_unit_test(test_options),
};
HARNESS_MAIN(tests)
