/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

static int end_fd = -1;

__attribute__((constructor)) static void make_end(void)
{
	end_fd = eventfd(0, EFD_CLOEXEC);
	if (end_fd < 0)
		abort();
}

void answer_end_pauses(void)
{
	if (eventfd_write(end_fd, 1) != 0)
		abort();
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

bool answer_pause(struct request *request, unsigned ms)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd fds[] = {{.fd = end_fd, .events = POLLIN}, {.fd = info->connect_fd, .events = POLLRDHUP}};
	long long until = now_ms() + ms;

	for (long long left = ms; left > 0; left = until - now_ms()) {
		int ready = poll(fds, 2, (int)left);

		if (ready > 0 || (ready < 0 && errno != EINTR))
			return false;
	}
	return true;
}

void answer_over(struct request *request)
{
	if (!request->over && request->host)
		stats_end(request->host);
	request->over = true;
}

enum MHD_Result answer_give(struct request *request, unsigned status, struct MHD_Response *response, const char *header,
                            const char *value)
{
	enum MHD_Result result = MHD_NO;

	if (!response)
		return MHD_NO;
	if (!header || MHD_add_response_header(response, header, value) == MHD_YES)
		result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

struct MHD_Response *answer_from_text(const char *text)
{
	return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result answer_text(struct request *request, unsigned status, const char *type, const char *text)
{
	/* What comes as a whole is over before its client can know and come again. */
	answer_over(request);
	return answer_give(request, status, answer_from_text(text), "Content-Type", type);
}
