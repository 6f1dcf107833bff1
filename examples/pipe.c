/* SPDX-License-Identifier: Apache-2.0 */
/* pipe - two processes talk over a duplex pipe: short messages, both sending 8 MB at once, an end, and a death. */
#include <kakehi/family.h>
#include <kakehi/function.h>
#include <kakehi/pipe.h>
#include <kakehi/process.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 8000000 };

static struct kk_connection *parent_end, *child_end;

static int send_text(struct kk_connection *connection, const char *text)
{
	return kk_connection_send_bytes(connection, text, strlen(text), -1);
}

/* The next message, cut to what a line of output takes. */
static const char *recv_text(struct kk_connection *connection)
{
	static char text[100];
	size_t bytes = 0;
	int rc = kk_connection_recv_bytes_into(connection, text, sizeof(text) - 1, &bytes, -1);
	if (rc < 0)
		return kk_status_text(rc);
	text[bytes] = '\0';
	return text;
}

/* Sends 8 MB before it receives any, as the other one does. */
static int exchange(struct kk_connection *connection, char fill, char *first, size_t *bytes)
{
	char *own = malloc(BIG);
	void *other = NULL;
	int rc = KK_ERR_MEMORY;
	if (own) {
		memset(own, fill, BIG);
		rc = kk_connection_send_bytes(connection, own, BIG, -1);
	}
	if (rc == 0)
		rc = kk_connection_recv_bytes(connection, &other, bytes, -1);
	if (rc == 0)
		*first = *(char *)other;
	free(other);
	free(own);
	return rc;
}

static int talk(struct kk_call *call)
{
	char first, text[120];
	size_t bytes;
	(void)call;
	snprintf(text, sizeof(text), "you said: %s", recv_text(child_end));
	int rc = send_text(child_end, text);
	if (rc == 0)
		rc = exchange(child_end, 'c', &first, &bytes);
	if (rc == 0)
		rc = send_text(child_end, first == 'p' ? "the child got the parent's" : "?");
	kk_connection_close(child_end);
	return rc;
}

/* Is killed in the middle of a conversation. */
static int die(struct kk_call *call)
{
	(void)call;
	send_text(child_end, "my last");
	return raise(SIGKILL);
}

static int converse(void)
{
	char first = '?';
	size_t bytes = 0;
	struct kk_error error;
	struct kk_process *child = kk_process_start(talk, NULL, 0, NULL, &error);
	if (!child)
		return fprintf(stderr, "%s\n", error.text), 1;
	send_text(parent_end, "hello");
	printf("%s\n", recv_text(parent_end));
	int rc = exchange(parent_end, 'p', &first, &bytes);
	printf("both sent 8 MB at once: %s, %zu bytes of '%c'\n", rc == 0 ? "done" : kk_status_text(rc), bytes, first);
	printf("%s\n", recv_text(parent_end));
	printf("then: %s\n", recv_text(parent_end));
	kk_process_free(child);
	return rc != 0;
}

static int outlive(void)
{
	struct kk_error error;
	/* Somebody new comes to the other end. */
	kk_connection_renew(parent_end);
	struct kk_process *child = kk_process_start(die, NULL, 0, NULL, &error);
	if (!child)
		return fprintf(stderr, "%s\n", error.text), 1;
	/* The connection and the end of the process in one wait. */
	struct kk_waitable item[] = {kk_connection_waitable(parent_end),
	                             kk_descriptor_waitable(kk_process_sentinel(child), POLLIN)};
	while (!(item[0].is_ready && item[1].is_ready))
		if (kk_wait_any(item, 2, -1) < 0)
			return 1;
	printf("it has ended, and left something to receive\n");
	printf("%s\n", recv_text(parent_end));
	kk_process_join(child, -1);
	printf("then: %s\n", recv_text(parent_end));
	kk_process_free(child);
	return 0;
}

int main(void)
{
	struct kk_error error;
	struct kk_connection *end[2];
	struct kk_family *family = kk_family_create(NULL, &error);
	if (!family || kk_pipe_create(family, true, 0, end, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	parent_end = end[0];
	child_end = end[1];
	int rc = converse() || outlive();
	kk_connection_close(child_end);
	kk_connection_destroy(parent_end);
	kk_family_close(family);
	return rc;
}
