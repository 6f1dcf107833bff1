/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/name.c - patterns of output names, and making foreign text fit for a file name. */
#include "worker/name.h"
#include "config/utf8.h"
#include "worker/md5.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
/* Inlined, as the streaming state may live on the stack then. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#define NAME_MAX_LENGTH 64 /* of a name between braces */

/* ---- foreign text -> one component */

/* May the character stand in a component? */
static bool harmless(const char *at)
{
	return !kk_utf8_control(at) && *at != '/' && *at != '\\';
}

/* Writes `length` bytes of text as one component; `to` has KK_NAME_COMPONENT_MAX + 1 bytes. Returns its length. */
static size_t make_component(const char *text, size_t length, char *to)
{
	size_t used = 0;
	while (length > 0) {
		size_t bytes = kk_utf8_length(text, length);
		bool keep = bytes > 0 && harmless(text) && !(used == 0 && *text == '.');
		size_t add = keep ? bytes : 1;
		if (used + add > KK_NAME_COMPONENT_MAX)
			break;
		if (keep)
			memcpy(to + used, text, bytes);
		else
			to[used] = '_';
		used += add;
		text += bytes > 0 ? bytes : 1;
		length -= bytes > 0 ? bytes : 1;
	}
	while (used > 0 && (to[used - 1] == '.' || to[used - 1] == ' '))
		used--;
	if (used == 0)
		to[used++] = '_';
	to[used] = '\0';
	return used;
}

/* ---- what the names stand for */

void kk_name_hash(const char *source, const char *key, uint32_t occurrence, uint8_t to[KK_NAME_HASH_BYTES])
{
	XXH3_state_t state;
	XXH128_canonical_t canonical;
	char number[12];
	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, source, strlen(source) + 1);
	XXH3_128bits_update(&state, key, strlen(key));
	if (occurrence > 1) {
		number[0] = '\0';
		int digits = snprintf(number + 1, sizeof(number) - 1, "%" PRIu32, occurrence);
		XXH3_128bits_update(&state, number, (size_t)digits + 1);
	}
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
	memcpy(to, canonical.digest, KK_NAME_HASH_BYTES);
}

static void put_hex(const uint8_t hash[KK_NAME_HASH_BYTES], char to[KK_NAME_ID_SIZE])
{
	for (size_t i = 0; i < KK_NAME_HASH_BYTES; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", hash[i]);
}

void kk_name_id(const char *source, const char *key, uint32_t occurrence, char to[KK_NAME_ID_SIZE])
{
	uint8_t hash[KK_NAME_HASH_BYTES];
	kk_name_hash(source, key, occurrence, hash);
	put_hex(hash, to);
}

/* A piece of a text. */
struct piece {
	const char *at;
	size_t length;
};

/* The last component of the path in a key. */
static struct piece last_component(const char *key)
{
	const char *path = key;
	size_t length = strlen(key);
	const char *authority = strstr(key, "://");
	if (authority) {
		authority += 3;
		path = authority + strcspn(authority, "/?#");
		length = strcspn(path, "?#");
	}
	size_t start = length;
	while (start > 0 && path[start - 1] != '/')
		start--;
	return (struct piece){path + start, length - start};
}

/* Where the suffix's dot is; the length if there is none. A leading dot begins no suffix. */
static size_t suffix_of(struct piece name)
{
	for (size_t i = name.length; i > 1; i--)
		if (name.at[i - 1] == '.')
			return i - 1;
	return name.length;
}

static struct piece key_piece(const struct kk_name_item *item, char *scratch)
{
	(void)scratch;
	const char *key = item->key ? item->key : "";
	return (struct piece){key, strlen(key)};
}

static struct piece id_piece(const struct kk_name_item *item, char *scratch)
{
	kk_name_id(item->source ? item->source : "", item->key ? item->key : "", item->occurrence, scratch);
	return (struct piece){scratch, strlen(scratch)};
}

static struct piece name_piece(const struct kk_name_item *item, char *scratch)
{
	(void)scratch;
	struct piece name = last_component(item->key ? item->key : "");
	name.length = suffix_of(name);
	return name;
}

static struct piece ext_piece(const struct kk_name_item *item, char *scratch)
{
	(void)scratch;
	struct piece name = last_component(item->key ? item->key : "");
	size_t dot = suffix_of(name);
	if (dot == name.length)
		return (struct piece){"", 0};
	return (struct piece){name.at + dot + 1, name.length - dot - 1};
}

const char *kk_name_suffix(const char *key, char *to, size_t size)
{
	struct piece ext = ext_piece(&(struct kk_name_item){.key = key}, NULL);
	size_t length = ext.length < size ? ext.length : size - 1;
	for (size_t i = 0; i < length; i++)
		to[i] = ext.at[i] >= 'A' && ext.at[i] <= 'Z' ? (char)(ext.at[i] + 'a' - 'A') : ext.at[i];
	to[length] = '\0';
	return to;
}

static struct piece number_piece(const struct kk_name_item *item, char *scratch)
{
	(void)snprintf(scratch, KK_NAME_ID_SIZE, "%09" PRIu64, item->sequence);
	return (struct piece){scratch, strlen(scratch)};
}

static struct piece md5_piece(const struct kk_name_item *item, char *scratch)
{
	uint8_t hash[KK_MD5_BYTES];
	kk_md5(item->data, item->size, hash);
	put_hex(hash, scratch);
	return (struct piece){scratch, strlen(scratch)};
}

static struct piece xxh3_piece(const struct kk_name_item *item, char *scratch)
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(item->data, item->size));
	put_hex(canonical.digest, scratch);
	return (struct piece){scratch, strlen(scratch)};
}

