/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/seen.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILTER_BITS  (UINT64_C(1) << 25)
#define COUNT_MAX    ((UINT64_C(1) << 24) - 1)
#define BUCKET_BYTES 512
#define MAX_TABLES   14

struct entry {
	uint64_t last; /* ordinal + 1 : 40 | occurrences : 24. First, so that a torn entry has no whole id */
	uint64_t id[2];
};
enum { PER_BUCKET = BUCKET_BYTES / sizeof(struct entry), FIRST_BUCKETS = 4096, READ_AT_ONCE = 128 };

struct bucket {
	_Alignas(8) struct entry entry[PER_BUCKET];
	char rest[BUCKET_BYTES - PER_BUCKET * sizeof(struct entry)];
};
_Static_assert(sizeof(struct bucket) == BUCKET_BYTES, "what is read at once");

struct seen {
	int fd;
	unsigned tables; /* the last one takes what is new  */
	uint64_t fill;   /* entries in it                   */
	uint64_t *filter;
	struct bucket *buckets; /* READ_AT_ONCE of them: what was read last */
};

/* Where an id is, or where it would go. */
struct place {
	uint64_t at; /* of the entry, in the file */
	bool found;
	struct entry entry;
};

static uint64_t table_buckets(unsigned table)
{
	return (uint64_t)FIRST_BUCKETS << 2 * table;
}

/* The tables before this one are (4^table - 1) / 3 times the first. */
static uint64_t table_offset(unsigned table)
{
	return (table_buckets(table) - FIRST_BUCKETS) / 3 * BUCKET_BYTES;
}

static uint64_t table_room(unsigned table)
{
	return table_buckets(table) * PER_BUCKET / 3 * 2;
}

/* ---- the file */

