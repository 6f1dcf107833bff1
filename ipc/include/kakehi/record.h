/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/record.h - reads values, or a C struct and a table of its fields, produces bytes that say themselves what they
 * are; and the other way round. For what goes through queues and dicts, into files, and to programs of another age.
 *
 * A record is one value: none, bool, int (64 bits), double, string (UTF-8), bytes, list, map (keys are strings, their
 * order is kept), or object: a map with the name and the version of a type. docs/record.md says what each byte means.
 * Every value has exactly one encoding. All lengths are checked, whoever wrote the bytes.
 *
 *	unsigned char buffer[100];
 *	struct kk_record_writer writer;
 *	kk_record_begin(&writer, buffer, sizeof(buffer));      // or kk_record_begin_growing
 *	kk_record_put_map(&writer);
 *	kk_record_put_key(&writer, "n");
 *	kk_record_put_int(&writer, 42);
 *	kk_record_end(&writer);
 *	if (kk_record_finish(&writer, &data, &bytes, &error) < 0) ...   // errors of all calls before come here
 *
 *	struct kk_record_value map, n;
 *	kk_record_open(data, bytes, &map, &error);             // looks through all of it, once
 *	kk_record_find(&map, "n", &n);
 *	kk_record_int(&n, &number);
 *
 * Nothing is copied in reading: values and views point into the bytes, which must outlive them. Nothing is allocated,
 * but by a growing writer. Any thread; one at a time for each writer.
 */
#ifndef KAKEHI_RECORD_H
#define KAKEHI_RECORD_H

#include <kakehi/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_RECORD_MAX      268435455U /* bytes of a record: 2^28 - 1                     */
#define KK_RECORD_DEPTH    32U        /* lists, maps and objects in each other           */
#define KK_RECORD_KEYS     4096U      /* in one map or object                            */
#define KK_RECORD_NAME_MAX 255U       /* bytes of the name of a type; no control characters */

enum kk_record_type {
	KK_RECORD_NONE,
	KK_RECORD_BOOL,
	KK_RECORD_INT,
	KK_RECORD_DOUBLE,
	KK_RECORD_STRING,
	KK_RECORD_BYTES,
	KK_RECORD_LIST,
	KK_RECORD_MAP,
	KK_RECORD_OBJECT
};

/* Bytes of somebody else; no NUL follows. */
struct kk_record_view {
	const char *data;
	size_t bytes;
};

/* A value, where it lies. All zero: none. */
struct kk_record_value {
	enum kk_record_type type;
	const unsigned char *encoded; /* all of it                        */
	size_t encoded_bytes;
	const unsigned char *data; /* what is behind its tag and length */
	size_t bytes;
};

/* ---- reading */

/* kk_record_open - the value that a record holds. Looks through all of it: what it lets pass can be read without
 * further errors. 0; KK_ERR_CORRUPT (error->text says what and at which byte), KK_ERR_VERSION: of a later format;
 * KK_ERR_NO_ROOM: larger than KK_RECORD_MAX. */
KK_API int kk_record_open(const void *data, size_t bytes, struct kk_record_value *value, struct kk_error *error);

/* kk_record_type_name - "int", "list" ...; never NULL. */
KK_API const char *kk_record_type_name(enum kk_record_type type);

/* kk_record_bool, _int, _double, _string, _bytes - what a value of that type says; KK_ERR_INVALID: it is of another
 * type. kk_record_double also takes an int that a double holds exactly. */
KK_API int kk_record_bool(const struct kk_record_value *value, bool *to);
KK_API int kk_record_int(const struct kk_record_value *value, int64_t *to);
KK_API int kk_record_double(const struct kk_record_value *value, double *to);
KK_API int kk_record_string(const struct kk_record_value *value, struct kk_record_view *to);
KK_API int kk_record_bytes(const struct kk_record_value *value, struct kk_record_view *to);

/* The name and the version of an object. */
struct kk_record_type_of {
	struct kk_record_view name;
	uint32_t version; /* that it was written as          */
	uint32_t needs;   /* that its reader must know, at least */
};

/* kk_record_object - 0; KK_ERR_INVALID: not an object. */
KK_API int kk_record_object(const struct kk_record_value *value, struct kk_record_type_of *to);

/* Where one is in a list, map or object. */
struct kk_record_cursor {
	const unsigned char *at, *end;
	bool entries;
};

/* kk_record_each - puts a cursor before the first item. 0; KK_ERR_INVALID: the value has no items. */
KK_API int kk_record_each(const struct kk_record_value *value, struct kk_record_cursor *cursor);
/* kk_record_next - the next item of a list, or entry of a map or object. `key` may be NULL; of a list's item it is
 * empty. 1; 0: there are no more; KK_ERR_CORRUPT: never of what kk_record_open has seen and nobody changed. */
