/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/options.h - reads nothing, produces the option rows that all stages which speak HTTP have in common.
 *
 * A stage embeds struct http_options in its own options struct and puts HTTP_OPTIONS(...) among its rows.
 */
#ifndef STAGES_HTTP_OPTIONS_H
#define STAGES_HTTP_OPTIONS_H

#include <kakehi/option.h>

struct http_options {
	int64_t in_flight, waiting, per_host, retries;
	double per_host_rate, rate;
	uint64_t timeout_ms, connect_timeout_ms, retry_delay_ms, retry_after_ms;
	const char *user_agent, *proxy, *ca_file, *bearer, *basic, *cert, *key, *key_password;
	struct kk_strings headers, nameservers, auth_hosts;
};

#define HTTP_AT(owner, in, member) (offsetof(owner, in) + offsetof(struct http_options, member))

/* HTTP_OPTIONS - the rows for `in`, the struct http_options in the options struct `owner`. `who` begins their texts;
 * `many`, `more` and `each` are the defaults of in_flight, waiting and per_host. */
#define HTTP_OPTIONS(owner, in, who, many, more, each)                                                                 \
	HTTP_OPTIONS_LIMITS(owner, in, who, many, more, each), HTTP_OPTIONS_TIMES(owner, in, who),                     \
	    HTTP_OPTIONS_WORDS(owner, in, who), HTTP_OPTIONS_FILES(owner, in, who)

#define HTTP_OPTIONS_LIMITS(owner, in, who, many, more, each)                                                          \
	{                                                                                                              \
	    .name = "in_flight",                                                                                       \
	    .type = KK_OPTION_INT,                                                                                     \
	    .at = HTTP_AT(owner, in, in_flight),                                                                       \
	    .def = many,                                                                                               \
	    .min = 1,                                                                                                  \
	    .max = 1024,                                                                                               \
	    .unit = "requests",                                                                                        \
	    .text = who "How many requests one worker has under way at once.",                                         \
	},                                                                                                             \
	    {                                                                                                          \
	        .name = "waiting",                                                                                     \
	        .type = KK_OPTION_INT,                                                                                 \
	        .at = HTTP_AT(owner, in, waiting),                                                                     \
	        .def = more,                                                                                           \
	        .max = 16384,                                                                                          \
	        .unit = "items",                                                                                       \
	        .text = who "How many more items one worker holds that wait for a name, their host's turn or their "   \
	                    "next try: they take no connection and no memory for payloads.",                           \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "per_host",                                                                                    \
	        .type = KK_OPTION_INT,                                                                                 \
	        .at = HTTP_AT(owner, in, per_host),                                                                    \
	        .def = each,                                                                                           \
	        .min = 1,                                                                                              \
	        .max = 4096,                                                                                           \
	        .unit = "requests",                                                                                    \
	        .text = who "How many requests go to one host at once, from all workers of the stage together.",       \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "per_host_rate",                                                                               \
	        .type = KK_OPTION_FLOAT,                                                                               \
	        .at = HTTP_AT(owner, in, per_host_rate),                                                               \
	        .def = "0",                                                                                            \
	        .max = 1e6,                                                                                            \
	        .unit = "requests/s",                                                                                  \
	        .text = who "How many requests a second one host gets, from all workers together; 0: any number.",     \
	    },                                                                                                         \
	{                                                                                                              \
		.name = "rate", .type = KK_OPTION_FLOAT, .at = HTTP_AT(owner, in, rate), .def = "0", .max = 1e6,       \
		.unit = "requests/s",                                                                                  \
		.text = who "How many requests a second all hosts together get from the stage; 0: any number.",        \
	}

#define HTTP_OPTIONS_TIMES(owner, in, who)                                                                             \
	{                                                                                                              \
	    .name = "timeout",                                                                                         \
	    .type = KK_OPTION_DURATION,                                                                                \
	    .at = HTTP_AT(owner, in, timeout_ms),                                                                      \
	    .def = "30s",                                                                                              \
	    .min = 1,                                                                                                  \
	    .max = 86400000,                                                                                           \
	    .text = who "How long one try may take in all, without the time it waits for its turn or for memory.",     \
	},                                                                                                             \
	    {                                                                                                          \
	        .name = "connect_timeout",                                                                             \
	        .type = KK_OPTION_DURATION,                                                                            \
	        .at = HTTP_AT(owner, in, connect_timeout_ms),                                                          \
	        .def = "5s",                                                                                           \
	        .min = 1,                                                                                              \
	        .max = 86400000,                                                                                       \
	        .text = who "How long a connection may take to be made, with TLS.",                                    \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "retries",                                                                                     \
	        .type = KK_OPTION_INT,                                                                                 \
	        .at = HTTP_AT(owner, in, retries),                                                                     \
	        .def = "2",                                                                                            \
	        .max = 100,                                                                                            \
	        .unit = "tries",                                                                                       \
	        .text = who "How often a try that failed for a passing reason is repeated (no connection, time-out, "  \
	                    "a name server's trouble, 429, 5xx).",                                                     \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "retry_delay",                                                                                 \
	        .type = KK_OPTION_DURATION,                                                                            \
	        .at = HTTP_AT(owner, in, retry_delay_ms),                                                              \
	        .def = "1s",                                                                                           \
	        .min = 1,                                                                                              \
	        .max = 3600000,                                                                                        \
	        .text = who "The pause before the first retry, varied by chance; it doubles, up to 30s.",              \
	    },                                                                                                         \
	{                                                                                                              \
		.name = "retry_after", .type = KK_OPTION_DURATION, .at = HTTP_AT(owner, in, retry_after_ms),           \
		.def = "60s", .max = 86400000,                                                                         \
		.text =                                                                                                \
		    who "The longest Retry-After that is waited for, by all requests to that host; the items of a "    \
		        "host that asks for more fail until then without asking it again.",                            \
	}

