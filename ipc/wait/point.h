/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/wait/point.h - reads KK_POINTS, produces the places where a test may kill, stop or yield: before and after every
 * access to shared memory. Nothing in a release. Inside ipc only; each name in ipc/ring, ipc/block and ipc/wait is in
 * the list that tests/crash draws from the sources, and is struck.
 */
#ifndef IPC_WAIT_POINT_H
#define IPC_WAIT_POINT_H

#ifdef KK_POINTS
void kk_point(const char *site);
#define KK_POINT(site) kk_point(site)
#else
#define KK_POINT(site) ((void)0)
#endif

#endif
