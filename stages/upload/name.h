/* SPDX-License-Identifier: Apache-2.0 */
/* stages/upload/name.h - reads what a pattern was filled in to, produces a path that is harmless everywhere.
 */
#ifndef STAGES_UPLOAD_NAME_H
#define STAGES_UPLOAD_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* The most levels of name_spread. */
#define NAME_LEVELS 8

/* name_make_safe - puts a '_' before every component of the relative path that programs would take for an option
 * ("-rf") or other systems for a device ("con", "NUL.jpg"); in place, in `size` bytes. False if it does not fit. */
bool name_make_safe(char *path, size_t size);

/* name_is_path - is it a relative path of components that are neither empty nor "." nor "..", of at most 255 bytes
 * each, whose last one is not the name of a file in the making? */
bool name_is_path(const char *path);

/* name_spread - puts `levels` directories before the last component, each named by two digits of `id`, which has that
 * many; in place, in `size` bytes. False if it does not fit. */
bool name_spread(char *path, size_t size, const char *id, unsigned levels);

#endif