KK_API int kk_record_next(struct kk_record_cursor *cursor, struct kk_record_view *key, struct kk_record_value *item);

/* kk_record_count - how many items; counted by going through them. KK_ERR_INVALID: it has no items. */
KK_API int64_t kk_record_count(const struct kk_record_value *value);
/* kk_record_at - the item of a list at `index`, from 0. 0; KK_ERR_MISSING, KK_ERR_INVALID: not a list. */
KK_API int kk_record_at(const struct kk_record_value *list, size_t index, struct kk_record_value *item);
/* kk_record_find - the value of a key of a map or object. 0; KK_ERR_MISSING, KK_ERR_INVALID: it has no keys. */
KK_API int kk_record_find(const struct kk_record_value *map, const char *key, struct kk_record_value *value);

/* kk_record_text - the value for people, in the manner of JSON: {"n": 42, "raw": b"00ff", "at": point/2 {"x": 1.5}}.
 * Cut at `size`, always NUL-terminated (`size` > 0). Returns the length of all of it, as snprintf does. */
KK_API size_t kk_record_text(const struct kk_record_value *value, char *to, size_t size);

/* ---- writing: values are appended, containers are opened and ended. The first error stays: later calls do nothing
 * and return it, kk_record_finish says what it was. */

struct kk_record_open_container {
	size_t start;
	enum kk_record_type type;
	bool has_key;
};

/* Private, but for its size. */
struct kk_record_writer {
	unsigned char *data;
	size_t size, used, max;
	bool grows;
	int status;
	const char *wrong;
	unsigned depth;
	struct kk_record_open_container open[KK_RECORD_DEPTH];
};

/* kk_record_begin - writes into `buffer`, which is the caller's; KK_ERR_NO_ROOM when it is full. */
KK_API void kk_record_begin(struct kk_record_writer *writer, void *buffer, size_t size);
/* kk_record_begin_growing - writes into memory that grows up to `max` bytes (0: KK_RECORD_MAX) and that
 * kk_record_free frees. */
KK_API void kk_record_begin_growing(struct kk_record_writer *writer, size_t max);
/* kk_record_again - forgets what was written, and errors; keeps the memory. */
KK_API void kk_record_again(struct kk_record_writer *writer);
KK_API void kk_record_free(struct kk_record_writer *writer);

/* kk_record_put_... - append a value: to a list, or after its key to a map or object; or the one that the record is.
 * 0; KK_ERR_NO_ROOM, KK_ERR_MEMORY; KK_ERR_INVALID: there is no place for a value, or it is not UTF-8. A string of
 * `bytes` SIZE_MAX ends at its NUL. */
KK_API int kk_record_put_none(struct kk_record_writer *writer);
KK_API int kk_record_put_bool(struct kk_record_writer *writer, bool value);
KK_API int kk_record_put_int(struct kk_record_writer *writer, int64_t value);
KK_API int kk_record_put_double(struct kk_record_writer *writer, double value);
KK_API int kk_record_put_string(struct kk_record_writer *writer, const char *data, size_t bytes);
KK_API int kk_record_put_bytes(struct kk_record_writer *writer, const void *data, size_t bytes);
/* kk_record_put_value - a copy of a value that was read, with all that is in it. */
KK_API int kk_record_put_value(struct kk_record_writer *writer, const struct kk_record_value *value);

/* kk_record_put_list, _map, _object - begin a container; what follows is in it, until kk_record_end. An object's
 * `needs` <= `version` is the oldest version of its type whose readers understand it; 0: 1. */
KK_API int kk_record_put_list(struct kk_record_writer *writer);
KK_API int kk_record_put_map(struct kk_record_writer *writer);
KK_API int kk_record_put_object(struct kk_record_writer *writer, const char *name, uint32_t version, uint32_t needs);
/* kk_record_put_key - the key of the next value. Twice the same in one map: KK_ERR_INVALID, found at its end. */
KK_API int kk_record_put_key(struct kk_record_writer *writer, const char *key);
KK_API int kk_record_put_key_view(struct kk_record_writer *writer, struct kk_record_view key);
KK_API int kk_record_end(struct kk_record_writer *writer);

/* kk_record_finish - the record: exactly one value, all its containers ended. `*data` is the buffer, or the writer's
 * until kk_record_again or kk_record_free. 0, or the first error. */
KK_API int kk_record_finish(struct kk_record_writer *writer, const void **data, size_t *bytes, struct kk_error *error);

/* ---- C structs, over the years: what copyreg and __reduce__ are to pickle */

