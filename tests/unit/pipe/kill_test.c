/* SPDX-License-Identifier: Apache-2.0 */
/* kk_pipe: whoever sends, receives, begins or ends at one of its ends, killed at every instruction; and many, killed
 * and stopped at random. */
#include "harness.h"
#include "killing.h"
#include <kakehi/pipe.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kk_family *family;
static struct kk_connection *end[2];
static struct kk_memory *memory;

enum { LONG = 700 };
static unsigned char long_message[LONG];

static void setup(void)
{
	static const struct kk_family_spec spec = {.bytes = 8192, .seats = 4, .objects = 4};
	struct kk_error error = {0};
	family = kk_family_create(&spec, &error);
	if (!family)
		fail_msg("%s", error.text);
	assert_int_equal(kk_pipe_create(family, true, 1024, end, &error), KK_OK);
	memory = kk_memory_create(family, 64, &error);
	assert_non_null(memory);
	for (size_t i = 0; i < LONG; i++)
		long_message[i] = (unsigned char)(i * 7 + 1);
}

static void teardown(void)
{
	kk_memory_destroy(memory);
	kk_connection_close(end[1]);
	kk_connection_destroy(end[0]);
	kk_family_close(family);
}

static void sit(void)
{
	killing_must(kk_family_seat(family) == 2);
}

static int put(struct kk_connection *c, const char *text)
{
	return kk_connection_send_bytes(c, text, strlen(text), 0);
}

static bool comes(struct kk_connection *c, const char *text)
{
	char got[20];
	size_t bytes;
	return kk_connection_recv_bytes_into(c, got, sizeof(got), &bytes, 0) == KK_OK && bytes == strlen(text) &&
	       memcmp(got, text, bytes) == 0;
}

static int recv_nothing(struct kk_connection *c)
{
	char got[20];
	return kk_connection_recv_bytes_into(c, got, sizeof(got), NULL, 0);
}

/* The pipe works in both directions, from the end of the dead one too. */
static const char *works(void)
{
	kk_connection_renew(end[0]);
	for (int i = 0; i < 2; i++) {
		KILLING_CHECK(put(end[i], "again") == KK_OK);
		KILLING_CHECK(comes(end[1 - i], "again"));
		KILLING_CHECK(kk_connection_send_bytes(end[i], long_message, LONG, 0) == KK_OK);
		unsigned char got[LONG];
		KILLING_CHECK(kk_connection_recv_bytes_into(end[1 - i], got, LONG, NULL, 0) == KK_OK);
		KILLING_CHECK(memcmp(got, long_message, LONG) == 0);
	}
	return NULL;
}

typedef const char *verify_death(const struct killing_death *death);

static void sweep(const char *name, void (*begin)(void), void (*join)(void), int (*act)(void), verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = begin,
	                                .join = join,
	                                .act = act,
	                                .verify = verify,
	                                .teardown = teardown};
	killing_sweep(&killing);
}

/* It sleeps until `wake` lets it go on; and it is killed asleep. */
static void sweep_waiter(const char *name, void (*begin)(void), int (*act)(void), void (*wake)(void),
                         verify_death *verify)
{
	const struct killing killing = {.name = name,
	                                .family = &family,
	                                .setup = begin,
	                                .join = sit,
	                                .act = act,
	                                .wake = wake,
	                                .verify = verify,
	                                .teardown = teardown};
	killing_sweep(&killing);
	killing_asleep(&killing);
}

/* ---- sending */

static int send_two(void)
{
	int rc = put(end[1], "one");
	return rc == KK_OK ? put(end[1], "two") : rc;
}

static const char *came_in_order(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	bool one = comes(end[0], "one"), two = one && comes(end[0], "two");
	KILLING_CHECK(!death->finished || two);
	int rc = recv_nothing(end[0]);
	/* Who died before he had used it was never there. */
	KILLING_CHECK(rc == KK_ERR_DIED || (!one && rc == KK_ERR_TIMEOUT));
	return works();
}

static void test_send(void **state)
{
	(void)state;
	sweep("send two messages", setup, sit, send_two, came_in_order);
}

static int send_long(void)
{
	return kk_connection_send_bytes(end[1], long_message, LONG, 0);
}

static const char *came_whole_or_not(const struct killing_death *death)
{
	unsigned char got[LONG];
	size_t bytes;
	int rc = kk_connection_recv_bytes_into(end[0], got, LONG, &bytes, 0);
	KILLING_CHECK(rc == KK_OK || rc == KK_ERR_DIED || rc == KK_ERR_TIMEOUT);
	KILLING_CHECK(!death->finished || (rc == KK_OK && death->result == KK_OK));
	if (rc == KK_OK)
		KILLING_CHECK(bytes == LONG && memcmp(got, long_message, LONG) == 0);
	rc = recv_nothing(end[0]);
	KILLING_CHECK(rc == KK_ERR_DIED || rc == KK_ERR_TIMEOUT);
	return works();
}

