/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOSTS_BYTES (1U << 20)

void hosts_load(struct hosts_file *hosts, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size;

	if (file)
		text = malloc(HOSTS_BYTES + 1);
	if (text) {
		size = fread(text, 1, HOSTS_BYTES, file);
		text[size] = 0;
		hosts->text = strdup(text);
	}
	free(text);
	if (file)
		fclose(file);
}

void hosts_free(struct hosts_file *hosts)
{
	free(hosts->text);
	hosts->text = NULL;
}

bool resolve_parse_address(const char *text, struct resolve_address *to)
{
	*to = (struct resolve_address){0};
	if (inet_pton(AF_INET, text, to->bytes) == 1)
		to->family = AF_INET;
	else if (inet_pton(AF_INET6, text, to->bytes) == 1)
		to->family = AF_INET6;
	return to->family != 0;
}

const struct sockaddr *resolve_sockaddr(const struct resolve_address *address, struct sockaddr_storage *to)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (address->family == AF_INET) {
		memcpy(&v4.sin_addr, address->bytes, 4);
		memcpy(to, &v4, sizeof(v4));
	} else {
		memcpy(&v6.sin6_addr, address->bytes, 16);
		memcpy(to, &v6, sizeof(v6));
	}
	return (const struct sockaddr *)to;
}

static void add(struct resolve_answer *answer, const char *address)
{
	if (answer->count < RESOLVE_ADDRESSES && resolve_parse_address(address, &answer->address[answer->count]))
		answer->count++;
}

/* One line: address name name ... # comment. */
static void find_in_line(const char *line, size_t length, const char *host, struct resolve_answer *answer)
{
	static const char blank[] = " \t\r";
	char copy[512], *word, *rest = copy;
	const char *address;

	if (length >= sizeof(copy))
		return;
	memcpy(copy, line, length);
	copy[length] = 0;
	copy[strcspn(copy, "#")] = 0;
	address = strtok_r(copy, blank, &rest);
	if (!address)
		return;
	while ((word = strtok_r(NULL, blank, &rest))) {
		if (strcasecmp(word, host) == 0) {
			add(answer, address);
			return;
		}
	}
}

static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t length = strlen(host), tail = sizeof(name) - 1;

	if (length > 0 && host[length - 1] == '.')
		length--;
	if (length < tail || strncasecmp(host + length - tail, name, tail) != 0)
		return false;
	return length == tail || host[length - tail - 1] == '.';
}

bool hosts_find(const struct hosts_file *hosts, const char *host, struct resolve_answer *answer)
{
	const char *line = hosts->text;

	while (line && *line) {
		size_t length = strcspn(line, "\n");

		find_in_line(line, length, host, answer);
		line += length + (line[length] == '\n');
	}
	if (answer->count == 0 && is_localhost(host)) {
		add(answer, "127.0.0.1");
		add(answer, "::1");
	}
	return answer->count > 0;
}
