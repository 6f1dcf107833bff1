/* SPDX-License-Identifier: Apache-2.0 */
/* kk_pipe: what processes and threads at its two ends may expect. */
#include "asleep.h"
#include "harness.h"
#include <kakehi/pipe.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;
static struct kk_connection *end[2];

enum { LIMIT_MS = 20000 };

static void make(bool duplex, uint64_t bytes)
{
	struct kk_error error = {0};
	family = kk_family_create(NULL, &error);
	if (!family)
		fail_msg("%s", error.text);
	assert_int_equal(kk_pipe_create(family, duplex, bytes, end, &error), KK_OK);
}

static void drop(void)
{
	kk_connection_close(end[1]);
	kk_connection_destroy(end[0]);
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	assert_int_equal(usage.objects_used, 0);
	kk_family_close(family);
}

static int put(struct kk_connection *c, const char *text)
{
	return kk_connection_send_bytes(c, text, strlen(text), LIMIT_MS);
}

/* The next message as text; NULL: there is none. */
static char *get(struct kk_connection *c)
{
	static char text[1000];
	size_t bytes;
	if (kk_connection_recv_bytes_into(c, text, sizeof(text) - 1, &bytes, LIMIT_MS) != KK_OK)
		return NULL;
	text[bytes] = '\0';
	return text;
}

/* Bytes that follow from a number and a place. */
static void fill(unsigned char *to, size_t bytes, unsigned number)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)(number * 31 + i * 7 + (i >> 8));
}

static bool is_filled(const unsigned char *data, size_t bytes, unsigned number)
{
	for (size_t i = 0; i < bytes; i++)
		if (data[i] != (unsigned char)(number * 31 + i * 7 + (i >> 8)))
			return false;
	return true;
}

/* A child that does `work` and ends as it says: leaving in peace, or as if it was killed. */
static pid_t start(int (*work)(void), bool in_peace)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child > 0)
		return child;
	int rc = work();
	if (in_peace)
		kk_family_close(family);
	_exit(rc);
}

static void reap(pid_t child, int code)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

static void test_messages(void **state)
{
	(void)state;
	void *data;
	size_t bytes;
	make(true, 0);
	assert_true(kk_connection_readable(end[0]) && kk_connection_writable(end[0]));
	assert_int_equal(put(end[0], "one"), KK_OK);
	assert_int_equal(put(end[0], ""), KK_OK);
	assert_int_equal(kk_connection_send_bytes(end[0], "a\0b", 3, 0), KK_OK);
	assert_int_equal(put(end[1], "back"), KK_OK);
	assert_string_equal(get(end[1]), "one");
	assert_string_equal(get(end[1]), "");
	assert_int_equal(kk_connection_recv_bytes(end[1], &data, &bytes, 0), KK_OK);
	assert_int_equal(bytes, 3);
	assert_memory_equal(data, "a\0b", 3);
	free(data);
	assert_string_equal(get(end[0]), "back");
	assert_int_equal(kk_connection_recv_bytes(end[0], &data, &bytes, 0), KK_ERR_TIMEOUT);
	assert_null(data);
	assert_int_equal(kk_connection_send_bytes(end[0], NULL, 0, 0), KK_OK);
	assert_int_equal(kk_connection_recv_bytes(end[1], &data, &bytes, 0), KK_OK);
	assert_int_equal(bytes, 0);
	assert_non_null(data);
	free(data);
	drop();
}

static void test_one_way(void **state)
{
	(void)state;
	char byte;
	make(false, 0);
	assert_true(kk_connection_readable(end[0]) && !kk_connection_writable(end[0]));
	assert_true(!kk_connection_readable(end[1]) && kk_connection_writable(end[1]));
	assert_int_equal(put(end[1], "there"), KK_OK);
	assert_string_equal(get(end[0]), "there");
	assert_int_equal(put(end[0], "back"), KK_ERR_INVALID);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], &byte, 1, NULL, 0), KK_ERR_INVALID);
	assert_int_equal(kk_connection_poll(end[1], 0), KK_ERR_INVALID);
	drop();
}

