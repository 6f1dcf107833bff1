/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"
#include "redact.h"
#include "remembered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Addresses that are older are asked for again. */
#define NAMED_MOST_MS 60000

struct request *request_new(struct http *http)
{
	struct request *request = calloc(1, sizeof(*request) + http->ops->job_size);

	if (!request)
		return NULL;
	request->http = http;
	request->slot.room = request_room;
	request->slot.granted = request_granted;
	request->name.ready = request_resolved;
	return request;
}

static void set_ready(struct request *request, enum request_state state)
{
	request->state = state;
	list_push(&request->http->ready, request);
}

/* ---- the try's clock: it stands while the request waits for a slot or for room */

static void arm(struct request *request)
{
	uint64_t due = request->deadline_ms;

	if (request->state == REQUEST_RUNNING && request->window_end_ms < due)
		due = request->window_end_ms;
	timers_set(&request->http->timers, &request->timer, due);
}

static void begin_window(struct request *request, uint64_t now)
{
	uint64_t length = request->http->settings.low_speed_time_ms;

	request->window_end_ms = length ? now + length : TIMERS_NEVER;
	request->window_bytes = easy_moved(request);
}

static void clock_start(struct request *request)
{
	uint64_t now = timers_now_ms();

	request->deadline_ms = now + request->left_ms;
	begin_window(request, now);
	arm(request);
}

static void clock_stop(struct request *request)
{
	uint64_t now = timers_now_ms();

	request->left_ms = request->deadline_ms > now ? request->deadline_ms - now : 0;
	timers_cancel(&request->http->timers, &request->timer);
}

/* ---- its end */

/* Takes it away from libcurl, the resolver, the timers and its host; what is left is `first`. */
static void stop(struct request *request)
{
	if (request->state == REQUEST_PAUSED)
		list_remove(&request->http->paused, request);
	if (request->state == REQUEST_RUNNING || request->state == REQUEST_PAUSED)
		curl_multi_remove_handle(request->http->multi, request->easy);
	resolver_cancel(&request->name);
	timers_cancel(&request->http->timers, &request->timer);
	easy_end(request);
	slots_leave(request->http->slots, &request->slot);
	request->state = REQUEST_TAKEN;
}

static void forget_url(struct request *request)
{
	curl_url_cleanup(request->url);
	curl_free(request->host);
	curl_free(request->port);
	request->url = NULL;
	request->host = request->port = NULL;
}

static void release(struct request *request)
{
	forget_url(request);
	curl_url_cleanup(request->first);
	request->first = NULL;
	request->item = NULL;
	request->slot.has_room = false;
	request->state = REQUEST_FREE;
	list_push(&request->http->free, request);
}

static void finish(struct request *request, enum kk_verdict verdict)
{
	struct kk_item *item = request->item;

	stop(request);
	release(request);
	kk_finish(item, verdict);
}

/* Where a failure after redirects has happened, which the item's key does not tell, and how often it was tried. */
static void fail_item(struct request *request, const struct outcome *outcome)
{
	char where[300] = "", tries[40] = "";

	if (request->hops > 0 && request->host)
		snprintf(where, sizeof(where), " (redirected to %.250s)", request->host);
	if (request->tries > 1)
		snprintf(tries, sizeof(tries), " (%u tries)", request->tries);
	kk_fail(request->item, outcome->class, "%s%s%s", outcome->text, where, tries);
}

/* What a host asks for holds for all requests to it, in all workers. Who asks for more than we wait for is not asked
 * again until then. */
static void heed(struct request *request, struct outcome *outcome, uint64_t delay_ms)
{
	const struct http_options *options = request->http->settings.options;
	uint64_t wanted_ms = outcome->retry_after_ms;

	if (wanted_ms > options->retry_after_ms) {
		remembered_refuse(request->http->context, request->host, outcome->class, wanted_ms);
		outcome->final = true;
	} else if (wanted_ms > 0 || outcome->class == KK_FAIL_HTTP_429) {
		kk_hold_off(request->http->context, request->host, wanted_ms ? wanted_ms : delay_ms);
	}
}