static void test_send_long(void **state)
{
	(void)state;
	sweep("send a long message", setup, sit, send_long, came_whole_or_not);
}

static int send_range(void)
{
	return kk_connection_send_memory(end[1], memory, 10, 20, 0);
}

static const char *range_came_or_not(const struct killing_death *death)
{
	struct kk_range range;
	int rc = kk_connection_recv_memory(end[0], &range, 0);
	KILLING_CHECK(!death->finished || (rc == KK_OK && death->result == KK_OK));
	if (rc == KK_OK)
		KILLING_CHECK(range.data == (char *)kk_memory_data(memory) + 10 && range.bytes == 20);
	return works();
}

static void test_send_memory(void **state)
{
	(void)state;
	sweep("send a memory", setup, sit, send_range, range_came_or_not);
}

/* ---- receiving */

static void setup_sent(void)
{
	setup();
	assert_int_equal(put(end[0], "one"), KK_OK);
	assert_int_equal(put(end[0], "two"), KK_OK);
}

static int recv_one(void)
{
	return comes(end[1], "one") ? 0 : 1;
}

static const char *received_or_not(const struct killing_death *death)
{
	char got[4] = "";
	KILLING_CHECK(!death->finished || death->result == 0);
	KILLING_CHECK(kk_connection_recv_bytes_into(end[1], got, 3, NULL, 0) == KK_OK);
	if (strcmp(got, "one") == 0 && !death->finished)
		KILLING_CHECK(kk_connection_recv_bytes_into(end[1], got, 3, NULL, 0) == KK_OK);
	KILLING_CHECK(strcmp(got, "two") == 0);
	KILLING_CHECK(recv_nothing(end[1]) == KK_ERR_TIMEOUT);
	return works();
}

static void test_receive(void **state)
{
	(void)state;
	sweep("receive a message", setup_sent, sit, recv_one, received_or_not);
}

static void setup_sent_long(void)
{
	setup();
	assert_int_equal(kk_connection_send_bytes(end[0], long_message, LONG, 0), KK_OK);
	assert_int_equal(put(end[0], "two"), KK_OK);
}

static int recv_long(void)
{
	unsigned char got[LONG];
	return kk_connection_recv_bytes_into(end[1], got, LONG, NULL, 0);
}

/* All of the long one or nothing of it; the one behind it in any case. */
static const char *received_long_or_not(const struct killing_death *death)
{
	unsigned char got[LONG];
	size_t bytes;
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	KILLING_CHECK(kk_connection_recv_bytes_into(end[1], got, LONG, &bytes, 0) == KK_OK);
	KILLING_CHECK(!death->finished || bytes == 3);
	if (bytes == LONG) {
		KILLING_CHECK(memcmp(got, long_message, LONG) == 0);
		KILLING_CHECK(comes(end[1], "two"));
	} else {
		KILLING_CHECK(bytes == 3 && memcmp(got, "two", 3) == 0);
	}
	KILLING_CHECK(recv_nothing(end[1]) == KK_ERR_TIMEOUT);
	return works();
}

static void test_receive_long(void **state)
{
	(void)state;
	sweep("receive a long message", setup_sent_long, sit, recv_long, received_long_or_not);
}

/* ---- beginning and ending */

static void use(void)
{
	sit();
	killing_must(put(end[1], "one") == KK_OK);
}

static int close_it(void)
{
	kk_connection_close(end[1]);
	return 0;
}

static const char *told(const struct killing_death *death)
{
	KILLING_CHECK(comes(end[0], "one"));
	int rc = recv_nothing(end[0]);
	KILLING_CHECK(rc == KK_ERR_CLOSED || (rc == KK_ERR_DIED && !death->finished));
	KILLING_CHECK(put(end[0], "x") == rc);
	return works();
}

static bool renewed;

static void renew_if_told(void)
{
	renewed = recv_nothing(end[0]) == KK_ERR_CLOSED;
	if (renewed)
		kk_connection_renew(end[0]);
}

static void setup_untold(void)
{
	setup();
	renewed = false;
}

/* Whose end was told already is not told again of somebody who is to come after him. */
static const char *told_once(const struct killing_death *death)
{
	int rc = recv_nothing(end[0]);
	KILLING_CHECK(renewed || !death->finished);
	KILLING_CHECK(renewed ? rc == KK_ERR_TIMEOUT : rc == KK_ERR_DIED || rc == KK_ERR_CLOSED);
	return works();
}