static void test_too_small_a_buffer(void **state)
{
	(void)state;
	char buffer[20] = "....................";
	size_t bytes;
	make(true, 256);
	assert_int_equal(put(end[0], "twelve bytes"), KK_OK);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], buffer, 11, &bytes, 0), KK_ERR_NO_ROOM);
	assert_int_equal(bytes, 12);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], buffer, 0, NULL, 0), KK_ERR_NO_ROOM);
	assert_memory_equal(buffer, "....", 4);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], buffer + 4, 12, &bytes, 0), KK_OK);
	assert_memory_equal(buffer, "....twelve bytes....", 20);
	drop();
}

static void test_poll(void **state)
{
	(void)state;
	make(true, 0);
	assert_int_equal(kk_connection_poll(end[1], 0), KK_ERR_TIMEOUT);
	uint64_t start_ms = harness_now_ms();
	assert_int_equal(kk_connection_poll(end[1], 30), KK_ERR_TIMEOUT);
	assert_true(harness_now_ms() - start_ms >= 29);
	assert_int_equal(put(end[0], "x"), KK_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(kk_connection_poll(end[1], i - 1), KK_OK);
	assert_string_equal(get(end[1]), "x");
	assert_int_equal(kk_connection_poll(end[1], 0), KK_ERR_TIMEOUT);
	/* An empty message is one. */
	assert_int_equal(put(end[0], ""), KK_OK);
	assert_int_equal(kk_connection_poll(end[1], 0), KK_OK);
	assert_string_equal(get(end[1]), "");
	kk_connection_shut(end[0]);
	assert_int_equal(kk_connection_poll(end[1], -1), KK_OK);
	drop();
}

static void test_refs(void **state)
{
	(void)state;
	struct kk_error error = {0};
	make(true, 0);
	uint64_t ref[2] = {kk_connection_ref(end[0]), kk_connection_ref(end[1])};
	assert_true(ref[0] != 0 && ref[1] != 0 && ref[0] != ref[1]);
	/* Twice in one process is one handle, which the last close ends. */
	struct kk_connection *again = kk_connection_open(family, ref[1], &error);
	assert_ptr_equal(again, end[1]);
	assert_int_equal(put(end[1], "one"), KK_OK);
	kk_connection_close(again);
	assert_int_equal(put(end[1], "two"), KK_OK);
	assert_string_equal(get(end[0]), "one");
	assert_string_equal(get(end[0]), "two");
	kk_connection_close(end[1]);
	end[1] = kk_connection_open(family, ref[1], &error);
	assert_non_null(end[1]);
	assert_int_equal(put(end[1], "three"), KK_OK);
	assert_string_equal(get(end[0]), "three");

	struct kk_memory *other = kk_memory_create(family, 1, NULL);
	assert_null(kk_connection_open(family, kk_memory_ref(other), &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	kk_memory_destroy(other);
	assert_null(kk_connection_open(family, 0, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	drop();
	make(true, 0);
	kk_connection_destroy(end[0]);
	assert_null(kk_connection_open(family, kk_connection_ref(end[1]), &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	/* The pipe is gone already, its handle is not. */
	kk_connection_close(end[1]);
	kk_family_close(family);
}

static void test_create_errors(void **state)
{
	(void)state;
	struct kk_error error = {0};
	static const struct kk_family_spec spec = {.bytes = 100000, .seats = 2, .objects = 2};
	family = kk_family_create(&spec, &error);
	assert_non_null(family);
	assert_int_equal(kk_pipe_create(family, true, (uint64_t)KK_PIPE_BYTES_MAX + 1, end, &error), KK_ERR_INVALID);
	assert_null(end[0]);
	assert_int_equal(kk_pipe_create(family, true, 65536, end, &error), KK_ERR_NO_ROOM);
	assert_int_equal(kk_pipe_create(family, false, 65536, end, &error), KK_OK);
	drop();
	kk_connection_close(NULL);
	kk_connection_destroy(NULL);
}

/* ---- ends */

static void test_close(void **state)
{
	(void)state;
	make(true, 0);
	uint64_t ref = kk_connection_ref(end[0]);
	assert_int_equal(put(end[0], "last words"), KK_OK);
	assert_int_equal(put(end[1], "unread"), KK_OK);
	kk_connection_close(end[0]);
	assert_string_equal(get(end[1]), "last words");
	assert_null(get(end[1]));
	assert_int_equal(kk_connection_recv_bytes_into(end[1], NULL, 0, NULL, -1), KK_ERR_CLOSED);
	assert_int_equal(put(end[1], "to nobody"), KK_ERR_CLOSED);
	/* Somebody comes again: it goes on with what is still there. */
	end[0] = kk_connection_open(family, ref, NULL);
	assert_string_equal(get(end[0]), "unread");
	assert_int_equal(put(end[1], "more"), KK_OK);
	assert_string_equal(get(end[0]), "more");
	drop();
}

static void test_close_of_an_unused_end(void **state)
{
	(void)state;
	make(true, 0);
	uint64_t ref = kk_connection_ref(end[1]);
	/* As a parent does with the end of a child that is still to come. */
	kk_connection_close(end[1]);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, 20), KK_ERR_TIMEOUT);
	assert_int_equal(put(end[0], "for you"), KK_OK);
	end[1] = kk_connection_open(family, ref, NULL);
	assert_string_equal(get(end[1]), "for you");
	drop();
}

static void test_shut(void **state)
{
	(void)state;
	make(true, 0);
	assert_int_equal(put(end[0], "x"), KK_OK);
	kk_connection_shut(end[0]);
	assert_int_equal(put(end[0], "y"), KK_ERR_CLOSED);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, -1), KK_ERR_CLOSED);
	assert_string_equal(get(end[1]), "x");
	assert_null(get(end[1]));
	assert_int_equal(kk_connection_recv_bytes_into(end[1], NULL, 0, NULL, -1), KK_ERR_CLOSED);
	assert_int_equal(put(end[1], "z"), KK_ERR_CLOSED);
	drop();
}

static int send_three(void)
{
	return put(end[1], "1") | put(end[1], "2") | put(end[1], "3");
}

/* Does `act` wake who sleeps at that end? Nobody else would tell him. */
static bool wakes(struct kk_connection *c, void (*act)(void))
{
	struct kk_event *event = kk_connection_waitable(c).event;
	uint32_t ticket = kk_event_prepare(event);
	act();
	return kk_event_sleep(event, ticket, 0) == KK_OK;
}

static void send_from_0(void)
{
	assert_int_equal(put(end[0], "x"), KK_OK);
}

static void get_at_1(void)
{
	assert_string_equal(get(end[1]), "x");
}

static void get_most_at_1(void)
{
	for (int i = 0; i < 20; i++)
		get_at_1();
}

static void close_1(void)
{
	kk_connection_close(end[1]);
}

static void bury_one(void)
{
	assert_int_equal(kk_family_bury(family), 1);
}

static void test_wake_ups(void **state)
{
	(void)state;
	make(true, 1024);
	uint64_t ref = kk_connection_ref(end[1]);
	assert_true(wakes(end[1], send_from_0));
	send_from_0();
	/* Who found the receiver's place taken, and this one left something. */
	assert_true(wakes(end[1], get_at_1));
	get_at_1();
	while (kk_connection_send_bytes(end[0], "x", 1, 0) == KK_OK)
		;
	assert_true(wakes(end[0], get_most_at_1));
	assert_true(wakes(end[0], close_1));
	end[1] = kk_connection_open(family, ref, NULL);
	reap(start(send_three, false), 0);
	assert_true(wakes(end[0], bury_one));
	drop();
}

static void test_peer_dies(void **state)
{
	(void)state;
	make(true, 0);
	pid_t child = start(send_three, false);
	reap(child, 0);
	for (char text[] = "1"; text[0] < '4'; text[0]++)
		assert_string_equal(get(end[0]), text);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, -1), KK_ERR_DIED);
	assert_int_equal(kk_connection_poll(end[0], -1), KK_OK);
	assert_int_equal(put(end[0], "x"), KK_ERR_DIED);
	/* In the place of the dead one. */
	kk_connection_renew(end[0]);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, 10), KK_ERR_TIMEOUT);
	assert_int_equal(put(end[0], "x"), KK_OK);
	child = start(send_three, true);
	assert_string_equal(get(end[0]), "1");
	reap(child, 0);
	assert_string_equal(get(end[0]), "2");
	assert_string_equal(get(end[0]), "3");
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, -1), KK_ERR_CLOSED);
	kk_connection_renew(end[0]);
	assert_string_equal(get(end[1]), "x");
	/* Not one that is in use, or shut. */
	kk_connection_renew(end[0]);
	kk_connection_shut(end[1]);
	kk_connection_renew(end[0]);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, -1), KK_ERR_CLOSED);
	drop();
}

