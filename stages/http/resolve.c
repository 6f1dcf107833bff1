/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"
#include "hosts.h"
#include "timers.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/time.h>

/* Entries kept at most; each is about 1.3 KiB. */
#define CACHE_ENTRIES 1024
#define CACHE_BUCKETS 2048

/* One question takes at most TRIES rounds through the servers, each twice as long as the one before. */
#define QUERY_TIMEOUT_MS 2000
#define QUERY_TRIES      3

/* How long an answer is good. A temporary failure is kept just long enough to answer a burst of the same question. */
#define TTL_LEAST_MS     10000
#define TTL_MOST_MS      300000
#define TTL_NONE_MS      60000
#define TTL_TEMPORARY_MS 250

struct resolve_entry {
	char *host;
	struct resolver *resolver;
	struct resolve_answer answer;
	uint64_t expires_ms;
	struct resolve_waiter *waiters;
	struct resolve_entry *next_in_bucket;
	struct resolve_entry *older, *newer; /* by last use */
};

struct resolver {
	ares_channel channel;
	struct hosts_file hosts;
	resolve_watch watch;
	void *user;
	size_t count;
	struct resolve_entry *oldest, *newest;
	struct resolve_entry *bucket[CACHE_BUCKETS];
	struct resolve_answer literal; /* the answer for an address */
};

static struct resolve_entry **bucket_of(struct resolver *resolver, const char *host)
{
	uint32_t hash = 2166136261U;

	for (; *host; host++)
		hash = (hash ^ (uint8_t)(*host | 0x20)) * 16777619U;
	return &resolver->bucket[hash % CACHE_BUCKETS];
}

static void unlink_use(struct resolver *resolver, struct resolve_entry *entry)
{
	*(entry->older ? &entry->older->newer : &resolver->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &resolver->newest) = entry->older;
	entry->older = entry->newer = NULL;
}

static void link_newest(struct resolver *resolver, struct resolve_entry *entry)
{
	entry->older = resolver->newest;
	entry->newer = NULL;
	*(resolver->newest ? &resolver->newest->newer : &resolver->oldest) = entry;
	resolver->newest = entry;
}

static void remove_entry(struct resolver *resolver, struct resolve_entry *entry)
{
	struct resolve_entry **at = bucket_of(resolver, entry->host);

	while (*at && *at != entry)
		at = &(*at)->next_in_bucket;
	if (*at)
		*at = entry->next_in_bucket;
	unlink_use(resolver, entry);
	resolver->count--;
	free(entry->host);
	free(entry);
}

/* Makes room by dropping the entry that nobody has used for the longest time. */
static void evict(struct resolver *resolver)
{
	struct resolve_entry *entry = resolver->oldest;

	while (entry && entry->answer.state == RESOLVE_PENDING)
		entry = entry->newer;
	if (entry)
		remove_entry(resolver, entry);
}

static struct resolve_entry *find_entry(struct resolver *resolver, const char *host)
{
	struct resolve_entry *entry = *bucket_of(resolver, host);

	while (entry && strcasecmp(entry->host, host) != 0)
		entry = entry->next_in_bucket;
	return entry;
}

static struct resolve_entry *add_entry(struct resolver *resolver, const char *host)
{
	struct resolve_entry **bucket = bucket_of(resolver, host);
	struct resolve_entry *entry;

	if (resolver->count >= CACHE_ENTRIES)
		evict(resolver);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->host = strdup(host);
	if (!entry->host) {
		free(entry);
		return NULL;
	}
	entry->resolver = resolver;
	entry->next_in_bucket = *bucket;
	*bucket = entry;
	link_newest(resolver, entry);
	resolver->count++;
	return entry;
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

/* Copies the addresses; returns how long they are good, in milliseconds. */
static uint64_t take_addresses(struct resolve_answer *answer, const struct ares_addrinfo *info)
{
	uint64_t ttl = TTL_MOST_MS;

	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		uint64_t own = node->ai_ttl > 0 ? (uint64_t)node->ai_ttl * 1000 : 0;

		if (answer->count == RESOLVE_ADDRESSES || node->ai_addrlen > sizeof(answer->address[0]))
			continue;
		memcpy(&answer->address[answer->count++], node->ai_addr, node->ai_addrlen);
		if (own < ttl)
			ttl = own;
	}
	return ttl < TTL_LEAST_MS ? TTL_LEAST_MS : ttl;
}

