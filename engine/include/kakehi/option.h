/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/option.h - option rows: one table per stage, from which everything about its options is made.
 *
 * Reads nothing, produces the vocabulary that parsing, range errors, `kakehi help STAGE` and the fingerprint share.
 * A row names an option, says its type, default, range, unit and meaning, and where in the stage's own options
 * struct the checked value is stored. The engine fills that struct before `prepare`; the stage never parses text.
 */
#ifndef KAKEHI_OPTION_H
#define KAKEHI_OPTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of an option, how it is written in a config, and the C type of the field that `at` points to. */
enum kk_option_type {
	KK_OPTION_BOOL = 1, /* true | false                 -> bool                    */
	KK_OPTION_INT,      /* 42                           -> int64_t                 */
	KK_OPTION_FLOAT,    /* 1.5                          -> double                  */
	KK_OPTION_SIZE,     /* 64KiB 50MiB 1GB 4096         -> uint64_t, bytes         */
	KK_OPTION_DURATION, /* 500ms 30s 5m 2h              -> uint64_t, milliseconds  */
	KK_OPTION_STRING,   /* text                         -> const char *            */
	KK_OPTION_ENUM,     /* one word of `words`          -> int, its index          */
	KK_OPTION_LIST,     /* one text or a list of texts  -> struct kk_strings       */
};

/* A list of texts. Owned by the engine, valid as long as the options struct. */
struct kk_strings {
	const char *const *at;
	size_t count;
};

enum kk_option_flag {
	KK_OPTION_REQUIRED = 1 << 0,       /* the config must give it; `def` is NULL then                        */
	KK_OPTION_SECRET = 1 << 1,         /* never printed                                                      */
	KK_OPTION_AFFECTS_OUTPUT = 1 << 2, /* part of the fingerprint: changing it changes what comes out        */
	KK_OPTION_PATH = 1 << 3,           /* a file name; a relative one is meant from the working directory    */
	KK_OPTION_EXISTS = 1 << 4,         /* with PATH: must be there and readable, or "-", at `validate`        */
	KK_OPTION_NAMES = 1 << 5,          /* a pattern of outputs' names: its words are checked, and that no    */
	                                   /* other stage of the same kind is given the same                     */
	KK_OPTION_FILTER = 1 << 6,         /* given, it narrows what a source takes from its directories         */
};

/* One option. Rows are `static const`, written with designated initialisers, closed by a row without a name. */
struct kk_option {
	const char *name;
	enum kk_option_type type;
	unsigned flags;
	size_t at;                /* offsetof(struct your_options, field)                                       */
	const char *def;          /* the default, as a config would spell it; NULL: required, or empty string   */
	double min, max;          /* inclusive, in the unit of the C field; both 0: any (sizes, durations >= 0)  */
	const char *const *words; /* ENUM: the words, closed by NULL                                             */
	const char *unit;         /* what the number counts ("pixels"), or NULL                                  */
	const char *text;         /* one sentence for people                                                     */
};

#ifdef __cplusplus
}
#endif
#endif
