/* SPDX-License-Identifier: Apache-2.0 */
/* Every config of configs/ runs as it stands, but for where its servers and files are, and says what its schema says.
 */
#include "harness.h"
#include "server.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KAKEHI  KAKEHI_BUILD_DIR "/kakehi"
#define CONFIGS KAKEHI_SOURCE_DIR "/configs"
#define COUNT   4u
#define LOCAL   "stages.fetch.with.allow_networks=127.0.0.0/8"

/* How a config is run, and how many files each of its folders has then. */
struct trial {
	const char *config;
	const char *sets[6];
	struct {
		const char *folder;
		unsigned count;
	} outputs[3];
	const char *says; /* on stderr, besides the account; or NULL */
};

static const struct trial trials[] = {
    {"photos", {LOCAL}, {{"out", COUNT}}, NULL},
    {"demo",
     {"source.with.path=urls.txt", "stages.store.with.to=out/{name}.jpg", "errors.file=errors.ndjson"},
     {{"out", COUNT}},
     NULL},
    {"sizes", {LOCAL}, {{"out/large", COUNT}, {"out/small", COUNT}}, NULL},
    {"conditions", {LOCAL}, {{"out/large", COUNT}}, NULL},
    {"archive", {LOCAL}, {{"archive", COUNT}, {"thumbnails", COUNT}}, NULL},
    {"exec", {"source.with.paths=in"}, {{"out", 2}}, NULL},
    {"records", {LOCAL}, {{"out/sea", COUNT}}, NULL},
    {"table", {LOCAL}, {{"out", COUNT}}, NULL},
    {"folder", {"source.with.paths=photos"}, {{"out", 2}}, NULL},
    {"duplicates", {LOCAL, "source.with.path=twice.txt"}, {{"out", 1}}, "skipped 1"},
    {"duplicates", {LOCAL, "source.with.path=twice.txt", "source.duplicates=keep"}, {{"out", 2}}, "skipped 0"},
    {"put", {LOCAL}, {{"put", COUNT}}, NULL},
    {"plugin", {NULL}, {{"out", 2}}, "bytes"},
    {"stdin", {LOCAL}, {{"out", COUNT}}, NULL},
};

static void copy_photo(const char *name)
{
	size_t size;
	char *bytes = harness_read(harness_text(PHOTOS "/%s", name), &size);

	harness_write(harness_path("photos/%s", name), bytes, size);
}

/* What the configs read. */
static void write_inputs(struct harness_server *origin)
{
	unsigned port = harness_server_port(origin);
	char *records = harness_text("%s", ""), *table = harness_text("url,title\n");

	origin_urls(origin, COUNT, "photo/%u");
	for (unsigned i = 0; i < COUNT; i++) {
		records =
		    harness_text("%s{\"url\": \"http://127.0.0.1:%u/photo/%u\", \"album\": \"sea\", \"nr\": %u}\n",
		                 records, port, i, i);
		table = harness_text("%shttp://127.0.0.1:%u/photo/%u,\"Photo, %u\"\n", table, port, i, i);
	}
	harness_write_text(harness_path("records.ndjson"), "%s", records);
	harness_write_text(harness_path("photos.csv"), "%s", table);
	harness_write_text(harness_path("twice.txt"), "http://127.0.0.1:%u/photo/1\nhttp://127.0.0.1:%u/photo/1\n",
	                   port, port);
	harness_make_dir(harness_path("in"));
	harness_write_text(harness_path("in/a.txt"), "pear\napple\n");
	harness_write_text(harness_path("in/b.txt"), "plum\n");
	harness_make_dir(harness_path("photos"));
	copy_photo("Aqua.jpg");
	copy_photo("Storm.jpg");
	harness_write_text(harness_path("token"), "no-secret\n");
	assert_int_equal(chmod(harness_path("token"), 0600), 0);
}

