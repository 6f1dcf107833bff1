/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/array/layout.h - reads memory, produces the array in it; for ipc/array and ipc/value. */
#ifndef IPC_ARRAY_LAYOUT_H
#define IPC_ARRAY_LAYOUT_H

#include "array/number.h"
#include "family/object.h"
#include "sync/lock.h"

/* Shared.   field     written by          read by
 *           header    init, once          attach, check
 *           element   any process, atomic any process, atomic */
struct array_memory {
	uint32_t magic, version;
	uint32_t kind, reserved;
	uint64_t length;
	uint64_t padding[5];
	unsigned char element[];
};
_Static_assert(offsetof(struct array_memory, element) == 64, "elements start on a cache line");

/* An array of a family: what comes before it in its object. */
struct array_preface {
	uint32_t locked; /* the lock is for use; once, by its maker */
	uint32_t reserved;
	struct lock_memory lock;
	uint8_t padding[256 - 8 - sizeof(struct lock_memory)];
};
_Static_assert(sizeof(struct array_preface) == 256, "the array behind it is aligned");

/* The length is a copy: a process that damages the shared one cannot make this one reach outside. */
struct kk_array {
	struct kk_object object; /* family NULL: memory of the program's */
	struct array_memory *memory;
	uint64_t length;
	enum kk_number kind;
	const struct number_form *form;
	bool locked;
	struct kk_lock lock;
};

/* array_bytes - of an array in memory; 0: too many. array_lay_out - writes its header and zeros. */
uint64_t array_bytes(uint64_t length, unsigned width);
void array_lay_out(struct array_memory *memory, enum kk_number kind, uint64_t length);

/* array_create, array_open - an object of a family that holds an array. kk_value_... are made of them as well. */
struct kk_array *array_create(struct kk_family *family, const struct kk_kind *kind, enum kk_number number,
                              uint64_t length, bool with_lock, struct kk_error *error);
struct kk_array *array_open(struct kk_family *family, const struct kk_kind *kind, uint64_t ref, struct kk_error *error);
/* Its burial and check. */
int array_bury(struct kk_family *family, void *memory, uint64_t bytes, unsigned seat, bool left);
int array_sound(const void *memory, uint64_t bytes, struct kk_error *error);

#endif
