/* SPDX-License-Identifier: Apache-2.0 */
/* engine/config/tree.h - reads nothing, produces the shape of a config's tree: for node.c, which makes it from YAML,
 * and override.c, which changes it. Everybody else goes by node.h.
 */
#ifndef ENGINE_CONFIG_TREE_H
#define ENGINE_CONFIG_TREE_H

#include "config/node.h"
#include "config/store.h"
#include <stdint.h>

struct kk_node {
	enum kk_node_kind kind;
	const char *text, *written, *key; /* written: the text before ${...} was replaced */
	struct kk_place place, end, key_place;
	bool plain, secret;
	struct kk_node *first, *last, *next, *replaced;
	size_t count;
};

struct kk_document {
	struct kk_store *store;
	struct kk_node *root;
};

/* kk_tree_append - makes `node` the last member of a map or sequence. */
void kk_tree_append(struct kk_node *parent, struct kk_node *node);

/* kk_tree_expand - replaces ${...} in a scalar. Mistakes go to `diagnostics`, the node is broken then; its secrets are
 * made known to it. */
void kk_tree_expand(struct kk_document *document, struct kk_node *node, struct kk_diagnostics *diagnostics);

/* kk_tree_parse - the node of a YAML text that begins at `place`; it belongs to `document`. NULL: a mistake was
 * reported. */
struct kk_node *kk_tree_parse(struct kk_document *document, const char *text, size_t size, struct kk_place place,
                              struct kk_diagnostics *diagnostics);

#endif
