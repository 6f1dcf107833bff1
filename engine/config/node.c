/* SPDX-License-Identifier: Apache-2.0 */
#include "config/node.h"
#include "config/tree.h"
#include "config/utf8.h"
#include "config/variable.h"
#include <kakehi/error.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES   (1024 * 1024)
#define MAX_DEPTH   16   /* a config needs five                                      */
#define MAX_MEMBERS 1000 /* of one map: each new key is compared with all before it */

/* A map or sequence that is not closed yet; in a map, the key whose value is awaited. */
struct frame {
	struct kk_node *node;
	const char *key;
	struct kk_place key_place;
	bool twice; /* the key was there before: its value is parsed, but does not join the map */
};

struct builder {
	struct kk_document *document;
	struct kk_diagnostics *diagnostics;
	struct frame stack[MAX_DEPTH];
	size_t depth, documents;
	struct kk_place last;  /* where the latest event stood           */
	struct kk_place start; /* where the text itself begins           */
	struct kk_node *root;  /* what it is: the first node without parent */
	bool stop;
};

/* ---- text that may not be handed to the YAML library */

/* Blanks and ends of lines are the only control characters of a text. */
static bool unwanted(const char *at, size_t left)
{
	if (*at == '\r')
		return left < 2 || at[1] != '\n';
	return *at != '\t' && *at != '\n' && kk_utf8_control(at);
}

/* Whatever is no text at all is refused here, with its place, before the library sees it. */
static bool check_characters(const char *text, size_t size, struct kk_diagnostics *diagnostics)
{
	struct kk_place place = {.line = 1, .column = 1};

	for (size_t i = 0; i < size;) {
		const char *at = text + i;
		size_t length = kk_utf8_length(at, size - i);
		if (!length || unwanted(at, size - i)) {
			kk_diagnostic_error(diagnostics, place, NULL,
			                    length ? "control character 0x%02x; a config is plain text"
			                           : "byte 0x%02x is not UTF-8; a config is UTF-8 text",
			                    (unsigned char)at[length > 1]);
			return false;
		}
		place = *at == '\n' ? (struct kk_place){.line = place.line + 1, .column = 1}
		                    : (struct kk_place){.line = place.line, .column = place.column + 1};
		i += length;
	}
	return true;
}

/* ---- from events to nodes */

static void fail_memory(struct builder *builder)
{
	kk_diagnostic_error(builder->diagnostics, builder->last, NULL, "%s", kk_status_text(KK_ERR_MEMORY));
	builder->stop = true;
}

static void check_duplicate(struct builder *builder, struct frame *frame)
{
	const struct kk_node *before = kk_node_find(frame->node, frame->key);

	frame->twice = before != NULL;
	if (before)
		kk_diagnostic_error(builder->diagnostics, frame->key_place, NULL,
		                    "\"%.80s\" is given twice; the first time on line %u", frame->key,
		                    before->key_place.line);
	if (frame->node->count == MAX_MEMBERS) {
		kk_diagnostic_error(builder->diagnostics, frame->key_place, NULL, "more than %d fields in one map",
		                    MAX_MEMBERS);
		builder->stop = true;
	}
}

/* In a map, every other node is a key. True if this one was. */
static bool take_as_key(struct builder *builder, const struct kk_node *node)
{
	struct frame *frame = builder->depth ? &builder->stack[builder->depth - 1] : NULL;

	if (!frame || frame->node->kind != KK_NODE_MAP || frame->key)
		return false;
	if (node->kind == KK_NODE_MAP || node->kind == KK_NODE_SEQUENCE || (node->text && !*node->text)) {
		kk_diagnostic_error(builder->diagnostics, node->place, NULL, "a field's name must be a plain word");
		builder->stop = true;
	}
	frame->key = node->text ? node->text : "";
	frame->key_place = node->place;
	frame->twice = false;
	if (!builder->stop && node->kind == KK_NODE_SCALAR)
		check_duplicate(builder, frame);
	return true;
}