/* Two threads of the process use the end; the last seat that did leaves first. */
static void *send_one(void *unused)
{
	(void)unused;
	return put(end[1], "from a thread") == KK_OK ? NULL : "cannot send";
}

static void test_thread_ends(void **state)
{
	(void)state;
	pthread_t thread;
	void *fault;
	make(true, 0);
	assert_true(kk_family_seat(family) > 0);
	assert_int_equal(pthread_create(&thread, NULL, send_one, NULL), 0);
	assert_int_equal(pthread_join(thread, &fault), 0);
	assert_null(fault);
	assert_string_equal(get(end[0]), "from a thread");
	/* The process is still there, so the end is not closed. */
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, 30), KK_ERR_TIMEOUT);
	drop();
}

static int close_it(void)
{
	(void)put(end[1], "used");
	kk_connection_close(end[1]);
	return 0;
}

/* A thread gives up its seat, and its place at the end to another one of its process, which closes the end at the same
 * time: the other end is told. From round to round one of them is a little later. */
enum { RACES = 4000, LATE = 400 };

static pthread_barrier_t meeting;
static _Atomic int started;

/* Both at once, as far as that is possible. */
static void start_together(int late)
{
	int round = atomic_load(&started) / 2;
	atomic_fetch_add(&started, 1);
	for (int i = 1; atomic_load(&started) / 2 == round; i++)
		if (i % 1000 == 0)
			(void)sched_yield();
	for (int i = 0; i < late; i++)
		(void)atomic_load(&started);
}

