/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand items such as the web is made of: every one is accounted for, and no host gets more than its share. */
#include "pipeline.h"
#include "server.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 10000, HOSTS = 100, RETRIES = 2, PER_HOST = 4, LATE_MOST = 20, LIMIT_MS = 150000 };

/* A line of the mix. */
struct line {
	const char *url, *expected;
	char *host, *path; /* "NAME:PORT"; without its query */
	bool asked;        /* the origin hears of it         */
};

struct mix {
	struct line line[ITEMS];
};

/* ---- the origin */

/* Photographs of a size that is usual on the web, so that not the machine but the mix is what counts. */
static struct harness_server *start_origin(void)
{
	const char *const argv[] = {KAKEHI_BUILD_DIR "/tests/bin/kakehi-origin", "--photos", harness_path("photos"),
	                            NULL};
	struct run run;

	pipeline_config("pipeline: small\nmemory: 128MiB\n"
	                "source: { use: files, with: { paths: [" PHOTOS "], include: [\"*.jpg\"] } }\n"
	                "stages:\n"
	                "  - { name: thumb, use: resize, heap: 32MiB, with: { width: 320, height: 320 } }\n"
	                "  - { name: store, use: upload, with: { to: \"photos/{name}.jpg\" } }\n");
	run = pipeline_run();
	pipeline_expect(&run, 0, photo_count(), 0);
	return harness_server_start(argv);
}

static json_t *stats_of(struct harness_server *origin)
{
	json_t *stats = json_loads(origin_ask(origin, "/-/stats"), 0, NULL);

	assert_non_null(stats);
	return stats;
}

static unsigned long stat_of(const json_t *stats, const char *group, const char *name, const char *member)
{
	const json_t *value = json_object_get(json_object_get(stats, group), name);

	return (unsigned long)json_integer_value(member ? json_object_get(value, member) : value);
}

/* ---- the mix */

static void split(struct line *line, char *text)
{
	const char *authority, *path;

	line->url = text;
	text = strchr(text, '\t');
	assert_non_null(text);
	*text = '\0';
	line->expected = text + 1;
	authority = strstr(line->url, "://") + 3;
	path = strchr(authority, '/');
	line->host = harness_text("%.*s", (int)(path - authority), authority);
	line->path = harness_text("%.*s", (int)strcspn(path, "?"), path);
	line->asked = *authority == 'h';
}

/* Writes urls.txt, too. */
static struct mix *load_mix(struct harness_server *origin)
{
	struct mix *mix = harness_keep(calloc(1, sizeof(*mix)));
	char *at = origin_ask(origin, harness_text("/-/mix?count=%d&hosts=%d", ITEMS, HOSTS));
	FILE *urls = fopen(harness_path("urls.txt"), "we");

	assert_non_null(urls);
	for (size_t i = 0; i < ITEMS; i++) {
		char *end = strchr(at, '\n');

		assert_non_null(end);
		*end = '\0';
		split(&mix->line[i], at);
		fprintf(urls, "%s\n", mix->line[i].url);
		at = end + 1;
	}
	assert_int_equal(fclose(urls), 0);
	return mix;
}

static size_t expected_to_be(const struct mix *mix, const char *what)
{
	size_t count = 0;

	for (size_t i = 0; i < ITEMS; i++)
		count += strcmp(mix->line[i].expected, what) == 0;
	return count;
}

static void config_mix(struct harness_server *origin, const char *errors)
{
	pipeline_config("pipeline: web\nmemory: 384MiB\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - name: fetch\n"
	                "    use: download\n"
	                "    workers: 2\n"
	                "    with:\n"
	                "      in_flight: 64\n"
	                "      per_host: %d\n"
	                "      retries: %d\n"
	                "      retry_delay: 200ms\n"
	                "      timeout: 10s\n"
	                "      connect_timeout: 10s\n"
	                "      low_speed_time: 3s\n"
	                "      max_bytes: 1100KiB\n" /* more than what drips says it will be */
	                "      allow_networks: [127.0.0.0/8]\n"
	                "      nameservers: [\"127.0.0.1:%u\"]\n"
	                "  - { name: thumb, use: resize, workers: 2, heap: 18MiB, with: { width: 96, height: 96 } }\n"
	                "  - { name: store, use: upload, workers: 2, with: { to: \"out/{id}.jpg\" } }\n"
	                "errors: { file: errors.ndjson%s }\n",
	                PER_HOST, RETRIES, harness_server_port(origin), errors);
}

