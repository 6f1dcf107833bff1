/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/address.c - any text as a network that a config opens, and any address against it: an address is let
 * through only if it lies in the network or is nobody's secret. */
#include "http/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 16 bytes of an address, and a network. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct address_list list;
	char why[200], shown[ADDRESS_TEXT];
	const char *text;

	if (size < 16)
		return 0;
	memcpy(&v6.sin6_addr, data, 16);
	memcpy(&v4.sin_addr, data, 4);
	text = strndup((const char *)data + 16, size - 16);
	if (!text)
		abort();
	if (address_list_parse(&list, &(struct kk_strings){&text, 1}, why, sizeof(why)) == 0) {
		(void)address_denied(&list, (struct sockaddr *)&v6);
		if (strcmp(text, "192.168.0.0/16") == 0 && data[0] == 10 &&
		    !address_denied(&list, (struct sockaddr *)&v4))
			abort();
		address_list_free(&list);
	}
	address_text((struct sockaddr *)&v6, shown);
	free((void *)(uintptr_t)text);
	return 0;
}