static void settle_failed(struct request *request, struct outcome *outcome)
{
	struct http *http = request->http;
	const struct http_options *options = http->settings.options;
	uint64_t delay = outcome_delay_ms(outcome, options->retry_delay_ms, request->tries, kk_random(http->context));

	if (request->host)
		heed(request, outcome, delay);
	if (!outcome_retryable(outcome) || request->tries > options->retries) {
		fail_item(request, outcome);
		finish(request, KK_FAIL);
		return;
	}
	stop(request);
	if (http->ops->give_back)
		http->ops->give_back(request);
	http->gave_back |= request->slot.has_room;
	request->slot.has_room = false;
	request->state = REQUEST_BACKOFF;
	timers_set(&http->timers, &request->timer, timers_now_ms() + delay);
}

__attribute__((format(printf, 3, 4))) static void give_up(struct request *request, enum kk_fail_class class,
                                                          const char *format, ...)
{
	struct outcome outcome = {0};
	va_list args;

	va_start(args, format);
	outcome_setv(&outcome, class, format, args);
	va_end(args);
	settle_failed(request, &outcome);
}

/* The same, and no other try is made. */
__attribute__((format(printf, 3, 4))) static void refuse_now(struct request *request, enum kk_fail_class class,
                                                             const char *format, ...)
{
	struct outcome outcome = {.final = true};
	va_list args;

	va_start(args, format);
	outcome_setv(&outcome, class, format, args);
	va_end(args);
	fail_item(request, &outcome);
	finish(request, KK_FAIL);
}

/* ---- its beginning */

/* Makes `url` the place to go to next. Takes it over. */
static int set_url(struct request *request, CURLU *url)
{
	forget_url(request);
	request->url = url;
	return url ? url_origin(url, &request->host, &request->port) : -1;
}

static int begin_try(struct request *request)
{
	if (set_url(request, curl_url_dup(request->first)) != 0)
		return -1;
	request->tries++;
	request->hops = 0;
	request->elsewhere = false;
	request->refused = (struct outcome){0};
	request->left_ms = request->http->settings.options->timeout_ms;
	set_ready(request, REQUEST_NEW);
	return 0;
}

enum kk_verdict http_start(struct request *request, const char *url)
{
	struct kk_item *item = request->item;

	request->first = url_parse(url);
	if (!request->first) {
		http_give_back(request);
		return kk_fail(item, KK_FAIL_BAD_URL, "not an http or https URL");
	}
	request->tries = 0;
	if (begin_try(request) != 0) {
		release(request);
		return kk_fail(item, KK_FAIL_MEMORY, "out of memory");
	}
	return KK_PENDING;
}

void http_give_back(struct request *request)
{
	release(request);
}

static void retry(struct request *request)
{
	if (begin_try(request) != 0)
		give_up(request, KK_FAIL_MEMORY, "out of memory");
}

/* ---- name and address */

/* Whom we connect to: the proxy, if there is one. */
static const char *peer(const struct request *request)
{
	const struct proxy *proxy = &request->http->proxy;

	return proxy->host ? proxy->host : request->host;
}

/* Takes those addresses out that must not be connected to; how many are left. */
static unsigned filter_addresses(struct request *request)
{
	struct http *http = request->http;
	struct resolve_answer *answer = &request->name.answer;
	unsigned count = 0;

	request->denied = NULL;
	for (unsigned i = 0; i < answer->count; i++) {
		struct sockaddr_storage storage;
		const char *kind = NULL;

		if (!http->settings.any_address && !http->proxy.host)
			kind = address_denied(&http->allowed, resolve_sockaddr(&answer->address[i], &storage));
		if (kind)
			request->denied = kind;
		else
			answer->address[count++] = answer->address[i];
	}
	answer->count = count;
	return count;
}

