/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"
#include "retry_after.h"

#include <stdarg.h>
#include <stdio.h>

#define DELAY_MOST_MS 30000

/* Codes that are not here are KK_FAIL_OTHER. */
static const struct {
	CURLcode code;
	enum kk_fail_class class;
	const char *text;
	bool final; /* although its class is one that may pass */
} codes[] = {
    {CURLE_COULDNT_CONNECT, KK_FAIL_CONNECT, "no connection", false},
    {CURLE_OPERATION_TIMEDOUT, KK_FAIL_CONNECT, "no connection in time", false},
    {CURLE_COULDNT_RESOLVE_HOST, KK_FAIL_DNS_TEMPORARY, "no address", false},
    {CURLE_COULDNT_RESOLVE_PROXY, KK_FAIL_DNS_TEMPORARY, "no address of the proxy", false},
    {CURLE_PROXY, KK_FAIL_CONNECT, "the proxy does not let us through", false},
    {CURLE_URL_MALFORMAT, KK_FAIL_BAD_URL, "not a URL", false},
    {CURLE_SSL_CONNECT_ERROR, KK_FAIL_TLS, "no secure connection", false},
    {CURLE_PEER_FAILED_VERIFICATION, KK_FAIL_TLS, "the certificate is not valid", true},
    {CURLE_SSL_CERTPROBLEM, KK_FAIL_TLS, "the certificate cannot be used", true},
    {CURLE_SSL_CIPHER, KK_FAIL_TLS, "no common cipher", true},
    {CURLE_SSL_ISSUER_ERROR, KK_FAIL_TLS, "the certificate's issuer is not trusted", true},
    {CURLE_SSL_INVALIDCERTSTATUS, KK_FAIL_TLS, "the certificate's status is not valid", true},
    {CURLE_PARTIAL_FILE, KK_FAIL_ABORTED, "the answer is shorter than announced", false},
    {CURLE_GOT_NOTHING, KK_FAIL_ABORTED, "the server closed the connection without an answer", false},
    {CURLE_SEND_ERROR, KK_FAIL_ABORTED, "the connection broke while sending", false},
    {CURLE_RECV_ERROR, KK_FAIL_ABORTED, "the connection broke while receiving", false},
    {CURLE_WEIRD_SERVER_REPLY, KK_FAIL_ABORTED, "the answer is not HTTP", false},
    {CURLE_UNSUPPORTED_PROTOCOL, KK_FAIL_ABORTED, "the answer is not HTTP/1", false},
    {CURLE_HTTP2, KK_FAIL_ABORTED, "the connection broke", false},
    {CURLE_OUT_OF_MEMORY, KK_FAIL_MEMORY, "out of memory", false},
};

void outcome_setv(struct outcome *outcome, enum kk_fail_class class, const char *format, va_list args)
{
	if (outcome->set)
		return;
	outcome->set = true;
	outcome->class = class;
	vsnprintf(outcome->text, sizeof(outcome->text), format, args);
}

void outcome_set(struct outcome *outcome, enum kk_fail_class class, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	outcome_setv(outcome, class, format, args);
	va_end(args);
}

bool outcome_is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static enum kk_fail_class class_of_status(long status)
{
	if (status == 429)
		return KK_FAIL_HTTP_429;
	if (status >= 500)
		return KK_FAIL_HTTP_5XX;
	if (status >= 400)
		return KK_FAIL_HTTP_4XX;
	return outcome_is_redirect(status) ? KK_FAIL_REDIRECTS : KK_FAIL_OTHER;
}

void outcome_of_status(struct outcome *outcome, long status, CURL *easy)
{
	struct curl_header *after = NULL;

	if (outcome->set)
		return;
	outcome_set(outcome, class_of_status(status), "the server answers with status %ld", status);
	if ((status == 429 || status == 503) &&
	    curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &after) == CURLHE_OK)
		outcome->retry_after_ms = retry_after_ms(after->value, time(NULL));
}

void outcome_of_code(struct outcome *outcome, CURLcode code, const char *words)
{
	size_t i = 0, count = sizeof(codes) / sizeof(codes[0]);

	while (i < count && codes[i].code != code)
		i++;
	if (outcome->set)
		return;
	if (i < count) {
		outcome_set(outcome, codes[i].class, "%s%s%s", codes[i].text, *words ? ": " : "", words);
		outcome->final = codes[i].final;
	} else {
		outcome_set(outcome, KK_FAIL_OTHER, "%s", *words ? words : curl_easy_strerror(code));
	}
}

bool outcome_retryable(const struct outcome *outcome)
{
	static const bool table[KK_FAIL_CLASS_COUNT] = {
	    [KK_FAIL_TIMEOUT] = true,  [KK_FAIL_DNS_TEMPORARY] = true, [KK_FAIL_CONNECT] = true, [KK_FAIL_SLOW] = true,
	    [KK_FAIL_HTTP_429] = true, [KK_FAIL_HTTP_5XX] = true,      [KK_FAIL_ABORTED] = true, [KK_FAIL_TLS] = true,
	};

	return table[outcome->class] && !outcome->final;
}

uint64_t outcome_delay_ms(const struct outcome *outcome, uint64_t base_ms, unsigned tries, uint64_t random)
{
	uint64_t delay = base_ms;

	while (tries-- > 1 && delay < DELAY_MOST_MS)
		delay *= 2;
	if (delay > DELAY_MOST_MS)
		delay = DELAY_MOST_MS;
	delay = delay / 2 + random % (delay / 2 + 1);
	return delay > outcome->retry_after_ms ? delay : outcome->retry_after_ms;
}
