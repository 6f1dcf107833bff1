/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/exit.h - reads nothing, produces the exit codes of the program. */
#ifndef ENGINE_CONFIG_EXIT_H
#define ENGINE_CONFIG_EXIT_H

enum kk_exit {
	KK_EXIT_DONE = 0,
	KK_EXIT_FAILED = 1,    /* finished, some items failed; or max_failures reached        */
	KK_EXIT_USAGE = 2,     /* the command line is wrong                                   */
	KK_EXIT_INTERNAL = 70, /* shared memory, accounting, a crash loop, a stage that fails the check */
	KK_EXIT_IO = 74,       /* a file of the run's own cannot be written: a full disk      */
	KK_EXIT_EARLY = 75,    /* a limit stopped it: there are more items                    */
	KK_EXIT_CONFIG = 78,   /* the config is wrong, or asks for more memory than there is  */
	KK_EXIT_SIGNAL = 128,  /* + the signal, which is re-raised                            */
};

#endif