static void *send_and_leave(void *arg)
{
	(void)arg;
	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&meeting);
		(void)put(end[1], "x");
		pthread_barrier_wait(&meeting);
		start_together(i % LATE);
		(void)kk_family_leave(family);
		pthread_barrier_wait(&meeting);
	}
	return NULL;
}

static void test_thread_leaves_as_its_process_closes(void **state)
{
	(void)state;
	pthread_t thread;
	char got[8];
	size_t bytes;
	int told = 0;
	make(false, 0);
	assert_int_equal(pthread_barrier_init(&meeting, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_and_leave, NULL), 0);
	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&meeting);
		pthread_barrier_wait(&meeting);
		start_together(LATE / 2);
		kk_connection_close(end[1]);
		pthread_barrier_wait(&meeting);
		bool came = kk_connection_recv_bytes_into(end[0], got, sizeof(got), &bytes, 0) == KK_OK;
		told += came && kk_connection_recv_bytes_into(end[0], got, sizeof(got), &bytes, 0) == KK_ERR_CLOSED;
		kk_connection_destroy(end[0]);
		if (kk_pipe_create(family, false, 0, end, NULL) < 0)
			break;
	}
	pthread_join(thread, NULL);
	(void)pthread_barrier_destroy(&meeting);
	assert_int_equal(told, RACES);
	drop();
}

/* One of two processes at an end closes it: the other is still there. */
static void test_shared_end_closes_last(void **state)
{
	(void)state;
	make(true, 0);
	assert_int_equal(put(end[1], "mine"), KK_OK);
	reap(start(close_it, true), 0);
	reap(start(close_it, false), 0);
	assert_string_equal(get(end[0]), "mine");
	assert_string_equal(get(end[0]), "used");
	assert_string_equal(get(end[0]), "used");
	assert_int_equal(kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, 30), KK_ERR_TIMEOUT);
	drop();
}

/* ---- long messages */

enum { BIG = 3000000 };

static unsigned char *bytes_of(size_t bytes, unsigned number)
{
	unsigned char *data = harness_keep(malloc(bytes + 1));
	fill(data, bytes, number);
	return data;
}

static void *send_all_sizes(void *unused)
{
	(void)unused;
	static unsigned char data[1500];
	for (unsigned size = 0; size < sizeof(data); size++) {
		fill(data, size, size);
		if (kk_connection_send_bytes(end[0], data, size, -1) != KK_OK)
			return "cannot send";
	}
	return NULL;
}