void kk_tree_append(struct kk_node *parent, struct kk_node *node)
{
	node->next = NULL;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
}

static void append(struct builder *builder, struct kk_node *node)
{
	struct frame *frame = builder->depth ? &builder->stack[builder->depth - 1] : NULL;

	if (!frame) {
		builder->root = node;
		return;
	}
	struct kk_node *parent = frame->node;
	node->key = frame->key;
	node->key_place = frame->key_place;
	frame->key = NULL;
	if (frame->twice)
		return;
	kk_tree_append(parent, node);
}

static void push(struct builder *builder, struct kk_node *node)
{
	if (builder->depth == MAX_DEPTH) {
		kk_diagnostic_error(builder->diagnostics, node->place, NULL, "more than %d levels deep", MAX_DEPTH);
		builder->stop = true;
		return;
	}
	builder->stack[builder->depth++] = (struct frame){.node = node};
}

static bool is_quoted(struct fy_event *event)
{
	if (event->type != FYET_SCALAR || !event->scalar.value)
		return false;
	enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static struct kk_place mark_place(const struct builder *builder, const struct fy_mark *mark)
{
	const struct kk_place *start = &builder->start;
	uint32_t indent = mark->line == 0 ? start->column - 1 : 0;

	return (struct kk_place){.line = start->line + (uint32_t)mark->line,
	                         .column = (uint32_t)mark->column + 1 + indent,
	                         .set = start->set};
}

static struct kk_place event_place(struct builder *builder, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	struct kk_place place = builder->last;

	if (!mark)
		return place;
	place = mark_place(builder, mark);
	/* the library's mark of a quoted scalar or an alias stands behind the quote or the asterisk */
	if (place.column > 1 && (event->type == FYET_ALIAS || is_quoted(event)))
		place.column--;
	builder->last = place;
	return place;
}

/* Where a scalar ends, with its closing quote. */
static struct kk_place end_place(const struct builder *builder, struct fy_event *event, struct kk_place place)
{
	const struct fy_mark *mark = event->type == FYET_SCALAR ? fy_event_end_mark(event) : NULL;
	struct kk_place end = mark ? mark_place(builder, mark) : place;

	if (mark && is_quoted(event))
		end.column++;
	return end;
}

static void set_text(struct builder *builder, struct kk_node *node, struct fy_token *token)
{
	size_t length = 0;
	const char *text = token ? fy_token_get_text(token, &length) : "";

	if (text)
		node->text = kk_store_text(builder->document->store, text, length);
	if (!node->text) {
		fail_memory(builder);
	} else if (strlen(node->text) != length) {
		kk_diagnostic_error(builder->diagnostics, node->place, NULL, "a text may not contain a NUL character");
		node->kind = KK_NODE_BROKEN;
	}
	node->plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
}

/* A scalar whose ${...} are being replaced. */
struct expanding {
	struct kk_node *node;
	struct kk_diagnostics *diagnostics;
};

static void take_secret(void *user, const char *secret, const char *warning)
{
	struct expanding *expanding = user;

	expanding->node->secret = true;
	kk_diagnostics_hide_text(expanding->diagnostics, secret);
	if (warning)
		kk_diagnostic_warning(expanding->diagnostics, expanding->node->place, "%s", warning);
}

void kk_tree_expand(struct kk_document *document, struct kk_node *node, struct kk_diagnostics *diagnostics)
{
	struct kk_error error = {0};
	struct expanding expanding = {node, diagnostics};

	node->written = node->text;
	if (kk_variable_expand(node->text, document->store, &node->text, take_secret, &expanding, &error) == KK_OK) {
		if (node->secret)
			kk_diagnostics_hide_text(diagnostics, node->text);
		return;
	}
	kk_diagnostic_error(diagnostics, node->place, NULL, "%s", error.text);
	node->kind = KK_NODE_BROKEN;
}

static void refuse_decoration(struct builder *builder, struct kk_place place, struct fy_token *anchor,
                              struct fy_token *tag)
{
	const struct fy_mark *mark = anchor ? fy_token_start_mark(anchor) : NULL;

	/* the library's mark of an anchor stands behind the ampersand */
	if (mark && mark->column > 0)
		place = mark_place(builder, &(struct fy_mark){.line = mark->line, .column = mark->column - 1});
	if (anchor)
		kk_diagnostic_error(builder->diagnostics, place, NULL, "anchors (&name) are not supported in a config");
	mark = tag ? fy_token_start_mark(tag) : NULL;
	if (mark)
		place = mark_place(builder, mark);
	if (tag)
		kk_diagnostic_error(builder->diagnostics, place, NULL, "tags (!name) are not supported in a config");
}

static void add_node(struct builder *builder, struct fy_event *event, enum kk_node_kind kind)
{
	struct kk_node *node = kk_store_alloc(builder->document->store, sizeof(*node));

	if (!node) {
		fail_memory(builder);
		return;
	}
	node->kind = kind;
	node->place = event_place(builder, event);
	node->end = end_place(builder, event, node->place);
	if (event->type == FYET_SCALAR) {
		refuse_decoration(builder, node->place, event->scalar.anchor, event->scalar.tag);
		set_text(builder, node, event->scalar.value);
	} else if (event->type == FYET_MAPPING_START) {
		refuse_decoration(builder, node->place, event->mapping_start.anchor, event->mapping_start.tag);
	} else if (event->type == FYET_SEQUENCE_START) {
		refuse_decoration(builder, node->place, event->sequence_start.anchor, event->sequence_start.tag);
	} else {
		kk_diagnostic_error(builder->diagnostics, node->place, NULL,
		                    "aliases (*name) are not supported in a config");
	}
	if (builder->stop || take_as_key(builder, node))
		return;
	if (node->kind == KK_NODE_SCALAR && !builder->stop)
		kk_tree_expand(builder->document, node, builder->diagnostics);
	append(builder, node);
	if (kind == KK_NODE_MAP || kind == KK_NODE_SEQUENCE)
		push(builder, node);
}

static void take_event(struct builder *builder, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		if (builder->documents++) {
			kk_diagnostic_error(builder->diagnostics, event_place(builder, event), NULL,
			                    "a second document; a config is one document");
			builder->stop = true;
		}
		break;
	case FYET_SCALAR:
		add_node(builder, event, KK_NODE_SCALAR);
		break;
	case FYET_ALIAS:
		add_node(builder, event, KK_NODE_BROKEN);
		break;
	case FYET_MAPPING_START:
		add_node(builder, event, KK_NODE_MAP);
		break;
	case FYET_SEQUENCE_START:
		add_node(builder, event, KK_NODE_SEQUENCE);
		break;
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		builder->depth--;
		break;
	default:
		break;
	}
}

