/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder: writes down what failed and, for a manifest, what was made, each line exactly once, and sends the item
 * home.
 *
 * The lines that count are those the journal counts. The journal's `entries` is the commit of one item: the files'
 * lengths and the counts by class that belong to it stand beside it, twice, so that they change with that one store.
 * The header of the item remembers which entry it became; an heir cuts the files to the committed lengths and writes an
 * item only if the journal has not got it.
 *
 * A payload that is held for the dead letters comes here with its lane, as soon as that has failed, so that nobody
 * waits for the room it takes: the file is written under a name that depends on the item alone, then the header says
 * WRITTEN, the payload is released and the lane is settled. An heir may repeat any of this.
 */
#include "worker/account.h"
#include "worker/crew.h"
#include "worker/letter.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOUD = 10 };

struct recorder {
	struct worker *worker;
	struct journal_state state;
	uint64_t entries;
	uint64_t failures;                         /* that this process has told */
	int errors, manifest, letters;             /* descriptors; -1: none                         */
	struct kk_text errors_text, manifest_text; /* of the item in hand                           */
	struct source_record *record;              /* copies of what belongs to the item in hand    */
	struct item_note *note;
};

static struct recorder the_recorder = {.errors = -1, .manifest = -1, .letters = -1};

/* Opens one of the files, cut to what counts. -1: said why. */
static int open_file(struct worker *worker, const char *what, uint32_t path_text, uint64_t bytes)
{
	const char *path = kk_plan_text(worker->plan, path_text);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0)
		return fd;
	/* A pipe or /dev/null cannot be cut. */
	if (fd >= 0 && errno == EINVAL && bytes == 0)
		return fd;
	worker_log(worker, KK_LOG_ERROR, "cannot write the %s %s: %s", what, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_letters(struct recorder *r)
{
	const char *path = kk_plan_text(r->worker->plan, r->worker->plan->dead_letter);
	r->letters = letters_open(path);
	if (r->letters >= 0)
		r->worker->writes[r->worker->write_count] = realpath(path, NULL);
	if (r->letters >= 0 && r->worker->writes[r->worker->write_count]) {
		r->worker->write_count++;
		return 0;
	}
	worker_log(r->worker, KK_LOG_ERROR, "cannot use %s for dead letters: %s", path, strerror(errno));
	return -1;
}

int recorder_open(struct worker *worker)
{
	struct recorder *r = &the_recorder;
	const struct kk_plan *plan = worker->plan;
	const struct journal *journal = worker->run->journal;
	r->worker = worker;
	r->entries = kk_word_load(&journal->entries);
	r->state = journal->state[r->entries & 1];
	r->record = calloc(1, plan->record_bytes + 1);
	r->note = calloc(1, sizeof(*r->note) + worker->run->layout.note_stride);
	if (!r->record || !r->note) {
		worker_log(worker, KK_LOG_ERROR, "no memory");
		return -1;
	}
	/* Who looks at one item again leaves what was written of all of them alone. */
	if (plan->only)
		return 0;
	if (plan->errors_file)
		r->errors = open_file(worker, "errors file", plan->errors_file, r->state.errors_bytes);
	if (plan->manifest_file)
		r->manifest = open_file(worker, "manifest", plan->manifest_file, r->state.manifest_bytes);
	if ((plan->errors_file && r->errors < 0) || (plan->manifest_file && r->manifest < 0))
		return -1;
	return plan->dead_letter ? open_letters(r) : 0;
}

/* ---- one item */

/* Appends the text to a file behind what counts; -1: said why. */
static int write_text(struct recorder *r, const char *what, int fd, struct kk_text *text, uint64_t *at)
{
	const char *from = text->at;
	size_t left = text->used;
	if (text->lost)
		errno = ENOMEM;
	while (left > 0 && !text->lost) {
		ssize_t written = pwrite(fd, from, left, (off_t)*at);
		if (written < 0 && errno == ESPIPE)
			written = write(fd, from, left);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		from += written;
		left -= (size_t)written;
		*at += (uint64_t)written;
	}
	if (left == 0 && !text->lost)
		return 0;
	worker_log(r->worker, KK_LOG_ERROR, "cannot write the %s: %s", what, strerror(errno));
	return -1;
}

static void note_lane_failure(struct recorder *r, const struct account *about)
{
	char key[1024];
	struct kk_text text = {.at = NULL};
	account_key(about, key, sizeof(key));
	kk_text_safe(&text, about->head->text, strnlen(about->head->text, sizeof(about->head->text)));
	worker_log(r->worker, r->failures++ < LOUD ? KK_LOG_WARNING : KK_LOG_DEBUG, "failed in %s: %s: %.*s (%s)",
	           account_stage(about), kk_text_class(account_class(about)), (int)text.used, text.at ? text.at : "",
	           key);
	kk_text_free(&text);
	r->state.by_class[account_class(about)]++;
	if (r->errors >= 0)
		account_failure(&r->errors_text, about);
}

/* One lane of an item: the lane that failed knows where and why, the one that is done what became of it. */
static void note_lane(struct recorder *r, const struct account *about)
{
	const struct item_head *head = about->head;
	if (head->sequence != about->record->sequence)
		return;
	if (head->verdict == KK_FAIL)
		note_lane_failure(r, about);
	else if (head->verdict == KK_PASS && r->manifest >= 0 && about->note->ended == head->sequence + 1)
		account_output(&r->manifest_text, about);
}

/* Copies of the record and of a header with its notes. */
static struct account look(struct recorder *r, uint32_t handle, struct item_head *head)
{
	struct kk_run *run = r->worker->run;
	kk_table_copy(run->table, handle, head, sizeof(*head));
	memcpy(r->record, run_record(run, handle), run->plan->record_bytes);
	if (run->layout.note_stride)
		memcpy(r->note, run_note(run, handle), run->layout.note_stride);
	return (struct account){.plan = run->plan, .record = r->record, .head = head, .note = r->note};
}

/* All lanes of the item that ended in this life of it. Whoever settled a lane may not have parked its header yet, so
 * the header's sequence says whether it was started in this life, and not the state of its own word. */
static int write_item(struct recorder *r, uint32_t handle)
{
	const uint32_t lanes = r->worker->plan->lanes, base = handle - handle % lanes;
	r->errors_text.used = r->manifest_text.used = 0;
	if (r->state.manifest_bytes == 0 && r->manifest >= 0)
		account_titles(&r->manifest_text, r->worker->plan);
	for (uint32_t i = 0; i < lanes; i++) {
		struct item_head head;
		struct account about = look(r, base + i, &head);
		note_lane(r, &about);
	}
	if (write_text(r, "errors file", r->errors, &r->errors_text, &r->state.errors_bytes) < 0)
		return -1;
	return write_text(r, "manifest", r->manifest, &r->manifest_text, &r->state.manifest_bytes);
}

/* ---- dead letters */

static int write_letter(struct recorder *r, const struct account *about, unsigned side)
{
	const struct item_head *head = about->head;
	const struct kk_block_ref *ref = &head->pay[side];
	char name[ACCOUNT_LETTER_SIZE];
	const void *data = kk_block_read(r->worker->run->arena[head->pay_stage[side]], ref);
	if (!data) {
		worker_log(r->worker, KK_LOG_ERROR, "the payload of item %llu is not where its header says",
		           (unsigned long long)head->sequence);
		r->worker->corrupt = true;
		return -1;
	}
	account_letter(about, name);
	if (letters_write(r->letters, name, data, ref->size) == 0)
		return 0;
	worker_log(r->worker, KK_LOG_ERROR, "cannot write the dead letter %s: %s", name, strerror(errno));
	return -1;
}

/* A failed item that still holds its payload. */
static int bury(struct recorder *r, uint32_t handle, struct account *about, struct item_head *head)
{
	struct kk_run *run = r->worker->run;
	unsigned side = (head->kept - HEAD_KEPT) & 1;
	if (!head_is_sound(r->worker, head)) {
		r->worker->corrupt = true;
		return -1;
	}
	if (head->kept < HEAD_WRITTEN) {
		if (write_letter(r, about, side) < 0)
			return -1;
		head->kept += HEAD_WRITTEN - HEAD_KEPT;
		run_head(run, handle)->kept = head->kept;
	}
	kk_block_release(run->arena[head->pay_stage[side]], &head->pay[side], head->lane);
	return 0;
}

/* ---- all of it */

static int commit(struct recorder *r, uint32_t handle)
{
	struct kk_run *run = r->worker->run;
	struct journal *journal = run->journal;
	struct item_head *head = run_head(run, handle);
	uint64_t own = kk_table_own_word(run->table, handle);
	if (head->noted == own && head->noted_at <= r->entries)
		return 0;
	r->state = journal->state[r->entries & 1];
	if (write_item(r, handle) < 0)
		return -1;
	r->entries++;
	journal->state[r->entries & 1] = r->state;
	head->noted_at = r->entries;
	kk_word_store(&head->noted, own);
	kk_word_store(&journal->entries, r->entries);
	return 0;
}

static int record_one(struct recorder *r, uint32_t handle)
{
	struct worker *worker = r->worker;
	struct item_head head;
	struct account about = look(r, handle, &head);
	if (head.verdict == KK_FAIL && head.kept) {
		if (bury(r, handle, &about, &head) < 0)
			return -1;
		if (!deliver_settle(worker, handle, &head))
			return 0;
	}
	if (commit(r, handle) < 0)
		return -1;
	worker->now.items++;
	return deliver_put(worker, deliver_end(worker->run, handle, head.verdict), handle, 0, true) ? 0 : -1;
}

static void close_recorder(struct recorder *r)
{
	const int files[] = {r->errors, r->manifest, r->letters};
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i] >= 0)
			close(files[i]);
	kk_text_free(&r->errors_text);
	kk_text_free(&r->manifest_text);
	free(r->record);
	free(r->note);
}

int work_recorder(struct worker *worker)
{
	struct recorder *r = &the_recorder;
	uint32_t handle;
	int taken = 0, status = KK_OK;
	while (status == KK_OK && (taken = worker_take(worker, &handle, 1)) > 0) {
		status = record_one(r, handle);
		deliver_announce_late(worker);
	}
	close_recorder(r);
	if (status != KK_OK)
		return worker->corrupt ? KK_WORKER_CORRUPT : KK_WORKER_DISK_FULL;
	return taken == KK_ERR_CLOSED ? KK_WORKER_DRAINED : KK_WORKER_CORRUPT;
}
