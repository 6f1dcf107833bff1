/* SPDX-License-Identifier: Apache-2.0 */
#include "base64.h"
#include "internal.h"

#include <ares.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What an event of the epoll set is for, beside its descriptor. */
enum watcher { WATCH_CURL = 0, WATCH_RESOLVER = 1 };

/* Events taken at a time. */
#define EVENTS 64

/* Hosts that are remembered for all workers of a stage. */
#define REMEMBERED 2048

/* Headers that may follow a redirect to another host; any other may be a credential. */
static const char *const public_names[] = {"accept:", "accept-language:", "accept-charset:", "dnt:", "sec-gpc:"};

/* ---- lists */

void list_init(struct request_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

void list_push(struct request_list *list, struct request *request)
{
	request->next = NULL;
	*list->last = request;
	list->last = &request->next;
}

void list_remove(struct request_list *list, struct request *request)
{
	struct request **at = &list->first;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	if (list->last == &request->next)
		list->last = at;
}

struct request *list_pop(struct request_list *list)
{
	struct request *first = list->first;

	if (first)
		list_remove(list, first);
	return first;
}

/* ---- the epoll set */

static void watch(struct http *http, int fd, uint32_t events, enum watcher watcher)
{
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)watcher << 32 | (uint32_t)fd};
	int result;

	if (events == 0) {
		/* It may be closed already, which has taken it out. */
		(void)epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	result = epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event);
	if (result != 0 && errno == ENOENT)
		result = epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event);
	if (result != 0)
		kk_log(http->context, KK_LOG_ERROR, "cannot watch a socket: %s", strerror(errno));
}

static void watch_resolver(void *user, int fd, uint32_t events)
{
	watch(user, fd, events, WATCH_RESOLVER);
}

static int watch_curl(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
	static const uint32_t events[] = {
	    [CURL_POLL_IN] = EPOLLIN,
	    [CURL_POLL_OUT] = EPOLLOUT,
	    [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
	    [CURL_POLL_REMOVE] = 0,
	};

	(void)easy, (void)of_socket;
	watch(user, fd, events[what], WATCH_CURL);
	return 0;
}

static int set_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct http *http = user;

	(void)multi;
	http->curl_due_ms = timeout_ms < 0 ? TIMERS_NEVER : timers_now_ms() + (uint64_t)timeout_ms;
	return 0;
}

static void curl_action(struct http *http, curl_socket_t fd, int bits)
{
	int running;
	CURLMcode code = curl_multi_socket_action(http->multi, fd, bits, &running);

	if (code != CURLM_OK)
		kk_log(http->context, KK_LOG_ERROR, "libcurl: %s", curl_multi_strerror(code));
}