/* ---- the library */

static void report_syntax(struct builder *builder, struct fy_diag *diag)
{
	void *iterator = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);

	if (error && error->msg && error->line > 0 && error->column > 0) {
		struct fy_mark mark = {.line = error->line - 1, .column = error->column - 1};
		bool outside = builder->start.set && mark.line > 0;
		kk_diagnostic_error(builder->diagnostics, outside ? builder->start : mark_place(builder, &mark), NULL,
		                    "%s", error->msg);
	} else {
		kk_diagnostic_error(builder->diagnostics, builder->last, NULL, "this is not YAML");
	}
}

static void run_parser(struct builder *builder, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *event;

	while (!builder->stop && (event = fy_parser_parse(parser))) {
		take_event(builder, event);
		fy_parser_event_free(parser, event);
	}
	if (builder->stop)
		return;
	if (fy_parser_get_stream_error(parser)) {
		report_syntax(builder, diag);
		builder->stop = true;
	} else if (!builder->root) {
		kk_diagnostic_error(builder->diagnostics, (struct kk_place){.line = 1, .column = 1}, NULL,
		                    "the config is empty");
	}
}

static void build(struct builder *builder, const char *text, size_t size)
{
	struct fy_diag_cfg quiet;
	struct fy_parser *parser = NULL;

	fy_diag_cfg_default(&quiet);
	quiet.fp = NULL;
	struct fy_diag *diag = fy_diag_create(&quiet);
	if (diag) {
		fy_diag_set_collect_errors(diag, true);
		struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = diag};
		parser = fy_parser_create(&cfg);
	}
	if (!parser || fy_parser_set_string(parser, text, size))
		fail_memory(builder);
	else
		run_parser(builder, parser, diag);
	if (parser)
		fy_parser_destroy(parser);
	if (diag)
		fy_diag_destroy(diag);
}