static void wake_waiters(struct resolve_entry *entry)
{
	while (entry->waiters) {
		struct resolve_waiter *waiter = entry->waiters;

		entry->waiters = waiter->next;
		waiter->entry = NULL;
		waiter->ready(waiter);
	}
}

static void answered(void *argument, int status, int timeouts, struct ares_addrinfo *info)
{
	static const uint64_t lives[] = {[RESOLVE_NONE] = TTL_NONE_MS, [RESOLVE_TEMPORARY] = TTL_TEMPORARY_MS};
	struct resolve_entry *entry = argument;
	struct resolve_answer *answer = &entry->answer;
	uint64_t life = 0;

	(void)timeouts;
	set_outcome(answer, status);
	if (answer->state == RESOLVE_FOUND) {
		life = take_addresses(answer, info);
		if (answer->count == 0)
			set_outcome(answer, ARES_ENODATA);
	}
	if (answer->state != RESOLVE_FOUND)
		life = lives[answer->state];
	entry->expires_ms = timers_now_ms() + life;
	if (info)
		ares_freeaddrinfo(info);
	wake_waiters(entry);
}

static void ask(struct resolver *resolver, struct resolve_entry *entry)
{
	static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

	entry->answer = (struct resolve_answer){.state = RESOLVE_PENDING};
	if (hosts_find(&resolver->hosts, entry->host, &entry->answer)) {
		entry->answer.state = RESOLVE_FOUND;
		entry->expires_ms = timers_now_ms() + TTL_MOST_MS;
		return;
	}
	ares_getaddrinfo(resolver->channel, entry->host, NULL, &hints, answered, entry);
}

static bool is_literal(struct resolver *resolver, const char *host)
{
	resolver->literal = (struct resolve_answer){.state = RESOLVE_FOUND, .count = 1};
	return hosts_parse_address(host, &resolver->literal.address[0]);
}

const struct resolve_answer *resolver_lookup(struct resolver *resolver, const char *host, struct resolve_waiter *waiter)
{
	struct resolve_entry *entry;

	if (is_literal(resolver, host))
		return &resolver->literal;
	entry = find_entry(resolver, host);
	if (entry) {
		unlink_use(resolver, entry);
		link_newest(resolver, entry);
		if (entry->answer.state != RESOLVE_PENDING && entry->expires_ms <= timers_now_ms())
			ask(resolver, entry);
	} else {
		entry = add_entry(resolver, host);
		if (!entry) {
			set_outcome(&resolver->literal, ARES_ENOMEM);
			return &resolver->literal;
		}
		ask(resolver, entry);
	}
	if (entry->answer.state == RESOLVE_PENDING) {
		waiter->entry = entry;
		waiter->next = entry->waiters;
		entry->waiters = waiter;
	}
	return &entry->answer;
}

void resolver_cancel(struct resolve_waiter *waiter)
{
	struct resolve_waiter **at;

	if (!waiter->entry)
		return;
	for (at = &waiter->entry->waiters; *at != waiter;)
		at = &(*at)->next;
	*at = waiter->next;
	waiter->entry = NULL;
}

static void socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = user;

	resolver->watch(resolver->user, fd, (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U));
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

struct resolver *resolver_new(const struct kk_strings *nameservers, resolve_watch watch, void *user, char *why,
                              size_t why_size)
{
	/* Files are our own business (the sandbox closes them), and so is the environment (HOSTALIASES). */
	struct ares_options options = {
	    .flags = ARES_FLAG_NOALIASES,
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
		resolver->watch = watch;
		resolver->user = user;
		status = ares_init_options(&resolver->channel, &options, mask);
	}
	if (status == ARES_SUCCESS)
		status = set_servers(resolver, nameservers);
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
	struct resolve_entry *entry;

	if (!resolver)
		return;
	if (resolver->channel)
		ares_destroy(resolver->channel);
	while ((entry = resolver->oldest)) {
		resolver->oldest = entry->newer;
		free(entry->host);
		free(entry);
	}
	hosts_free(&resolver->hosts);
	free(resolver);
}
