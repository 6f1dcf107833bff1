/* SPDX-License-Identifier: Apache-2.0 */
/* inorder - transform: fails what comes behind a younger item. For one worker; what it has seen last stands in the
 * shared value "last", so that its heirs go on from there.
 */
#include <kakehi/stage.h>

static enum kk_verdict inorder_process(struct kk_context *context, struct kk_item *item)
{
	int object = kk_shared(context, "last");
	double last;
	if (object < 0 || kk_shared_get(context, object, 0, &last) != 0)
		return kk_fail(item, KK_FAIL_OTHER, "there is no shared value \"last\"");
	/* The same one comes again if its worker died, or on another lane. */
	if ((double)item->sequence < last)
		return kk_fail(item, KK_FAIL_OTHER, "%llu comes behind %.0f", (unsigned long long)item->sequence, last);
	kk_shared_set(context, object, 0, (double)item->sequence);
	return KK_PASS;
}

const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI,
    .option_size = sizeof(struct kk_option),
    .kind = KK_TRANSFORM,
    .name = "inorder",
    .text = "For tests: fails what is out of order.",
    .process = inorder_process,
};
