/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/shareable/item.c - items in their slots: laid out, read without a lock, replaced. */
#include "shareable/layout.h"

#include "robust/robust.h"
#include "word/bytes.h"
#include <string.h>

/* ---- layout */

/* What an item is in a cell. */
struct content {
	const void *data;
	size_t bytes;
	uint64_t number; /* where `data` points to, of an item that is a number */
};

/* False: there is no such type, or it is too long. */
static bool content_of(const struct kk_item *item, struct content *to)
{
	*to = (struct content){.data = &to->number, .bytes = sizeof(to->number)};
	switch (item->type) {
	case KK_ITEM_NONE:
		to->bytes = 0;
		return true;
	case KK_ITEM_BOOL:
		to->number = item->as_bool;
		return true;
	case KK_ITEM_INT:
		to->number = (uint64_t)item->as_int;
		return true;
	case KK_ITEM_FLOAT:
		memcpy(&to->number, &item->as_float, sizeof(to->number));
		return true;
	case KK_ITEM_STR:
	case KK_ITEM_BYTES:
		to->data = item->data;
		to->bytes = item->bytes;
		return item->bytes <= KK_ITEM_BYTES_MAX;
	}
	return false;
}

/* As Python allocates it: the next multiple of 8 behind the text. */
static uint64_t room_for(const struct kk_item *item)
{
	struct content content;
	if (!content_of(item, &content) || item->room > KK_ITEM_BYTES_MAX)
		return 0;
	uint64_t least = content.bytes > sizeof(uint64_t) || content.data == item->data ? content.bytes / 8 * 8 + 8 : 8;
	uint64_t asked = (item->room + 7) / 8 * 8;
	return asked > least ? asked : least;
}

uint64_t shareable_size(const struct kk_item *items, size_t count)
{
	uint64_t bytes = sizeof(struct shareable_memory);
	if (count > UINT32_MAX)
		return 0;
	bytes += count * sizeof(struct shareable_slot);
	for (size_t i = 0; i < count; i++) {
		uint64_t room = room_for(&items[i]);
		if (room == 0)
			return 0;
		bytes += 2 * room;
	}
	return bytes;
}

static _Atomic uint64_t *cell_at(const struct shareable_memory *memory, uint64_t at)
{
	return (_Atomic uint64_t *)(uintptr_t)((const unsigned char *)memory + at);
}

static uint64_t word_of(const struct kk_item *item, const struct content *content, unsigned cell, uint64_t version)
{
	return version * WORD_VERSION_ONE | (uint64_t)cell << WORD_CELL_SHIFT |
	       (uint64_t)item->type << WORD_TYPE_SHIFT | content->bytes;
}

int shareable_lay_out(struct shareable_memory *memory, uint64_t bytes, const struct kk_item *items, size_t count)
{
	uint64_t at = sizeof(*memory) + count * sizeof(struct shareable_slot);
	struct content content;
	if (kk_robust_init(&memory->writer) < 0)
		return KK_ERR_SYSTEM;
	memory->version = SHAREABLE_VERSION;
	memory->mutex_bytes = sizeof(pthread_mutex_t);
	memory->count = count;
	memory->bytes = bytes;
	for (size_t i = 0; i < count; i++) {
		struct shareable_slot *slot = &memory->slot[i];
		(void)content_of(&items[i], &content);
		slot->at = at;
		slot->room = room_for(&items[i]);
		bytes_store(cell_at(memory, at), content.data, content.bytes, memory_order_relaxed);
		atomic_store_explicit(&slot->word, word_of(&items[i], &content, 0, 0), memory_order_relaxed);
		at += 2 * slot->room;
	}
	/* release: pairs with the acquire in shareable_look_at; a named list can be found before it is whole. */
	atomic_store_explicit(&memory->magic, SHAREABLE_MAGIC, memory_order_release);
	return KK_OK;
}

int shareable_look_at(struct kk_shareable *list, struct shareable_memory *memory, uint64_t bytes,
                      struct kk_error *error)
{
	if (bytes < sizeof(*memory) || atomic_load_explicit(&memory->magic, memory_order_acquire) != SHAREABLE_MAGIC)
		return kk_error_set(error, KK_ERR_CORRUPT, "there is no list here, or its maker has not finished");
	if (memory->version != SHAREABLE_VERSION || memory->mutex_bytes != sizeof(pthread_mutex_t))
		return kk_error_set(error, KK_ERR_VERSION, "the list has layout version %u, this library has %u",
		                    memory->version, SHAREABLE_VERSION);
	list->memory = memory;
	list->count = memory->count;
	list->bytes = memory->bytes;
	if (list->bytes > bytes || list->count > (list->bytes - sizeof(*memory)) / sizeof(struct shareable_slot))
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a list was overwritten");
	return KK_OK;
}

/* ---- reading */

/* The two cells of a slot; NULL: the slot was damaged. */
static _Atomic uint64_t *cells_of(const struct kk_shareable *list, size_t index, uint64_t *room)
{
	const struct shareable_slot *slot = &list->memory->slot[index];
	uint64_t at = slot->at;
	*room = slot->room;
	if (at % 8 != 0 || *room % 8 != 0 || at > list->bytes || *room > (list->bytes - at) / 2)
		return NULL;
	return cell_at(list->memory, at);
}

