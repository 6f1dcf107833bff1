/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <stdlib.h>

/* Coprime to 10000: a walk with this step meets every kind as often as its weight says. */
#define STEP 7919U

/* Who answers. */
enum where {
	AT_HOST,    /* one of the hosts                         */
	AT_GONE,    /* nobody: there is no such name            */
	AT_BUSY,    /* nobody: the name server fails            */
	AT_CLOSED,  /* nobody: a port where nobody listens      */
	AT_EXPIRED, /* TLS with an expired certificate          */
};

/* What the web is made of: DataComp-12M in November 2025, and, for the 725 of 10000 that its figures leave open, what
 * else is met there. The weights add up to 10000. `path` gets the line's number. */
static const struct {
	unsigned weight;
	enum where where;
	const char *path, *expected;
} kinds[] = {
    {6926, AT_HOST, "/photo/%u", "ok"},
    {940, AT_HOST, "/status/404/%u", "http-4xx"},
    {555, AT_HOST, "/status/403/%u", "http-4xx"},
    {588, AT_GONE, "/photo/%u", "dns-none"},
    {118, AT_BUSY, "/photo/%u", "dns-temporary"},
    {88, AT_HOST, "/fake/%u", "decode"},
    {44, AT_HOST, "/cut/%u?percent=1", "decode"},
    {16, AT_HOST, "/noai/%u", "opted-out"},
    {120, AT_HOST, "/reset/%u", "aborted"},
    {60, AT_HOST, "/short/%u", "aborted"},
    {60, AT_HOST, "/silent/%u", "timeout"},
    {10, AT_HOST, "/drip/%u", "slow"},
    {10, AT_HOST, "/endless/%u", "too-large"},
    {120, AT_HOST, "/status/500/%u", "http-5xx"},
    {60, AT_HOST, "/flaky/%u?fails=1", "ok"},
    {60, AT_HOST, "/429/%u?after=1", "ok"},
    {20, AT_HOST, "/status/429/%u", "http-429"},
    {60, AT_HOST, "/redirect-loop/%u", "too-many-redirects"},
    {40, AT_HOST, "/redirect/1/%u?status=308", "ok"},
    {45, AT_CLOSED, "/photo/%u", "connect"},
    {60, AT_EXPIRED, "/photo/%u", "tls"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t kind_of(unsigned long line)
{
	unsigned long place = line % 10000 * STEP % 10000;
	size_t i = 0;

	while (place >= kinds[i].weight)
		place -= kinds[i++].weight;
	return i;
}

static void put_authority(FILE *to, const struct origin *origin, enum where where, unsigned long line,
                          unsigned long hosts)
{
	switch (where) {
	case AT_HOST:
		fprintf(to, "http://h%lu.mix.test:%u", line % hosts, origin->port);
		break;
	case AT_GONE:
		fprintf(to, "http://gone%lu.mix.test:%u", line, origin->port);
		break;
	case AT_BUSY:
		fprintf(to, "http://busy%lu.mix.test:%u", line, origin->port);
		break;
	case AT_CLOSED:
		fprintf(to, "http://closed%lu.mix.test:1", line % hosts);
		break;
	case AT_EXPIRED:
		fprintf(to, "https://expired%lu.mix.test:%u", line % hosts, origin->expired_port);
		break;
	}
}

enum MHD_Result mix_answer(struct request *request)
{
	unsigned long count = request_query(request, "count", 10000), hosts = request_query(request, "hosts", 50);
	enum MHD_Result result;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return MHD_NO;
	for (unsigned long line = 0; line < count; line++) {
		size_t kind = kind_of(line);

		put_authority(to, request->origin, kinds[kind].where, line, hosts ? hosts : 1);
		fprintf(to, kinds[kind].path, (unsigned)line);
		fprintf(to, "\t%s\n", kinds[kind].expected);
	}
	result = fclose(to) == 0 ? answer_text(request, MHD_HTTP_OK, "text/tab-separated-values", text) : MHD_NO;
	free(text);
	return result;
}
