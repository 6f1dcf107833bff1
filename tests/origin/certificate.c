/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400L

static int add_name(X509 *certificate)
{
	X509_EXTENSION *extension =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:*.mix.test");
	X509_NAME *name = X509_get_subject_name(certificate);
	int good =
	    extension && X509_add_ext(certificate, extension, -1) == 1 &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"expired", -1, -1, 0) == 1 &&
	    X509_set_issuer_name(certificate, name) == 1;

	X509_EXTENSION_free(extension);
	return good;
}

static X509 *sign(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	if (certificate && X509_set_version(certificate, 2) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * DAY) &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), -DAY) && X509_set_pubkey(certificate, key) == 1 &&
	    add_name(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0)
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* What was written to the memory of `bio`, as a text. */
static char *text_of(BIO *bio)
{
	char *at;
	long length = BIO_get_mem_data(bio, &at);

	return length > 0 ? strndup(at, (size_t)length) : NULL;
}

int certificate_make(struct certificate *to)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? sign(key) : NULL;
	BIO *key_bio = BIO_new(BIO_s_mem()), *bio = BIO_new(BIO_s_mem());

	*to = (struct certificate){0};
	if (certificate && key_bio && bio && PEM_write_bio_X509(bio, certificate) == 1 &&
	    PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		to->key = text_of(key_bio);
		to->certificate = text_of(bio);
	}
	BIO_free(key_bio);
	BIO_free(bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (to->key && to->certificate)
		return 0;
	certificate_free(to);
	return -1;
}

void certificate_free(struct certificate *certificate)
{
	free(certificate->key);
	free(certificate->certificate);
	*certificate = (struct certificate){0};
}