/* errors.ndjson as an object, by key; each key once. */
static json_t *load_errors(void)
{
	json_t *errors = json_object(), *line;
	FILE *file = fopen(harness_path("errors.ndjson"), "re");

	assert_non_null(file);
	while ((line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
		const char *key = json_string_value(json_object_get(line, "key"));

		if (!key || json_object_get(errors, key))
			fail_msg("%s stands there twice", key ? key : "an item without a key");
		json_object_set_new(errors, key, line);
	}
	fclose(file);
	return errors;
}

/* ---- what became of them */

static void check_class(const struct line *line, const json_t *errors)
{
	const json_t *error = json_object_get(errors, line->url);
	const char *class = error ? json_string_value(json_object_get(error, "class")) : "ok";
	const char *stage = error ? json_string_value(json_object_get(error, "stage")) : "";
	bool decode = strcmp(line->expected, "decode") == 0;

	if (strcmp(class, decode ? "not-an-image" : line->expected) != 0 ||
	    (error && strcmp(stage, decode ? "thumb" : "fetch") != 0))
		fail_msg("%s: expected %s, got %s in %s", line->url, line->expected, class, stage);
}

static bool is_one_of(const char *what, const char *const *list)
{
	while (*list && strcmp(*list, what) != 0)
		list++;
	return *list != NULL;
}

/* What passes is asked for again, as often as the config says; what does not, never. Returns false if there were more
 * requests than that, but not more than tries: on a machine that is very busy, anything may be late once. */
static bool check_requests(const struct line *line, const json_t *stats)
{
	static const char *const passing[] = {"aborted", "timeout", "slow", "http-5xx", "http-429", NULL};
	unsigned long requests = stat_of(stats, "paths", line->path, NULL), expected = 1;

	if (is_one_of(line->expected, passing))
		expected = 1 + RETRIES;
	else if (strncmp(line->path, "/flaky/", 7) == 0 || strncmp(line->path, "/429/", 5) == 0)
		expected = 2;
	if (line->asked && (requests < 1 || requests > 1 + RETRIES))
		fail_msg("%s was asked for %lu times, not %lu", line->url, requests, expected);
	return !line->asked || requests == expected;
}

/* Of answers that were cut off by us the origin may learn late: hosts that gave one are not judged. */
static void check_hosts(const struct mix *mix, const json_t *stats)
{
	static const char *const cut_off[] = {"timeout", "slow", "too-large", "opted-out", NULL};
	bool unclear[HOSTS] = {false};
	size_t judged = 0;

	for (size_t i = 0; i < ITEMS; i++)
		unclear[i % HOSTS] |= is_one_of(mix->line[i].expected, cut_off);
	for (size_t i = 0; i < ITEMS; i++) {
		const struct line *line = &mix->line[i];

		if (!line->asked || unclear[i % HOSTS])
			continue;
		assert_in_range(stat_of(stats, "hosts", line->host, "most"), 1, PER_HOST);
		judged++;
	}
	assert_in_range(judged, ITEMS / 10, ITEMS);
}

static void test_mix(void **state)
{
	struct harness_server *origin = start_origin();
	struct mix *mix = load_mix(origin);
	size_t good = expected_to_be(mix, "ok"), late = 0;
	json_t *stats, *errors;
	struct run run;

	(void)state;
	config_mix(origin, "");
	run = pipeline_end(pipeline_start(LIMIT_MS));
	pipeline_expect(&run, 1, good, ITEMS - good);
	assert_int_equal(run.in, ITEMS);
	assert_int_equal(run.deaths, 0);
	assert_int_equal(harness_count_files(harness_path("out")), good);
	errors = load_errors();
	assert_int_equal(json_object_size(errors), ITEMS - good);
	stats = stats_of(origin);
	for (size_t i = 0; i < ITEMS; i++) {
		check_class(&mix->line[i], errors);
		late += !check_requests(&mix->line[i], stats);
	}
	assert_in_range(late, 0, LATE_MOST);
	check_hosts(mix, stats);
	json_decref(errors);
	json_decref(stats);
	harness_server_stop(origin);
}

/* ---- stopping when too much fails */

static void test_max_failures(void **state)
{
	static const char *const limits[] = {", max_failures: 100", ", max_failures: 10%"};
	struct harness_server *origin = start_origin();
	struct mix *mix = load_mix(origin);
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		config_mix(origin, limits[i]);
		pipeline_add(harness_text("shutdown_timeout: 60s\n"));
		run = pipeline_end(pipeline_start(LIMIT_MS));
		assert_int_equal(run.exit_code, 1);
		assert_int_equal(run.deaths, 0);
		assert_non_null(strstr(run.err, "max_failures"));
		assert_non_null(strstr(harness_json(run.end, "reason"), "max_failures"));
		assert_in_range(run.in, 100, ITEMS - 1);
		assert_in_range(run.failed, run.done / 10 < 100 ? run.done / 10 : 100,
		                ITEMS - expected_to_be(mix, "ok"));
		assert_int_equal(harness_count_lines(harness_read(harness_path("errors.ndjson"), NULL)), run.failed);
		assert_in_range(harness_count_files(harness_path("out")), run.done, ITEMS);
	}
	harness_server_stop(origin);
}

