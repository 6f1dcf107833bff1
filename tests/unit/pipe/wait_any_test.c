/* SPDX-License-Identifier: Apache-2.0 */
/* kk_wait_any: connections, descriptors and processes in one call. */
#include "asleep.h"
#include "harness.h"
#include <kakehi/pipe.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPES = 4 };

static struct kk_family *family;
static struct kk_connection *end[PIPES][2];
static struct kk_waitable item[2 * PIPES];

static void make(unsigned pipes)
{
	family = kk_family_create(NULL, NULL);
	assert_non_null(family);
	for (unsigned i = 0; i < pipes; i++) {
		assert_int_equal(kk_pipe_create(family, true, 0, end[i], NULL), KK_OK);
		item[i] = kk_connection_waitable(end[i][0]);
		assert_ptr_equal(item[i].object, end[i][0]);
	}
}

static void drop(unsigned pipes)
{
	for (unsigned i = 0; i < pipes; i++) {
		kk_connection_close(end[i][1]);
		kk_connection_destroy(end[i][0]);
	}
	kk_family_close(family);
}

static void send_to(unsigned i)
{
	assert_int_equal(kk_connection_send_bytes(end[i][1], "x", 1, 0), KK_OK);
}

static void recv_from(unsigned i)
{
	char byte;
	assert_int_equal(kk_connection_recv_bytes_into(end[i][0], &byte, 1, NULL, 0), KK_OK);
}

static void test_what_is_ready(void **state)
{
	(void)state;
	make(PIPES);
	assert_int_equal(kk_wait_any(item, PIPES, 0), KK_ERR_TIMEOUT);
	send_to(1);
	assert_int_equal(kk_wait_any(item, PIPES, -1), 1);
	send_to(3);
	assert_int_equal(kk_wait_any(item, PIPES, 0), 2);
	for (unsigned i = 0; i < PIPES; i++)
		assert_int_equal(item[i].is_ready, i == 1 || i == 3);
	recv_from(1);
	recv_from(3);
	assert_int_equal(kk_wait_any(item, PIPES, 0), KK_ERR_TIMEOUT);
	/* An end is something to be told. */
	kk_connection_shut(end[2][1]);
	assert_int_equal(kk_wait_any(item, PIPES, -1), 1);
	assert_true(item[2].is_ready);
	drop(PIPES);
}

static void test_time_outs(void **state)
{
	(void)state;
	make(2);
	int fd = eventfd(0, EFD_CLOEXEC);
	for (unsigned count = 0; count <= 3; count++) {
		if (count == 3)
			item[2] = kk_descriptor_waitable(fd, POLLIN);
		uint64_t start_ms = harness_now_ms();
		assert_int_equal(kk_wait_any(item, count, 30), KK_ERR_TIMEOUT);
		assert_true(harness_now_ms() - start_ms >= 29);
	}
	assert_int_equal(kk_wait_any(item, 0, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kk_wait_any(item, 0, -1), KK_ERR_INVALID);
	(void)close(fd);
	assert_int_equal(kk_wait_any(item, 3, 0), KK_ERR_INVALID);
	item[2] = kk_descriptor_waitable(-1, POLLIN);
	assert_int_equal(kk_wait_any(item, 3, 0), KK_ERR_INVALID);
	drop(2);
}

/* What wakes the test once it sleeps. */
struct waker {
	pid_t tid;
	void (*wake)(void);
};

static bool sleeps(void *tid)
{
	return asleep(*(pid_t *)tid);
}

static void *wake_sleeper(void *argument)
{
	struct waker *waker = argument;
	if (!harness_wait_until(sleeps, &waker->tid, 10000))
		return "nobody went to sleep";
	waker->wake();
	return NULL;
}

static void wait_woken(unsigned count, void (*wake)(void), unsigned expected)
{
	struct waker waker = {.tid = gettid(), .wake = wake};
	pthread_t thread;
	void *fault;
	assert_int_equal(pthread_create(&thread, NULL, wake_sleeper, &waker), 0);
	assert_int_equal(kk_wait_any(item, count, 20000), 1);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(item[i].is_ready, i == expected);
	assert_int_equal(pthread_join(thread, &fault), 0);
	assert_null(fault);
}

static int bell = -1;

static void send_to_2(void)
{
	send_to(2);
}

static void ring(void)
{
	uint64_t one = 1;
	assert_int_equal(write(bell, &one, sizeof(one)), sizeof(one));
}

static void test_sleeping(void **state)
{
	(void)state;
	make(PIPES);
	wait_woken(PIPES, send_to_2, 2);
	recv_from(2);
	/* With descriptors, alone and among others. */
	bell = eventfd(0, EFD_CLOEXEC);
	item[PIPES] = kk_descriptor_waitable(bell, POLLIN);
	wait_woken(PIPES + 1, send_to_2, 2);
	recv_from(2);
	wait_woken(PIPES + 1, ring, PIPES);
	assert_int_equal(item[PIPES].revents, POLLIN);
	uint64_t value;
	assert_int_equal(read(bell, &value, sizeof(value)), sizeof(value));
	item[0] = item[PIPES];
	wait_woken(1, ring, 0);
	(void)close(bell);
	drop(PIPES);
}

static pid_t start_sender(unsigned i)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)kk_connection_send_bytes(end[i][1], "x", 1, -1);
		(void)pause();
		_exit(1);
	}
	return child;
}

