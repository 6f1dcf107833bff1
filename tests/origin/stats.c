/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text and what was counted under it. */
struct counter {
	char *name;
	unsigned long count; /* hosts: requests under way now */
	unsigned long most;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *paths, *hosts, *seen; /* trees of struct counter */
static unsigned long requests, connections;

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
		fprintf(listing->to, ":{\"now\":%lu,\"most\":%lu}", counter->count, counter->most);
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
	fprintf(to, "{\"requests\":%lu,\"connections\":%lu,\"hosts\":{", requests, connections);
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
