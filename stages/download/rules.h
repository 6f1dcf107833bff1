/* SPDX-License-Identifier: Apache-2.0 */
/* stages/download/rules.h - reads what is known of a body while it comes, produces the reason to want no more of it.
 */
#ifndef STAGES_DOWNLOAD_RULES_H
#define STAGES_DOWNLOAD_RULES_H

#include <kakehi/stage.h>

/* What a worker wants; the same for all items. */
struct rules {
	uint64_t max_bytes;
	uint64_t max_pixels, max_side;  /* of an image, by its header; 0: any                   */
	bool images;                    /* nothing but images                                   */
	const struct kk_strings *types; /* of these types alone: "image/jpeg", "image/" and a star; none: any  */
	bool opt_out;                   /* honour what servers say about being left alone       */
	bool unpack;                    /* bodies may come compressed                           */
	char robot[64];                 /* the name that X-Robots-Tag may call us by            */
};

/* Why not. Empty text: no reason. */
struct reason {
	enum kk_fail_class class;
	char text[200];
};

/* rules_take_type - may a body have the media type `type` (NULL: it says none)? False with the reason. */
bool rules_take_type(const struct rules *rules, const char *type, struct reason *reason);

/* rules_take_beginning - may a body begin with these bytes? `whole`: there are no more. *known becomes true when more
 * of them would not change the answer. False with the reason. */
bool rules_take_beginning(const struct rules *rules, const void *data, size_t size, bool whole, bool *known,
                          struct reason *reason);

/* rules_types_wrong - the first of `types` that is not "type/subtype" or "type/" and a star; NULL: all are. */
const char *rules_types_wrong(const struct kk_strings *types);

#endif
