/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* An answer's header may have this many bytes, over all interim answers. */
#define HEAD_BYTES (256U << 10)

/* A body that nobody wants is read to here, to keep the connection; then the connection is given up. */
#define REST_BYTES (64U << 10)

/* A worker holds a buffer of this size for every request in flight. */
#define BUFFER_BYTES (16L << 10)

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct request *request = user;
	struct http *http = request->http;
	const char *kind = NULL;

	(void)purpose;
	if (!http->settings.any_address && !http->proxy.host)
		kind = address_denied(&http->allowed, &address->addr);
	if (kind) {
		request->denied = kind;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Called before each request that libcurl sends. When a connection that was kept from an earlier answer breaks, it
 * sends the request again by itself, up to five times: a server that resets connections would get many times the tries
 * that the config allows, without pauses and without asking for their turn. */
static int on_request(void *user, char *address, char *local_address, int port, int local_port)
{
	struct request *request = user;

	(void)address;
	(void)local_address;
	(void)port;
	(void)local_port;
	if (request->sent) {
		outcome_set(&request->refused, KK_FAIL_ABORTED, "the connection broke before there was an answer");
		return CURL_PREREQFUNC_ABORT;
	}
	request->sent = true;
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	struct request *request = user;
	size_t bytes = size * count, length = bytes;

	request->head_bytes += bytes;
	if (request->head_bytes > HEAD_BYTES) {
		http_refuse(request, KK_FAIL_ABORTED, "the answer's header is larger than %u bytes", HEAD_BYTES);
		return 0;
	}
	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	if (request->http->ops->header && length > 0)
		request->http->ops->header(request, line, length);
	return bytes;
}

static size_t discard(struct request *request, size_t size)
{
	request->rest_bytes += size;
	request->enough = request->rest_bytes > REST_BYTES;
	return request->enough ? 0 : size;
}

static enum http_body give_to_stage(struct request *request, const char *data, size_t size)
{
	const struct http_ops *ops = request->http->ops;
	enum http_body body = HTTP_TAKEN;

	if (!request->begun && ops->begin) {
		curl_off_t length = -1;

		curl_easy_getinfo(request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
		body = ops->begin(request, length);
	}
	if (body != HTTP_TAKEN)
		return body;
	request->begun = true;
	return ops->body(request, data, size);
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
	struct request *request = user;
	size_t bytes = size * count;
	long status = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!request->http->ops->body || status < 200 || status > 299)
		return discard(request, bytes);
	switch (give_to_stage(request, data, bytes)) {
	case HTTP_TAKEN:
		return bytes;
	case HTTP_NO_ROOM:
		request_pause(request);
		return CURL_WRITEFUNC_PAUSE;
	case HTTP_REFUSED:
		break;
	}
	return 0;
}

static int set_address(struct request *request)
{
	const struct http_options *options = request->http->settings.options;
	CURL *easy = request->easy;
	int bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_CURLU, request->url);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(easy, CURLOPT_RESOLVE, request->resolved);
	/* An entry of CURLOPT_RESOLVE is needed until there is a connection. Later it would only take memory: there may
	 * be thousands of hosts a second. */
	bad |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)(options->connect_timeout_ms / 1000 + 2));
	/* "": no proxy, whatever the environment says. */
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy);
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
	return bad;
}

/* Credentials are for the hosts that items name, or for those that the config names; never for where redirects lead. */
static bool may_have_credentials(const struct request *request)
{
	const struct kk_strings *hosts = &request->http->settings.options->auth_hosts;

	for (size_t i = 0; i < hosts->count; i++)
		if (!request->elsewhere && strcasecmp(hosts->at[i], request->host) == 0)
			return true;
	return !request->elsewhere && hosts->count == 0;
}

static int set_behaviour(struct request *request)
{
	const struct http_options *options = request->http->settings.options;
	CURL *easy = request->easy;
	int bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
	/* One answer a connection: a paused answer must not hold up others, and what a multiplexed connection goes on
	 * receiving for it would count as nobody's memory. */
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= (int)trust_apply(request->http->trust, easy);
	if (request->http->identity && may_have_credentials(request))
		bad |= (int)identity_apply(request->http->identity, easy);
	/* NULL: not asked for, and what comes unasked stays packed. */
	bad |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, request->http->settings.unpack ? "" : NULL);
	return bad;
}

static int set_callbacks(struct request *request)
{
	CURL *easy = request->easy;
	int bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	return bad;
}

int easy_begin(struct request *request)
{
	struct http *http = request->http;
	struct curl_slist *headers = may_have_credentials(request) ? http->headers : http->public_headers;

	/* As many handles as turns: whoever has its turn finds one. */
	request->easy = http->easy[--http->easy_free];
	request->sent = request->begun = request->enough = false;
	request->head_bytes = request->rest_bytes = 0;
	request->denied = NULL;
	request->error[0] = 0;
	curl_easy_reset(request->easy);
	if (set_address(request) || set_behaviour(request) || set_callbacks(request) ||
	    http->ops->prepare(request, request->easy) != 0)
		return -1;
	if (request->extra) {
		request->extra_end->next = headers;
		headers = request->extra;
	}
	return curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK ? 0 : -1;
}

void easy_end(struct request *request)
{
	struct http *http = request->http;

	if (request->extra_end)
		request->extra_end->next = NULL;
	curl_slist_free_all(request->extra);
	curl_slist_free_all(request->resolved);
	request->extra = request->extra_end = request->resolved = NULL;
	if (request->easy)
		http->easy[http->easy_free++] = request->easy;
	request->easy = NULL;
}

curl_off_t easy_moved(struct request *request)
{
	curl_off_t down = 0, up = 0;

	if (!request->easy)
		return 0;
	curl_easy_getinfo(request->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	return down + up;
}
