/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/url.c - any bytes as a URL: nothing is taken whose host is a private address, however it is spelt, and
 * what is shown of it has no password. */
#include "http/internal.h"
#include "http/redact.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the C library, which is the most lenient of all, takes for an address must be one in our eyes, too. */
static void check_host(const char *host)
{
	static const struct address_list none;
	struct sockaddr_storage storage;
	struct resolve_address address;
	struct in_addr lenient;
	bool ours = resolve_parse_address(host, &address);

	if (strpbrk(host, " \t\r\n\v\f/?#@\\"))
		abort();
	if (!ours && inet_aton(host, &lenient))
		abort();
	if (ours && address.family == AF_INET) {
		uint8_t first = address.bytes[0];
		bool denied = address_denied(&none, resolve_sockaddr(&address, &storage)) != NULL;

		if (!denied && (first == 0 || first == 10 || first == 127 || first >= 224))
			abort();
	}
}

static void check_url(CURLU *url)
{
	char *host, *port, *text = NULL, shown[2048], *password = NULL;

	if (url_origin(url, &host, &port) != 0)
		abort();
	check_host(host);
	if (!url_same_origin(url, url))
		abort();
	if (curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK) {
		redact_url(text, shown, sizeof(shown));
		if (curl_url_get(url, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK && strlen(password) > 3 &&
		    strncmp(strstr(shown, "://") + 3, "***@", 4) != 0)
			abort();
	}
	curl_free(password);
	curl_free(text);
	curl_free(host);
	curl_free(port);
}

/* The first line is a URL, the second a Location that it answers with. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *location;
	CURLU *url, *next;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = 0;
	location = strchr(text, '\n');
	if (location)
		*location++ = 0;
	url = url_parse(text);
	if (url) {
		check_url(url);
		next = location ? url_follow(url, location) : NULL;
		if (next)
			check_url(next);
		curl_url_cleanup(next);
	}
	curl_url_cleanup(url);
	free(text);
	return 0;
}
