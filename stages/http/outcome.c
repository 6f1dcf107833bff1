/* SPDX-License-Identifier: Apache-2.0 */
#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>

#define DELAY_MOST_MS 30000

/* Codes that are not here are KK_FAIL_OTHER. */
static const struct {
	CURLcode code;
	enum kk_fail_class class;
	const char *text;
} codes[] = {
    {CURLE_COULDNT_CONNECT, KK_FAIL_CONNECT, "no connection"},
    {CURLE_OPERATION_TIMEDOUT, KK_FAIL_CONNECT, "no connection in time"},
    {CURLE_COULDNT_RESOLVE_HOST, KK_FAIL_DNS_TEMPORARY, "no address"},
    {CURLE_COULDNT_RESOLVE_PROXY, KK_FAIL_DNS_TEMPORARY, "no address of the proxy"},
    {CURLE_PROXY, KK_FAIL_CONNECT, "the proxy does not let us through"},
    {CURLE_URL_MALFORMAT, KK_FAIL_BAD_URL, "not a URL"},
    {CURLE_SSL_CONNECT_ERROR, KK_FAIL_TLS, "no secure connection"},
    {CURLE_PEER_FAILED_VERIFICATION, KK_FAIL_TLS, "the certificate is not valid"},
    {CURLE_SSL_CERTPROBLEM, KK_FAIL_TLS, "the certificate cannot be used"},
    {CURLE_SSL_CIPHER, KK_FAIL_TLS, "no common cipher"},
    {CURLE_SSL_ISSUER_ERROR, KK_FAIL_TLS, "the certificate's issuer is not trusted"},
    {CURLE_SSL_INVALIDCERTSTATUS, KK_FAIL_TLS, "the certificate's status is not valid"},
    {CURLE_PARTIAL_FILE, KK_FAIL_ABORTED, "the answer is shorter than announced"},
    {CURLE_GOT_NOTHING, KK_FAIL_ABORTED, "the server closed the connection without an answer"},
    {CURLE_SEND_ERROR, KK_FAIL_ABORTED, "the connection broke while sending"},
    {CURLE_RECV_ERROR, KK_FAIL_ABORTED, "the connection broke while receiving"},
    {CURLE_WEIRD_SERVER_REPLY, KK_FAIL_ABORTED, "the answer is not HTTP"},
    {CURLE_UNSUPPORTED_PROTOCOL, KK_FAIL_ABORTED, "the answer is not HTTP/1"},
    {CURLE_HTTP2, KK_FAIL_ABORTED, "the connection broke"},
    {CURLE_OUT_OF_MEMORY, KK_FAIL_MEMORY, "out of memory"},
};

/* The first reason counts. */
static bool take(struct outcome *outcome, enum kk_fail_class class)
{
	if (outcome->set)
		return false;
	outcome->set = true;
	outcome->class = class;
	return true;
}

void outcome_setv(struct outcome *outcome, enum kk_fail_class class, const char *format, va_list args)
{
	if (take(outcome, class))
		vsnprintf(outcome->text, sizeof(outcome->text), format, args);
}

void outcome_set(struct outcome *outcome, enum kk_fail_class class, const char *format, ...)
{
	va_list args;

	if (!take(outcome, class))
		return;
	va_start(args, format);
	vsnprintf(outcome->text, sizeof(outcome->text), format, args);
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
	curl_off_t seconds = 0;

	if (outcome->set)
		return;
	outcome_set(outcome, class_of_status(status), "the server answers with status %ld", status);
	if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
		outcome->retry_after_ms = seconds > 86400 ? 86400000 : (uint64_t)seconds * 1000;
}

void outcome_of_code(struct outcome *outcome, CURLcode code, const char *words)
{
	size_t i = 0, count = sizeof(codes) / sizeof(codes[0]);

	while (i < count && codes[i].code != code)
		i++;
	if (i < count)
		outcome_set(outcome, codes[i].class, "%s%s%s", codes[i].text, *words ? ": " : "", words);
	else
		outcome_set(outcome, KK_FAIL_OTHER, "%s", *words ? words : curl_easy_strerror(code));
}

bool outcome_retryable(const struct outcome *outcome)
{
	static const bool table[KK_FAIL_CLASS_COUNT] = {
	    [KK_FAIL_TIMEOUT] = true,  [KK_FAIL_DNS_TEMPORARY] = true, [KK_FAIL_CONNECT] = true, [KK_FAIL_SLOW] = true,
	    [KK_FAIL_HTTP_429] = true, [KK_FAIL_HTTP_5XX] = true,      [KK_FAIL_ABORTED] = true,
	};

	return table[outcome->class] && outcome->retry_after_ms <= RETRY_AFTER_MOST_MS;
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
