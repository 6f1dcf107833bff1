/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A number that is free for TCP need not be free for UDP. */
#define TRIES 50

static uint16_t bind_both(uint16_t port, int tcp, int udp)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int on = 1;

	at.sin_port = htons(port);
	if (setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(tcp, (struct sockaddr *)&at, size) != 0 || getsockname(tcp, (struct sockaddr *)&at, &size) != 0)
		return 0;
	if (bind(udp, (struct sockaddr *)&at, size) != 0 || listen(tcp, 1024) != 0)
		return 0;
	return ntohs(at.sin_port);
}

uint16_t port_bind(uint16_t port, int *tcp, int *udp)
{
	for (int tries = 0; tries < TRIES; tries++) {
		uint16_t bound = 0;

		*tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		*udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (*tcp >= 0 && *udp >= 0)
			bound = bind_both(port, *tcp, *udp);
		if (bound)
			return bound;
		close(*tcp);
		close(*udp);
	}
	return 0;
}

void port_start(void *(*run)(void *argument), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (pthread_attr_init(&attributes) != 0 ||
	    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0 ||
	    pthread_create(&thread, &attributes, run, argument) != 0)
		abort();
	pthread_attr_destroy(&attributes);
}
