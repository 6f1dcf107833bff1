/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/stages/resizing.h - reads options and pictures, produces what the stage `resize` makes of them. */
#ifndef TESTS_UNIT_STAGES_RESIZING_H
#define TESTS_UNIT_STAGES_RESIZING_H

#include "stage_host.h" /* first: cmocka makes a macro of `fail` */

#include "harness.h"
#include "pictures.h"

#define RESIZE KAKEHI_BUILD_DIR "/stages/resize.so"

/* resizing - a stage that is ready. Options come as pairs of name and value, closed by NULL. */
struct stage_host *resizing(const char *const *options);
#define START(...) resizing((const char *const[]){__VA_ARGS__, NULL})

/* put - gives it a picture, whose bytes are freed. */
struct stage_item *put(struct stage_host *host, struct picture picture);

/* passed - the picture that came out; the test fails if none did. The caller unrefs it. */
VipsImage *passed(struct stage_item *item);

/* assert_failed - it failed in this class, with this part in its message, which is one printable line. */
void assert_failed(struct stage_item *item, enum kk_fail_class class, const char *part);

/* assert_size - it passed with this size, in its header and in its fields. */
void assert_size(struct stage_item *item, int width, int height);

/* assert_near, assert_colour - the middle of what passed has this colour, within `by`. */
void assert_near(double is, double should, double by);
void assert_colour(struct stage_item *item, const double *colour, double by);

/* sanitized - sanitizers map more memory than a limit on it would leave. */
bool sanitized(void);

/* data_bytes - private memory of this process. limit_data - lets it have so much more. */
uint64_t data_bytes(void);
void limit_data(uint64_t more);

#endif
