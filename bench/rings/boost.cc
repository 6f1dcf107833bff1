/* SPDX-License-Identifier: Apache-2.0 */
/* Boost's message_queue: a mutex and two conditions in a named segment, which is gone when the channel is unmade. */
#include "rival.h"
#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/interprocess/ipc/message_queue.hpp>

using boost::interprocess::interprocess_exception;
using boost::interprocess::message_queue;

namespace
{
constexpr size_t messages_small = 1024, messages_large = 8, small_bytes = 65536;

size_t bytes_of(uint32_t)
{
	return 0;
}

int make(struct channel *channel)
{
	try {
		size_t messages = channel->message_bytes > small_bytes ? messages_large : messages_small;
		message_queue queue(boost::interprocess::create_only, channel->name, messages, channel->message_bytes);
		return 0;
	} catch (const interprocess_exception &) {
		return -1;
	}
}

void *open_end(const struct channel *channel, const struct seat *)
{
	try {
		return new message_queue(boost::interprocess::open_only, channel->name);
	} catch (const interprocess_exception &) {
		return nullptr;
	}
}

int put(void *end, const uint64_t *words, int count)
{
	try {
		static_cast<message_queue *>(end)->send(words, static_cast<size_t>(count) * sizeof(*words), 0);
		return count;
	} catch (const interprocess_exception &) {
		return -1;
	}
}

int take(void *end, uint64_t *words, int max)
{
	auto *queue = static_cast<message_queue *>(end);
	message_queue::size_type bytes = 0;
	unsigned priority = 0;
	/* It wants a buffer for its largest message; asking for the clock only when there is none spares a system call.
	 */
	size_t room = static_cast<size_t>(max) * sizeof(*words);
	try {
		if (queue->try_receive(words, room, bytes, priority))
			return static_cast<int>(bytes / sizeof(*words));
		auto until = boost::posix_time::microsec_clock::universal_time() + boost::posix_time::milliseconds(100);
		if (queue->timed_receive(words, room, bytes, priority, until))
			return static_cast<int>(bytes / sizeof(*words));
		return 0;
	} catch (const interprocess_exception &) {
		return -1;
	}
}

void close_end(void *end)
{
	delete static_cast<message_queue *>(end);
}

void unmake(struct channel *channel)
{
	message_queue::remove(channel->name);
}
} // namespace

extern "C" const struct rival rival_boost = {
    "Boost mq", false, false, bytes_of, make, open_end, put, take, nullptr, nullptr, close_end, unmake,
};
