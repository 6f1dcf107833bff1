/* SPDX-License-Identifier: Apache-2.0 */
#include "checksum.h"
#include "../http/base64.h"

#include <openssl/evp.h>
#include <stdio.h>

const char *const checksum_words[] = {
    [CHECKSUM_NONE] = "none",
    [CHECKSUM_CONTENT_MD5] = "content-md5",
    [CHECKSUM_CONTENT_DIGEST] = "content-digest",
    [CHECKSUM_X] = "x-checksum-sha256",
    NULL,
};

/* How each kind is computed and written: in base 64 between two texts, or in hex behind one. */
static const struct {
	const EVP_MD *(*digest)(void);
	const char *before, *behind;
	int hex;
} kinds[] = {
    [CHECKSUM_CONTENT_MD5] = {EVP_md5, "Content-MD5: ", "", 0},
    [CHECKSUM_CONTENT_DIGEST] = {EVP_sha256, "Content-Digest: sha-256=:", ":", 0},
    [CHECKSUM_X] = {EVP_sha256, "X-Checksum-Sha256: ", "", 1},
};

int checksum_header(enum checksum kind, const void *data, size_t size, char to[CHECKSUM_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[2 * EVP_MAX_MD_SIZE + 1];
	unsigned length = 0;

	to[0] = 0;
	if (kind == CHECKSUM_NONE)
		return 0;
	if (EVP_Digest(data, size, digest, &length, kinds[kind].digest(), NULL) != 1)
		return -1;
	if (kinds[kind].hex)
		for (unsigned i = 0; i < length; i++)
			snprintf(text + 2 * i, 3, "%02x", digest[i]);
	else
		base64_encode(digest, length, text);
	snprintf(to, CHECKSUM_BYTES, "%s%s%s", kinds[kind].before, text, kinds[kind].behind);
	return 0;
}
