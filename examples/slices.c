/* SPDX-License-Identifier: Apache-2.0 */
/* slices - parts of a buffer are sent to another process without copying them, changed there in place, and a message is
 * received into the middle of a buffer. Python: memoryview and recv_bytes_into. */
#include <kakehi/array.h>
#include <kakehi/family.h>
#include <kakehi/function.h>
#include <kakehi/memory.h>
#include <kakehi/pipe.h>
#include <kakehi/process.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char text[] = "the quick brown fox jumps over the lazy dog";

static struct kk_connection *parent_end, *child_end;
static struct kk_memory *buffer;

/* Gets two slices of the parent's buffer and writes into them where they lie. */
static int shout(struct kk_call *call)
{
	struct kk_range slice;
	(void)call;
	for (int i = 0; i < 2; i++) {
		int rc = kk_connection_recv_memory(child_end, &slice, -1);
		if (rc < 0)
			return rc;
		for (uint64_t at = 0; at < slice.bytes; at++)
			((char *)slice.data)[at] = (char)toupper(((unsigned char *)slice.data)[at]);
	}
	return kk_connection_send_bytes(child_end, "done", 4, -1);
}

static int send_slices(char line[21])
{
	struct kk_error error;
	size_t bytes = 0;
	struct kk_process *child = kk_process_start(shout, NULL, 0, NULL, &error);
	if (!child)
		return fprintf(stderr, "%s\n", error.text), 1;
	/* "quick" and "lazy dog": an offset and a length each. */
	int rc = kk_connection_send_memory(parent_end, buffer, 4, 5, -1);
	if (rc == 0)
		rc = kk_connection_send_memory(parent_end, buffer, 35, 8, -1);
	/* Into a buffer in place: eight bytes from its start. */
	if (rc == 0)
		rc = kk_connection_recv_bytes_into(parent_end, line + 8, 12, &bytes, -1);
	kk_process_free(child);
	return rc;
}

int main(void)
{
	struct kk_error error;
	struct kk_connection *end[2];
	char line[21] = "....................";
	struct kk_family *family = kk_family_create(NULL, &error);
	if (!family || kk_pipe_create(family, true, 0, end, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	parent_end = end[0];
	child_end = end[1];
	buffer = kk_memory_create(family, sizeof(text), &error);
	if (!buffer)
		return fprintf(stderr, "%s\n", error.text), 1;
	memcpy(kk_memory_data(buffer), text, sizeof(text));
	int rc = send_slices(line);
	printf("%s\n%s\n", (char *)kk_memory_data(buffer), line);

	/* A slice of an array is a pointer and a length. */
	struct kk_array *array = kk_array_create(family, KK_NUMBER_I16, 8, false, &error);
	if (!array)
		return fprintf(stderr, "%s\n", error.text), 1;
	static const int16_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 8};
	kk_array_write(array, 0, 8, numbers);
	int16_t *slice = (int16_t *)kk_array_data(array) + 2;
	for (int i = 0; i < 3; i++)
		slice[i] = (int16_t)(slice[i] * 100);
	int64_t one = 0;
	for (uint64_t i = 0; i < kk_array_length(array); i++) {
		kk_array_get_int(array, i, &one);
		printf("%s%lld", i ? " " : "", (long long)one);
	}
	printf("\n");

	kk_array_destroy(array);
	kk_memory_destroy(buffer);
	kk_connection_close(child_end);
	kk_connection_destroy(parent_end);
	kk_family_close(family);
	return rc != 0;
}