static void handle_event(struct http *http, const struct epoll_event *event)
{
	int fd = (int)(uint32_t)event->data.u64, bits = 0;

	if (event->data.u64 >> 32 == WATCH_RESOLVER) {
		resolver_event(http->resolver, fd, event->events);
		return;
	}
	if (event->events & (EPOLLIN | EPOLLHUP))
		bits |= CURL_CSELECT_IN;
	if (event->events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (event->events & EPOLLERR)
		bits |= CURL_CSELECT_ERR;
	curl_action(http, fd, bits);
}

static int handle_events(struct http *http)
{
	struct epoll_event events[EVENTS];
	int count;

	do {
		count = epoll_wait(http->epoll, events, EVENTS, 0);
		for (int i = 0; i < count; i++)
			handle_event(http, &events[i]);
	} while (count == EVENTS);
	if (count < 0 && errno != EINTR) {
		kk_log(http->context, KK_LOG_ERROR, "epoll_wait: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- poll and wait */

static void collect_done(struct http *http)
{
	struct CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;
		void *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request) == CURLE_OK && request)
			request_hop_done(request, code);
	}
}

static void handle_curl_time(struct http *http)
{
	if (http->curl_due_ms <= timers_now_ms()) {
		http->curl_due_ms = TIMERS_NEVER;
		curl_action(http, CURL_SOCKET_TIMEOUT, 0);
	}
	/* Whatever libcurl was called for, something may be done now, and no event will tell again. */
	collect_done(http);
}

static void handle_timers(struct http *http)
{
	uint64_t now = timers_now_ms();
	struct timer *timer;

	while ((timer = timers_pop(&http->timers, now)))
		request_timer((struct request *)((char *)timer - offsetof(struct request, timer)));
}

static void resume_paused(struct http *http)
{
	struct request *next;

	for (struct request *request = http->paused.first; request; request = next) {
		next = request->next;
		request_resume(request);
	}
}

static void advance_ready(struct http *http)
{
	struct request *request;

	do {
		while ((request = list_pop(&http->ready)))
			request_advance(request);
		slots_tick(http->slots, timers_now_ms());
	} while (http->ready.first);
}

int http_poll(struct http *http)
{
	if (handle_events(http) != 0)
		return -1;
	resolver_tick(http->resolver);
	resume_paused(http);
	handle_curl_time(http);
	handle_timers(http);
	do {
		http->gave_back = false;
		advance_ready(http);
		/* What has just been given to libcurl begins at once; what has failed may have left room. */
		handle_curl_time(http);
	} while (http->gave_back);
	return 0;
}

static void lower(int *timeout_ms, uint64_t due_ms, uint64_t now)
{
	uint64_t left = due_ms > now ? due_ms - now : 0;

	if (due_ms == TIMERS_NEVER)
		return;
	if (left > 3600000)
		left = 3600000;
	if (*timeout_ms < 0 || (uint64_t)*timeout_ms > left)
		*timeout_ms = (int)left;
}

int http_wait(struct http *http, int *timeout_ms)
{
	uint64_t now = timers_now_ms();
	int name_ms = resolver_timeout_ms(http->resolver);

	if (http->ready.first)
		lower(timeout_ms, now, now);
	if (name_ms >= 0)
		lower(timeout_ms, now + (uint64_t)name_ms, now);
	lower(timeout_ms, http->curl_due_ms, now);
	lower(timeout_ms, timers_next(&http->timers), now);
	lower(timeout_ms, slots_next_ms(http->slots), now);
	return http->epoll;
}

/* ---- life */

static bool is_header(const char *line)
{
	size_t name = strcspn(line, ":");

	for (size_t i = 0; i < name; i++)
		if (!strchr("!#$%&'*+-.^_`|~", line[i]) && !isalnum((unsigned char)line[i]))
			return false;
	return name > 0 && line[name] == ':';
}

static bool has_controls(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static int check_headers(const struct kk_strings *headers, bool authorised, char *why, size_t why_size)
{
	for (size_t i = 0; i < headers->count; i++) {
		/* Not its text: it may be a credential. */
		if (!is_header(headers->at[i]) || has_controls(headers->at[i])) {
			snprintf(why, why_size, "header %zu is not \"Name: value\" on one line", i + 1);
			return -1;
		}
		if (authorised && strncasecmp(headers->at[i], "authorization:", 14) == 0) {
			snprintf(why, why_size, "header %zu is Authorization, which bearer and basic are for", i + 1);
			return -1;
		}
	}
	return 0;
}

static int check_texts(const struct http_options *options, char *why, size_t why_size)
{
	const char *wrong = NULL;

	if (has_controls(options->user_agent))
		wrong = "user_agent holds a control character";
	else if (has_controls(options->bearer) || has_controls(options->basic))
		wrong = "bearer or basic holds a control character";
	else if (*options->bearer && *options->basic)
		wrong = "bearer and basic are two ways to say the same: choose one";
	else if (*options->basic && !strchr(options->basic, ':'))
		wrong = "basic is not \"user:password\"";
	else if (*options->key && !*options->cert)
		wrong = "key is of no use without cert";
	if (wrong) {
		snprintf(why, why_size, "%s", wrong);
		return -1;
	}
	return check_headers(&options->headers, *options->bearer || *options->basic, why, why_size);
}

static int check_nameservers(const struct kk_strings *nameservers, char *why, size_t why_size)
{
	if (nameservers->count > 8) {
		snprintf(why, why_size, "more than 8 name servers");
		return -1;
	}
	for (size_t i = 0; i < nameservers->count; i++) {
		const char *text = nameservers->at[i];

		if (strspn(text, "0123456789abcdefABCDEF.:[]") != strlen(text) || strlen(text) < 2 ||
		    strlen(text) > 60) {
			snprintf(why, why_size, "name server \"%s\" is not an address or address:port", text);
			return -1;
		}
	}
	return 0;
}

static int parse_allowed(const struct http_settings *settings, struct address_list *list, char *why, size_t why_size)
{
	static const struct kk_strings none;

	return address_list_parse(list, settings->allow_networks ? settings->allow_networks : &none, why, why_size);
}

/* Are there certificates and a key in the files? */
static int check_files(const struct http_options *options, char *why, size_t why_size)
{
	if (*options->ca_file) {
		struct trust *trust = trust_new(options->ca_file);
		if (!trust) {
			snprintf(why, why_size, "ca_file: no certificates in %s", options->ca_file);
			return -1;
		}
		trust_free(trust);
	}
	if (*options->cert) {
		struct identity *identity =
		    identity_new(options->cert, options->key, options->key_password, why, why_size);
		if (!identity)
			return -1;
		identity_free(identity);
	}
	return 0;
}

int http_check(const struct http_settings *settings, char *why, size_t why_size)
{
	const struct http_options *options = settings->options;
	struct address_list allowed;
	struct proxy proxy;

	if (check_texts(options, why, why_size) != 0 || check_nameservers(&options->nameservers, why, why_size) != 0)
		return -1;
	if (proxy_parse(&proxy, options->proxy) != 0) {
		snprintf(why, why_size, "proxy is not an http, https or socks5h URL with a port");
		return -1;
	}
	proxy_free(&proxy);
	if (parse_allowed(settings, &allowed, why, why_size) != 0)
		return -1;
	address_list_free(&allowed);
	return check_files(options, why, why_size);
}

size_t http_requests(const struct http_options *options)
{
	return (size_t)(options->in_flight + options->waiting);
}

void http_demand(const struct http_settings *settings, size_t job_size, struct kk_demand *demand)
{
	const struct http_options *options = settings->options;
	uint64_t waiting = sizeof(struct request) + job_size + 1024;

	demand->in_flight = (uint32_t)http_requests(options);
	/* A running request with its buffers and TLS connection (measured: 140 KiB); what all of them share. */
	demand->heap = (uint64_t)options->in_flight * (160U << 10) + demand->in_flight * waiting + (6U << 20);
	demand->needs |= KK_NEED_NETWORK;
	demand->permits = (uint32_t)options->per_host;
	demand->key_rate = options->per_host_rate;
	demand->rate = options->rate;
	demand->cached = REMEMBERED;
}

static int append(struct curl_slist **list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (!longer)
		return -1;
	*list = longer;
	return 0;
}

static bool is_public(const char *line)
{
	for (size_t i = 0; i < sizeof(public_names) / sizeof(public_names[0]); i++)
		if (strncasecmp(line, public_names[i], strlen(public_names[i])) == 0)
			return true;
	return false;
}

static int append_credentials(struct curl_slist **list, const struct http_options *options)
{
	size_t size = strlen(options->bearer) + BASE64_SIZE(strlen(options->basic)) + 32;
	char *line;
	int bad;

	if (!*options->bearer && !*options->basic)
		return 0;
	line = malloc(size);
	if (!line)
		return -1;
	if (*options->bearer)
		snprintf(line, size, "Authorization: Bearer %s", options->bearer);
	else
		base64_encode(options->basic, strlen(options->basic), stpcpy(line, "Authorization: Basic "));
	bad = append(list, line);
	explicit_bzero(line, size);
	free(line);
	return bad;
}

static int make_headers(struct http *http)
{
	const struct kk_strings *headers = &http->settings.options->headers;
	int bad = 0;

	/* Waiting for "100 Continue" costs a round trip, or a second where it does not come. */
	bad |= append(&http->headers, "Expect:");
	bad |= append(&http->public_headers, "Expect:");
	for (size_t i = 0; i < headers->count && !bad; i++) {
		bad |= append(&http->headers, headers->at[i]);
		if (is_public(headers->at[i]))
			bad |= append(&http->public_headers, headers->at[i]);
	}
	return bad ? bad : append_credentials(&http->headers, http->settings.options);
}

static int make_multi(struct http *http)
{
	int bad = 0;

	http->multi = curl_multi_init();
	if (!http->multi)
		return -1;
	bad |= curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_curl);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_curl_timer);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	/* Kept-alive connections beside those in use: one each. */
	bad |= curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->settings.options->in_flight);
	return bad ? -1 : 0;
}

