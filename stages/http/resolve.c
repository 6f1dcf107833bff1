/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"
#include "hosts.h"
#include "remembered.h"

#include <ares.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/time.h>

#define BUCKETS 1024

/* One question takes at most TRIES rounds through the servers, each twice as long as the one before. */
#define QUERY_TIMEOUT_MS 2000
#define QUERY_TRIES      3

/* How long an answer is good, whatever its time to live says. */
#define TTL_LEAST_MS 10000
#define TTL_MOST_MS  300000
#define TTL_NONE_MS  60000

/* A name that the name servers are being asked for. */
struct resolve_question {
	struct resolver *resolver;
	struct resolve_waiter *waiters;
	struct resolve_question *next;
	char host[];
};

struct resolver {
	struct kk_context *context;
	struct resolve_settings settings;
	ares_channel channel;
	struct hosts_file hosts;
	struct resolve_question *bucket[BUCKETS];
};

static struct resolve_question **place_of(struct resolver *resolver, const char *host)
{
	struct resolve_question **at;
	uint32_t hash = 2166136261U;

	for (const char *c = host; *c; c++)
		hash = (hash ^ (uint8_t)(*c | 0x20)) * 16777619U;
	for (at = &resolver->bucket[hash % BUCKETS]; *at && strcasecmp((*at)->host, host) != 0;)
		at = &(*at)->next;
	return at;
}

/* What a status of c-ares says about the name; statuses that are not here say nothing about it. */
static const struct {
	int status;
	enum resolve_state state;
	const char *why;
} outcomes[] = {
    {ARES_SUCCESS, RESOLVE_FOUND, ""},
    {ARES_ENOTFOUND, RESOLVE_NONE, "there is no such name"},
    {ARES_ENODATA, RESOLVE_NONE, "the name has no address"},
    {ARES_ENONAME, RESOLVE_NONE, "there is no such name"},
    {ARES_EBADNAME, RESOLVE_NONE, "that is not a valid name"},
    {ARES_EBADQUERY, RESOLVE_NONE, "that is not a valid name"},
    {ARES_ESERVFAIL, RESOLVE_TEMPORARY, "the name server failed"},
    {ARES_EREFUSED, RESOLVE_TEMPORARY, "the name server refused to answer"},
    {ARES_ETIMEOUT, RESOLVE_TEMPORARY, "the name server did not answer"},
    {ARES_ECONNREFUSED, RESOLVE_TEMPORARY, "no name server could be reached, or all failed"},
    {ARES_ENOMEM, RESOLVE_TEMPORARY, "out of memory"},
};

static void set_outcome(struct resolve_answer *answer, int status)
{
	answer->state = RESOLVE_TEMPORARY;
	answer->why = "the name server's answer makes no sense";
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		if (outcomes[i].status == status) {
			answer->state = outcomes[i].state;
			answer->why = outcomes[i].why;
		}
	}
}