/* What was never written reads as empty. */
static int read_at(int fd, void *to, size_t bytes, uint64_t at)
{
	char *next = to;
	while (bytes > 0) {
		ssize_t got = pread(fd, next, bytes, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		next += got;
		at += (uint64_t)got;
		bytes -= (size_t)got;
	}
	memset(next, 0, bytes);
	return 0;
}

static int write_at(int fd, const void *from, size_t bytes, uint64_t at)
{
	const char *next = from;
	while (bytes > 0) {
		ssize_t put = pwrite(fd, next, bytes, (off_t)at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = ENOSPC;
		if (put <= 0)
			return -1;
		next += put;
		at += (uint64_t)put;
		bytes -= (size_t)put;
	}
	return 0;
}

/* ---- the filter: two bits an id */

static bool filter_has(const struct seen *seen, const uint64_t id[2])
{
	uint64_t one = id[1] % FILTER_BITS, two = (id[1] >> 32) % FILTER_BITS;
	return seen->filter[one / 64] >> one % 64 & seen->filter[two / 64] >> two % 64 & 1;
}

static void filter_add(struct seen *seen, const uint64_t id[2])
{
	uint64_t one = id[1] % FILTER_BITS, two = (id[1] >> 32) % FILTER_BITS;
	seen->filter[one / 64] |= UINT64_C(1) << one % 64;
	seen->filter[two / 64] |= UINT64_C(1) << two % 64;
}

/* ---- tables */

static bool is_empty(const struct entry *entry)
{
	return !entry->last && !entry->id[0] && !entry->id[1];
}

static bool look_in_bucket(const struct bucket *bucket, const uint64_t id[2], uint64_t at, struct place *place)
{
	for (unsigned i = 0; i < PER_BUCKET; i++) {
		const struct entry *entry = &bucket->entry[i];
		bool same = entry->id[0] == id[0] && entry->id[1] == id[1] && entry->last;
		if (!same && !is_empty(entry))
			continue;
		*place = (struct place){at + i * sizeof(*entry), same, *entry};
		return true;
	}
	return false;
}

/* No table is ever full, so the search ends. */
static int look_in_table(struct seen *seen, unsigned table, const uint64_t id[2], struct place *place)
{
	uint64_t buckets = table_buckets(table);
	for (uint64_t i = 0; i < buckets; i++) {
		uint64_t at = table_offset(table) + (id[0] + i) % buckets * BUCKET_BYTES;
		if (read_at(seen->fd, seen->buckets, BUCKET_BYTES, at) < 0)
			return -1;
		if (look_in_bucket(seen->buckets, id, at, place))
			return 0;
	}
	errno = ENOSPC;
	return -1;
}

/* The last table is looked at in any case, as it shows where the id would go. */
static int find(struct seen *seen, const uint64_t id[2], struct place *place)
{
	if (look_in_table(seen, seen->tables - 1, id, place) < 0)
		return -1;
	if (place->found || !filter_has(seen, id))
		return 0;
	for (unsigned table = seen->tables - 1; table > 0; table--) {
		struct place older;
		if (look_in_table(seen, table - 1, id, &older) < 0)
			return -1;
		if (older.found) {
			*place = older;
			return 0;
		}
	}
	return 0;
}

static int append(struct seen *seen, const uint64_t id[2], uint64_t ordinal, struct place *place)
{
	if (seen->fill >= table_room(seen->tables - 1) && seen->tables < MAX_TABLES) {
		seen->tables++;
		seen->fill = 0;
		if (look_in_table(seen, seen->tables - 1, id, place) < 0)
			return -1;
	}
	struct entry entry = {(ordinal + 1) << 24 | 1, {id[0], id[1]}};
	if (write_at(seen->fd, &entry, sizeof(entry), place->at) < 0)
		return -1;
	seen->fill++;
	filter_add(seen, id);
	return 0;
}

int64_t seen_note(struct seen *seen, const uint8_t id[SEEN_ID_BYTES], uint64_t ordinal, bool count)
{
	struct place place;
	uint64_t words[2];
	memcpy(words, id, sizeof(words));
	if (find(seen, words, &place) < 0)
		return -1;
	if (!place.found)
		return append(seen, words, ordinal, &place) < 0 ? -1 : 1;
	uint64_t known = place.entry.last & COUNT_MAX;
	if (place.entry.last >> 24 == ordinal + 1)
		return (int64_t)known;
	if (!count)
		return 2;
	if (known < COUNT_MAX)
		known++;
	uint64_t last = (ordinal + 1) << 24 | known;
	if (write_at(seen->fd, &last, sizeof(last), place.at + offsetof(struct entry, last)) < 0)
		return -1;
	return (int64_t)known;
}

/* ---- opening */

static uint64_t take_over(struct seen *seen, const struct bucket *bucket)
{
	uint64_t entries = 0;
	for (unsigned i = 0; i < PER_BUCKET && !is_empty(&bucket->entry[i]); i++, entries++)
		filter_add(seen, bucket->entry[i].id);
	return entries;
}

/* What a predecessor noted: how many tables there are, how full the last one is, and the filter. */
static int read_all(struct seen *seen, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += sizeof(struct bucket) * READ_AT_ONCE) {
		if (read_at(seen->fd, seen->buckets, sizeof(struct bucket) * READ_AT_ONCE, at) < 0)
			return -1;
		/* Tables begin at multiples of what is read at once. */
		while (at >= table_offset(seen->tables)) {
			seen->tables++;
			seen->fill = 0;
		}
		for (unsigned i = 0; i < READ_AT_ONCE; i++)
			seen->fill += take_over(seen, &seen->buckets[i]);
	}
	return 0;
}
_Static_assert(FIRST_BUCKETS % READ_AT_ONCE == 0, "see above");

struct seen *seen_open(int fd, bool fresh)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	struct stat status;
	if (!seen)
		return NULL;
	*seen = (struct seen){.fd = fd,
	                      .tables = 1,
	                      .filter = calloc(FILTER_BITS / 64, sizeof(uint64_t)),
	                      .buckets = calloc(READ_AT_ONCE, sizeof(struct bucket))};
	if (!seen->filter || !seen->buckets || (fresh && ftruncate(fd, 0) < 0) || fstat(fd, &status) < 0 ||
	    read_all(seen, (uint64_t)status.st_size) < 0) {
		int error = errno;
		seen_close(seen);
		errno = error;
		seen = NULL;
	}
	return seen;
}

void seen_close(struct seen *seen)
{
	if (!seen)
		return;
	free(seen->filter);
	free(seen->buckets);
	free(seen);
}
