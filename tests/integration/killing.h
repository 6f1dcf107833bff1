/* SPDX-License-Identifier: Apache-2.0 */
/* tests/integration/killing.h - reads how many photos and how many kills, produces a run that must not notice them.
 */
#ifndef TESTS_INTEGRATION_KILLING_H
#define TESTS_INTEGRATION_KILLING_H

#include "pipeline.h"
#include "server.h"

/* killing_reference - one undisturbed run over every different photograph, to ref/N.jpg. */
void killing_reference(struct harness_server *origin);
/* killing_whole - every file N.jpg of `dir` has the bytes of the reference of photograph N; returns how many. */
size_t killing_whole(const char *dir);
/* killing_run - `photos` photographs, `kills` random workers killed, spread evenly over the outputs, and of each heir
 * `heirs` killed in a row as soon as it is there; then the outputs must be complete and the same. */
void killing_run(unsigned photos, unsigned kills, unsigned heirs);

#endif