static bool take_address(struct resolve_address *to, const struct sockaddr *from)
{
	*to = (struct resolve_address){.family = (uint8_t)from->sa_family};
	if (from->sa_family == AF_INET)
		memcpy(to->bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	else if (from->sa_family == AF_INET6)
		memcpy(to->bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	else
		return false;
	return true;
}

/* Copies the addresses, in the order that c-ares prefers; returns how long they are good, in milliseconds. */
static uint64_t take_addresses(struct resolve_answer *answer, const struct ares_addrinfo *info)
{
	uint64_t ttl = TTL_MOST_MS;

	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		uint64_t own = node->ai_ttl > 0 ? (uint64_t)node->ai_ttl * 1000 : 0;

		if (answer->count == RESOLVE_ADDRESSES || !take_address(&answer->address[answer->count], node->ai_addr))
			continue;
		answer->count++;
		if (own < ttl)
			ttl = own;
	}
	return ttl < TTL_LEAST_MS ? TTL_LEAST_MS : ttl;
}

static void tell_waiters(struct resolve_question *question, const struct resolve_answer *answer)
{
	while (question->waiters) {
		struct resolve_waiter *waiter = question->waiters;

		question->waiters = waiter->next;
		waiter->question = NULL;
		waiter->answer = *answer;
		waiter->ready(waiter);
	}
}

static void answered(void *argument, int status, int timeouts, struct ares_addrinfo *info)
{
	struct resolve_question *question = argument;
	struct resolver *resolver = question->resolver;
	struct resolve_answer answer = {0};
	uint64_t ttl = TTL_NONE_MS;

	(void)timeouts;
	set_outcome(&answer, status);
	if (answer.state == RESOLVE_FOUND) {
		ttl = take_addresses(&answer, info);
		if (answer.count == 0)
			set_outcome(&answer, ARES_ENODATA);
	}
	if (info)
		ares_freeaddrinfo(info);
	/* The channel is being destroyed: nobody waits, and what it says about the name is nothing. */
	if (status != ARES_EDESTRUCTION)
		remembered_store(resolver->context, question->host, &answer, ttl);
	tell_waiters(question, &answer);
	*place_of(resolver, question->host) = question->next;
	free(question);
}

static void wait_for(struct resolve_question *question, struct resolve_waiter *waiter)
{
	waiter->question = question;
	waiter->next = question->waiters;
	question->waiters = waiter;
}

/* c-ares may answer within the call, and tells the waiter then: it is called back in any case. */
static enum resolve_state ask(struct resolver *resolver, const char *host, struct resolve_waiter *waiter)
{
	static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct resolve_question **at = place_of(resolver, host);
	size_t size = strlen(host) + 1;

	if (*at) {
		wait_for(*at, waiter);
		return RESOLVE_PENDING;
	}
	*at = calloc(1, sizeof(**at) + size);
	if (!*at) {
		set_outcome(&waiter->answer, ARES_ENOMEM);
		return waiter->answer.state;
	}
	memcpy((*at)->host, host, size);
	(*at)->resolver = resolver;
	wait_for(*at, waiter);
	ares_getaddrinfo(resolver->channel, host, NULL, &hints, answered, *at);
	return RESOLVE_PENDING;
}

enum resolve_state resolver_lookup(struct resolver *resolver, const char *host, struct resolve_waiter *waiter)
{
	struct resolve_answer *answer = &waiter->answer;

	*answer = (struct resolve_answer){.state = RESOLVE_FOUND, .count = 1, .why = ""};
	if (resolve_parse_address(host, &answer->address[0]))
		return RESOLVE_FOUND;
	answer->count = 0;
	if (hosts_find(&resolver->hosts, host, answer))
		return RESOLVE_FOUND;
	answer->state = RESOLVE_PENDING;
	if (remembered_find(resolver->context, host, answer))
		return answer->state;
	return ask(resolver, host, waiter);
}

void resolver_cancel(struct resolve_waiter *waiter)
{
	struct resolve_waiter **at;

	if (!waiter->question)
		return;
	for (at = &waiter->question->waiters; *at != waiter;)
		at = &(*at)->next;
	*at = waiter->next;
	waiter->question = NULL;
}

static void socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = user;

	resolver->settings.watch(resolver->settings.user, fd, (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U));
}

void resolver_event(struct resolver *resolver, int fd, uint32_t events)
{
	bool broken = events & (EPOLLERR | EPOLLHUP);

	ares_process_fd(resolver->channel, events & EPOLLIN || broken ? fd : ARES_SOCKET_BAD,
	                events & EPOLLOUT || broken ? fd : ARES_SOCKET_BAD);
}

void resolver_tick(struct resolver *resolver)
{
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

int resolver_timeout_ms(struct resolver *resolver)
{
	struct timeval left;

	if (!ares_timeout(resolver->channel, NULL, &left))
		return -1;
	return (int)(left.tv_sec * 1000 + (left.tv_usec + 999) / 1000);
}

static int set_servers(struct resolver *resolver, const struct kk_strings *nameservers)
{
	char text[1024] = "";
	size_t length = 0;

	if (nameservers->count == 0)
		return ARES_SUCCESS;
	for (size_t i = 0; i < nameservers->count && length < sizeof(text); i++)
		length +=
		    (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? "," : "", nameservers->at[i]);
	return length < sizeof(text) ? ares_set_servers_ports_csv(resolver->channel, text) : ARES_EBADSTR;
}

struct resolver *resolver_new(struct kk_context *context, const struct resolve_settings *settings, char *why,
                              size_t why_size)
{
	/* Files are our own business (the sandbox closes them), and so is the environment (HOSTALIASES). */
	struct ares_options options = {
	    .flags = ARES_FLAG_NOALIASES | (settings->search ? 0 : ARES_FLAG_NOSEARCH),
	    .timeout = QUERY_TIMEOUT_MS,
	    .tries = QUERY_TRIES,
	    .lookups = (char[]){"b"},
	    .sock_state_cb = socket_state,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int status = ARES_ENOMEM;

	if (resolver) {
		options.sock_state_cb_data = resolver;
		resolver->context = context;
		resolver->settings = *settings;
		status = ares_init_options(&resolver->channel, &options, mask);
	}
	if (status == ARES_SUCCESS)
		status = set_servers(resolver, settings->nameservers);
	if (status != ARES_SUCCESS) {
		snprintf(why, why_size, "name servers: %s", ares_strerror(status));
		resolver_free(resolver);
		return NULL;
	}
	hosts_load(&resolver->hosts, "/etc/hosts");
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	/* Answers every question that is still open. */
	if (resolver->channel)
		ares_destroy(resolver->channel);
	hosts_free(&resolver->hosts);
	free(resolver);
}
