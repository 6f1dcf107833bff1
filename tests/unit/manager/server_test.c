/* SPDX-License-Identifier: Apache-2.0 */
/* kk_server and kk_client: own types, served to strangers; keys, users, deaths. */
#include "asleep.h"
#include "harness.h"
#include "sanitizers.h"
#include <kakehi/manager.h>
#include <kakehi/manager_server.h>
#include <kakehi/record.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a type: counters */

struct counter {
	long n;
};

/* Numbers of the whole process, changed under `lock`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int made, destroyed, waiting;
static bool let_go;

static void *create_counter(struct kk_served *call)
{
	struct counter *counter = calloc(1, sizeof(*counter));
	if (call->args_bytes != 0 && call->args_bytes != sizeof(long)) {
		(void)kk_served_fail(call, KK_ERR_INVALID, "a counter starts from a long, not from %zu bytes",
		                     call->args_bytes);
		free(counter);
		return NULL;
	}
	if (counter && call->args_bytes > 0)
		memcpy(&counter->n, call->args, sizeof(long));
	pthread_mutex_lock(&lock);
	made++;
	pthread_mutex_unlock(&lock);
	return counter;
}

static void destroy_counter(void *object)
{
	pthread_mutex_lock(&lock);
	destroyed++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	free(object);
}

static int add(struct kk_served *call)
{
	struct counter *counter = call->object;
	long before = counter->n;
	if (call->args_bytes != sizeof(long) || (uintptr_t)call->args % 16 != 0)
		return KK_ERR_INVALID;
	/* Not atomic, and it need not be. */
	counter->n = before + *(const long *)call->args;
	return kk_served_return(call, &counter->n, sizeof(counter->n));
}

static int go_wrong(struct kk_served *call)
{
	return call->args_bytes ? kk_served_fail(call, 0, "failed with %zu bytes", call->args_bytes) : 42;
}

static int echo(struct kk_served *call)
{
	return kk_served_return(call, call->args, call->args_bytes);
}

static int too_much(struct kk_served *call)
{
	static const char much[1 << 20];
	return kk_served_return(call, much, sizeof(much));
}

static int who(struct kk_served *call)
{
	const long ids[2] = {call->pid, call->uid};
	return kk_served_return(call, ids, sizeof(ids));
}

