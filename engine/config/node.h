/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/node.h - reads the text of a YAML file, produces a tree of nodes, each with its place in the file.
 *
 * The tree knows three kinds of node and nothing else of YAML: no anchors, aliases, tags or second documents. Scalars
 * are texts; what they mean is for the reader of the node to say. ${VAR} is replaced in values, not in keys.
 */
#ifndef ENGINE_CONFIG_NODE_H
#define ENGINE_CONFIG_NODE_H

#include "config/diagnostic.h"
#include <stdbool.h>
#include <stddef.h>

enum kk_node_kind {
	KK_NODE_BROKEN = 0, /* a mistake was reported for it: pass over it in silence */
	KK_NODE_SCALAR,
	KK_NODE_MAP,
	KK_NODE_SEQUENCE,
};

struct kk_document;
struct kk_node;

/* kk_document_parse - makes the tree of `size` bytes of YAML. All mistakes go to `diagnostics`: a syntax error ends
 * the tree at that place, others (duplicate keys, unset variables) do not. Returns the document, owned by the caller,
 * or NULL if there is no tree to go on with (then there is at least one mistake). */
struct kk_document *kk_document_parse(const char *text, size_t size, struct kk_diagnostics *diagnostics);

/* kk_document_set - what `--set path=value` asks for: argument number `number`, from 1, as it was given. The path's
 * parts are separated by dots; a stage goes by its name; what is not there is made. The value is a text, or a list of
 * texts in brackets. Mistakes go to `diagnostics`, located in the argument. */
void kk_document_set(struct kk_document *document, const char *argument, uint32_t number,
                     struct kk_diagnostics *diagnostics);

/* kk_document_free - frees the tree and all its texts. `document` may be NULL. */
void kk_document_free(struct kk_document *document);

/* kk_document_root - its outermost node, never NULL. */
const struct kk_node *kk_document_root(const struct kk_document *document);

enum kk_node_kind kk_node_kind(const struct kk_node *node);

/* kk_node_text - of a scalar, NUL-terminated; NULL for other kinds. Valid as long as the document, as all below. */
const char *kk_node_text(const struct kk_node *node);

/* kk_node_blank - is it a scalar of which nothing is written, as behind a key without a value? */
bool kk_node_blank(const struct kk_node *node);

/* kk_node_written - the text of a scalar before ${...} was replaced in it. kk_node_secret - was a secret put in? */
const char *kk_node_written(const struct kk_node *node);
bool kk_node_secret(const struct kk_node *node);

struct kk_place kk_node_place(const struct kk_node *node);

/* kk_node_end - the place behind a scalar; of other kinds the place itself. */
struct kk_place kk_node_end(const struct kk_node *node);

/* kk_node_first, kk_node_next - the members of a map or sequence in the order of the file; NULL: no more. */
const struct kk_node *kk_node_first(const struct kk_node *node);
const struct kk_node *kk_node_next(const struct kk_node *node);
size_t kk_node_count(const struct kk_node *node);

/* kk_node_key, kk_node_key_place - of a member of a map; NULL for other nodes. */
const char *kk_node_key(const struct kk_node *node);
struct kk_place kk_node_key_place(const struct kk_node *node);

/* kk_node_replaced - what stood in the place of this node before --set, and is still to be read in the file; or NULL.
 */
const struct kk_node *kk_node_replaced(const struct kk_node *node);

/* kk_node_find - the member of a map that has this key, or NULL. `node` may be NULL. */
const struct kk_node *kk_node_find(const struct kk_node *node, const char *key);

#endif