/* The word, and the cell that it names. 0 or KK_ERR_CORRUPT. acquire: pairs with the release in set. */
static int look(const struct kk_shareable *list, size_t index, uint64_t *word, const _Atomic uint64_t **cell)
{
	uint64_t room;
	*cell = cells_of(list, index, &room);
	*word = atomic_load_explicit(&list->memory->slot[index].word, memory_order_acquire);
	if (!*cell || word_bytes(*word) > room)
		return KK_ERR_CORRUPT;
	*cell += word_cell(*word) * (room / 8);
	return KK_OK;
}

/* What was copied since look() is of one item? The fence pairs with the one in set: had we read a word of the next but
 * one, we would see that the word has changed. */
static bool still(const struct kk_shareable *list, size_t index, uint64_t word)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&list->memory->slot[index].word, memory_order_relaxed) == word;
}

static bool is_text(enum kk_item_type type)
{
	return type == KK_ITEM_STR || type == KK_ITEM_BYTES;
}

static void set_number(struct kk_item *item, uint64_t number)
{
	switch (item->type) {
	case KK_ITEM_BOOL:
		item->as_bool = number != 0;
		break;
	case KK_ITEM_FLOAT:
		memcpy(&item->as_float, &number, sizeof(number));
		break;
	default:
		item->as_int = (int64_t)number;
		break;
	}
}

int kk_shareable_get(const struct kk_shareable *list, size_t index, struct kk_item *item, void *buffer, size_t size)
{
	const _Atomic uint64_t *cell;
	uint64_t word, number = 0;
	bool fits;
	*item = (struct kk_item){.type = KK_ITEM_NONE};
	if (index >= list->count)
		return KK_ERR_INVALID;
	do {
		int rc = look(list, index, &word, &cell);
		if (rc < 0)
			return rc;
		item->type = word_type(word);
		item->bytes = is_text(item->type) ? word_bytes(word) : 0;
		fits = item->bytes <= size;
		if (!is_text(item->type))
			bytes_load(cell, &number, bytes_in_word(word_bytes(word), 0), memory_order_relaxed);
		else if (fits)
			bytes_load(cell, buffer, item->bytes, memory_order_relaxed);
	} while (!still(list, index, word));
	if (!is_text(item->type)) {
		set_number(item, number);
		return item->type > KK_ITEM_BYTES ? KK_ERR_CORRUPT : KK_OK;
	}
	item->data = buffer;
	if (item->bytes < size)
		((char *)buffer)[item->bytes] = '\0';
	return fits ? KK_OK : KK_ERR_NO_ROOM;
}

static bool is_same(const struct kk_shareable *list, size_t index, const struct kk_item *item,
                    const struct content *content)
{
	const _Atomic uint64_t *cell;
	uint64_t word;
	bool same;
	do {
		if (look(list, index, &word, &cell) < 0)
			return false;
		same = word_type(word) == item->type && word_bytes(word) == content->bytes &&
		       bytes_equal(cell, content->data, content->bytes, memory_order_relaxed);
	} while (!still(list, index, word));
	return same;
}

size_t kk_shareable_count(const struct kk_shareable *list, const struct kk_item *item)
{
	struct content content;
	size_t count = 0;
	if (!content_of(item, &content))
		return 0;
	for (size_t i = 0; i < list->count; i++)
		count += is_same(list, i, item, &content);
	return count;
}

int64_t kk_shareable_index(const struct kk_shareable *list, const struct kk_item *item)
{
	struct content content;
	if (!content_of(item, &content))
		return KK_ERR_MISSING;
	for (size_t i = 0; i < list->count; i++)
		if (is_same(list, i, item, &content))
			return (int64_t)i;
	return KK_ERR_MISSING;
}

size_t kk_shareable_length(const struct kk_shareable *list)
{
	return list->count;
}

size_t kk_shareable_room(const struct kk_shareable *list, size_t index)
{
	uint64_t room = 0;
	return index < list->count && cells_of(list, index, &room) ? room : 0;
}

/* ---- setting */

int kk_shareable_set(struct kk_shareable *list, size_t index, const struct kk_item *item)
{
	struct content content;
	uint64_t room;
	if (index >= list->count || !content_of(item, &content))
		return KK_ERR_INVALID;
	_Atomic uint64_t *cells = cells_of(list, index, &room);
	if (!cells)
		return KK_ERR_CORRUPT;
	if (content.bytes > room)
		return KK_ERR_NO_ROOM;
	/* Nothing has to be mended after a death: until the word is stored nobody reads what was written. */
	int rc = kk_robust_lock(&list->memory->writer);
	if (rc < 0)
		return rc;
	_Atomic uint64_t *at = &list->memory->slot[index].word;
	/* relaxed: the lock orders it. */
	uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
	unsigned cell = 1 - word_cell(word);
	/* Who still reads that cell, and sees what we write there, sees the word that took it out of use: still(). */
	atomic_thread_fence(memory_order_release);
	bytes_store(cells + cell * (room / 8), content.data, content.bytes, memory_order_relaxed);
	atomic_store_explicit(at, word_of(item, &content, cell, word / WORD_VERSION_ONE + 1), memory_order_release);
	(void)pthread_mutex_unlock(&list->memory->writer);
	return KK_OK;
}