/* A process that ends is seen by its descriptor, and by the connection whose last user it was. */
static void test_deaths(void **state)
{
	(void)state;
	make(2);
	pid_t child = start_sender(1);
	int pidfd = pidfd_open(child, 0);
	assert_true(pidfd >= 0);
	item[2] = kk_descriptor_waitable(pidfd, POLLIN);
	assert_int_equal(kk_wait_any(item, 3, -1), 1);
	assert_true(item[1].is_ready);
	recv_from(1);
	assert_int_equal(kk_wait_any(item, 3, 0), KK_ERR_TIMEOUT);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_true(kk_wait_any(item, 3, -1) >= 1);
	assert_int_equal(kk_wait_any(item, 2, -1), 1);
	assert_true(item[1].is_ready);
	assert_int_equal(kk_connection_recv_bytes_into(end[1][0], NULL, 0, NULL, -1), KK_ERR_DIED);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(pidfd);
	drop(2);
}

static int send_ten(unsigned i)
{
	for (int number = 0; number < 10; number++)
		if (kk_connection_send_bytes(end[i][1], &number, sizeof(number), -1) != KK_OK)
			return 1;
	kk_connection_close(end[i][1]);
	return 0;
}

/* Receives from all of them until each has closed its end. */
static void test_all_that_was_sent(void **state)
{
	(void)state;
	struct kk_waitable open[PIPES];
	unsigned count = PIPES, got = 0;
	make(PIPES);
	for (unsigned i = 0; i < PIPES; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(send_ten(i));
	}
	memcpy(open, item, sizeof(open));
	while (count > 0) {
		assert_true(kk_wait_any(open, count, -1) > 0);
		for (unsigned i = 0; i < count; i++) {
			int number;
			if (!open[i].is_ready)
				continue;
			int rc = kk_connection_recv_bytes_into(open[i].object, &number, sizeof(number), NULL, 0);
			got += rc == KK_OK;
			if (rc != KK_OK) {
				assert_int_equal(rc, KK_ERR_CLOSED);
				open[i--] = open[--count];
			}
		}
	}
	assert_int_equal(got, 10 * PIPES);
	for (unsigned i = 0; i < PIPES; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	drop(PIPES);
}

/* More than the kernel waits for at once. */
static void test_very_many(void **state)
{
	(void)state;
	static struct kk_waitable many[200];
	make(2);
	for (unsigned i = 0; i < 200; i++)
		many[i] = item[i == 150];
	assert_int_equal(kk_wait_any(many, 200, 20), KK_ERR_TIMEOUT);
	pid_t child = start_sender(1);
	assert_int_equal(kk_wait_any(many, 200, -1), 1);
	assert_true(many[150].is_ready);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	drop(2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_ready),     cmocka_unit_test(test_time_outs), cmocka_unit_test(test_sleeping),
    cmocka_unit_test(test_all_that_was_sent), cmocka_unit_test(test_deaths),    cmocka_unit_test(test_very_many),
};
HARNESS_MAIN(tests)