/* Behind a proxy names are the proxy's to resolve; a literal address is still judged here. */
static bool literal_is_denied(struct request *request)
{
	struct http *http = request->http;
	struct sockaddr_storage storage;
	struct resolve_address address;

	if (http->settings.any_address || !resolve_parse_address(request->host, &address))
		return false;
	request->denied = address_denied(&http->allowed, resolve_sockaddr(&address, &storage));
	return request->denied != NULL;
}

/* Has addresses, or the reason why there are none: queues up for its turn. */
static void take_addresses(struct request *request)
{
	const struct resolve_answer *answer = &request->name.answer;

	if (answer->state == RESOLVE_NONE) {
		give_up(request, KK_FAIL_DNS_NONE, "%s: %s", peer(request), answer->why);
	} else if (answer->state == RESOLVE_TEMPORARY) {
		give_up(request, KK_FAIL_DNS_TEMPORARY, "%s: %s", peer(request), answer->why);
	} else if (filter_addresses(request) == 0) {
		give_up(request, KK_FAIL_BLOCKED_ADDRESS, "%s is %s", peer(request),
		        request->denied ? request->denied : "not an address");
	} else if (slots_enter(request->http->slots, request->host, &request->slot) != 0) {
		give_up(request, KK_FAIL_MEMORY, "out of memory");
	} else {
		request->state = REQUEST_QUEUED;
	}
}

static void resolve(struct request *request)
{
	/* The resolver may call back at once. */
	request->state = REQUEST_RESOLVING;
	clock_start(request);
	if (resolver_lookup(request->http->resolver, peer(request), &request->name) == RESOLVE_PENDING)
		return;
	clock_stop(request);
	request->named_ms = timers_now_ms();
	take_addresses(request);
}

void request_resolved(struct resolve_waiter *waiter)
{
	struct request *request = (struct request *)((char *)waiter - offsetof(struct request, name));

	clock_stop(request);
	request->named_ms = timers_now_ms();
	set_ready(request, REQUEST_NAMED);
}

/* A new hop begins. */
static void set_out(struct request *request)
{
	enum kk_fail_class why;

	if (remembered_refusal(request->http->context, request->host, &why))
		refuse_now(request, why, "%s has asked to be left alone for longer than retry_after", request->host);
	else if (request->http->proxy.host && literal_is_denied(request))
		give_up(request, KK_FAIL_BLOCKED_ADDRESS, "%s is %s", request->host, request->denied);
	else
		resolve(request);
}

/* ---- its turn */

/* Room for the beginning of the answer. Where there will never be any, the turn is for saying so. */
bool request_room(struct slot_waiter *waiter)
{
	struct request *request = (struct request *)((char *)waiter - offsetof(struct request, slot));
	const struct http_ops *ops = request->http->ops;

	return !ops->room || ops->room(request) != HTTP_NO_ROOM;
}

void request_granted(struct slot_waiter *waiter)
{
	set_ready((struct request *)((char *)waiter - offsetof(struct request, slot)), REQUEST_GRANTED);
}

/* "+host:port:address,..." for CURLOPT_RESOLVE; an address needs no entry, and one with colons cannot have one. */
static int spell_addresses(struct request *request)
{
	const struct resolve_answer *answer = &request->name.answer;
	const struct proxy *proxy = &request->http->proxy;
	char text[HTTP_URL_BYTES + 1024];
	size_t length;

	if (strchr(peer(request), ':'))
		return 0;
	length =
	    (size_t)snprintf(text, sizeof(text), "+%s:%s:", peer(request), proxy->host ? proxy->port : request->port);
	for (unsigned i = 0; i < answer->count && length < sizeof(text); i++) {
		struct sockaddr_storage storage;
		char spelt[ADDRESS_TEXT];

		address_text(resolve_sockaddr(&answer->address[i], &storage), spelt);
		length +=
		    (size_t)snprintf(text + length, sizeof(text) - length,
		                     answer->address[i].family == AF_INET6 ? "%s[%s]" : "%s%s", i ? "," : "", spelt);
	}
	if (length < sizeof(text))
		request->resolved = curl_slist_append(NULL, text);
	return request->resolved ? 0 : -1;
}