static void run_trial(const struct trial *trial, unsigned port)
{
	const char *argv[24] = {KAKEHI, "run", harness_text(CONFIGS "/%s.yaml", trial->config)};
	const char *env[] = {harness_text("TARGET=http://127.0.0.1:%u/put", port),
	                     "TALLY=" KAKEHI_BUILD_DIR "/examples/tally.so", NULL};
	size_t argc = 3;

	for (size_t i = 0; i < 6 && trial->sets[i]; i++) {
		argv[argc++] = "--set";
		argv[argc++] = trial->sets[i];
	}
	const char *input = harness_read(harness_path("urls.txt"), NULL);
	struct harness_result result =
	    harness_exec(argv, &(struct harness_options){.dir = harness_dir(), .env = env, .input = input});
	if (result.exit_code != 0)
		fail_msg("%s: exit %d: %s", trial->config, result.exit_code, result.err);
	if (trial->says && !strstr(result.err, trial->says))
		fail_msg("%s does not say \"%s\" but: %s", trial->config, trial->says, result.err);
	for (size_t i = 0; i < 3 && trial->outputs[i].folder; i++) {
		size_t count = harness_count_files(harness_path("%s", trial->outputs[i].folder));
		if (count != trial->outputs[i].count)
			fail_msg("%s: %zu files in %s: %s", trial->config, count, trial->outputs[i].folder, result.err);
	}
}

static void clear_outputs(void)
{
	const char *const argv[] = {"/bin/rm", "-rf", "out", "dead", "archive", "thumbnails", NULL};

	assert_int_equal(harness_exec(argv, &(struct harness_options){.dir = harness_dir()}).exit_code, 0);
}

static void test_configs_run(void **state)
{
	struct harness_server *origin = origin_start();

	(void)state;
	write_inputs(origin);
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		run_trial(&trials[i], harness_server_port(origin));
		clear_outputs();
	}
	harness_server_stop(origin);
}

/* A config that nobody runs above would rot. */
static void test_all_are_run(void **state)
{
	DIR *dir = opendir(CONFIGS);
	struct dirent *entry;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *suffix = strrchr(entry->d_name, '.');
		bool found = !suffix || strcmp(suffix, ".yaml") != 0;
		for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
			found |= strncmp(entry->d_name, trials[i].config, strlen(trials[i].config)) == 0;
		if (!found)
			fail_msg("no test runs configs/%s", entry->d_name);
	}
	closedir(dir);
}

static int check_schema(const char *wanted, const char *const *names, const char *folder)
{
	const char *argv[64] = {"/usr/bin/python3", KAKEHI_SOURCE_DIR "/tests/cli/schema.py",
	                        harness_path("schema.json"), wanted};
	size_t argc = 4;

	for (; *names; names++)
		argv[argc++] = harness_text("%s/%s.yaml", folder, *names);
	struct harness_result result = harness_exec(argv, NULL);
	if (result.exit_code != 0)
		print_error("%s%s", result.out, result.err);
	return result.exit_code;
}

static void test_schema(void **state)
{
	static const char *const wrong[] = {"attempts",        "bad-duration",   "bad-name",       "bad-number",
	                                    "bad-size",        "duplicates",     "from-nobody",    "manifest-format",
	                                    "many-mistakes",   "missing-field",  "no-stages",      "not-a-map",
	                                    "option-form",     "option-missing", "option-range",   "option-word",
	                                    "power-of-two",    "shared",         "unit",           "source-as-stage",
	                                    "stage-as-source", "unknown-field",  "unknown-option", "unknown-stage",
	                                    "when-source",     "with-not-a-map", "wrong-form",     NULL};
	static const char *const subtle[] = {"circle", "same-name", "memory-too-small", NULL};
	const char *const argv[] = {KAKEHI, "schema", NULL};
	const char *right[sizeof(trials) / sizeof(trials[0]) + 1] = {NULL};
	struct harness_result schema = harness_exec(argv, NULL);

	(void)state;
	assert_int_equal(schema.exit_code, 0);
	harness_write_text(harness_path("schema.json"), "%s", schema.out);
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		right[i] = trials[i].config;
	assert_int_equal(check_schema("accept", right, CONFIGS), 0);
	assert_int_equal(check_schema("reject", wrong, CONFIGS "/broken"), 0);
	/* what only the parts together get wrong is beyond a schema: and the check itself can fail */
	assert_int_equal(check_schema("accept", subtle, CONFIGS "/broken"), 0);
	assert_int_equal(check_schema("reject", subtle, CONFIGS "/broken"), 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_configs_run),
    cmocka_unit_test(test_all_are_run),
    cmocka_unit_test(test_schema),
};
HARNESS_MAIN(tests)
