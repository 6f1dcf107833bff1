/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"
#include "internal.h"
#include "redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request *request_new(struct http *http)
{
	struct request *request = calloc(1, sizeof(*request) + http->ops->job_size);

	if (!request)
		return NULL;
	request->http = http;
	request->slot.granted = request_granted;
	request->name.ready = request_resolved;
	request->easy = curl_easy_init();
	if (!request->easy) {
		free(request);
		return NULL;
	}
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
	slots_leave(request->http->slots, &request->slot);
	easy_end(request);
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

/* Where a failure after redirects has happened: the item's key does not tell. */
static void fail_item(struct request *request, const struct outcome *outcome)
{
	if (request->hops > 0 && request->host)
		kk_fail(request->item, outcome->class, "%s (redirected to %s)", outcome->text, request->host);
	else
		kk_fail(request->item, outcome->class, "%s", outcome->text);
}

static void settle_failed(struct request *request, const struct outcome *outcome)
{
	const struct http_settings *settings = &request->http->settings;
	uint64_t delay;

	if (!outcome_retryable(outcome) || request->tries > settings->retries) {
		fail_item(request, outcome);
		finish(request, KK_FAIL);
		return;
	}
	stop(request);
	delay = outcome_delay_ms(outcome, settings->retry_delay_ms, request->tries, kk_random(request->http->context));
	request->state = REQUEST_BACKOFF;
	timers_set(&request->http->timers, &request->timer, timers_now_ms() + delay);
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
	request->left_ms = request->http->settings.timeout_ms;
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

/* Copies the addresses that may be connected to behind "+host:port:". Returns how many there are. */
static unsigned spell_addresses(struct request *request, const struct resolve_answer *answer, const char *host,
                                const char *port, char *to, size_t size)
{
	struct http *http = request->http;
	bool any = http->settings.any_address || http->proxy.host;
	unsigned count = 0;
	size_t length;

	length = (size_t)snprintf(to, size, "+%s:%s:", host, port);
	for (unsigned i = 0; i < answer->count; i++) {
		const struct sockaddr *address = (const struct sockaddr *)&answer->address[i];
		const char *kind = any ? NULL : address_denied(&http->allowed, address);
		char text[ADDRESS_TEXT];

		if (kind) {
			request->denied = kind;
			continue;
		}
		address_text(address, text);
		if (length < size)
			length += (size_t)snprintf(to + length, size - length,
			                           address->sa_family == AF_INET6 ? "%s[%s]" : "%s%s", count ? "," : "",
			                           text);
		count++;
	}
	return length < size ? count : 0;
}

static void run(struct request *request, const struct resolve_answer *answer, const char *host, const char *port)
{
	char resolved[URL_BYTES + 1024];

	request->denied = NULL;
	if (spell_addresses(request, answer, host, port, resolved, sizeof(resolved)) == 0) {
		give_up(request, KK_FAIL_BLOCKED_ADDRESS, "%s is %s", host,
		        request->denied ? request->denied : "not an address");
		return;
	}
	/* An address needs no entry, and one with colons cannot have one. */
	if (!strchr(host, ':')) {
		request->resolved = curl_slist_append(NULL, resolved);
		if (!request->resolved) {
			give_up(request, KK_FAIL_MEMORY, "out of memory");
			return;
		}
	}
	if (easy_begin(request) != 0 || curl_multi_add_handle(request->http->multi, request->easy) != CURLM_OK) {
		give_up(request, KK_FAIL_MEMORY, "libcurl has no memory");
		return;
	}
	request->state = REQUEST_RUNNING;
	clock_start(request);
}

/* Behind a proxy names are the proxy's to resolve; a literal address is still judged here. */
static bool literal_is_denied(struct request *request)
{
	struct http *http = request->http;
	struct sockaddr_storage address;

	if (http->settings.any_address || !hosts_parse_address(request->host, &address))
		return false;
	request->denied = address_denied(&http->allowed, (struct sockaddr *)&address);
	return request->denied != NULL;
}

static void resolve(struct request *request)
{
	const struct proxy *proxy = &request->http->proxy;
	const char *host = proxy->host ? proxy->host : request->host;
	const struct resolve_answer *answer;

	if (proxy->host && literal_is_denied(request)) {
		give_up(request, KK_FAIL_BLOCKED_ADDRESS, "%s is %s", request->host, request->denied);
		return;
	}
	answer = resolver_lookup(request->http->resolver, host, &request->name);
	switch (answer->state) {
	case RESOLVE_PENDING:
		request->state = REQUEST_RESOLVING;
		clock_start(request);
		break;
	case RESOLVE_FOUND:
		run(request, answer, host, proxy->host ? proxy->port : request->port);
		break;
	case RESOLVE_NONE:
		give_up(request, KK_FAIL_DNS_NONE, "%s: %s", host, answer->why);
		break;
	case RESOLVE_TEMPORARY:
		give_up(request, KK_FAIL_DNS_TEMPORARY, "%s: %s", host, answer->why);
		break;
	}
}

void request_resolved(struct resolve_waiter *waiter)
{
	struct request *request = (struct request *)((char *)waiter - offsetof(struct request, name));

	clock_stop(request);
	set_ready(request, REQUEST_NAMED);
}

void request_granted(struct slot_waiter *waiter)
{
	set_ready((struct request *)((char *)waiter - offsetof(struct request, slot)), REQUEST_NAMED);
}

void request_advance(struct request *request)
{
	int slot;

	if (request->state == REQUEST_NEW) {
		slot = slots_enter(request->http->slots, request->host, &request->slot);
		if (slot < 0) {
			give_up(request, KK_FAIL_MEMORY, "out of memory");
			return;
		}
		request->state = slot ? REQUEST_NAMED : REQUEST_QUEUED;
	}
	if (request->state == REQUEST_NAMED)
		resolve(request);
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
	request->elsewhere = !url_same_origin(request->first, url);
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

static void check_progress(struct request *request)
{
	const struct http_settings *settings = &request->http->settings;
	uint64_t now = timers_now_ms();
	curl_off_t moved = easy_moved(request) - request->window_bytes;

	if (now >= request->deadline_ms) {
		give_up(request, KK_FAIL_TIMEOUT, "no complete answer within %llu ms",
		        (unsigned long long)settings->timeout_ms);
	} else if (now >= request->window_end_ms &&
	           (uint64_t)moved * 1000 < settings->low_speed_bytes * settings->low_speed_time_ms) {
		give_up(request, KK_FAIL_SLOW, "less than %llu bytes a second for %llu ms",
		        (unsigned long long)settings->low_speed_bytes, (unsigned long long)settings->low_speed_time_ms);
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
		give_up(request, KK_FAIL_DNS_TEMPORARY, "%s: no answer from the name servers in time", request->host);
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
	if (request->state == REQUEST_NEW || request->state == REQUEST_NAMED)
		list_remove(&request->http->ready, request);
	stop(request);
	release(request);
}

void request_free(struct request *request)
{
	if (!request)
		return;
	curl_easy_cleanup(request->easy);
	free(request);
}

void http_refuse(struct request *request, enum kk_fail_class why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	outcome_setv(&request->refused, why, format, args);
	va_end(args);
}

int http_add_header(struct request *request, const char *line)
{
	if (!request->extra)
		request->extra = curl_slist_append(NULL, line);
	else
		return -1;
	return request->extra ? 0 : -1;
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

const char *http_final_url(struct request *request, char *to, size_t size)
{
	char *url = NULL;

	if (request->hops == 0 || curl_url_get(request->url, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return NULL;
	redact_url(url, to, size);
	curl_free(url);
	return to;
}