static void test_all_sizes(void **state)
{
	(void)state;
	pthread_t thread;
	void *fault;
	static unsigned char data[1500];
	make(true, 256);
	assert_int_equal(pthread_create(&thread, NULL, send_all_sizes, NULL), 0);
	for (unsigned size = 0; size < sizeof(data); size++) {
		size_t bytes;
		assert_int_equal(kk_connection_recv_bytes_into(end[1], data, sizeof(data), &bytes, -1), KK_OK);
		assert_int_equal(bytes, size);
		assert_true(is_filled(data, size, size));
	}
	assert_int_equal(pthread_join(thread, &fault), 0);
	assert_null(fault);
	drop();
}

static int exchange(struct kk_connection *c, unsigned own, unsigned other)
{
	unsigned char *data = malloc(BIG);
	void *got = NULL;
	size_t bytes = 0;
	int rc = 1;
	if (!data)
		return rc;
	fill(data, BIG, own);
	if (kk_connection_send_bytes(c, data, BIG, -1) == KK_OK && kk_connection_send_bytes(c, "end", 3, -1) == KK_OK &&
	    kk_connection_recv_bytes(c, &got, &bytes, -1) == KK_OK && bytes == BIG && is_filled(got, bytes, other) &&
	    kk_connection_recv_bytes_into(c, data, 3, &bytes, -1) == KK_OK && memcmp(data, "end", 3) == 0)
		rc = 0;
	free(got);
	free(data);
	return rc;
}

static int exchange_in_child(void)
{
	return exchange(end[1], 2, 1);
}

static void test_both_send_at_once(void **state)
{
	(void)state;
	make(true, 4096);
	pid_t child = start(exchange_in_child, true);
	assert_int_equal(exchange(end[0], 1, 2), 0);
	reap(child, 0);
	drop();
}

/* Many short ones in both directions before anybody receives. */
static int send_many_first(struct kk_connection *c)
{
	char text[16];
	for (int i = 0; i < 2000; i++)
		if (kk_connection_send_bytes(c, &i, sizeof(i), -1) < 0)
			return 1;
	for (int i = 0; i < 2000; i++)
		if (kk_connection_recv_bytes_into(c, text, sizeof(text), NULL, -1) < 0 ||
		    memcmp(text, &i, sizeof(i)) != 0)
			return 2;
	return 0;
}

static int send_many_in_child(void)
{
	return send_many_first(end[1]);
}

static void test_many_before_receiving(void **state)
{
	(void)state;
	make(true, 1024);
	pid_t child = start(send_many_in_child, true);
	assert_int_equal(send_many_first(end[0]), 0);
	reap(child, 0);
	drop();
}

/* What the parent took in while it sent is its own: the child does not receive it a second time. */
static int recv_nothing(void)
{
	return -kk_connection_recv_bytes_into(end[0], NULL, 0, NULL, 0);
}

static void test_fork_does_not_double(void **state)
{
	(void)state;
	unsigned char *big = bytes_of(1000, 1);
	make(true, 256);
	assert_int_equal(put(end[1], "kept"), KK_OK);
	/* Nobody receives it, but it takes in what has come. */
	assert_int_equal(kk_connection_send_bytes(end[0], big, 1000, 10), KK_ERR_TIMEOUT);
	reap(start(recv_nothing, true), -KK_ERR_TIMEOUT);
	assert_string_equal(get(end[0]), "kept");
	drop();
}

static int use_and_stay(void)
{
	if (put(end[1], "here") == KK_OK)
		(void)pause();
	return 1;
}

static void test_send_times_out(void **state)
{
	(void)state;
	unsigned char *big = bytes_of(5000, 1);
	make(true, 1024);
	int sent = 0;
	while (kk_connection_send_bytes(end[0], big, 100, 0) == KK_OK)
		sent++;
	assert_int_equal(sent, 1024 / 128);
	for (int i = 0; i < sent; i++)
		assert_int_equal(kk_connection_recv_bytes_into(end[1], big, 100, NULL, 0), KK_OK);
	/* A long message that nobody receives is withdrawn: nobody sees any of it. */
	assert_int_equal(kk_connection_send_bytes(end[0], big, 5000, 10), KK_ERR_TIMEOUT);
	assert_int_equal(kk_connection_poll(end[1], 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], big, 5000, NULL, 0), KK_ERR_TIMEOUT);
	assert_int_equal(put(end[0], "next"), KK_OK);
	assert_string_equal(get(end[1]), "next");
	/* Who shares the end sees a message through that he has begun, but not one that was withdrawn. */
	pid_t sharer = start(use_and_stay, false);
	assert_string_equal(get(end[0]), "here");
	assert_int_equal(kk_connection_send_bytes(end[0], big, 5000, 10), KK_ERR_TIMEOUT);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], big, 5000, NULL, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kill(sharer, SIGKILL), 0);
	assert_int_equal(waitpid(sharer, NULL, 0), sharer);
	drop();
}