static int make_requests(struct http *http)
{
	size_t count = http_requests(http->settings.options), running = (size_t)http->settings.options->in_flight;

	http->all = calloc(count, sizeof(struct request *));
	http->easy = calloc(running, sizeof(CURL *));
	if (!http->all || !http->easy)
		return -1;
	for (size_t i = 0; i < count; i++) {
		http->all[i] = request_new(http);
		if (!http->all[i])
			return -1;
		list_push(&http->free, http->all[i]);
	}
	for (; http->easy_free < running; http->easy_free++) {
		http->easy[http->easy_free] = curl_easy_init();
		if (!http->easy[http->easy_free])
			return -1;
	}
	return timers_init(&http->timers, count);
}

/* Authorities are needed for https only: without the system's file, http still works. */
static int load_trust(struct http *http, char *why, size_t why_size)
{
	const struct http_options *options = http->settings.options;

	http->trust = trust_new(options->ca_file);
	if (!http->trust && *options->ca_file) {
		snprintf(why, why_size, "ca_file: no certificates in %s", options->ca_file);
		return -1;
	}
	if (!http->trust)
		kk_log(http->context, KK_LOG_WARNING, "no certificate authorities on this system: https will fail");
	if (!*options->cert)
		return 0;
	http->identity = identity_new(options->cert, options->key, options->key_password, why, why_size);
	return http->identity ? 0 : -1;
}

