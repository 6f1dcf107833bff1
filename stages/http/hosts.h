/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/hosts.h - reads a hosts file, produces the addresses of the names in it.
 */
#ifndef STAGES_HTTP_HOSTS_H
#define STAGES_HTTP_HOSTS_H

#include "resolve.h"

/* The file as it was read, NUL-terminated; NULL if there is none. */
struct hosts_file {
	char *text;
};

/* hosts_load - reads the file, its first MiB; a file that cannot be read is an empty one. Freed with hosts_free. */
void hosts_load(struct hosts_file *hosts, const char *path);
void hosts_free(struct hosts_file *hosts);

/* hosts_find - adds the addresses that the file has for `host` to `answer`; "localhost" and what ends in it is always
 * there (RFC 6761). True if there is any. */
bool hosts_find(const struct hosts_file *hosts, const char *host, struct resolve_answer *answer);

#endif
