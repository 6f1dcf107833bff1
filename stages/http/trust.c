/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <openssl/ssl.h>
#include <stdlib.h>

struct trust {
	X509_STORE *store;
};

struct trust *trust_new(const char *file)
{
	struct trust *trust = calloc(1, sizeof(*trust));

	if (!trust)
		return NULL;
	if (!*file)
		file = curl_version_info(CURLVERSION_NOW)->cainfo;
	trust->store = X509_STORE_new();
	if (!trust->store || !file || X509_STORE_load_file(trust->store, file) != 1) {
		trust_free(trust);
		return NULL;
	}
	return trust;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

static CURLcode use_store(CURL *easy, void *context, void *user)
{
	struct trust *trust = user;

	(void)easy;
	if (trust)
		SSL_CTX_set1_cert_store(context, trust->store);
	return CURLE_OK;
}

CURLcode trust_apply(struct trust *trust, CURL *easy)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);

	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_store);
	return code;
}
