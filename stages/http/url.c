/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Foreign lists hold URLs with blanks and bytes above 127 in them: what a browser accepts is accepted. */
#define LENIENT (CURLU_URLENCODE | CURLU_ALLOW_SPACE)

static bool has_scheme(CURLU *url, const char *const *schemes)
{
	char *scheme = NULL;
	bool found = false;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return false;
	for (; *schemes && !found; schemes++)
		found = strcasecmp(scheme, *schemes) == 0;
	curl_free(scheme);
	return found;
}

/* Does the last part of a dotted name begin with a digit and hold nothing but (hex) digits? No name of a host does. */
static bool ends_in_number(const char *host)
{
	const char *last = strrchr(host, '.');
	size_t digits;

	last = last ? last + 1 : host;
	digits = strspn(last, "0123456789");
	if (digits == 1 && *last == '0' && (last[1] == 'x' || last[1] == 'X'))
		digits = 2 + strspn(last + 2, "0123456789abcdefABCDEF");
	return digits > 0 && last[digits] == 0;
}

int url_numeric_host(const char *host, char to[16])
{
	struct in_addr address;

	if (!ends_in_number(host))
		return 0;
	return inet_aton(host, &address) && inet_ntop(AF_INET, &address, to, 16) ? 1 : -1;
}

static void make_lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* Gives the host the form in which it is asked for, sent, counted and compared: punycode, lower case, no final dot,
 * an address as four numbers. */
static CURLUcode normalise_host(CURLU *url)
{
	char *host = NULL, address[16];
	CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, CURLU_PUNYCODE);
	size_t length;
	int numeric;

	if (code != CURLUE_OK || !host) {
		curl_free(host); /* libcurl leaves it to us also where it has no punycode for it */
		return CURLUE_BAD_HOSTNAME;
	}
	length = strlen(host);
	if (length > 1 && host[length - 1] == '.')
		host[length - 1] = 0;
	make_lower(host);
	numeric = url_numeric_host(host, address);
	code = numeric < 0 ? CURLUE_BAD_HOSTNAME : curl_url_set(url, CURLUPART_HOST, numeric ? address : host, 0);
	curl_free(host);
	return code;
}

static CURLU *finish(CURLU *url, CURLUcode code)
{
	static const char *const schemes[] = {"http", "https", NULL};

	if (code == CURLUE_OK && has_scheme(url, schemes) && normalise_host(url) == CURLUE_OK)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

/* A backslash in the authority: some programs end the host there, others do not. Nobody means well by it. */
static bool is_ambiguous(const char *text)
{
	const char *authority = strstr(text, "//");

	return authority && memchr(authority, '\\', 2 + strcspn(authority + 2, "/?#")) != NULL;
}

CURLU *url_parse(const char *text)
{
	CURLU *url = strlen(text) < HTTP_URL_BYTES && !is_ambiguous(text) ? curl_url() : NULL;

	return url ? finish(url, curl_url_set(url, CURLUPART_URL, text, LENIENT)) : NULL;
}

CURLU *url_follow(CURLU *base, const char *location)
{
	CURLU *url = strlen(location) < HTTP_URL_BYTES && !is_ambiguous(location) ? curl_url_dup(base) : NULL;

	return url ? finish(url, curl_url_set(url, CURLUPART_URL, location, LENIENT)) : NULL;
}

static void strip_brackets(char *host)
{
	size_t length = strlen(host);

	if (host[0] != '[' || length < 2)
		return;
	memmove(host, host + 1, length - 2);
	host[length - 2] = 0;
}

int url_origin(CURLU *url, char **host, char **port)
{
	*host = *port = NULL;
	if (curl_url_get(url, CURLUPART_HOST, host, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PORT, port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
		strip_brackets(*host);
		return 0;
	}
	curl_free(*host);
	curl_free(*port);
	*host = *port = NULL;
	return -1;
}

static bool same_part(CURLU *one, CURLU *other, CURLUPart part)
{
	char *a = NULL, *b = NULL;
	bool same = curl_url_get(one, part, &a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(other, part, &b, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(a, b) == 0;

	curl_free(a);
	curl_free(b);
	return same;
}

bool url_same_origin(CURLU *one, CURLU *other)
{
	return same_part(one, other, CURLUPART_SCHEME) && same_part(one, other, CURLUPART_HOST) &&
	       same_part(one, other, CURLUPART_PORT);
}

int proxy_parse(struct proxy *proxy, const char *text)
{
	static const char *const schemes[] = {"http", "https", "socks5h", NULL};
	CURLU *url;
	int result = -1;

	*proxy = (struct proxy){0};
	if (!*text)
		return 0;
	url = curl_url();
	if (url && curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    has_scheme(url, schemes)) {
		/* curl gives socks5h no default port. */
		result = url_origin(url, &proxy->host, &proxy->port);
	}
	curl_url_cleanup(url);
	return result;
}

void proxy_free(struct proxy *proxy)
{
	curl_free(proxy->host);
	curl_free(proxy->port);
	*proxy = (struct proxy){0};
}