static void poll_first(void)
{
	sit();
	killing_must(kk_connection_poll(end[1], 0) == KK_ERR_TIMEOUT);
}

static void test_close_then_renew(void **state)
{
	(void)state;
	static const struct killing killing = {.name = "close an end that is renewed at once",
	                                       .family = &family,
	                                       .setup = setup_untold,
	                                       .join = poll_first,
	                                       .act = close_it,
	                                       .meanwhile = renew_if_told,
	                                       .verify = told_once,
	                                       .teardown = teardown};
	killing_sweep(&killing);
}

static void test_close(void **state)
{
	(void)state;
	sweep("close an end", setup, use, close_it, told);
}

static int leave(void)
{
	return kk_family_leave(family);
}

static void test_leave(void **state)
{
	(void)state;
	sweep("end in peace", setup, use, leave, told);
}

/* One who shares the end with us: it stays open. */
static void setup_shared(void)
{
	setup();
	assert_int_equal(put(end[1], "mine"), KK_OK);
}

static const char *not_told(const struct killing_death *death)
{
	(void)death;
	KILLING_CHECK(comes(end[0], "mine"));
	KILLING_CHECK(comes(end[0], "one"));
	KILLING_CHECK(recv_nothing(end[0]) == KK_ERR_TIMEOUT);
	return works();
}

static void test_close_shared(void **state)
{
	(void)state;
	sweep("close an end that another uses", setup_shared, use, close_it, not_told);
}

/* ---- waiting */

static int recv_sleeping(void)
{
	char got[20];
	return kk_connection_recv_bytes_into(end[1], got, sizeof(got), NULL, -1);
}

static void send_x(void)
{
	assert_int_equal(put(end[0], "x"), KK_OK);
}

static const char *at_most_x(const struct killing_death *death)
{
	KILLING_CHECK(!death->finished || death->result == KK_OK);
	bool there = kk_connection_poll(end[1], 0) == KK_OK;
	KILLING_CHECK(!there || (!death->finished && comes(end[1], "x")));
	return works();
}

static void test_receive_asleep(void **state)
{
	(void)state;
	sweep_waiter("sleep for a message", setup, recv_sleeping, send_x, at_most_x);
}

static void setup_full(void)
{
	setup();
	while (put(end[1], "full") == KK_OK)
		;
}

static int send_sleeping(void)
{
	return kk_connection_send_bytes(end[1], "last", 4, -1);
}

/* Of its 32: half, and none that comes meanwhile. */
static void recv_half(void)
{
	for (int i = 0; i < 16; i++)
		assert_true(comes(end[0], "full"));
}

static const char *last_came_or_not(const struct killing_death *death)
{
	char got[5] = "";
	int rc;
	while ((rc = kk_connection_recv_bytes_into(end[0], got, 4, NULL, 0)) == KK_OK && strcmp(got, "full") == 0)
		;
	KILLING_CHECK(rc == KK_OK ? strcmp(got, "last") == 0 : rc == KK_ERR_TIMEOUT);
	KILLING_CHECK(!death->finished || (rc == KK_OK && death->result == KK_OK));
	return works();
}

static void test_send_asleep(void **state)
{
	(void)state;
	sweep_waiter("sleep for room", setup_full, send_sleeping, recv_half, last_came_or_not);
}

/* ---- torment */

enum { SENDERS = 3, RECEIVERS = 3, PEOPLE = SENDERS + RECEIVERS, NUMBERS = 200000, TORMENT_MS = 2500 };

struct ledger {
	_Atomic uint32_t sent[SENDERS];             /* numbers below it were sent               */
	_Atomic uint8_t received[SENDERS][NUMBERS]; /* how often                                */
	_Atomic uint32_t fault;                     /* what somebody found wrong                */
};
static struct ledger *ledger;

static size_t length_of(uint32_t number)
{
	/* Some of them are long. */
	return 8 + (number % 7 == 0 ? 600 + number % 2000 : number * 2654435761U % 200);
}

static void make_message(unsigned char *to, uint32_t sender, uint32_t number)
{
	memcpy(to, &sender, 4);
	memcpy(to + 4, &number, 4);
	for (size_t i = 8; i < length_of(number); i++)
		to[i] = (unsigned char)(number + i * (sender + 3));
}

/* Sends its numbers. What its predecessor died sending may have been sent: that number is left out. */
static int play_sender(uint32_t sender)
{
	unsigned char data[3000];
	for (uint32_t number = ledger->sent[sender] + 1; number < NUMBERS; number++) {
		int rc;
		ledger->sent[sender] = number;
		make_message(data, sender, number);
		/* All receivers may be dead for a moment. */
		do {
			rc = kk_connection_send_bytes(end[1], data, length_of(number), -1);
		} while (rc == KK_ERR_DIED);
		if (rc != KK_OK)
			return 2;
	}
	(void)pause();
	return 0;
}

