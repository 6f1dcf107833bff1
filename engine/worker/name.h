/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/name.h - reads a name pattern and the facts of an item, produces the name of its output.
 *
 *	{id}     XXH3-128 of the source's name, a NUL byte and the key, as 32 hex digits: the same in every run;
 *	         of a key that comes again (`duplicates: keep`) also of a NUL byte and its number, 2 for the second
 *	{key}    the key
 *	{name}   the last component of the key's path (of a URL: without query and fragment), without its suffix
 *	{ext}    that suffix, without the dot; where there is none, nothing, nor a dot of the pattern before it
 *	{n}      the item's number in the source, 9 digits at least
 *	{md5}    MD5 of the payload, as 32 hex digits
 *	{xxh3}   XXH3-128 of it, which is the manifest's `hash`
 *	{FIELD}  any other name: a field of the item
 *	{{ }}    a brace
 *
 * Whatever is put in is made one component of a path: valid UTF-8 without '/', '\', NUL and control characters (each
 * becomes '_'), without a leading dot, without trailing dots and blanks, not empty ("_"), at most 200 bytes. The text
 * of the pattern itself is the config's and stays as it is, slashes included.
 */
#ifndef ENGINE_WORKER_NAME_H
#define ENGINE_WORKER_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KK_NAME_COMPONENT_MAX 200
#define KK_NAME_ID_SIZE       33 /* with the NUL */
#define KK_NAME_HASH_BYTES    16

/* What a name may be made of. Borrowed for the call. */
struct kk_name_item {
	const char *source;  /* the source's name in the config */
	const char *key;     /* NULL: as ""                     */
	uint32_t occurrence; /* of the key; 0, 1: the first     */
	uint64_t sequence;   /* number in the source, from 0    */
	const void *data;    /* the payload, NULL if it has none */
	size_t size;
	const char *(*field)(void *arg, const char *name); /* NULL: no such field; may be NULL itself */
	void *arg;                                         /* for `field`                     */
};

/* kk_name_check - is it a pattern? 0, or -1 with a sentence in `why`. (That a field exists is known only at the
 * item.) */
int kk_name_check(const char *pattern, char *why, size_t why_size);

/* kk_name_each - calls `word` for each {word} of a pattern that kk_name_check lets through. `known`: every item has it;
 * else it is a field. kk_name_word - the words that every item has, from 0; NULL behind the last. */
void kk_name_each(const char *pattern, void (*word)(void *user, const char *name, bool known), void *user);
const char *kk_name_word(size_t index);

/* kk_name_expand - fills the pattern in. Returns the length; -1: not a pattern, no such field, or too long for `size`
 * (`to` is "" then, if size > 0). */
int kk_name_expand(const char *pattern, const struct kk_name_item *item, char *to, size_t size);

/* kk_name_suffix - what {ext} stands for, in small letters (ASCII), as a condition sees it: "" if there is none.
 * Returns `to`. */
const char *kk_name_suffix(const char *key, char *to, size_t size);

/* kk_name_hash - the item's id: the bytes that {id} shows, most significant first. `occurrence`: 0, 1 for the first. */
void kk_name_hash(const char *source, const char *key, uint32_t occurrence, uint8_t to[KK_NAME_HASH_BYTES]);

/* kk_name_id - what {id} stands for. */
void kk_name_id(const char *source, const char *key, uint32_t occurrence, char to[KK_NAME_ID_SIZE]);

#endif
