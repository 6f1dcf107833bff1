/* SPDX-License-Identifier: Apache-2.0 */
/* tests/harness/internal.h - what the files of the harness need of each other. */
#ifndef TESTS_HARNESS_INTERNAL_H
#define TESTS_HARNESS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* What a process had open, and what /dev/shm held, before a test. */
struct leak_snapshot {
	char **open;
	size_t open_count;
	char **shm;
	size_t shm_count;
};

void leak_snapshot(struct leak_snapshot *snapshot);
void leak_snapshot_free(struct leak_snapshot *snapshot);
/* leak_report - prints one line for everything that was left behind; returns how many. */
int leak_report(const struct leak_snapshot *before, const char *test);

/* harness_make_temporary - makes a new directory under TMPDIR or /tmp and stores its path. */
bool harness_make_temporary(char *path, size_t size);
void harness_set_dir(const char *dir);
void harness_remove_tree(const char *dir);

#endif