static int make_resolver(struct http *http, char *why, size_t why_size)
{
	struct resolve_settings settings = {
	    .nameservers = &http->settings.options->nameservers,
	    /* Names that strangers give are whole names; those of one's own network may be short. */
	    .search = http->settings.any_address || http->allowed.count > 0,
	    .watch = watch_resolver,
	    .user = http,
	};

	http->resolver = resolver_new(http->context, &settings, why, why_size);
	return http->resolver ? 0 : -1;
}

static int set_up(struct http *http, char *why, size_t why_size)
{
	const struct http_options *options = http->settings.options;

	/* Host names beyond ASCII are given in UTF-8, whatever the user's locale; libidn2 asks the locale. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	snprintf(why, why_size, "out of memory");
	http->slots = slots_new(http->context, (unsigned)options->in_flight, http_requests(options));
	http->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (http->epoll < 0)
		snprintf(why, why_size, "epoll: %s", strerror(errno));
	if (!http->slots || http->epoll < 0 || make_multi(http) != 0 || make_headers(http) != 0 ||
	    make_requests(http) != 0 || load_trust(http, why, why_size) != 0)
		return -1;
	if (proxy_parse(&http->proxy, options->proxy) != 0 ||
	    parse_allowed(&http->settings, &http->allowed, why, why_size) != 0)
		return -1;
	return make_resolver(http, why, why_size);
}

struct http *http_new(struct kk_context *context, const struct http_settings *settings, const struct http_ops *ops)
{
	struct http *http;
	char why[256];

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		kk_log(context, KK_LOG_ERROR, "libcurl or c-ares cannot be used");
		return NULL;
	}
	http = calloc(1, sizeof(*http));
	if (!http) {
		kk_log(context, KK_LOG_ERROR, "out of memory");
		return NULL;
	}
	http->context = context;
	http->settings = *settings;
	http->ops = ops;
	http->epoll = -1;
	http->curl_due_ms = TIMERS_NEVER;
	list_init(&http->free);
	list_init(&http->ready);
	list_init(&http->paused);
	if (set_up(http, why, sizeof(why)) != 0) {
		kk_log(context, KK_LOG_ERROR, "%s", why);
		http_free(http);
		return NULL;
	}
	return http;
}

static void free_requests(struct http *http)
{
	size_t count = http->all ? http_requests(http->settings.options) : 0;

	for (size_t i = 0; i < count && http->all[i]; i++)
		if (http->all[i]->state != REQUEST_FREE)
			request_drop(http->all[i]);
	for (size_t i = 0; i < count; i++)
		request_free(http->all[i]);
	for (size_t i = 0; i < http->easy_free; i++)
		curl_easy_cleanup(http->easy[i]);
	free(http->all);
	free(http->easy);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	free_requests(http);
	resolver_free(http->resolver);
	curl_multi_cleanup(http->multi);
	timers_fini(&http->timers);
	slots_free(http->slots);
	trust_free(http->trust);
	identity_free(http->identity);
	curl_slist_free_all(http->headers);
	curl_slist_free_all(http->public_headers);
	proxy_free(&http->proxy);
	address_list_free(&http->allowed);
	if (http->epoll >= 0)
		close(http->epoll);
	free(http);
	ares_library_cleanup();
	curl_global_cleanup();
}

struct request *http_take(struct http *http, struct kk_item *item)
{
	struct request *request = list_pop(&http->free);

	if (request) {
		request->state = REQUEST_TAKEN;
		request->item = item;
		memset(http_job(request), 0, http->ops->job_size);
	}
	return request;
}
