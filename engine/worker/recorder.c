/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder: writes down what failed, one JSON object a line, each exactly once, and sends the item home.
 *
 * The lines that count are those the journal counts. The journal's `entries` is the commit of one item: the file's
 * length and the counts by class that belong to it stand beside it, twice, so that they change with that one store.
 * The header of the item remembers which entry it became; an heir cuts the file to the committed length and writes an
 * item only if the journal has not got it.
 */
#include "report/redact.h"
#include "report/text.h"
#include "worker/crew.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOUD = 10 };

struct recorder {
	struct worker *worker;
	struct journal_state state;
	uint64_t entries;
	int file; /* -1: no errors file */
};

static int the_file = -1;

int recorder_open(struct worker *worker)
{
	const char *path = kk_plan_text(worker->plan, worker->plan->errors_file);
	const struct journal *journal = worker->run->journal;
	uint64_t entries = kk_word_load(&journal->entries);
	if (!*path)
		return 0;
	the_file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (the_file < 0 || ftruncate(the_file, (off_t)journal->state[entries & 1].errors_bytes) < 0) {
		worker_log(worker, KK_LOG_ERROR, "cannot write the errors file %s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

static int write_all(int fd, const char *line, size_t length, uint64_t at)
{
	while (length > 0) {
		ssize_t written = pwrite(fd, line, length, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		line += written;
		length -= (size_t)written;
		at += (uint64_t)written;
	}
	return 0;
}

/* One lane of an item: the lane that failed knows where and why. */
static int write_lane(struct recorder *r, const struct item_head *head, const struct source_record *record)
{
	static const char *const class_word[] = {
#define KK_X(name, word) word,
	    KK_FAIL_CLASSES(KK_X)
#undef KK_X
	};
	const struct kk_plan *plan = r->worker->plan;
	unsigned class = head->fail_class < KK_FAIL_CLASS_COUNT ? head->fail_class : KK_FAIL_OTHER;
	unsigned stage = head->fail_stage < plan->stage_count ? head->fail_stage : 0;
	char text[sizeof(head->text)];
	memcpy(text, head->text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	const char *name = kk_plan_text(plan, plan->stage[stage].name);
	char key[1024];
	kk_redact(record->bytes, key, sizeof(key));
	worker_log(r->worker, r->entries < LOUD ? KK_LOG_WARNING : KK_LOG_DEBUG, "failed in %s: %s: %s (%s)", name,
	           class_word[class], text, key);
	r->state.by_class[class]++;
	if (r->file < 0)
		return 0;
	struct kk_text line = {.at = NULL};
	kk_text_add(&line, "{\"sequence\":%llu,\"key\":", (unsigned long long)record->sequence);
	kk_text_json(&line, key, strlen(key));
	kk_text_add(&line, ",\"stage\":");
	kk_text_json(&line, name, strlen(name));
	kk_text_add(&line, ",\"class\":\"%s\",\"error\":", class_word[class]);
	kk_text_json(&line, text, strlen(text));
	kk_text_add(&line, "}\n");
	int status = line.lost ? -1 : write_all(r->file, line.at, line.used, r->state.errors_bytes);
	if (status < 0)
		worker_log(r->worker, KK_LOG_ERROR, "cannot write the errors file: %s", strerror(errno));
	else
		r->state.errors_bytes += line.used;
	kk_text_free(&line);
	return status;
}

/* All lanes of the item that failed in this life of it. Whoever settled a lane may not have parked its header yet, so
 * the header's sequence says whether it was started in this life, and not the state of its own word. */
static int write_item(struct recorder *r, uint32_t handle, const struct source_record *record)
{
	const uint32_t lanes = r->worker->plan->lanes, base = handle - handle % lanes;
	for (uint32_t i = 0; i < lanes; i++) {
		struct item_head head;
		kk_table_copy(r->worker->run->table, base + i, &head, sizeof(head));
		if (head.verdict == KK_FAIL && head.sequence == record->sequence && write_lane(r, &head, record) < 0)
			return -1;
	}
	return 0;
}

static int record_one(struct recorder *r, uint32_t handle)
{
	struct kk_run *run = r->worker->run;
	struct journal *journal = run->journal;
	struct item_head *head = run_head(run, handle);
	uint64_t own = kk_table_own_word(run->table, handle);
	if (head->noted != own || head->noted_at > r->entries) {
		r->state = journal->state[r->entries & 1];
		if (write_item(r, handle, run_record(run, handle)) < 0)
			return -1;
		r->entries++;
		journal->state[r->entries & 1] = r->state;
		head->noted_at = r->entries;
		kk_word_store(&head->noted, own);
		kk_word_store(&journal->entries, r->entries);
	}
	r->worker->now.items++;
	return deliver_put(r->worker, KK_RING_FAILED, handle, 0, true) ? 0 : -1;
}

static int take(struct worker *worker, uint32_t *handle)
{
	int64_t inherited = handles_shift(&worker->redo);
	if (inherited >= 0) {
		*handle = (uint32_t)inherited;
		return 1;
	}
	for (;;) {
		int taken = kk_ring_take(worker->in, handle, 1);
		if (taken != KK_ERR_EMPTY)
			return taken;
		deliver_announce(worker);
		worker_publish_counters(worker);
		uint32_t ticket = kk_event_prepare(kk_ring_items_event(worker->in));
		taken = kk_ring_take(worker->in, handle, 1);
		if (taken != KK_ERR_EMPTY)
			return taken;
		worker_sleep(worker, kk_ring_items_event(worker->in), ticket);
	}
}

int work_recorder(struct worker *worker)
{
	struct recorder r = {
	    .worker = worker, .entries = kk_word_load(&worker->run->journal->entries), .file = the_file};
	uint32_t handle;
	int taken;
	while ((taken = take(worker, &handle)) > 0) {
		if (record_one(&r, handle) < 0)
			return worker->corrupt ? KK_WORKER_CORRUPT : KK_WORKER_DISK_FULL;
	}
	return taken == KK_ERR_CLOSED ? KK_WORKER_DRAINED : KK_WORKER_CORRUPT;
}
