/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/record/wire.h - reads bytes of a record, produces numbers, texts and values; each step stays within its bounds.
 * docs/record.md is the description of all this.
 */
#ifndef IPC_RECORD_WIRE_H
#define IPC_RECORD_WIRE_H

#include <kakehi/record.h>

enum { KK_WIRE_MARK = 0xE1, KK_WIRE_FORMAT = 1, KK_WIRE_HEAD = 2, KK_WIRE_VARINT_MAX = 10 };

enum kk_wire_tag {
	KK_TAG_NONE,
	KK_TAG_FALSE,
	KK_TAG_TRUE,
	KK_TAG_INT,
	KK_TAG_DOUBLE,
	KK_TAG_STRING,
	KK_TAG_BYTES,
	KK_TAG_LIST,
	KK_TAG_MAP,
	KK_TAG_OBJECT,
	KK_TAG_COUNT
};

struct kk_wire {
	const unsigned char *at, *end;
	const char *wrong; /* what the last function that failed has found */
};

/* All return 0 or KK_ERR_CORRUPT with `wrong` set; `at` goes on by what was read, or stays. */
int kk_wire_number(struct kk_wire *wire, uint64_t *to);
/* a length and so many bytes of UTF-8 */
int kk_wire_string(struct kk_wire *wire, struct kk_record_view *to);
/* one value; of a string, list, map, object only its length is looked at */
int kk_wire_value(struct kk_wire *wire, struct kk_record_value *to);
/* what stands before the entries of an object */
int kk_wire_type_of(struct kk_wire *wire, struct kk_record_type_of *to);

/* kk_wire_put_number - writes a number; returns how many bytes, at most KK_WIRE_VARINT_MAX. */
size_t kk_wire_put_number(unsigned char *to, uint64_t number);

/* kk_record_fail - the first error of a writer stays. Returns it. */
int kk_record_fail(struct kk_record_writer *writer, int status, const char *wrong);

bool kk_wire_is_utf8(const void *data, size_t bytes);
/* of a type */
bool kk_wire_is_name(struct kk_record_view name);

/* kk_wire_keys - are the keys of the entries all different, and not too many? */
int kk_wire_keys(struct kk_wire wire, const char **wrong);

#endif
