/* SPDX-License-Identifier: Apache-2.0 */
#include "record/wire.h"
#include <string.h>

static int corrupt(struct kk_wire *wire, const char *what)
{
	wire->wrong = what;
	return KK_ERR_CORRUPT;
}

int kk_wire_number(struct kk_wire *wire, uint64_t *to)
{
	uint64_t number = 0;
	size_t left = (size_t)(wire->end - wire->at), i = 0;
	unsigned char byte;

	do {
		if (i == left)
			return corrupt(wire, "it ends in a number");
		byte = wire->at[i];
		/* The tenth byte has room for the 64th bit alone. */
		if (i == KK_WIRE_VARINT_MAX - 1 && byte > 1)
			return corrupt(wire, "a number of more than 64 bits");
		number |= (uint64_t)(byte & 0x7F) << (7 * i);
		i++;
	} while (byte & 0x80);
	if (byte == 0 && i > 1)
		return corrupt(wire, "a number with zeros before it");
	wire->at += i;
	*to = number;
	return KK_OK;
}

size_t kk_wire_put_number(unsigned char *to, uint64_t number)
{
	size_t i = 0;

	for (; number > 0x7F; number >>= 7)
		to[i++] = (unsigned char)(number | 0x80);
	to[i++] = (unsigned char)number;
	return i;
}

/* A length and so many bytes. */
static int sized(struct kk_wire *wire, const unsigned char **data, size_t *bytes)
{
	struct kk_wire ahead = *wire;
	uint64_t length;

	if (kk_wire_number(&ahead, &length) < 0)
		return corrupt(wire, ahead.wrong);
	if (length > (uint64_t)(ahead.end - ahead.at))
		return corrupt(wire, "a length that goes beyond the end");
	*data = ahead.at;
	*bytes = (size_t)length;
	wire->at = ahead.at + length;
	return KK_OK;
}

int kk_wire_string(struct kk_wire *wire, struct kk_record_view *to)
{
	const unsigned char *data, *before = wire->at;
	size_t bytes;

	if (sized(wire, &data, &bytes) < 0)
		return KK_ERR_CORRUPT;
	if (!kk_wire_is_utf8(data, bytes)) {
		wire->at = before;
		return corrupt(wire, "a string that is not UTF-8");
	}
	*to = (struct kk_record_view){(const char *)data, bytes};
	return KK_OK;
}

static int payload(struct kk_wire *wire, unsigned tag, struct kk_record_value *to)
{
	uint64_t number;

	to->data = wire->at;
	switch (tag) {
	case KK_TAG_NONE:
	case KK_TAG_FALSE:
	case KK_TAG_TRUE:
		break;
	case KK_TAG_INT:
		if (kk_wire_number(wire, &number) < 0)
			return KK_ERR_CORRUPT;
		break;
	case KK_TAG_DOUBLE:
		if (wire->end - wire->at < 8)
			return corrupt(wire, "it ends in a double");
		wire->at += 8;
		break;
	default:
		return sized(wire, &to->data, &to->bytes);
	}
	to->bytes = (size_t)(wire->at - to->data);
	return KK_OK;
}

int kk_wire_value(struct kk_wire *wire, struct kk_record_value *to)
{
	static const enum kk_record_type types[KK_TAG_COUNT] = {
	    [KK_TAG_NONE] = KK_RECORD_NONE,     [KK_TAG_FALSE] = KK_RECORD_BOOL,    [KK_TAG_TRUE] = KK_RECORD_BOOL,
	    [KK_TAG_INT] = KK_RECORD_INT,       [KK_TAG_DOUBLE] = KK_RECORD_DOUBLE, [KK_TAG_STRING] = KK_RECORD_STRING,
	    [KK_TAG_BYTES] = KK_RECORD_BYTES,   [KK_TAG_LIST] = KK_RECORD_LIST,     [KK_TAG_MAP] = KK_RECORD_MAP,
	    [KK_TAG_OBJECT] = KK_RECORD_OBJECT,
	};
	struct kk_wire ahead = *wire;
	unsigned tag;

	if (wire->at == wire->end)
		return corrupt(wire, "a value is missing");
	tag = *ahead.at++;
	if (tag >= KK_TAG_COUNT)
		return corrupt(wire, "a value of an unknown type");
	*to = (struct kk_record_value){.type = types[tag], .encoded = wire->at};
	if (payload(&ahead, tag, to) < 0)
		return corrupt(wire, ahead.wrong);
	to->encoded_bytes = (size_t)(ahead.at - wire->at);
	wire->at = ahead.at;
	return KK_OK;
}

