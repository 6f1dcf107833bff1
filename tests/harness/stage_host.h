/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/stage_host.h - reads a stage module, produces an engine for it that lives in the test's own process.
 *
 *	struct stage_host *host = stage_host_load(KAKEHI_TEST_STAGES "/resize.so");
 *	stage_host_set(host, "width", "256");
 *	assert_int_equal(stage_host_start(host), 0);
 *	struct stage_item *item = stage_host_put(host, "cat.jpg", bytes, size);
 *	assert_int_equal(stage_host_settle(host, 5000), 0);
 *	assert_int_equal(item->verdict, KK_PASS);
 *	stage_host_unload(host);
 *
 * It fills the options struct from the rows, keeps payloads in malloc'ed memory of exactly the size that was asked for
 * (so that AddressSanitizer sees every overrun), counts what is reserved against a settable room, and remembers all
 * that a stage says: verdicts, failure classes, fields and log lines. One thread; several hosts may be open at once.
 * Functions returning int: 0, or -1 with the reason in host->why.
 */
#ifndef TESTS_HARNESS_STAGE_HOST_H
#define TESTS_HARNESS_STAGE_HOST_H

#include <kakehi/stage.h>

#define STAGE_HOST_FIELDS 32

/* One item, owned by the host until stage_host_forget or stage_host_unload. */
struct stage_item {
	struct kk_item item; /* what the stage sees; first: a kk_item pointer is a stage_item pointer      */
	bool settled;
	unsigned submits; /* times it was submitted: more than 1 after KK_LATER                             */
	enum kk_verdict verdict;
	enum kk_fail_class fail; /* valid if `message` is not empty                                        */
	char message[1024];
	char *key;    /* a copy; freed with the item                                                    */
	void *input;  /* the payload it came with: a copy                                               */
	void *output; /* the reservation; the new payload once `committed`                              */
	size_t room;  /* bytes reserved                                                                 */
	size_t size;  /* bytes committed                                                                */
	bool committed;
	size_t field_count;
	struct {
		char *name, *value;
	} field[STAGE_HOST_FIELDS];
	struct stage_item *next;
};

struct stage_host {
	const struct kk_stage *stage; /* the module's descriptor                                           */
	struct kk_context context;    /* change worker, workers, position before stage_host_start          */
	struct kk_demand demand;      /* what the stage declared                                           */
	void *options;                /* its options struct                                                */
	char why[512];
	size_t room;      /* bytes of payloads that may be reserved at once; preset: no limit  */
	size_t reserved;  /* bytes of them in use                                              */
	unsigned pending; /* items submitted and not settled                                   */
	bool in_async;    /* in submit or poll: no room is EAGAIN instead of a failure         */
	unsigned log_count[KK_LOG_DEBUG + 1];
	char last_log[1024];
	int keep[KK_KEEP_KINDS]; /* what kk_keep gives; the caller's, preset: none                          */
	struct kk_host table;
	struct kk_context *opened; /* non-NULL between stage_host_start and stage_host_stop                */
	struct stage_item *items;
	struct stage_host_setting *settings;
	void **owned; /* memory behind the options struct                                                 */
	size_t owned_count;
	void *module;
	uint64_t random, sequence;
	struct stage_host_commons *commons; /* the gate and the cache                                      */
	struct stage_host *lender;          /* whose they are, if not its own                              */
	unsigned gate_role;
	struct kk_gate *gate; /* NULL: nothing of it was declared                                          */
	struct kk_cache *cache;
};

/* stage_host_load - loads a module. Never NULL; if it cannot be loaded, `stage` is NULL and `why` tells. */
struct stage_host *stage_host_load(const char *path);

/* stage_host_set - gives an option, spelled as in a config; again for the next element of a list. An unknown name is
 * reported by stage_host_plan. */
void stage_host_set(struct stage_host *host, const char *name, const char *value);

/* stage_host_plan - fills the options struct from defaults and settings, checks ranges, calls `plan`. */
int stage_host_plan(struct stage_host *host);

/* stage_host_share - before stage_host_start: this host plays another worker of the stage that `lender` plays, which
 * was started before and is unloaded after it: they have one gate and one cache. Both also hold across fork(). */
void stage_host_share(struct stage_host *host, struct stage_host *lender);

/* stage_host_start - stage_host_plan, unless it was called, then `prepare` and `open`. */
int stage_host_start(struct stage_host *host);

/* stage_host_put - gives an item to the stage: `process`, or `submit` until it does not say KK_LATER (polling in
 * between, at most 30 s). Returns the item, which is settled unless it is pending. `data` may be NULL. */
struct stage_item *stage_host_put(struct stage_host *host, const char *key, const void *data, size_t size);

/* stage_host_item, stage_host_add_field, stage_host_give - stage_host_put in parts, for items that carry fields. */
struct stage_item *stage_host_item(struct stage_host *host, const char *key, const void *data, size_t size);
void stage_host_add_field(struct stage_item *item, const char *name, const char *value);
void stage_host_give(struct stage_host *host, struct stage_item *item);

/* stage_host_next - asks a source for an item; its verdict is in the item (KK_END: there are no more). */
struct stage_item *stage_host_next(struct stage_host *host);

/* stage_host_poll - one turn: waits for the stage's descriptor or time-out, at most `timeout_ms`, then polls. */
int stage_host_poll(struct stage_host *host, int timeout_ms);

/* stage_host_settle - turns until nothing is pending; -1 after `timeout_ms`. */
int stage_host_settle(struct stage_host *host, int timeout_ms);

/* stage_host_field - a field that was carried or set; NULL if there is none. */
const char *stage_host_field(const struct stage_item *item, const char *name);

/* stage_host_forget - frees a settled item and its room. */
void stage_host_forget(struct stage_host *host, struct stage_item *item);

/* stage_host_stop - `drain` and `close`; -1 if drain says so or items are pending. */
int stage_host_stop(struct stage_host *host);

/* stage_host_unload - stops if that was not done, frees everything. */
void stage_host_unload(struct stage_host *host);

#endif