static int send_big(void)
{
	unsigned char *data = malloc(BIG);
	if (!data)
		return 1;
	fill(data, BIG, 3);
	int rc = kk_connection_send_bytes(end[1], data, BIG, -1);
	free(data);
	return rc < 0;
}

/* Time-outs in the middle of a long message lose nothing. */
static void test_receive_little_by_little(void **state)
{
	(void)state;
	unsigned char *data = bytes_of(BIG, 0);
	size_t bytes;
	make(true, 4096);
	pid_t child = start(send_big, true);
	int rc, timeouts = 0;
	while ((rc = kk_connection_recv_bytes_into(end[0], data, BIG, &bytes, 0)) == KK_ERR_TIMEOUT)
		timeouts++;
	assert_int_equal(rc, KK_OK);
	assert_int_equal(bytes, BIG);
	assert_true(is_filled(data, BIG, 3));
	assert_true(timeouts > 0);
	reap(child, 0);
	drop();
}

static void test_long_message_into_too_small_a_buffer(void **state)
{
	(void)state;
	unsigned char *data = bytes_of(BIG, 0);
	size_t bytes;
	make(true, 4096);
	pid_t child = start(send_big, true);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], data, 10, &bytes, -1), KK_ERR_NO_ROOM);
	assert_int_equal(bytes, BIG);
	assert_int_equal(kk_connection_poll(end[0], -1), KK_OK);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], data, 10, &bytes, 0), KK_ERR_NO_ROOM);
	assert_int_equal(bytes, BIG);
	assert_int_equal(kk_connection_recv_bytes_into(end[0], data, BIG, &bytes, 0), KK_OK);
	assert_true(is_filled(data, BIG, 3));
	reap(child, 0);
	drop();
}

static bool sleeps(void *pid)
{
	return asleep(*(pid_t *)pid);
}