struct kk_document *kk_document_parse(const char *text, size_t size, struct kk_diagnostics *diagnostics)
{
	struct builder builder = {
	    .diagnostics = diagnostics, .last = {.line = 1, .column = 1}, .start = {.line = 1, .column = 1}};

	if (size > MAX_BYTES) {
		kk_diagnostic_error(diagnostics, (struct kk_place){0}, NULL, "the file is larger than 1 MiB");
		return NULL;
	}
	if (!check_characters(text, size, diagnostics))
		return NULL;
	struct kk_document *document = calloc(1, sizeof(*document));
	builder.document = document;
	if (document)
		document->store = kk_store_new();
	if (!document || !document->store)
		fail_memory(&builder);
	else
		build(&builder, text, size);
	if (builder.stop || !builder.root) {
		kk_document_free(document);
		return NULL;
	}
	document->root = builder.root;
	return document;
}

struct kk_node *kk_tree_parse(struct kk_document *document, const char *text, size_t size, struct kk_place place,
                              struct kk_diagnostics *diagnostics)
{
	struct builder builder = {.document = document, .diagnostics = diagnostics, .last = place, .start = place};

	build(&builder, text, size);
	return builder.stop ? NULL : builder.root;
}

void kk_document_free(struct kk_document *document)
{
	if (!document)
		return;
	kk_store_free(document->store);
	free(document);
}

/* ---- access */

const struct kk_node *kk_document_root(const struct kk_document *document)
{
	return document->root;
}

enum kk_node_kind kk_node_kind(const struct kk_node *node)
{
	return node->kind;
}

const char *kk_node_text(const struct kk_node *node)
{
	return node->kind == KK_NODE_SCALAR ? node->text : NULL;
}

bool kk_node_blank(const struct kk_node *node)
{
	return node->kind == KK_NODE_SCALAR && node->plain && !*node->text;
}

const char *kk_node_written(const struct kk_node *node)
{
	return node->kind == KK_NODE_SCALAR ? node->written : NULL;
}

bool kk_node_secret(const struct kk_node *node)
{
	return node->secret;
}

struct kk_place kk_node_end(const struct kk_node *node)
{
	return node->end;
}

struct kk_place kk_node_place(const struct kk_node *node)
{
	return node->place;
}

const struct kk_node *kk_node_first(const struct kk_node *node)
{
	return node->first;
}

const struct kk_node *kk_node_next(const struct kk_node *node)
{
	return node->next;
}

size_t kk_node_count(const struct kk_node *node)
{
	return node->count;
}

const char *kk_node_key(const struct kk_node *node)
{
	return node->key;
}

struct kk_place kk_node_key_place(const struct kk_node *node)
{
	return node->key_place;
}

const struct kk_node *kk_node_replaced(const struct kk_node *node)
{
	return node->replaced;
}

const struct kk_node *kk_node_find(const struct kk_node *node, const char *key)
{
	const struct kk_node *member = node && node->kind == KK_NODE_MAP ? node->first : NULL;

	while (member && strcmp(member->key, key) != 0)
		member = member->next;
	return member;
}
