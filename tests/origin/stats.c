/* SPDX-License-Identifier: Apache-2.0 */
#include "dns.h"
#include "origin.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Requests that come so soon after a Retry-After may have been on their way. */
#define GRACE_MS 250

/* A text and what was counted under it. */
struct counter {
	char *name;
	unsigned long count; /* hosts: requests under way now */
	unsigned long most, requests, early;
	uint64_t held_from_ms, held_until_ms;
	uint64_t *come_ms; /* [room] when each of the requests came */
	size_t room;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *paths, *hosts, *seen; /* trees of struct counter */
static unsigned long requests, connections, bytes;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int compare(const void *one, const void *other)
{
	return strcmp(((const struct counter *)one)->name, ((const struct counter *)other)->name);
}

/* The counter of a name, new if there was none. Under the mutex. A test server without memory may die. */
static struct counter *counter(void **tree, const char *name)
{
	struct counter *new = calloc(1, sizeof(*new));
	struct counter **found;

	if (!new || !(new->name = strdup(name)) || !(found = tsearch(new, tree, compare)))
		abort();
	if (*found != new) {
		free(new->name);
		free(new);
	}
	return *found;
}

void stats_connection(void)
{
	pthread_mutex_lock(&mutex);
	connections++;
	pthread_mutex_unlock(&mutex);
}

static void note_time(struct counter *host, uint64_t now)
{
	if (host->requests == host->room) {
		size_t room = host->room ? 2 * host->room : 64;

		host->come_ms = realloc(host->come_ms, room * sizeof(*host->come_ms));
		if (!host->come_ms)
			abort();
		host->room = room;
	}
	host->come_ms[host->requests++] = now;
	host->early += now > host->held_from_ms && now < host->held_until_ms;
}

void stats_begin(const char *url, const char *host)
{
	struct counter *of_host;

	pthread_mutex_lock(&mutex);
	requests++;
	counter(&paths, url)->count++;
	of_host = counter(&hosts, host);
	of_host->count++;
	if (of_host->most < of_host->count)
		of_host->most = of_host->count;
	note_time(of_host, now_ms());
	pthread_mutex_unlock(&mutex);
}

void stats_hold(const char *host, unsigned ms)
{
	uint64_t now = now_ms();
	struct counter *of_host;

	pthread_mutex_lock(&mutex);
	of_host = counter(&hosts, host);
	if (of_host->held_until_ms <= now)
		of_host->held_from_ms = now + GRACE_MS;
	/* A second is told in whole ones: the client's clock may be a little ahead. */
	if (of_host->held_until_ms + 20 < now + ms)
		of_host->held_until_ms = now + ms - 20;
	pthread_mutex_unlock(&mutex);
}

void stats_bytes(size_t more)
{
	pthread_mutex_lock(&mutex);
	bytes += more;
	pthread_mutex_unlock(&mutex);
}

void stats_end(const char *host)
{
	pthread_mutex_lock(&mutex);
	counter(&hosts, host)->count--;
	pthread_mutex_unlock(&mutex);
}

unsigned long stats_seen(const char *key)
{
	unsigned long before;

	pthread_mutex_lock(&mutex);
	before = counter(&seen, key)->count++;
	pthread_mutex_unlock(&mutex);
	return before;
}

struct listing {
	FILE *to;
	bool hosts, any;
};

static void put_text(FILE *to, const char *text)
{
	putc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', to);
		if ((unsigned char)*text >= ' ')
			putc(*text, to);
	}
	putc('"', to);
}

/* The most requests that came within one second. */
static unsigned long busiest(const struct counter *host)
{
	unsigned long most = 0, first = 0;

	for (unsigned long i = 0; i < host->requests; i++) {
		while (host->come_ms[i] - host->come_ms[first] >= 1000)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static void put_counter(const void *node, VISIT visit, void *state)
{
	const struct counter *counter = *(struct counter *const *)node;
	struct listing *listing = state;

	if (visit != postorder && visit != leaf)
		return;
	if (listing->any)
		putc(',', listing->to);
	listing->any = true;
	put_text(listing->to, counter->name);
	if (listing->hosts)
		fprintf(listing->to, ":{\"now\":%lu,\"most\":%lu,\"requests\":%lu,\"early\":%lu,\"busiest\":%lu}",
		        counter->count, counter->most, counter->requests, counter->early, busiest(counter));
	else
		fprintf(listing->to, ":%lu", counter->count);
}

char *stats_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	pthread_mutex_lock(&mutex);
	fprintf(to, "{\"requests\":%lu,\"connections\":%lu,\"questions\":%u,\"bytes\":%lu,\"hosts\":{", requests,
	        connections, dns_questions(), bytes);
	twalk_r(hosts, put_counter, &(struct listing){.to = to, .hosts = true});
	fputs("},\"paths\":{", to);
	twalk_r(paths, put_counter, &(struct listing){.to = to});
	fputs("}}\n", to);
	pthread_mutex_unlock(&mutex);
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
