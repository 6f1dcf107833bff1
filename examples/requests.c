/* SPDX-License-Identifier: Apache-2.0 */
/* requests - asks a slow web service, one after the other and in three ways at once; then nine times, never more than
 * three at once, with a time-out for those that hang, and so many a second at most. links: libmicrohttpd libcurl */
#include "slow_server.h"

#include <curl/curl.h>
#include <kakehi/executor.h>
#include <kakehi/family.h>
#include <kakehi/lock.h>
#include <kakehi/memory.h>

enum { THREE = 3, NINE = 9, STUCK = 4, INTERVAL_MS = 20 };

static unsigned port;

/* ---- one request */

struct answer {
	char text[64];
	size_t bytes;
};

static size_t keep(char *data, size_t one, size_t bytes, void *user)
{
	struct answer *answer = user;
	size_t room = sizeof(answer->text) - 1 - answer->bytes, more = bytes < room ? bytes : room;

	memcpy(answer->text + answer->bytes, data, more);
	answer->bytes += more;
	return one * bytes;
}

static CURL *request(const char *path, struct answer *answer, long timeout_ms)
{
	CURL *easy = curl_easy_init();
	char url[128];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	return easy;
}

static bool get(const char *path, struct answer *answer, long timeout_ms)
{
	CURL *easy = request(path, answer, timeout_ms);
	bool fine = curl_easy_perform(easy) == CURLE_OK;

	curl_easy_cleanup(easy);
	return fine;
}

static void say(const char *how, int answers)
{
	struct answer most = {0};

	get("/most", &most, 0);
	printf("%s: %d answers, at most %s at once\n", how, answers, most.text);
}

/* ---- three requests */

static void one_after_the_other(void)
{
	int answers = 0;

	for (int i = 0; i < THREE; i++) {
		struct answer answer = {0};
		char path[32];
		snprintf(path, sizeof(path), "/slow/%d", i);
		answers += get(path, &answer, 0);
	}
	say("one after the other", answers);
}

static int fetch(struct kk_call *call)
{
	struct answer answer = {0};
	char path[32];

	snprintf(path, sizeof(path), "/slow/%d", *(const int *)call->args);
	if (!get(path, &answer, 0))
		return kk_call_fail(call, 0, "no answer from %s", path);
	return kk_call_return(call, answer.text, answer.bytes);
}

/* By an executor of three, of threads or processes: nothing else is different. */
static void by_executor(bool threads)
{
	static const int numbers[THREE] = {0, 1, 2};
	struct kk_executor *executor =
	    kk_executor_create(NULL, &(struct kk_executor_spec){.workers = THREE, .threads = threads}, NULL);
	struct kk_results *results = kk_executor_map(executor, fetch, numbers, sizeof(int), THREE, 1, NULL);
	int answers = 0;

	while (kk_results_next(results, -1, NULL, NULL, NULL) == 1)
		answers++;
	kk_results_free(results);
	kk_executor_close(executor);
	say(threads ? "by threads" : "by processes", answers);
}

static void by_event_loop(void)
{
	CURLM *loop = curl_multi_init();
	struct answer answer[THREE] = {0};
	CURL *easy[THREE];
	int left = THREE, answers = 0;

	for (int i = 0; i < THREE; i++) {
		char path[32];
		snprintf(path, sizeof(path), "/slow/%d", i);
		easy[i] = request(path, &answer[i], 0);
		curl_multi_add_handle(loop, easy[i]);
	}
	while (curl_multi_perform(loop, &left) == CURLM_OK && left > 0)
		curl_multi_poll(loop, NULL, 0, 1000, NULL);
	for (int i = 0; i < THREE; i++) {
		answers += answer[i].bytes > 0;
		curl_multi_remove_handle(loop, easy[i]);
		curl_easy_cleanup(easy[i]);
	}
	curl_multi_cleanup(loop);
	say("by an event loop", answers);
}

/* ---- nine requests under a semaphore of three */

static struct kk_semaphore *three_at_once;
static struct kk_lock *turn;     /* guards the time of the last start */
static struct timespec *started; /* shared by all processes           */

static long since_ms(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* The rate: no two start within INTERVAL_MS of each other, in whatever process. */
static void wait_for_turn(void)
{
	kk_lock_acquire(turn, -1);
	while (since_ms(started) < INTERVAL_MS)
		slow_pause(1);
	clock_gettime(CLOCK_MONOTONIC, started);
	kk_lock_release(turn);
}

static int fetch_politely(struct kk_call *call)
{
	int number = *(const int *)call->args;
	struct answer answer = {0};
	char path[32];
	bool fine;

	snprintf(path, sizeof(path), "/%s/%d", number == STUCK ? "stuck" : "slow", number);
	kk_semaphore_acquire(three_at_once, -1);
	wait_for_turn();
	fine = get(path, &answer, number == STUCK ? 200 : 0);
	kk_semaphore_release(three_at_once);
	return fine ? kk_call_return(call, answer.text, answer.bytes)
	            : kk_call_fail(call, 0, "%s: no answer in time", path);
}

static void nine_under_a_semaphore(struct kk_family *family)
{
	struct kk_executor *executor = kk_executor_create(family, &(struct kk_executor_spec){.workers = NINE}, NULL);
	struct kk_future *futures[NINE];
	int answers = 0;

	for (int i = 0; i < NINE; i++)
		futures[i] = kk_executor_submit(executor, fetch_politely, &i, sizeof(i), -1, NULL);
	for (int i = 0; i < NINE; i++) {
		struct kk_error error = {0};
		if (kk_future_result(futures[i], -1, NULL, NULL, &error) == KK_OK)
			answers++;
		else
			puts(error.text);
		kk_future_free(futures[i]);
	}
	kk_executor_close(executor);
	say("nine under a semaphore of three", answers);
}

int main(void)
{
	struct kk_family *family = kk_family_create(NULL, NULL);
	struct kk_memory *memory = kk_memory_create(family, sizeof(struct timespec), NULL);
	struct kk_process *server;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	three_at_once = kk_semaphore_create(family, 3, 3, NULL);
	turn = kk_lock_create(family, NULL);
	started = kk_memory_data(memory);
	port = slow_server_start(family, &server);
	if (!port)
		return EXIT_FAILURE;
	one_after_the_other();
	by_executor(true);
	by_event_loop();
	by_executor(false);
	nine_under_a_semaphore(family);
	kk_process_free(server);
	kk_semaphore_destroy(three_at_once);
	kk_lock_destroy(turn);
	kk_memory_destroy(memory);
	kk_family_close(family);
	curl_global_cleanup();
	return EXIT_SUCCESS;
}