/* A sender that found no room. Before it dies the receiver takes what there is of its message, unless `to` is NULL. */
static void kill_asleep(pid_t child, void *to)
{
	assert_true(harness_wait_until(sleeps, &child, 10000));
	if (to) {
		assert_int_equal(kill(child, SIGSTOP), 0);
		assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
		assert_int_equal(kk_connection_recv_bytes_into(end[0], to, BIG, NULL, 1), KK_ERR_TIMEOUT);
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_sender_dies_in_the_middle(void **state)
{
	(void)state;
	unsigned char *data = bytes_of(BIG, 0);
	for (int began = 0; began < 2; began++) {
		make(true, 4096);
		pid_t child = start(send_big, true);
		kill_asleep(child, began ? data : NULL);
		assert_int_equal(kk_connection_recv_bytes_into(end[0], data, BIG, NULL, -1), KK_ERR_DIED);
		reap(start(send_three, true), 0);
		assert_string_equal(get(end[0]), "1");
		drop();
	}
}

static int recv_big_of_two(void)
{
	unsigned char *data = malloc(BIG);
	int rc = data ? kk_connection_recv_bytes_into(end[0], data, BIG, NULL, -1) : KK_ERR_MEMORY;
	free(data);
	return rc < 0;
}

/* Another process at the same end goes on with the next message. */
static void test_receiver_dies_in_the_middle(void **state)
{
	(void)state;
	make(true, 4096);
	pid_t receiver = start(recv_big_of_two, true);
	assert_true(harness_wait_until(sleeps, &receiver, 10000));
	pid_t sender = start(send_big, true);
	/* Stopped in the middle, more often than not; the sender fills the pipe. */
	assert_int_equal(kill(receiver, SIGSTOP), 0);
	assert_int_equal(kill(receiver, SIGKILL), 0);
	assert_int_equal(waitpid(receiver, NULL, 0), receiver);
	unsigned char *data = bytes_of(BIG, 0);
	int rc = kk_connection_recv_bytes_into(end[0], data, BIG, NULL, -1);
	/* All of it, or nothing and then the end of the sender. */
	if (rc == KK_OK)
		assert_true(is_filled(data, BIG, 3));
	else
		assert_int_equal(rc, KK_ERR_CLOSED);
	int status;
	assert_int_equal(waitpid(sender, &status, 0), sender);
	drop();
}

static void *recv_big(void *unused)
{
	(void)unused;
	unsigned char *data = malloc(BIG);
	const char *fault = data ? NULL : "no memory";
	if (!fault && kk_connection_recv_bytes_into(end[1], data, BIG, NULL, -1) != KK_OK)
		fault = "cannot receive";
	if (!fault && !is_filled(data, BIG, 1))
		fault = "damaged";
	free(data);
	return (void *)fault;
}

/* A thread that sends and one that receives at each end. */
static void *send_big_0(void *unused)
{
	(void)unused;
	unsigned char *data = malloc(BIG);
	if (!data)
		return "no memory";
	fill(data, BIG, 1);
	int rc = kk_connection_send_bytes(end[0], data, BIG, -1);
	free(data);
	return rc < 0 ? "cannot send" : NULL;
}

static void test_threads_of_one_end(void **state)
{
	(void)state;
	pthread_t sender, receiver;
	void *fault;
	make(true, 4096);
	assert_int_equal(pthread_create(&sender, NULL, send_big_0, NULL), 0);
	assert_int_equal(pthread_create(&receiver, NULL, recv_big, NULL), 0);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(kk_connection_send_bytes(end[1], &i, sizeof(i), -1), KK_OK);
		int got = -1;
		/* The sending thread at the same end may have taken it in. */
		assert_int_equal(kk_connection_recv_bytes_into(end[0], &got, sizeof(got), NULL, -1), KK_OK);
		assert_int_equal(got, i);
	}
	assert_int_equal(pthread_join(sender, &fault), 0);
	assert_null(fault);
	assert_int_equal(pthread_join(receiver, &fault), 0);
	assert_null(fault);
	drop();
}

/* ---- shared ends */

enum { SHARERS = 4, EACH = 300 };

/* Its first four bytes say how long it is and what is in it. */
static size_t make_message(unsigned char *to, unsigned number)
{
	size_t bytes = 4 + number * 2654435761U % 900;
	memcpy(to, &number, 4);
	fill(to + 4, bytes - 4, number);
	return bytes;
}

static void *share_sending(void *argument)
{
	unsigned first = (unsigned)(uintptr_t)argument * EACH;
	unsigned char data[1000];
	for (unsigned i = first; i < first + EACH; i++)
		if (kk_connection_send_bytes(end[0], data, make_message(data, i), -1) != KK_OK)
			return "cannot send";
	return NULL;
}

static unsigned char seen[SHARERS * EACH];

static void *share_receiving(void *unused)
{
	(void)unused;
	unsigned char data[1000];
	size_t bytes;
	for (int i = 0; i < EACH; i++) {
		unsigned number;
		if (kk_connection_recv_bytes_into(end[1], data, sizeof(data), &bytes, -1) != KK_OK)
			return "cannot receive";
		memcpy(&number, data, 4);
		if (number >= SHARERS * EACH || bytes != 4 + number * 2654435761U % 900 ||
		    !is_filled(data + 4, bytes - 4, number))
			return "torn";
		__atomic_fetch_add(&seen[number], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_threads_share_ends(void **state)
{
	(void)state;
	pthread_t thread[2 * SHARERS];
	make(true, 1024);
	for (uintptr_t i = 0; i < SHARERS; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, share_sending, (void *)i), 0);
		assert_int_equal(pthread_create(&thread[SHARERS + i], NULL, share_receiving, NULL), 0);
	}
	for (int i = 0; i < 2 * SHARERS; i++) {
		void *fault;
		assert_int_equal(pthread_join(thread[i], &fault), 0);
		if (fault)
			fail_msg("%s", (char *)fault);
	}
	for (int i = 0; i < SHARERS * EACH; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(kk_connection_poll(end[1], 0), KK_ERR_TIMEOUT);
	drop();
}

/* ---- by reference */

static void test_memory(void **state)
{
	(void)state;
	struct kk_range range;
	void *data;
	size_t bytes;
	char copy[8];
	make(true, 0);
	struct kk_memory *memory = kk_memory_create(family, 1000, NULL);
	assert_non_null(memory);
	memcpy((char *)kk_memory_data(memory) + 500, "zero copy", 9);
	assert_int_equal(kk_connection_send_memory(end[0], memory, 500, 9, 0), KK_OK);
	assert_int_equal(kk_connection_send_memory(end[0], memory, 505, 4, 0), KK_OK);
	assert_int_equal(kk_connection_send_memory(end[0], memory, 1000, 0, 0), KK_OK);
	assert_int_equal(kk_connection_send_memory(end[0], memory, 500, 4, 0), KK_OK);
	assert_int_equal(kk_connection_send_memory(end[0], memory, 999, 2, 0), KK_ERR_INVALID);
	assert_int_equal(kk_connection_send_memory(end[0], memory, UINT64_MAX, 2, 0), KK_ERR_INVALID);

	assert_int_equal(kk_connection_recv_memory(end[1], &range, 0), KK_OK);
	assert_int_equal(range.ref, kk_memory_ref(memory));
	assert_int_equal(range.offset, 500);
	assert_int_equal(range.bytes, 9);
	assert_ptr_equal(range.data, (char *)kk_memory_data(memory) + 500);
	/* As a copy, too. */
	assert_int_equal(kk_connection_recv_bytes_into(end[1], copy, 3, &bytes, 0), KK_ERR_NO_ROOM);
	assert_int_equal(bytes, 4);
	assert_int_equal(kk_connection_recv_bytes_into(end[1], copy, sizeof(copy), &bytes, 0), KK_OK);
	assert_memory_equal(copy, "copy", 4);
	assert_int_equal(kk_connection_recv_bytes(end[1], &data, &bytes, 0), KK_OK);
	assert_int_equal(bytes, 0);
	free(data);
	/* Gone is gone, and does not block what follows. */
	kk_memory_destroy(memory);
	assert_int_equal(kk_connection_recv_memory(end[1], &range, 0), KK_ERR_MISSING);
	assert_int_equal(put(end[0], "plain"), KK_OK);
	assert_int_equal(kk_connection_recv_memory(end[1], &range, 0), KK_ERR_INVALID);
	assert_string_equal(get(end[1]), "plain");
	drop();
}

static void test_memory_taken_in(void **state)
{
	(void)state;
	struct kk_range range;
	unsigned char *big = bytes_of(1000, 1);
	make(true, 256);
	struct kk_memory *memory = kk_memory_create(family, 10, NULL);
	assert_int_equal(kk_connection_send_memory(end[1], memory, 1, 9, 0), KK_OK);
	assert_int_equal(kk_connection_send_bytes(end[0], big, 1000, 10), KK_ERR_TIMEOUT);
	assert_int_equal(kk_connection_recv_memory(end[0], &range, 0), KK_OK);
	assert_ptr_equal(range.data, (char *)kk_memory_data(memory) + 1);
	kk_memory_destroy(memory);
	drop();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_messages),
    cmocka_unit_test(test_one_way),
    cmocka_unit_test(test_too_small_a_buffer),
    cmocka_unit_test(test_poll),
    cmocka_unit_test(test_refs),
    cmocka_unit_test(test_create_errors),
    cmocka_unit_test(test_close),
    cmocka_unit_test(test_close_of_an_unused_end),
    cmocka_unit_test(test_shut),
    cmocka_unit_test(test_peer_dies),
    cmocka_unit_test(test_wake_ups),
    cmocka_unit_test(test_thread_ends),
    cmocka_unit_test(test_thread_leaves_as_its_process_closes),
    cmocka_unit_test(test_shared_end_closes_last),
    cmocka_unit_test(test_all_sizes),
    cmocka_unit_test(test_both_send_at_once),
    cmocka_unit_test(test_many_before_receiving),
    cmocka_unit_test(test_fork_does_not_double),
    cmocka_unit_test(test_send_times_out),
    cmocka_unit_test(test_receive_little_by_little),
    cmocka_unit_test(test_long_message_into_too_small_a_buffer),
    cmocka_unit_test(test_sender_dies_in_the_middle),
    cmocka_unit_test(test_receiver_dies_in_the_middle),
    cmocka_unit_test(test_threads_of_one_end),
    cmocka_unit_test(test_threads_share_ends),
    cmocka_unit_test(test_memory),
    cmocka_unit_test(test_memory_taken_in),
};
HARNESS_MAIN(tests)
