/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (1U << 20)

/* PEM texts; libcurl reads them again for every new connection. */
struct identity {
	struct curl_blob certificate, key;
	const char *password;
};

/* The whole file, its first MiB. 0, or -1 with errno. */
static int load(struct curl_blob *blob, const char *path)
{
	FILE *file = fopen(path, "re");
	int error;

	if (!file)
		return -1;
	blob->flags = CURL_BLOB_NOCOPY;
	blob->data = malloc(FILE_BYTES);
	if (blob->data)
		blob->len = fread(blob->data, 1, FILE_BYTES, file);
	error = blob->data ? (ferror(file) ? EIO : 0) : ENOMEM;
	fclose(file);
	errno = error;
	return error ? -1 : 0;
}

static void *parse(const struct curl_blob *blob, const char *password, bool key)
{
	BIO *bio = BIO_new_mem_buf(blob->data, (int)blob->len);
	void *parsed = NULL;

	if (bio && key)
		parsed = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)password);
	else if (bio)
		parsed = PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t)password);
	BIO_free(bio);
	return parsed;
}

static const char *wrong(const struct identity *identity)
{
	X509 *certificate = parse(&identity->certificate, identity->password, false);
	EVP_PKEY *key = parse(&identity->key, identity->password, true);
	const char *reason = NULL;

	if (!certificate)
		reason = "cert: there is no certificate in it";
	else if (!key)
		reason = "key: there is no key in it, or key_password is not its password";
	else if (X509_check_private_key(certificate, key) != 1)
		reason = "cert and key do not belong together";
	X509_free(certificate);
	EVP_PKEY_free(key);
	return reason;
}

struct identity *identity_new(const char *certificate, const char *key, const char *password, char *why,
                              size_t why_size)
{
	struct identity *identity = calloc(1, sizeof(*identity));
	const char *reason;

	if (!identity) {
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	identity->password = password;
	if (load(&identity->certificate, certificate) != 0) {
		snprintf(why, why_size, "cert: %s: %s", certificate, strerror(errno));
	} else if (load(&identity->key, *key ? key : certificate) != 0) {
		snprintf(why, why_size, "key: %s: %s", *key ? key : certificate, strerror(errno));
	} else {
		reason = wrong(identity);
		if (!reason)
			return identity;
		snprintf(why, why_size, "%s", reason);
	}
	identity_free(identity);
	return NULL;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	free(identity->certificate.data);
	if (identity->key.data)
		explicit_bzero(identity->key.data, identity->key.len);
	free(identity->key.data);
	free(identity);
}

CURLcode identity_apply(const struct identity *identity, CURL *easy)
{
	CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &identity->certificate);

	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &identity->key);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_KEYPASSWD, *identity->password ? identity->password : NULL);
	return code;
}