bool kk_wire_is_name(struct kk_record_view name)
{
	for (size_t i = 0; i < name.bytes; i++) {
		if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7F)
			return false;
	}
	return name.bytes >= 1 && name.bytes <= KK_RECORD_NAME_MAX && kk_wire_is_utf8(name.data, name.bytes);
}

int kk_wire_type_of(struct kk_wire *wire, struct kk_record_type_of *to)
{
	uint64_t version = 0, needs = 0;

	if (kk_wire_string(wire, &to->name) < 0 || kk_wire_number(wire, &version) < 0 ||
	    kk_wire_number(wire, &needs) < 0)
		return KK_ERR_CORRUPT;
	if (!kk_wire_is_name(to->name))
		return corrupt(wire, "the name of a type is empty, too long or has control characters");
	if (version > UINT32_MAX || needs < 1 || needs > version)
		return corrupt(wire, "the version of a type is out of range");
	to->version = (uint32_t)version;
	to->needs = (uint32_t)needs;
	return KK_OK;
}

/* How many bytes the sequence has that `first` begins, and what its second may be; no surrogates, nothing that could
 * be shorter, nothing above U+10FFFF. 0: none begins so. */
static unsigned sequence(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	*high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
	if (first < 0x80)
		return 1;
	if (first >= 0xC2 && first <= 0xDF)
		return 2;
	if (first >= 0xE0 && first <= 0xEF)
		return 3;
	return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

bool kk_wire_is_utf8(const void *data, size_t bytes)
{
	const unsigned char *at = data;
	unsigned char low, high;

	for (size_t i = 0; i < bytes;) {
		unsigned length = sequence(at[i], &low, &high);
		if (length == 0 || length > bytes - i)
			return false;
		if (length > 1 && (at[i + 1] < low || at[i + 1] > high))
			return false;
		for (unsigned k = 2; k < length; k++) {
			if ((at[i + k] & 0xC0) != 0x80)
				return false;
		}
		i += length;
	}
	return true;
}

/* ---- keys that come twice: sorted by a heap, so that no bytes, however chosen, make it slow */

struct keys {
	const unsigned char *base, *end;
	uint32_t at[KK_RECORD_KEYS]; /* where each key's length stands, from base */
	size_t count;
};

static struct kk_record_view key_at(const struct keys *keys, size_t i)
{
	struct kk_wire wire = {.at = keys->base + keys->at[i], .end = keys->end};
	uint64_t bytes = 0;

	kk_wire_number(&wire, &bytes);
	return (struct kk_record_view){(const char *)wire.at, (size_t)bytes};
}

static int compare(const struct keys *keys, size_t i, size_t k)
{
	struct kk_record_view one = key_at(keys, i), other = key_at(keys, k);

	if (one.bytes != other.bytes)
		return one.bytes < other.bytes ? -1 : 1;
	return one.bytes > 0 ? memcmp(one.data, other.data, one.bytes) : 0;
}

static void swap(struct keys *keys, size_t i, size_t k)
{
	uint32_t at = keys->at[i];

	keys->at[i] = keys->at[k];
	keys->at[k] = at;
}

static void sift(struct keys *keys, size_t root, size_t count)
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && compare(keys, child, child + 1) < 0)
			child++;
		if (compare(keys, root, child) >= 0)
			return;
		swap(keys, root, child);
	}
}

static bool are_different(struct keys *keys)
{
	for (size_t i = keys->count / 2; i > 0; i--)
		sift(keys, i - 1, keys->count);
	for (size_t last = keys->count; last > 1; last--) {
		swap(keys, 0, last - 1);
		sift(keys, 0, last - 1);
		if (last < keys->count && compare(keys, last - 1, last) == 0)
			return false;
	}
	return keys->count < 2 || compare(keys, 0, 1) != 0;
}

int kk_wire_keys(struct kk_wire wire, const char **wrong)
{
	struct keys keys;
	struct kk_record_view key;
	struct kk_record_value value;

	keys.base = wire.at;
	keys.end = wire.end;
	keys.count = 0;
	while (wire.at < wire.end) {
		if (keys.count == KK_RECORD_KEYS) {
			*wrong = "a map with too many keys";
			return KK_ERR_CORRUPT;
		}
		keys.at[keys.count++] = (uint32_t)(wire.at - keys.base);
		if (kk_wire_string(&wire, &key) < 0 || kk_wire_value(&wire, &value) < 0) {
			*wrong = wire.wrong;
			return KK_ERR_CORRUPT;
		}
	}
	if (are_different(&keys))
		return KK_OK;
	*wrong = "a key that comes twice";
	return KK_ERR_CORRUPT;
}