static void run(struct request *request)
{
	if (spell_addresses(request) != 0 || easy_begin(request) != 0 ||
	    curl_multi_add_handle(request->http->multi, request->easy) != CURLM_OK) {
		give_up(request, KK_FAIL_MEMORY, "libcurl has no memory");
		return;
	}
	request->state = REQUEST_RUNNING;
	clock_start(request);
}

/* Its turn has come: but it may have waited for so long that the name is somewhere else by now. */
static void use_turn(struct request *request)
{
	const struct http_ops *ops = request->http->ops;

	if (timers_now_ms() - request->named_ms > NAMED_MOST_MS) {
		slots_leave(request->http->slots, &request->slot);
		resolve(request);
	} else if (ops->room && ops->room(request) == HTTP_REFUSED) {
		settle_failed(request, &request->refused);
	} else {
		run(request);
	}
}

void request_advance(struct request *request)
{
	if (request->state == REQUEST_NEW)
		set_out(request);
	else if (request->state == REQUEST_NAMED)
		take_addresses(request);
	else if (request->state == REQUEST_GRANTED)
		use_turn(request);
}

/* ---- the answer */

static void follow(struct request *request, long status)
{
	struct curl_header *location = NULL;
	char shown[256];
	CURLU *url;

	if (request->hops == request->http->settings.redirects) {
		give_up(request, KK_FAIL_REDIRECTS, "more than %u redirects", request->hops);
		return;
	}
	if (curl_easy_header(request->easy, "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK) {
		give_up(request, KK_FAIL_OTHER, "status %ld without a Location", status);
		return;
	}
	url = url_follow(request->url, location->value);
	if (!url) {
		redact_url(location->value, shown, sizeof(shown));
		give_up(request, KK_FAIL_BAD_URL, "redirected to \"%s\", which is not an http or https URL", shown);
		return;
	}
	stop(request);
	if (set_url(request, url) != 0) {
		give_up(request, KK_FAIL_MEMORY, "out of memory");
		return;
	}
	request->hops++;
	request->elsewhere |= !url_same_origin(request->first, url);
	set_ready(request, REQUEST_NEW);
}

/* A body without bytes has begun, too. */
static void begin_empty(struct request *request, long status)
{
	const struct http_ops *ops = request->http->ops;

	if (!request->begun && ops->begin && status >= 200 && status <= 299)
		ops->begin(request, 0);
}

static void take_answer(struct request *request, long status)
{
	struct outcome outcome = {0};

	begin_empty(request, status);
	switch (request->refused.set ? HTTP_REFUSE : request->http->ops->answered(request, status)) {
	case HTTP_PASS:
		finish(request, KK_PASS);
		return;
	case HTTP_SKIP:
		finish(request, KK_SKIP);
		return;
	case HTTP_AGAIN:
		stop(request);
		request->tries--;
		retry(request);
		return;
	case HTTP_BY_STATUS:
		outcome_of_status(&outcome, status, request->easy);
		break;
	case HTTP_REFUSE:
		outcome = request->refused;
		break;
	}
	settle_failed(request, &outcome);
}

/* What went wrong after an unwanted status does not matter: the status is the reason. */
static CURLcode judge(const struct request *request, CURLcode code, long status)
{
	if (request->enough || (status >= 300 && (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR)))
		return CURLE_OK;
	return code;
}

void request_hop_done(struct request *request, CURLcode code)
{
	struct outcome outcome = request->refused;
	long status = 0;

	clock_stop(request);
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	code = judge(request, code, status);
	if (!outcome.set && code == CURLE_OK) {
		if (outcome_is_redirect(status) && request->http->settings.redirects > 0)
			follow(request, status);
		else
			take_answer(request, status);
		return;
	}
	if (request->denied)
		outcome_set(&outcome, KK_FAIL_BLOCKED_ADDRESS, "%s is %s", request->host, request->denied);
	outcome_of_code(&outcome, code, request->error);
	settle_failed(request, &outcome);
}

/* ---- time and room */

/* The window has passed, and too little has come: a server that has not said a word is not slow, it does not answer. */
static void give_up_slow(struct request *request)
{
	const struct http_settings *settings = &request->http->settings;
	unsigned long long time_ms = settings->low_speed_time_ms;

	if (request->head_bytes == 0 && easy_moved(request) == 0)
		give_up(request, KK_FAIL_TIMEOUT, "no answer within %llu ms", time_ms);
	else
		give_up(request, KK_FAIL_SLOW, "less than %llu bytes a second for %llu ms",
		        (unsigned long long)settings->low_speed_bytes, time_ms);
}

static void check_progress(struct request *request)
{
	const struct http_settings *settings = &request->http->settings;
	uint64_t now = timers_now_ms();
	curl_off_t moved = easy_moved(request) - request->window_bytes;

	if (now >= request->deadline_ms) {
		give_up(request, KK_FAIL_TIMEOUT, "no complete answer within %llu ms",
		        (unsigned long long)settings->options->timeout_ms);
	} else if (now >= request->window_end_ms &&
	           (uint64_t)moved * 1000 < settings->low_speed_bytes * settings->low_speed_time_ms) {
		give_up_slow(request);
	} else {
		if (now >= request->window_end_ms)
			begin_window(request, now);
		arm(request);
	}
}

void request_timer(struct request *request)
{
	if (request->state == REQUEST_BACKOFF)
		retry(request);
	else if (request->state == REQUEST_RESOLVING)
		give_up(request, KK_FAIL_DNS_TEMPORARY, "%s: no answer from the name servers in time", peer(request));
	else if (request->state == REQUEST_RUNNING)
		check_progress(request);
}

void request_pause(struct request *request)
{
	clock_stop(request);
	request->state = REQUEST_PAUSED;
	list_push(&request->http->paused, request);
}

void request_resume(struct request *request)
{
	enum http_body body = request->http->ops->resume(request);
	CURLcode code = CURLE_WRITE_ERROR;

	if (body == HTTP_NO_ROOM)
		return;
	list_remove(&request->http->paused, request);
	request->state = REQUEST_RUNNING;
	clock_start(request);
	if (body == HTTP_TAKEN)
		code = curl_easy_pause(request->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		request_hop_done(request, code);
}

/* ---- for the client and the stage */

void request_drop(struct request *request)
{
	if (request->state == REQUEST_NEW || request->state == REQUEST_NAMED || request->state == REQUEST_GRANTED)
		list_remove(&request->http->ready, request);
	stop(request);
	release(request);
}

void request_free(struct request *request)
{
	free(request);
}

void http_refuse(struct request *request, enum kk_fail_class why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	outcome_setv(&request->refused, why, format, args);
	va_end(args);
	request->refused.final = true;
}

int http_add_header(struct request *request, const char *line)
{
	struct curl_slist *list = curl_slist_append(request->extra, line);

	if (!list)
		return -1;
	request->extra = list;
	while (list->next)
		list = list->next;
	request->extra_end = list;
	return 0;
}

void *http_job(struct request *request)
{
	return request->job;
}

struct kk_item *http_item(struct request *request)
{
	return request->item;
}

CURL *http_easy(struct request *request)
{
	return request->easy;
}

unsigned http_tries(const struct request *request)
{
	return request->tries;
}

uint64_t http_moved(struct request *request)
{
	return (uint64_t)easy_moved(request);
}

const char *http_final_url(struct request *request, char *to, size_t size)
{
	char *url = NULL;

	if (curl_url_get(request->url, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return NULL;
	redact_url(url, to, size);
	curl_free(url);
	return to;
}