enum kk_record_kind {
	KK_FIELD_BOOL,   /* bool                                                                    */
	KK_FIELD_INT,    /* int8_t .. int64_t, by its size                                          */
	KK_FIELD_UINT,   /* uint8_t .. uint64_t; more than INT64_MAX cannot be written              */
	KK_FIELD_DOUBLE, /* float or double, by its size                                            */
	KK_FIELD_TEXT,   /* char[n]: a NUL-terminated string in the struct                          */
	KK_FIELD_STRING, /* struct kk_record_view: a string somewhere else, after reading in the record */
	KK_FIELD_BYTES,  /* struct kk_record_view: the same for bytes                               */
	KK_FIELD_VALUE,  /* struct kk_record_value: any value, such as a list                       */
	KK_FIELD_STRUCT  /* a struct in the struct, with a schema of its own                        */
};

struct kk_record_schema;

/* C++ compilers warn of rows that end early, unless it is said what the rest is. */
#ifdef __cplusplus
#define KK_ZERO = {}
#else
#define KK_ZERO
#endif

/* One field of a struct through all versions of its type. */
struct kk_record_field {
	const char *name;
	enum kk_record_kind kind;
	size_t at, size;                  /* offsetof and sizeof; KK_RECORD_MEMBER fills the first four          */
	uint32_t since KK_ZERO;           /* the version that brought it; 0: the first                           */
	uint32_t removed KK_ZERO;         /* the version that has it no more; 0: all have it. `at` means nothing */
	const char *renamed_from KK_ZERO; /* what it was called before ... NULL: always the same                 */
	uint32_t renamed KK_ZERO;         /* ... this version                                                    */
	bool required KK_ZERO;            /* a record of a version that has it must have it                      */
	int64_t default_int KK_ZERO;      /* for BOOL, INT, UINT: when it is missing                             */
	double default_double KK_ZERO;    /* for DOUBLE                                                          */
	const char *default_text KK_ZERO; /* for TEXT, STRING, BYTES; NULL: empty                                */
	/* of a STRUCT; if that is missing, all its fields are */
	const struct kk_record_schema *schema KK_ZERO;
};

/* KK_RECORD_MEMBER - the first four members of a row; others may follow, in C by name: {KK_RECORD_MEMBER(...),
 * .since = 2}; in C++17 in their order: {KK_RECORD_MEMBER(...), 2}. */
#ifdef __cplusplus
#define KK_RECORD_MEMBER(name, kind, type, member) (name), (kind), offsetof(type, member), sizeof(((type *)0)->member)
#else
#define KK_RECORD_MEMBER(field_name, field_kind, type, member)                                                         \
	.name = (field_name), .kind = (field_kind), .at = offsetof(type, member), .size = sizeof(((type *)0)->member)
#endif

/* A type: its name, its version now, its fields. Lies in static memory. */
struct kk_record_schema {
	const char *name; /* 1 .. KK_RECORD_NAME_MAX bytes without control characters */
	uint32_t version; /* from 1 */
	uint32_t needs;   /* the oldest version whose programs can do with what this one writes; 0: any */
	const struct kk_record_field *fields;
	size_t field_count;
	/* Keep what a later version wrote and this one does not know: `kept_at` is the offset of a struct
	 * kk_record_value in the struct, which kk_record_unpack sets and kk_record_pack writes again. It points into
	 * the bytes that were read. All zero: there is nothing. */
	bool keeps;
	size_t kept_at;
};

/* kk_record_pack - appends the struct at `from` as an object. `as_version`: for programs of that version (its names,
 * without later fields, removed ones with their defaults); 0: the schema's own. 0, what kk_record_put_... return, or
 * KK_ERR_INVALID: a number that no int64_t holds, a TEXT without NUL, a version that is not there yet. */
KK_API int kk_record_pack(struct kk_record_writer *writer, const struct kk_record_schema *schema, const void *from,
                          uint32_t as_version);

/* kk_record_unpack - sets all fields of the struct at `to` from an object: from the field's name, else from its older
 * name, else its default (also for none). 0; KK_ERR_VERSION: it was written for later programs only; KK_ERR_MISSING: a
 * required field; KK_ERR_INVALID: another type, a field of another type or too large for its member. The struct is
 * undefined after an error. */
KK_API int kk_record_unpack(const struct kk_record_value *value, const struct kk_record_schema *schema, void *to,
                            struct kk_error *error);

/* kk_record_encode, kk_record_decode - a whole record that is one struct. kk_record_encode returns its length, or an
 * error as kk_record_pack does; kk_record_decode as kk_record_open and kk_record_unpack. */
KK_API int64_t kk_record_encode(const struct kk_record_schema *schema, const void *from, void *buffer, size_t size,
                                struct kk_error *error);
KK_API int kk_record_decode(const struct kk_record_schema *schema, const void *data, size_t bytes, void *to,
                            struct kk_error *error);

#ifdef __cplusplus
}
#endif
#endif
