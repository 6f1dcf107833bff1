/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/filter.h - reads what a stage needs, produces a filter of the system calls it has no business with. */
#ifndef ENGINE_WORKER_FILTER_H
#define ENGINE_WORKER_FILTER_H

/* kk_filter_enter - loads the filter for all threads of the process. After no_new_privs. 0, or a negative errno. */
int kk_filter_enter(unsigned needs);

#endif