static const struct {
	const char *name;
	struct piece (*make)(const struct kk_name_item *item, char *scratch);
} names[] = {
    {"id", id_piece},    {"key", key_piece}, {"name", name_piece}, {"ext", ext_piece},
    {"n", number_piece}, {"md5", md5_piece}, {"xxh3", xxh3_piece},
};

/* Looks a name up. False: there is no such field. */
static bool find_piece(const char *name, const struct kk_name_item *item, char *scratch, struct piece *to)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*to = names[i].make(item, scratch);
			return true;
		}
	}
	const char *value = item->field ? item->field(item->arg, name) : NULL;
	if (!value)
		return false;
	*to = (struct piece){value, strlen(value)};
	return true;
}

/* ---- patterns */

enum token { TOKEN_END, TOKEN_TEXT, TOKEN_NAME, TOKEN_BAD };

/* Cuts the next token off the pattern: one byte of text (in name[0]), or a name. Bad: name gets why. */
static enum token next_token(const char **pattern, char name[NAME_MAX_LENGTH + 1])
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.: ";
	const char *at = *pattern;
	name[0] = *at;
	name[1] = '\0';
	if (*at == '\0')
		return TOKEN_END;
	if ((*at != '{' && *at != '}') || at[0] == at[1]) {
		*pattern += *at == '{' || *at == '}' ? 2 : 1;
		return TOKEN_TEXT;
	}
	size_t length = strspn(at + 1, good);
	const char *why = *at == '}'                 ? "\"}\" without \"{\"; a brace is written \"}}\""
	                  : length == 0              ? "no name after \"{\"; a brace is written \"{{\""
	                  : length > NAME_MAX_LENGTH ? "the name after \"{\" is too long"
	                  : at[1 + length] != '}'    ? "\"{\" is not closed behind its name"
	                                             : NULL;
	if (why) {
		(void)snprintf(name, NAME_MAX_LENGTH + 1, "%s", why);
		return TOKEN_BAD;
	}
	memcpy(name, at + 1, length);
	name[length] = '\0';
	*pattern += length + 2;
	return TOKEN_NAME;
}

int kk_name_check(const char *pattern, char *why, size_t why_size)
{
	char name[NAME_MAX_LENGTH + 1];
	const char *at = pattern;
	enum token token;
	do {
		token = next_token(&at, name);
	} while (token == TOKEN_TEXT || token == TOKEN_NAME);
	if (token == TOKEN_END && at != pattern)
		return 0;
	(void)snprintf(why, why_size, "%s", token == TOKEN_BAD ? name : "a name pattern cannot be empty");
	return -1;
}

const char *kk_name_word(size_t index)
{
	return index < sizeof(names) / sizeof(names[0]) ? names[index].name : NULL;
}

void kk_name_each(const char *pattern, void (*word)(void *user, const char *name, bool known), void *user)
{
	char name[NAME_MAX_LENGTH + 1];
	enum token token;

	while ((token = next_token(&pattern, name)) == TOKEN_TEXT || token == TOKEN_NAME) {
		bool known = false;
		for (size_t i = 0; kk_name_word(i) && !known; i++)
			known = strcmp(kk_name_word(i), name) == 0;
		if (token == TOKEN_NAME)
			word(user, name, known);
	}
}

/* Does it stand for nothing, so that the dot of the pattern before it goes, too? (What is put in ends with no dot.) */
static bool takes_dot(const char *name, struct piece piece, const char *to, size_t used)
{
	return piece.length == 0 && used > 0 && to[used - 1] == '.' && strcmp(name, "ext") == 0;
}

/* Appends bytes, keeping room for the NUL. False: no room. */
static bool append(char *to, size_t size, size_t *used, const char *text, size_t length)
{
	if (length >= size - *used)
		return false;
	memcpy(to + *used, text, length);
	*used += length;
	to[*used] = '\0';
	return true;
}

int kk_name_expand(const char *pattern, const struct kk_name_item *item, char *to, size_t size)
{
	char name[NAME_MAX_LENGTH + 1], scratch[KK_NAME_ID_SIZE], component[KK_NAME_COMPONENT_MAX + 1];
	size_t used = 0;
	if (size == 0 || size > INT32_MAX)
		return -1;
	to[0] = '\0';
	for (;;) {
		struct piece piece;
		bool fits = true;
		enum token token = next_token(&pattern, name);
		if (token == TOKEN_END)
			return (int)used;
		if (token == TOKEN_TEXT)
			fits = append(to, size, &used, name, 1);
		else if (token != TOKEN_NAME || !find_piece(name, item, scratch, &piece))
			break;
		else if (takes_dot(name, piece, to, used))
			to[--used] = '\0';
		else
			fits = append(to, size, &used, component, make_component(piece.at, piece.length, component));
		if (!fits)
			break;
	}
	to[0] = '\0';
	return -1;
}