/* Until somebody lets it go. */
static int wait_long(struct kk_served *call)
{
	(void)call;
	pthread_mutex_lock(&lock);
	waiting++;
	pthread_cond_broadcast(&changed);
	while (!let_go)
		pthread_cond_wait(&changed, &lock);
	waiting--;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int twin(struct kk_served *call)
{
	struct counter *counter = calloc(1, sizeof(*counter));
	counter->n = ((struct counter *)call->object)->n;
	pthread_mutex_lock(&lock);
	made++;
	pthread_mutex_unlock(&lock);
	return kk_served_return_object(call, call->args_bytes ? "no such type" : "counter", counter);
}

static const struct kk_served_method methods[] = {
    {"add", add}, {"fail", go_wrong},  {"echo", echo}, {"too much", too_much},
    {"who", who}, {"wait", wait_long}, {"twin", twin}, {NULL, NULL},
};
static const struct kk_served_type counter_type = {
    .name = "counter", .create = create_counter, .destroy = destroy_counter, .methods = methods};
static const struct kk_served_type free_type = {
    .name = "free", .create = create_counter, .destroy = destroy_counter, .methods = methods, .thread_safe = true};

/* One for all who ask. */
static struct counter the_one;

static void *get_the_one(struct kk_served *call)
{
	(void)call;
	return &the_one;
}

static const struct kk_served_type single_type = {.name = "single", .create = get_the_one, .methods = methods};
static const struct kk_served_type hidden_type = {.name = "hidden", .methods = methods};

/* ---- servers and clients */

static const char key[] = "a key of some bytes";

static struct kk_server *serve(const struct kk_server_spec *spec)
{
	struct kk_error error = {0};
	struct kk_server *server = kk_server_create(spec, &error);
	if (!server)
		fail_msg("%s", error.text);
	assert_int_equal(kk_server_register(server, &counter_type), KK_OK);
	assert_int_equal(kk_server_register(server, &free_type), KK_OK);
	assert_int_equal(kk_server_register(server, &single_type), KK_OK);
	assert_int_equal(kk_server_register(server, &hidden_type), KK_OK);
	if (kk_server_start(server, &error) < 0)
		fail_msg("%s", error.text);
	return server;
}

static struct kk_client *connect_with(const char *address, const char *authkey, struct kk_error *error)
{
	struct kk_client_spec spec = {
	    .address = address, .authkey = authkey, .authkey_bytes = authkey ? strlen(authkey) : 0};
	return kk_client_connect(&spec, error);
}

static struct kk_client *client_of(const struct kk_server *server, const char *authkey)
{
	struct kk_error error = {0};
	struct kk_client *client = connect_with(kk_server_address(server), authkey, &error);
	if (!client)
		fail_msg("%s", error.text);
	return client;
}

static long add_to(struct kk_proxy *proxy, long amount)
{
	struct kk_error error = {0};
	void *result = NULL;
	size_t bytes = 0;
	if (kk_proxy_call(proxy, "add", &amount, sizeof(amount), -1, &result, &bytes, &error) != KK_OK)
		fail_msg("%s", error.text);
	assert_int_equal(bytes, sizeof(long));
	long now = *(long *)result;
	free(result);
	return now;
}

static const struct kk_server_spec unix_spec = {0};
static const struct kk_server_spec tcp_spec = {
    .address = "tcp:127.0.0.1:0", .authkey = key, .authkey_bytes = sizeof(key) - 1};
static const struct kk_server_spec keyed_spec = {.authkey = key, .authkey_bytes = sizeof(key) - 1};

/* ---- calls */

static void calls(const struct kk_server_spec *spec)
{
	struct kk_error error = {0};
	long start = 10, *ids;
	void *result;
	size_t bytes;
	struct kk_server *server = serve(spec);
	struct kk_client *client = client_of(server, spec->authkey);
	struct kk_proxy *one = kk_client_make(client, "counter", &start, sizeof(start), &error);
	struct kk_proxy *other = kk_client_make(client, "counter", NULL, 0, &error);
	assert_non_null(one);
	assert_non_null(other);
	assert_int_equal(add_to(one, 5), 15);
	assert_int_equal(add_to(one, 5), 20);
	assert_int_equal(add_to(other, 1), 1);
	assert_null(kk_client_make(client, "counter", "abc", 3, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_string_equal(error.text, "a counter starts from a long, not from 3 bytes");
	assert_null(kk_client_make(client, "no such type", NULL, 0, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	assert_null(kk_client_make(client, "hidden", NULL, 0, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_int_equal(kk_proxy_call(one, "nothing", NULL, 0, -1, NULL, NULL, &error), KK_ERR_MISSING);
	assert_int_equal(kk_proxy_call(one, "fail", NULL, 0, -1, NULL, NULL, &error), 42);
	assert_int_equal(kk_proxy_call(one, "fail", "xyz", 3, -1, NULL, NULL, &error), KK_ERR_FAILED);
	assert_string_equal(error.text, "failed with 3 bytes");
	assert_int_equal(kk_proxy_call(one, "echo", "xyz", 3, -1, &result, &bytes, &error), KK_OK);
	assert_int_equal(bytes, 3);
	assert_memory_equal(result, "xyz", 3);
	free(result);
	assert_int_equal(kk_proxy_call(one, "who", NULL, 0, -1, &result, &bytes, &error), KK_OK);
	ids = result;
	assert_int_equal(ids[0], spec == &tcp_spec ? -1 : getpid());
	if (spec != &tcp_spec)
		assert_int_equal(ids[1], getuid());
	free(result);
	kk_proxy_close(one);
	kk_proxy_close(other);
	kk_proxy_close(NULL);
	kk_client_close(client);
	kk_client_close(NULL);
	kk_server_free(server);
	kk_server_free(NULL);
}

static void test_calls(void **state)
{
	(void)state;
	calls(&unix_spec);
	calls(&keyed_spec);
	calls(&tcp_spec);
}

static void test_objects_returned(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *client = client_of(server, NULL);
	struct kk_proxy *one = kk_client_make(client, "counter", NULL, 0, &error);
	assert_int_equal(add_to(one, 7), 7);
	struct kk_proxy *copy = kk_proxy_call_object(one, "twin", NULL, 0, &error);
	assert_non_null(copy);
	assert_int_equal(add_to(copy, 1), 8);
	assert_int_equal(add_to(one, 0), 7);
	assert_true(kk_proxy_number(copy) != kk_proxy_number(one));
	assert_null(kk_proxy_call_object(one, "echo", NULL, 0, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_int_equal(kk_proxy_call(one, "twin", NULL, 0, -1, NULL, NULL, &error), KK_ERR_INVALID);
	kk_proxy_close(one);
	kk_proxy_close(copy);
	kk_client_close(client);
	kk_server_free(server);
	pthread_mutex_lock(&lock);
	assert_int_equal(made, destroyed);
	pthread_mutex_unlock(&lock);
}

static bool objects_are(void *what)
{
	const void *const *both = what;
	struct kk_server_usage usage;
	kk_server_usage((struct kk_server *)(uintptr_t)both[0], &usage);
	return usage.objects == *(const uint32_t *)both[1];
}

static void wait_objects(struct kk_server *server, uint32_t count)
{
	void *both[2] = {server, &count};
	assert_true(harness_wait_until(objects_are, both, 10000));
}

static void test_lifetime(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *client = client_of(server, NULL), *second = client_of(server, NULL);
	struct kk_proxy *one = kk_client_make(client, "counter", NULL, 0, &error);
	struct kk_proxy *same = kk_client_proxy(second, kk_proxy_number(one), &error);
	uint64_t number = kk_proxy_number(one);
	assert_non_null(same);
	assert_int_equal(add_to(one, 1), 1);
	assert_int_equal(add_to(same, 1), 2);
	kk_proxy_close(one);
	wait_objects(server, 1);
	assert_int_equal(add_to(same, 1), 3);
	kk_proxy_close(same);
	wait_objects(server, 0);
	assert_null(kk_client_proxy(client, number, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_client_close(second);
	/* One object for all who ask for it. */
	struct kk_proxy *first = kk_client_make(client, "single", NULL, 0, &error);
	struct kk_proxy *again = kk_client_make(client, "single", NULL, 0, &error);
	assert_true(kk_proxy_number(first) == kk_proxy_number(again));
	kk_proxy_close(first);
	assert_int_equal(add_to(again, 2), 2);
	kk_proxy_close(again);
	wait_objects(server, 0);
	kk_client_close(client);
	kk_server_free(server);
}

/* ---- many clients */

enum { THREADS = 6, ROUNDS = 300 };

static void *count_through_own_client(void *argument)
{
	struct kk_client *client = connect_with(argument, key, NULL);
	struct kk_proxy *proxy = client ? kk_client_make(client, "single", NULL, 0, NULL) : NULL;
	long one = 1;
	int rc = proxy ? KK_OK : KK_ERR_FAILED;
	for (int i = 0; i < ROUNDS && rc == KK_OK; i++)
		rc = kk_proxy_call(proxy, "add", &one, sizeof(one), -1, NULL, NULL, NULL);
	kk_proxy_close(proxy);
	kk_client_close(client);
	return (void *)(intptr_t)rc;
}

static void *count_through_one_client(void *argument)
{
	long one = 1;
	int rc = KK_OK;
	for (int i = 0; i < ROUNDS && rc == KK_OK; i++)
		rc = kk_proxy_call(argument, "add", &one, sizeof(one), -1, NULL, NULL, NULL);
	return (void *)(intptr_t)rc;
}

static void run_threads(void *(*function)(void *), void *argument)
{
	pthread_t thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, function, argument), 0);
	for (int i = 0; i < THREADS; i++) {
		void *rc;
		assert_int_equal(pthread_join(thread[i], &rc), 0);
		assert_null(rc);
	}
}

/* Calls of one object take turns, or the sum would be less. */
static void test_many_clients(void **state)
{
	(void)state;
	struct kk_server *server = serve(&tcp_spec);
	struct kk_client *client = client_of(server, key);
	struct kk_proxy *proxy = kk_client_make(client, "single", NULL, 0, NULL);
	the_one.n = 0;
	run_threads(count_through_own_client, (void *)(uintptr_t)kk_server_address(server));
	assert_int_equal(add_to(proxy, 0), THREADS * ROUNDS);
	run_threads(count_through_one_client, proxy);
	assert_int_equal(add_to(proxy, 0), 2 * THREADS * ROUNDS);
	kk_proxy_close(proxy);
	kk_client_close(client);
	kk_server_free(server);
}

static void set_let_go(bool go)
{
	pthread_mutex_lock(&lock);
	let_go = go;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void await_waiting(int count)
{
	pthread_mutex_lock(&lock);
	while (waiting != count)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void *call_wait(void *proxy)
{
	return (void *)(intptr_t)kk_proxy_call(proxy, "wait", NULL, 0, -1, NULL, NULL, NULL);
}

/* A method that takes its time holds up nobody but who called it, and who calls the same object. */
static void test_slow_method(void **state)
{
	(void)state;
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *slow = client_of(server, NULL), *slower = client_of(server, NULL);
	struct kk_client *quick = client_of(server, NULL);
	struct kk_proxy *one = kk_client_make(slow, "free", NULL, 0, NULL);
	struct kk_proxy *same = kk_client_proxy(slower, kk_proxy_number(one), NULL);
	struct kk_proxy *other = kk_client_make(quick, "counter", NULL, 0, NULL);
	pthread_t first, second;
	void *rc;
	set_let_go(false);
	assert_int_equal(pthread_create(&first, NULL, call_wait, one), 0);
	assert_int_equal(pthread_create(&second, NULL, call_wait, same), 0);
	await_waiting(2);
	assert_int_equal(add_to(other, 3), 3);
	set_let_go(true);
	assert_int_equal(pthread_join(first, &rc), 0);
	assert_null(rc);
	assert_int_equal(pthread_join(second, &rc), 0);
	assert_null(rc);
	kk_proxy_close(one);
	kk_proxy_close(same);
	kk_proxy_close(other);
	kk_client_close(slow);
	kk_client_close(slower);
	kk_client_close(quick);
	kk_server_free(server);
}

/* A call that was given up: its answer is not taken for the next one's. */
static void test_timeout(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server *server = serve(&tcp_spec);
	struct kk_client *client = client_of(server, key);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	set_let_go(false);
	assert_int_equal(kk_proxy_call(proxy, "wait", NULL, 0, 20, NULL, NULL, &error), KK_ERR_TIMEOUT);
	assert_int_equal(kk_proxy_call(proxy, "wait", NULL, 0, 0, NULL, NULL, &error), KK_ERR_TIMEOUT);
	set_let_go(true);
	assert_int_equal(add_to(proxy, 4), 4);
	kk_proxy_close(proxy);
	kk_client_close(client);
	kk_server_free(server);
}

static void test_sizes(void **state)
{
	(void)state;
	struct kk_server_spec spec = tcp_spec;
	struct kk_error error = {0};
	static char data[5000];
	void *result;
	size_t bytes;
	spec.message_max = 4096;
	struct kk_server *server = serve(&spec);
	struct kk_client_spec client_spec = {.address = kk_server_address(server),
	                                     .authkey = key,
	                                     .authkey_bytes = sizeof(key) - 1,
	                                     .message_max = 4096};
	struct kk_client *client = kk_client_connect(&client_spec, &error);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	assert_non_null(proxy);
	for (size_t size = 0; size <= 4096; size += 512) {
		assert_int_equal(kk_proxy_call(proxy, "echo", data, size, -1, &result, &bytes, &error), KK_OK);
		assert_int_equal(bytes, size);
		free(result);
	}
	assert_int_equal(kk_proxy_call(proxy, "echo", data, 5000, -1, NULL, NULL, &error), KK_ERR_NO_ROOM);
	assert_int_equal(kk_proxy_call(proxy, "too much", NULL, 0, -1, NULL, NULL, &error), KK_ERR_NO_ROOM);
	/* Neither was the end of the connection. */
	assert_int_equal(add_to(proxy, 1), 1);
	kk_proxy_close(proxy);
	kk_client_close(client);
	kk_server_free(server);
}

/* ---- who may */

static void test_wrong_keys(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server_usage usage;
	struct kk_server *keyed = serve(&tcp_spec), *open = serve(&unix_spec);
	assert_null(connect_with(kk_server_address(keyed), "another key of bytes", &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_non_null(strstr(error.text, "the key is not ours"));
	assert_null(connect_with(kk_server_address(keyed), NULL, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	/* Who has a key talks to nobody who cannot prove that he has it, too. */
	assert_null(connect_with(kk_server_address(open), key, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	kk_server_free(keyed);
	kk_server_usage(open, &usage);
	assert_int_equal(usage.objects, 0);
	kk_server_free(open);
}

static void test_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",           "unix:",      "tcp:",           "tcp:127.0.0.1",     "tcp:127.0.0.1:x", "udp:x",
	    "tcp:host:1", "tcp:[::1:1", "tcp:1.2.3.4:-1", "tcp:1.2.3.4:65536", "tcp::1",          "tcp:127.0.0.1:"};
	struct kk_error error = {0};
	char *path = harness_path("socket");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kk_server_spec spec = {.address = bad[i], .authkey = key, .authkey_bytes = 5};
		if (kk_server_create(&spec, &error))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(error.code, KK_ERR_INVALID);
	}
	struct kk_server_spec no_key = {.address = "tcp:127.0.0.1:0"}, far = tcp_spec;
	assert_null(kk_server_create(&no_key, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	far.address = "tcp:0.0.0.0:0";
	assert_null(kk_server_create(&far, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(connect_with("tcp:127.0.0.1:1", NULL, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(connect_with(harness_text("unix:%s", path), NULL, &error));
	assert_int_equal(error.code, KK_ERR_DIED);

	struct kk_server_spec spec = {.address = harness_text("unix:%s", path)};
	struct kk_server *server = serve(&spec);
	assert_string_equal(kk_server_address(server), spec.address);
	assert_null(kk_server_create(&spec, &error));
	assert_int_equal(error.code, KK_ERR_EXISTS);
	kk_client_close(client_of(server, NULL));
	kk_server_free(server);
	assert_false(harness_exists(path));
}

/* What a server that was killed leaves of its address is no obstacle. */
static void test_stale_socket(void **state)
{
	(void)state;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char *path = harness_path("stale");
	strcpy(name.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	close(fd);
	struct kk_server_spec spec = {.address = harness_text("unix:%s", path)};
	struct kk_server *server = serve(&spec);
	kk_client_close(client_of(server, NULL));
	kk_server_free(server);
	/* A file that is no socket stays. */
	harness_write_text(path, "mine");
	assert_null(kk_server_create(&spec, NULL));
	assert_true(harness_exists(path));
}

static void test_registering(void **state)
{
	(void)state;
	static const struct kk_served_type nameless = {.methods = methods}, empty = {.name = "", .methods = methods};
	static const struct kk_served_type without = {.name = "without"};
	struct kk_server *server = serve(&unix_spec);
	assert_int_equal(kk_server_register(server, &counter_type), KK_ERR_EXISTS);
	assert_int_equal(kk_server_register(server, &nameless), KK_ERR_INVALID);
	assert_int_equal(kk_server_register(server, &empty), KK_ERR_INVALID);
	assert_int_equal(kk_server_register(server, &without), KK_ERR_INVALID);
	assert_int_equal(kk_server_start(server, NULL), KK_ERR_EXISTS);
	kk_server_free(server);
	/* One that never ran, whatever waits at its door. */
	server = kk_server_create(&unix_spec, NULL);
	assert_non_null(server);
	kk_server_free(server);
}

static bool connections_are_none(void *server)
{
	struct kk_server_usage usage;
	kk_server_usage(server, &usage);
	return usage.connections == 0;
}

/* More than there may be: told by the end of the connection, and others come in when some have left. */
static void test_connection_limit(void **state)
{
	(void)state;
	struct kk_server_spec spec = {.connections = 2};
	struct kk_error error = {0};
	struct kk_server *server = serve(&spec);
	struct kk_client *one = client_of(server, NULL), *two = client_of(server, NULL);
	assert_null(connect_with(kk_server_address(server), NULL, &error));
	assert_int_equal(error.code, KK_ERR_DIED);
	kk_client_close(one);
	kk_client_close(two);
	assert_true(harness_wait_until(connections_are_none, server, 10000));
	kk_client_close(client_of(server, NULL));
	kk_server_free(server);
}

/* ---- processes */

/* A server in a process of its own; its address comes through a pipe. */
static pid_t start_server(const struct kk_server_spec *spec, char *address, size_t size)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct kk_server *server = kk_server_create(spec, NULL);
		if (!server || kk_server_register(server, &counter_type) < 0)
			_exit(1);
		ssize_t done = write(ends[1], kk_server_address(server), strlen(kk_server_address(server)) + 1);
		close(ends[0]);
		close(ends[1]);
		_exit(done < 0 || kk_server_run(server, NULL) < 0);
	}
	close(ends[1]);
	assert_true(read(ends[0], address, size) > 0);
	close(ends[0]);
	return child;
}

static bool main_thread_sleeps(void *what)
{
	(void)what;
	return asleep(getpid());
}

/* As soon as the caller waits for the answer. */
static void *kill_soon(void *argument)
{
	pid_t server = (pid_t)(intptr_t)argument;
	(void)harness_wait_until(main_thread_sleeps, NULL, 10000);
	return (void *)(intptr_t)kill(server, SIGKILL);
}

static void server_dies(const struct kk_server_spec *spec)
{
	struct kk_error error = {0};
	char address[200];
	pthread_t killer;
	void *rc;
	pid_t server = start_server(spec, address, sizeof(address));
	struct kk_client *client = connect_with(address, spec->authkey, &error);
	assert_non_null(client);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, &error);
	assert_int_equal(add_to(proxy, 1), 1);
	/* In the middle of a call that would never end. */
	assert_int_equal(pthread_create(&killer, NULL, kill_soon, (void *)(intptr_t)server), 0);
	assert_int_equal(kk_proxy_call(proxy, "wait", NULL, 0, -1, NULL, NULL, &error), KK_ERR_DIED);
	assert_int_equal(pthread_join(killer, &rc), 0);
	assert_null(rc);
	assert_int_equal(waitpid(server, NULL, 0), server);
	assert_int_equal(kk_proxy_call(proxy, "add", &server, sizeof(long), -1, NULL, NULL, &error), KK_ERR_DIED);
	assert_null(kk_client_make(client, "counter", NULL, 0, &error));
	assert_int_equal(error.code, KK_ERR_DIED);
	assert_null(connect_with(address, spec->authkey, &error));
	assert_int_equal(error.code, KK_ERR_DIED);
	kk_proxy_close(proxy);
	kk_client_close(client);
}

static void test_server_dies(void **state)
{
	(void)state;
	server_dies(&unix_spec);
	server_dies(&tcp_spec);
}

static void test_server_stops(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *client = client_of(server, NULL);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	kk_server_stop(server);
	kk_server_free(server);
	assert_int_equal(kk_proxy_call(proxy, "echo", NULL, 0, -1, NULL, NULL, &error), KK_ERR_DIED);
	kk_proxy_close(proxy);
	kk_client_close(client);
}

/* A client killed in a call, and one killed at any time: the server gives up what they had. */
static void test_client_dies(void **state)
{
	(void)state;
	struct kk_server *server = serve(&unix_spec);
	const char *address = kk_server_address(server);
	struct kk_client *client = client_of(server, NULL);
	struct kk_proxy *mine = kk_client_make(client, "counter", NULL, 0, NULL);
	set_let_go(false);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct kk_client *own = connect_with(address, NULL, NULL);
		struct kk_proxy *proxy = own ? kk_client_make(own, "counter", NULL, 0, NULL) : NULL;
		_exit(!proxy || kk_proxy_call(proxy, "wait", NULL, 0, -1, NULL, NULL, NULL));
	}
	await_waiting(1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(add_to(mine, 1), 1);
	set_let_go(true);
	wait_objects(server, 1);
	assert_int_equal(add_to(mine, 1), 2);
	kk_proxy_close(mine);
	kk_client_close(client);
	kk_server_free(server);
}

/* A forked child calls through what it has; the parent's connection is not disturbed. */
static void test_forked_client(void **state)
{
	(void)state;
	char address[200];
	pid_t server = start_server(&keyed_spec, address, sizeof(address));
	struct kk_client *client = connect_with(address, key, NULL);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	int status;
	long one = 1;
	assert_int_equal(add_to(proxy, 1), 1);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 100; i++)
			if (kk_proxy_call(proxy, "add", &one, sizeof(one), -1, NULL, NULL, NULL) != KK_OK)
				_exit(1);
		kk_proxy_close(proxy);
		kk_client_close(client);
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		(void)add_to(proxy, 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(add_to(proxy, 0), 201);
	kk_proxy_close(proxy);
	kk_client_close(client);
	assert_int_equal(kill(server, SIGKILL), 0);
	assert_int_equal(waitpid(server, NULL, 0), server);
}

static void *call_some(void *proxy)
{
	const long one = 1;
	for (int i = 0; i < 20; i++)
		if (kk_proxy_call(proxy, "add", &one, sizeof(one), -1, NULL, NULL, NULL) != KK_OK)
			return proxy;
	return NULL;
}

static int call_by_threads(struct kk_proxy *proxy)
{
	pthread_t thread[THREADS];
	void *failed;
	int rc = 0;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, call_some, proxy) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		rc |= pthread_join(thread[i], &failed) != 0 || failed;
	return rc;
}

/* Forked while a call of another thread is under way: the turn is nobody's in the child, whose threads take turns. */
static void test_forked_client_with_threads(void **state)
{
	(void)state;
	/* It ends children of threaded programs that start threads. */
	if (WITH_TSAN)
		skip();
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *client = client_of(server, NULL);
	struct kk_proxy *slow = kk_client_make(client, "counter", NULL, 0, NULL);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	pthread_t waiting_thread;
	int status;
	set_let_go(false);
	assert_int_equal(pthread_create(&waiting_thread, NULL, call_wait, slow), 0);
	await_waiting(1);
	for (int i = 0; i < 10; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(call_by_threads(proxy));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	set_let_go(true);
	assert_int_equal(pthread_join(waiting_thread, NULL), 0);
	assert_int_equal(add_to(proxy, 0), 10 * 20 * THREADS);
	kk_proxy_close(proxy);
	kk_proxy_close(slow);
	kk_client_close(client);
	kk_server_free(server);
}

/* The port that a server had is free for the next one at once. */
static void test_rapid_restart(void **state)
{
	(void)state;
	struct kk_server_spec spec = tcp_spec;
	struct kk_server *server = serve(&spec);
	char *address = harness_text("%s", kk_server_address(server));
	for (int i = 0; i < 5; i++) {
		struct kk_client *client = client_of(server, key);
		struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
		assert_int_equal(add_to(proxy, 1), 1);
		/* The server is the one who ends the connection. */
		kk_server_free(server);
		kk_proxy_close(proxy);
		kk_client_close(client);
		spec.address = address;
		server = serve(&spec);
	}
	kk_server_free(server);
}

/* Values of all types come back as they went. */
static void test_records(void **state)
{
	(void)state;
	unsigned char buffer[400];
	struct kk_record_writer writer;
	struct kk_record_value value;
	struct kk_error error = {0};
	const void *data;
	void *result;
	size_t bytes, result_bytes;
	char before[300], after[300];
	kk_record_begin(&writer, buffer, sizeof(buffer));
	kk_record_put_list(&writer);
	kk_record_put_string(&writer, "hello world", SIZE_MAX);
	kk_record_put_none(&writer);
	kk_record_put_bool(&writer, true);
	kk_record_put_double(&writer, 2.25);
	kk_record_put_string(&writer, "\xd0\xbf\xd1\x80\xd0\xb8", SIZE_MAX);
	kk_record_put_bytes(&writer, "hall\xe5", 5);
	kk_record_end(&writer);
	assert_int_equal(kk_record_finish(&writer, &data, &bytes, &error), KK_OK);
	struct kk_server *server = serve(&tcp_spec);
	struct kk_client *client = client_of(server, key);
	struct kk_proxy *proxy = kk_client_make(client, "counter", NULL, 0, NULL);
	assert_int_equal(kk_proxy_call(proxy, "echo", data, bytes, -1, &result, &result_bytes, &error), KK_OK);
	assert_int_equal(kk_record_open(data, bytes, &value, &error), KK_OK);
	(void)kk_record_text(&value, before, sizeof(before));
	assert_int_equal(kk_record_open(result, result_bytes, &value, &error), KK_OK);
	(void)kk_record_text(&value, after, sizeof(after));
	assert_string_equal(before, after);
	free(result);
	kk_proxy_close(proxy);
	kk_client_close(client);
	kk_server_free(server);
}

/* ---- the family */

static const struct kk_dict_shape shape = {.keys = 10, .key_max = 16, .value_max = 16};

/* Has nothing from its parent but an address that it reads from a pipe. */
static int stranger(int from)
{
	char address[200];
	struct kk_error error = {0};
	if (read(from, address, sizeof(address)) <= 0)
		return 1;
	struct kk_client *client = connect_with(address, NULL, &error);
	struct kk_manager *manager = client ? kk_client_manager(client, &error) : NULL;
	if (!manager || kk_client_manager(client, &error) != manager)
		return 2;
	struct kk_dict *dict = kk_manager_dict(manager, "shared", &shape, &error);
	if (!dict || kk_dict_add(dict, "n", 1, 1, NULL) < 0)
		return 3;
	kk_dict_close(dict);
	kk_client_close(client);
	return 0;
}

static void test_strangers_join_the_family(void **state)
{
	(void)state;
	enum { STRANGERS = 3 };
	int from[STRANGERS], status;
	pid_t child[STRANGERS];
	int64_t count = 0;
	struct kk_error error = {0};
	for (int i = 0; i < STRANGERS; i++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(stranger(ends[0]));
		close(ends[0]);
		from[i] = ends[1];
	}
	struct kk_manager *manager = kk_manager_create(NULL, &error);
	assert_non_null(manager);
	struct kk_server_spec spec = {.manager = manager};
	struct kk_server *server = serve(&spec);
	for (int i = 0; i < STRANGERS; i++) {
		assert_true(write(from[i], kk_server_address(server), strlen(kk_server_address(server)) + 1) > 0);
		close(from[i]);
	}
	for (int i = 0; i < STRANGERS; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	struct kk_dict *dict = kk_manager_dict(manager, "shared", NULL, &error);
	assert_non_null(dict);
	assert_int_equal(kk_dict_add(dict, "n", 1, 0, &count), KK_OK);
	assert_int_equal(count, STRANGERS);
	kk_dict_close(dict);
	kk_server_free(server);
	kk_manager_close(manager);
}

static void test_no_family(void **state)
{
	(void)state;
	struct kk_error error = {0};
	struct kk_server *server = serve(&unix_spec);
	struct kk_client *client = client_of(server, NULL);
	assert_null(kk_client_manager(client, &error));
	assert_int_equal(error.code, KK_ERR_MISSING);
	kk_client_close(client);
	kk_server_free(server);
	server = serve(&tcp_spec);
	client = client_of(server, key);
	assert_null(kk_client_manager(client, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	kk_client_close(client);
	kk_server_free(server);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_calls),
    cmocka_unit_test(test_objects_returned),
    cmocka_unit_test(test_lifetime),
    cmocka_unit_test(test_many_clients),
    cmocka_unit_test(test_slow_method),
    cmocka_unit_test(test_timeout),
    cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_wrong_keys),
    cmocka_unit_test(test_addresses),
    cmocka_unit_test(test_stale_socket),
    cmocka_unit_test(test_registering),
    cmocka_unit_test(test_connection_limit),
    cmocka_unit_test(test_server_dies),
    cmocka_unit_test(test_server_stops),
    cmocka_unit_test(test_client_dies),
    cmocka_unit_test(test_forked_client),
    cmocka_unit_test(test_forked_client_with_threads),
    cmocka_unit_test(test_strangers_join_the_family),
    cmocka_unit_test(test_no_family),
    cmocka_unit_test(test_rapid_restart),
    cmocka_unit_test(test_records),
};
HARNESS_MAIN(tests)
