/* SPDX-License-Identifier: Apache-2.0 */
/* segment - two processes and one number: a child writes into shared memory, the parent reads it. */
#include <inttypes.h>
#include <kakehi/process.h>
#include <kakehi/shm.h>
#include <stdio.h>

#define SEGMENT_BYTES 4096

/* Runs in the child. */
static int write_number(void *memory)
{
	*(uint64_t *)memory = 42;
	return 0;
}

static int run_child(void *memory, struct kk_error *error)
{
	const struct kk_process_spec spec = {.function = write_number, .argument = memory};
	struct kk_process *child = kk_process_spawn(&spec, error);
	struct kk_process_end end;
	int status;

	if (!child)
		return -1;
	status = kk_process_wait(child, -1, &end);
	kk_process_free(child);
	return status == KK_OK && end.exited && end.code == 0 ? 0 : -1;
}

int main(void)
{
	struct kk_error error = {0};
	struct kk_shm *shm = kk_shm_create(SEGMENT_BYTES, "example", 0, &error);
	uint64_t *memory = shm ? kk_shm_map(kk_shm_fd(shm, true), SEGMENT_BYTES, true, &error) : NULL;
	int status = memory && run_child(memory, &error) == 0 ? 0 : 1;

	if (status == 0)
		printf("the child wrote %" PRIu64 "\n", *memory);
	else
		fprintf(stderr, "segment: %s\n", error.text);
	kk_shm_unmap(memory, SEGMENT_BYTES);
	kk_shm_free(shm);
	return status;
}
