/* SPDX-License-Identifier: Apache-2.0 */
#include "killing.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEIR_LIMIT_MS 15000
#define RUN_LIMIT_MS  500000
#define RUNS_MAX      3

void killing_reference(struct harness_server *origin)
{
	struct run run;

	origin_urls(origin, photo_count(), "photo/%u");
	pipeline_photos("64MiB", "ref/{name}.jpg");
	run = pipeline_run();
	pipeline_expect(&run, 0, photo_count(), 0);
}

size_t killing_whole(const char *dir)
{
	unsigned different = photo_count();
	DIR *files = opendir(dir);
	struct dirent *entry;
	size_t count = 0;

	while (files && (entry = readdir(files))) {
		char *end, *bytes, *expected;
		unsigned long n = strtoul(entry->d_name, &end, 10);
		size_t size, expected_size;

		if (strcmp(end, ".jpg") != 0 || end == entry->d_name)
			continue;
		bytes = harness_read(harness_text("%s/%s", dir, entry->d_name), &size);
		expected = harness_read(harness_path("ref/%lu.jpg", n % different), &expected_size);
		if (size != expected_size || memcmp(bytes, expected, size) != 0)
			fail_msg("%s/%s is not what an undisturbed run makes", dir, entry->d_name);
		count++;
	}
	if (files)
		closedir(files);
	return count;
}

struct heir {
	struct harness_program *program;
	char *title;
	pid_t dead, heir;
};

/* Is there another process that plays the dead one's role? */
static bool has_heir(void *what)
{
	struct heir *heir = what;
	pid_t workers[64];
	size_t count = pipeline_workers(heir->program, NULL, workers, 64);

	for (size_t i = 0; i < count; i++) {
		if (workers[i] == heir->dead || strcmp(harness_title(workers[i]), heir->title) != 0)
			continue;
		heir->heir = workers[i];
		return true;
	}
	return !harness_running(heir->program);
}

/* Kills a worker and then, one after the other, `heirs` of its heirs. */
static void kill_with_heirs(struct harness_program *program, pid_t worker, unsigned heirs)
{
	struct heir heir = {.program = program, .title = harness_title(worker), .dead = worker};

	kill(worker, SIGKILL);
	for (unsigned i = 0; i < heirs; i++) {
		heir.heir = 0;
		if (!harness_wait_until(has_heir, &heir, HEIR_LIMIT_MS))
			fail_msg("nobody inherits from %s; stderr:\n%s", heir.title, harness_err(program));
		if (!heir.heir)
			return;
		kill(heir.heir, SIGKILL);
		heir.dead = heir.heir;
	}
}

/* Of the stages, not of the source: that one is soon through, and nobody inherits from a role that is. */
static void kill_random_worker(struct harness_program *program, unsigned heirs)
{
	static const char *const stages[] = {"fetch", "thumb", "store"};
	pid_t workers[64];
	size_t count = 0;

	for (size_t s = 0; s < sizeof(stages) / sizeof(stages[0]); s++)
		count += pipeline_workers(program, stages[s], workers + count, 64 - count);

	if (count > 0)
		kill_with_heirs(program, workers[(size_t)random() % count], heirs);
}

/* One run, whose results are right whatever happened to it. Returns how many deaths there were. */
static unsigned long run_and_kill(unsigned photos, unsigned kills, unsigned heirs, const char *to)
{
	char *out = harness_path("%s", to);
	struct harness_program *program;
	struct run run;

	pipeline_photos("64MiB", harness_text("%s/{name}.jpg", to));
	program = pipeline_start(RUN_LIMIT_MS);
	for (unsigned i = 0; i < kills && harness_running(program); i++) {
		pipeline_wait_outputs(program, out, (size_t)i * photos * 9 / 10 / kills + 1);
		kill_random_worker(program, heirs);
	}
	run = pipeline_end(program);
	pipeline_expect(&run, 0, photos, 0);
	printf("%lu deaths\n", run.deaths);
	assert_int_equal(run.in, photos);
	assert_int_equal(killing_whole(out), photos);
	assert_int_equal(harness_count_files(out), photos);
	return run.deaths;
}

void killing_run(unsigned photos, unsigned kills, unsigned heirs)
{
	struct harness_server *origin = origin_start();
	unsigned long deaths = 0;

	killing_reference(origin);
	origin_urls(origin, photos, "photo/%u");
	srandom(1);
	/* Who kills can come too late, when the others have done the work while he was not run or waited for an heir.
	 */
	for (int i = 0; i < RUNS_MAX && deaths < kills * 9 / 10; i++)
		deaths = run_and_kill(photos, kills, heirs, harness_text("out%d", i));
	if (deaths < kills * 9 / 10)
		fail_msg("only %lu deaths", deaths);
	harness_server_stop(origin);
}
