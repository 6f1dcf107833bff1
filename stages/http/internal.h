/* SPDX-License-Identifier: Apache-2.0 */
/* stages/http/internal.h - reads nothing, produces what the sources of the HTTP client share among themselves.
 */
#ifndef STAGES_HTTP_INTERNAL_H
#define STAGES_HTTP_INTERNAL_H

#include "http.h"
#include "identity.h"
#include "outcome.h"
#include "resolve.h"
#include "slots.h"
#include "timers.h"
#include "trust.h"

enum request_state {
	REQUEST_FREE = 0,
	REQUEST_TAKEN,     /* http_take                                                  */
	REQUEST_NEW,       /* ready: wants addresses                                     */
	REQUEST_RESOLVING, /* waits for the resolver                                     */
	REQUEST_NAMED,     /* ready: has addresses, wants its turn                       */
	REQUEST_QUEUED,    /* waits for its turn                                         */
	REQUEST_GRANTED,   /* ready: its turn has come                                   */
	REQUEST_RUNNING,   /* libcurl has it                                             */
	REQUEST_PAUSED,    /* libcurl has it and is paused: no room for the body         */
	REQUEST_BACKOFF,   /* waits for the next try                                     */
};

/* A list of requests, linked through `next`. */
struct request_list {
	struct request *first, **last;
};

/* One request, reused for many items. Everything is written by the worker's one thread. */
struct request {
	struct http *http;
	struct kk_item *item;
	enum request_state state;
	CURL *easy;                  /* while it runs: one of the client's                              */
	CURLU *first;                /* where it begins and every retry begins again                    */
	CURLU *url;                  /* of this hop                                                     */
	char *host, *port;           /* of `url`, by curl's allocator: punycode, no brackets            */
	struct slot_waiter slot;     /* its turn at `host`                                              */
	struct resolve_waiter name;  /* for `host`, or for the proxy; with the addresses that may be    */
	uint64_t named_ms;           /* when those were got                                             */
	struct timer timer;          /* end of the try, of the low-speed window, or of the back-off     */
	struct curl_slist *resolved; /* CURLOPT_RESOLVE of this hop                                     */
	struct curl_slist *extra;    /* headers of this hop, the last one's `next` is the client's       */
	struct curl_slist *extra_end;
	uint64_t left_ms;        /* of the try's time, while its clock stands                       */
	uint64_t deadline_ms;    /* of the try, while its clock runs                                */
	uint64_t window_end_ms;  /* of the low-speed window                                         */
	curl_off_t window_bytes; /* moved when the window began                                     */
	unsigned tries, hops;    /* tries begun; redirects followed in this one                     */
	bool elsewhere;          /* a redirect has led to another origin: no credentials any more   */
	bool sent;               /* libcurl has sent the request of this hop                        */
	bool begun;              /* the stage has seen the body begin                               */
	bool enough;             /* the rest of an unwanted body was cut off                        */
	size_t head_bytes;       /* of the answer's header                                          */
	size_t rest_bytes;       /* of a body that nobody wants                                     */
	const char *denied;      /* why a socket was not opened                                     */
	struct outcome refused;  /* set by http_refuse                                              */
	struct request *next;
	char error[CURL_ERROR_SIZE];
	_Alignas(max_align_t) unsigned char job[]; /* the stage's own */
};

/* Where the proxy is, if there is one. */
struct proxy {
	char *host, *port; /* by curl's allocator; NULL: none */
};

struct http {
	struct kk_context *context;
	struct http_settings settings;
	const struct http_ops *ops;
	struct address_list allowed;
	struct proxy proxy;
	struct resolver *resolver;
	struct slots *slots;
	struct trust *trust;
	struct identity *identity;         /* a certificate of our own; NULL: none             */
	struct curl_slist *headers;        /* all that the config gives                        */
	struct curl_slist *public_headers; /* those that may go to any host                    */
	CURLM *multi;
	int epoll;
	uint64_t curl_due_ms; /* when curl wants to be called; TIMERS_NEVER */
	struct timers timers;
	struct request_list free;   /* REQUEST_FREE                                        */
	struct request_list ready;  /* REQUEST_NEW, REQUEST_NAMED, REQUEST_GRANTED         */
	struct request_list paused; /* REQUEST_PAUSED                                      */
	struct request **all;       /* [in_flight + waiting] */
	CURL **easy;                /* [in_flight], the first easy_free of them are free */
	size_t easy_free;
	bool gave_back; /* room was given back since turns were granted */
};

/* http_requests - how many requests a client with these options has. */
size_t http_requests(const struct http_options *options);

/* url.c */
/* url_parse - an http or https URL; NULL if it is none. */
CURLU *url_parse(const char *text);
/* url_follow - where a Location leads from `base`; NULL if it is no http or https URL. */
CURLU *url_follow(CURLU *base, const char *location);
/* url_numeric_host - if `host` is an IPv4 address in any of its spellings (of four numbers or fewer, decimal, octal,
 * hex), writes the usual one to `to`. 1; 0: it is a name; -1: it ends in a number but is no address. */
int url_numeric_host(const char *host, char to[16]);
/* url_origin - the host (without brackets) and port of a URL, to be freed with curl_free. 0 or -1. */
int url_origin(CURLU *url, char **host, char **port);
/* url_same_origin - same scheme, host and port? */
bool url_same_origin(CURLU *one, CURLU *other);
/* proxy_parse - parses `text`, "": none. 0, or -1: not the URL of a proxy that resolves names itself. */
int proxy_parse(struct proxy *proxy, const char *text);
void proxy_free(struct proxy *proxy);

/* request.c */
struct request *request_new(struct http *http);
void request_free(struct request *request);
/* request_advance - takes the next step of a request that is ready. */
void request_advance(struct request *request);
/* request_hop_done - libcurl is through with it. */
void request_hop_done(struct request *request, CURLcode code);
void request_timer(struct request *request);
/* request_pause - there is no room for its body; request_resume - see whether there is now. */
void request_pause(struct request *request);
void request_resume(struct request *request);
void request_resolved(struct resolve_waiter *waiter);
bool request_room(struct slot_waiter *waiter);
void request_granted(struct slot_waiter *waiter);
/* request_drop - forgets it without a verdict: the worker ends. */
void request_drop(struct request *request);

/* easy.c */
/* easy_begin - gives the request a handle and sets everything on it for its current URL; 0 or -1 (memory). */
int easy_begin(struct request *request);
/* easy_end - takes the handle back and frees what easy_begin and the resolver's answer have put there. */
void easy_end(struct request *request);
/* easy_moved - bytes that have gone over the wire in this hop. */
curl_off_t easy_moved(struct request *request);

/* lists, in http.c */
void list_init(struct request_list *list);
void list_push(struct request_list *list, struct request *request);
struct request *list_pop(struct request_list *list);
void list_remove(struct request_list *list, struct request *request);

#endif
