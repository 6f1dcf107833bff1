/* SPDX-License-Identifier: Apache-2.0 */
/* The rivals there are, and their channels. */
#include "rings.h"
#include <stdio.h>
#include <unistd.h>

const struct rival *const rivals[] = {
    &rival_kakehi, &rival_vyukov,
#ifdef HAVE_CK
    &rival_ck,
#endif
#ifdef HAVE_RTE
    &rival_rte,
#endif
#ifdef HAVE_BOOST
    &rival_boost,
#endif
#ifdef HAVE_ZMQ
    &rival_zmq,
#endif
    &rival_pipe,   NULL,
};

const char *const rivals_missing = ""
#ifndef HAVE_CK
                                   " ck_ring (libck-dev)"
#endif
#ifndef HAVE_RTE
                                   " rte_ring (libdpdk-dev)"
#endif
#ifndef HAVE_BOOST
                                   " Boost (libboost-dev, g++)"
#endif
#ifndef HAVE_ZMQ
                                   " ZeroMQ (libzmq3-dev)"
#endif
    ;

int channel_make(struct channel *channel, const struct rival *rival, uint32_t slots, size_t message_bytes, void *table,
                 size_t table_bytes, unsigned number)
{
	static unsigned made;
	*channel = (struct channel){
	    .bytes = rival->bytes(slots),
	    .table = table,
	    .table_bytes = table_bytes,
	    .slots = slots,
	    .number = number,
	    .message_bytes = message_bytes,
	    .producers = 1,
	    .takers = 1,
	    .fds = {-1, -1},
	};
	snprintf(channel->name, sizeof(channel->name), "kakehi-bench-%d-%u", (int)getpid(), made++);
	if (channel->bytes > 0 && !(channel->memory = shared_map(channel->bytes)))
		return -1;
	return rival->make(channel);
}

void channel_close_fds(struct channel *channel)
{
	for (int i = 0; i < 2; i++) {
		if (channel->fds[i] >= 0)
			close(channel->fds[i]);
		channel->fds[i] = -1;
	}
}

void channel_unmake(struct channel *channel, const struct rival *rival)
{
	if (rival->unmake)
		rival->unmake(channel);
	channel_close_fds(channel);
	shared_unmap(channel->memory, channel->bytes);
	channel->memory = NULL;
}
