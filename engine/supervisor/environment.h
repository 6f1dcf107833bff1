/* SPDX-License-Identifier: Apache-2.0 */
/* engine/supervisor/environment.h - reads our environment, produces the one that workers get.
 *
 * Credentials, proxies and whatever else the shell holds stay outside; a stage that wants a value has an option.
 */
#ifndef ENGINE_SUPERVISOR_ENVIRONMENT_H
#define ENGINE_SUPERVISOR_ENVIRONMENT_H

/* kk_environment_make - a NULL-terminated list: those variables of `from` that workers may see, then `extra`. The list
 * is the caller's to free(); its texts are still `from`'s and `extra`. NULL: no memory. */
const char **kk_environment_make(char *const *from, const char *extra);

#endif