/* ---- what hosts get */

/* `count` URLs of the same path, in turn at `hosts` hosts. */
static void list_urls(struct harness_server *origin, unsigned count, unsigned hosts, const char *path)
{
	FILE *urls = fopen(harness_path("urls.txt"), "we");

	assert_non_null(urls);
	for (unsigned i = 0; i < count; i++)
		fprintf(urls, "http://h%u.mix.test:%u/%s&n=%u\n", i % hosts, harness_server_port(origin), path, i);
	assert_int_equal(fclose(urls), 0);
}

static void config_hosts(struct harness_server *origin, unsigned workers, const char *limits)
{
	pipeline_config("pipeline: hosts\nmemory: 256MiB\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - name: fetch\n"
	                "    use: download\n"
	                "    workers: %u\n"
	                "    with: { in_flight: 32, max_bytes: 256KiB, allow_networks: [127.0.0.0/8], %s,\n"
	                "            nameservers: [\"127.0.0.1:%u\"] }\n"
	                "  - { name: end, use: discard }\n"
	                "errors: { file: errors.ndjson }\n",
	                workers, limits, harness_server_port(origin));
}

static char *host_name(struct harness_server *origin, unsigned host)
{
	return harness_text("h%u.mix.test:%u", host, harness_server_port(origin));
}

static void test_requests_at_once(void **state)
{
	enum { COUNT = 600, AT = 5, LIMIT = 3 };
	struct harness_server *origin = start_origin();
	struct run run;
	json_t *stats;

	(void)state;
	list_urls(origin, COUNT, AT, "delay/1?ms=20");
	config_hosts(origin, 3, "per_host: 3");
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	stats = stats_of(origin);
	for (unsigned i = 0; i < AT; i++) {
		assert_int_equal(stat_of(stats, "hosts", host_name(origin, i), "requests"), COUNT / AT);
		/* And it is made use of. */
		assert_int_equal(stat_of(stats, "hosts", host_name(origin, i), "most"), LIMIT);
	}
	json_decref(stats);
	harness_server_stop(origin);
}

/* Within any second arrive at most those that were admitted in it, and one that was admitted before and is on its way:
 * with one request at a time there cannot be more of those, however slow the machine. */
static void test_requests_a_second(void **state)
{
	enum { COUNT = 180, AT = 4, RATE = 15 };
	struct harness_server *origin = start_origin();
	struct run run;
	json_t *stats;

	(void)state;
	list_urls(origin, COUNT, AT, "photo/1?");
	config_hosts(origin, 2, "per_host: 1, per_host_rate: 15");
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	assert_in_range(run.ms, (COUNT / AT - 1) * 1000 / RATE, LIMIT_MS);
	stats = stats_of(origin);
	for (unsigned i = 0; i < AT; i++)
		assert_in_range(stat_of(stats, "hosts", host_name(origin, i), "busiest"), 1, RATE + 1 + 1);
	json_decref(stats);
	harness_server_stop(origin);
}