static int take_one(int timeout_ms)
{
	unsigned char data[3000], should[3000];
	size_t bytes;
	uint32_t sender, number;
	int rc = kk_connection_recv_bytes_into(end[0], data, sizeof(data), &bytes, timeout_ms);
	if (rc != KK_OK)
		return rc;
	memcpy(&sender, data, 4);
	memcpy(&number, data + 4, 4);
	if (bytes < 8 || sender >= SENDERS || number >= NUMBERS || bytes != length_of(number))
		ledger->fault = 1;
	if (ledger->fault)
		return KK_ERR_CORRUPT;
	make_message(should, sender, number);
	if (memcmp(should, data, bytes) != 0)
		ledger->fault = 2;
	if (ledger->received[sender][number]++ > 0)
		ledger->fault = 3;
	return KK_OK;
}

static int play_receiver(void)
{
	int rc = KK_OK;
	while (rc == KK_OK || rc == KK_ERR_DIED || rc == KK_ERR_TIMEOUT)
		rc = take_one(rand() % 3 == 0 ? 1 : 50);
	return 3;
}

static pid_t start(unsigned i)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(i < SENDERS ? play_sender(i) : play_receiver());
	return child;
}

static void end_person(pid_t child)
{
	int status;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		fail_msg("somebody ended with %d, fault %u", WEXITSTATUS(status), ledger->fault);
}

static void torment(pid_t *person, unsigned *kills)
{
	uint64_t until = harness_now_ms() + TORMENT_MS;
	pid_t stopped = 0;
	while (harness_now_ms() < until && !ledger->fault) {
		unsigned i = (unsigned)rand() % PEOPLE;
		for (int n = rand() % 3000; n > 0; n--)
			(void)kk_connection_readable(end[0]);
		if (stopped)
			(void)kill(stopped, SIGCONT);
		stopped = 0;
		if (rand() % 4 == 0) {
			stopped = person[i];
			assert_int_equal(kill(stopped, SIGSTOP), 0);
			continue;
		}
		end_person(person[i]);
		kills[i]++;
		person[i] = start(i);
	}
	if (stopped)
		(void)kill(stopped, SIGCONT);
}

static void test_torment(void **state)
{
	(void)state;
	static const struct kk_family_spec spec = {.seats = 16, .objects = 4};
	struct kk_error error = {0};
	pid_t person[PEOPLE];
	unsigned kills[PEOPLE] = {0}, lost = 0, received = 0, allowed = 0;
	family = kk_family_create(&spec, NULL);
	assert_non_null(family);
	assert_int_equal(kk_pipe_create(family, true, 1024, end, NULL), KK_OK);
	memory = kk_memory_create(family, sizeof(*ledger), NULL);
	assert_non_null(memory);
	ledger = kk_memory_data(memory);
	srand(1);
	for (unsigned i = 0; i < PEOPLE; i++)
		person[i] = start(i);
	torment(person, kills);
	for (unsigned i = 0; i < PEOPLE; i++)
		end_person(person[i]);
	assert_true(kk_family_bury(family) >= 0);
	if (kk_family_check(family, &error) < 0)
		fail_msg("%s", error.text);
	/* What is left can be received, and then the last one has died. */
	while (take_one(0) == KK_OK)
		;
	assert_int_equal(take_one(0), KK_ERR_DIED);
	assert_int_equal(ledger->fault, 0);
	for (uint32_t s = 0; s < SENDERS; s++) {
		for (uint32_t n = 1; n <= ledger->sent[s]; n++) {
			lost += ledger->received[s][n] == 0;
			received += ledger->received[s][n];
		}
	}
	/* Each death may have cost the one message that the dead one had in hand. */
	for (unsigned i = 0; i < PEOPLE; i++)
		allowed += kills[i] + 1;
	print_message("%u messages, %u deaths, %u messages died with them\n", received, allowed, lost);
	assert_true(received > 0);
	assert_true(lost <= allowed);
	struct kk_family_usage usage;
	kk_family_usage(family, &usage);
	assert_int_equal(usage.seats_taken, 1);
	teardown();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_send),
    cmocka_unit_test(test_send_long),
    cmocka_unit_test(test_send_memory),
    cmocka_unit_test(test_receive),
    cmocka_unit_test(test_receive_long),
    cmocka_unit_test(test_close),
    cmocka_unit_test(test_close_then_renew),
    cmocka_unit_test(test_leave),
    cmocka_unit_test(test_close_shared),
    cmocka_unit_test(test_receive_asleep),
    cmocka_unit_test(test_send_asleep),
    cmocka_unit_test(test_torment),
};
HARNESS_MAIN(tests)
