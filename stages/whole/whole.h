/* SPDX-License-Identifier: Apache-2.0 */
/* stages/whole/whole.h - reads and writes open files, produces all of it or why not.
 *
 * The folder is no stage: several share it.
 */
#ifndef STAGES_WHOLE_WHOLE_H
#define STAGES_WHOLE_WHOLE_H

#include <stddef.h>

/* whole_read - the file from where it stands, which must have `size` bytes to its end. NULL; or what is wrong, as
 * strerror says it or a static text: it cannot be read, or it changed since it was looked at. */
const char *whole_read(int fd, void *to, size_t size);

/* whole_write - 0, or -1 with errno. */
int whole_write(int fd, const void *from, size_t size);

#endif