/* With one request at a time none can be on its way when the answer says to wait. */
static void test_retry_after(void **state)
{
	enum { COUNT = 300, AT = 3, AGAIN = 6 };
	struct harness_server *origin = start_origin();
	FILE *urls = fopen(harness_path("urls.txt"), "we");
	struct run run;
	json_t *stats;

	(void)state;
	assert_non_null(urls);
	for (unsigned i = 0; i < COUNT; i++)
		fprintf(urls, "http://%s/%s/%u?after=1&date=%u\n", host_name(origin, i % AT),
		        i % (COUNT / AGAIN) == 0 ? "429" : "photo", i, i % 2);
	assert_int_equal(fclose(urls), 0);
	config_hosts(origin, 2, "per_host: 1, retry_delay: 1ms");
	run = pipeline_run();
	pipeline_expect(&run, 0, COUNT, 0);
	stats = stats_of(origin);
	assert_int_equal(json_integer_value(json_object_get(stats, "requests")), COUNT + AGAIN);
	for (unsigned i = 0; i < AT; i++)
		assert_int_equal(stat_of(stats, "hosts", host_name(origin, i), "early"), 0);
	json_decref(stats);
	harness_server_stop(origin);
}

/* ---- names that nobody answers for */

struct dead {
	struct harness_program *program;
	unsigned long good;
};

static bool good_are_done(void *what)
{
	const struct dead *dead = what;

	return harness_count_files(harness_path("out")) >= dead->good || !harness_running(dead->program);
}

/* One worker holds all the dead names before the last good one comes, and every good one is done before the first of
 * the dead is given up, which takes minutes: nobody waits for them. */
static void test_dead_names(void **state)
{
	enum { GOOD = 2000, DEAD = 500 };
	struct harness_server *origin = start_origin();
	FILE *urls = fopen(harness_path("urls.txt"), "we");
	struct dead dead = {.good = GOOD};
	struct run run;

	(void)state;
	assert_non_null(urls);
	for (unsigned i = 0; i < GOOD; i++) {
		if (i < DEAD)
			fprintf(urls, "http://mute%u.mix.test:%u/photo/1\n", i, harness_server_port(origin));
		fprintf(urls, "http://%s/photo/%u\n", host_name(origin, i % 50), i);
	}
	assert_int_equal(fclose(urls), 0);
	pipeline_config("pipeline: dead\nmemory: 256MiB\nshutdown_timeout: 100ms\n"
	                "source: { use: list, with: { path: urls.txt } }\n"
	                "stages:\n"
	                "  - name: fetch\n"
	                "    use: download\n"
	                "    with: { max_bytes: 256KiB, retries: 9, retry_delay: 30s, timeout: 60s,\n"
	                "            allow_networks: [127.0.0.0/8], nameservers: [\"127.0.0.1:%u\"] }\n"
	                "  - { name: store, use: upload, with: { to: \"out/{id}.jpg\" } }\n"
	                "errors: { file: errors.ndjson }\n",
	                harness_server_port(origin));
	dead.program = pipeline_start(LIMIT_MS);
	if (!harness_wait_until(good_are_done, &dead, LIMIT_MS / 2) || !harness_running(dead.program))
		fail_msg("%zu good ones done\n%s", harness_count_files(harness_path("out")), harness_err(dead.program));
	kill(harness_pid(dead.program), SIGINT);
	run = pipeline_end(dead.program);
	assert_int_equal(run.done, GOOD);
	assert_int_equal(run.failed, 0);
	assert_int_equal(run.left, DEAD);
	assert_int_equal(run.signal, SIGINT);
	harness_server_stop(origin);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_mix),
    cmocka_unit_test(test_max_failures),
    cmocka_unit_test(test_requests_at_once),
    cmocka_unit_test(test_requests_a_second),
    cmocka_unit_test(test_retry_after),
    cmocka_unit_test(test_dead_names),
};

HARNESS_MAIN(tests)