#define HTTP_OPTIONS_WORDS(owner, in, who)                                                                             \
	{                                                                                                              \
	    .name = "user_agent",                                                                                      \
	    .type = KK_OPTION_STRING,                                                                                  \
	    .at = HTTP_AT(owner, in, user_agent),                                                                      \
	    .def = "kakehi/0.1 (image pipeline)",                                                                      \
	    .text = who "The User-Agent header.",                                                                      \
	},                                                                                                             \
	    {                                                                                                          \
	        .name = "headers",                                                                                     \
	        .type = KK_OPTION_LIST,                                                                                \
	        .flags = KK_OPTION_SECRET,                                                                             \
	        .at = HTTP_AT(owner, in, headers),                                                                     \
	        .text = who "More headers, each \"Name: value\"; after a redirect to another host only Accept and "    \
	                    "its like are sent.",                                                                      \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "bearer",                                                                                      \
	        .type = KK_OPTION_STRING,                                                                              \
	        .flags = KK_OPTION_SECRET,                                                                             \
	        .at = HTTP_AT(owner, in, bearer),                                                                      \
	        .text = who "A token for the header \"Authorization: Bearer\".",                                       \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "basic",                                                                                       \
	        .type = KK_OPTION_STRING,                                                                              \
	        .flags = KK_OPTION_SECRET,                                                                             \
	        .at = HTTP_AT(owner, in, basic),                                                                       \
	        .text = who "\"user:password\" for the header \"Authorization: Basic\".",                              \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "auth_hosts",                                                                                  \
	        .type = KK_OPTION_LIST,                                                                                \
	        .at = HTTP_AT(owner, in, auth_hosts),                                                                  \
	        .text = who "The only hosts that get `headers`, `bearer`, `basic` and `cert`; none: all that items "   \
	                    "name. No host that a mere redirect names ever gets them.",                                \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "proxy",                                                                                       \
	        .type = KK_OPTION_STRING,                                                                              \
	        .flags = KK_OPTION_SECRET,                                                                             \
	        .at = HTTP_AT(owner, in, proxy),                                                                       \
	        .text = who "A proxy's URL (http, https, socks5h, with its port), which then resolves and filters "    \
	                    "names; variables such as http_proxy are ignored.",                                        \
	    },                                                                                                         \
	{                                                                                                              \
		.name = "nameservers", .type = KK_OPTION_LIST, .at = HTTP_AT(owner, in, nameservers),                  \
		.text = who "Name servers to ask, as address or address:port, instead of those of /etc/resolv.conf.",  \
	}

#define HTTP_OPTIONS_FILES(owner, in, who)                                                                             \
	{                                                                                                              \
	    .name = "ca_file",                                                                                         \
	    .type = KK_OPTION_STRING,                                                                                  \
	    .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,                                                                \
	    .at = HTTP_AT(owner, in, ca_file),                                                                         \
	    .text = who "A PEM file of the certificate authorities to trust instead of the system's.",                 \
	},                                                                                                             \
	    {                                                                                                          \
	        .name = "cert",                                                                                        \
	        .type = KK_OPTION_STRING,                                                                              \
	        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,                                                            \
	        .at = HTTP_AT(owner, in, cert),                                                                        \
	        .text = who "A PEM file with the certificate (and its chain) that identifies us to servers.",          \
	    },                                                                                                         \
	    {                                                                                                          \
	        .name = "key",                                                                                         \
	        .type = KK_OPTION_STRING,                                                                              \
	        .flags = KK_OPTION_PATH | KK_OPTION_EXISTS,                                                            \
	        .at = HTTP_AT(owner, in, key),                                                                         \
	        .text = who "A PEM file with the key of `cert`, if it is not in the same file.",                       \
	    },                                                                                                         \
	{                                                                                                              \
		.name = "key_password", .type = KK_OPTION_STRING, .flags = KK_OPTION_SECRET,                           \
		.at = HTTP_AT(owner, in, key_password), .text = who "What the key is encrypted with.",                 \
	}

#endif
