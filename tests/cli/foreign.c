/* SPDX-License-Identifier: Apache-2.0 */
/* A module of a stage ABI that never was; with FOREIGN_EMPTY, a module that is no stage. */
#include <kakehi/stage.h>

#ifdef FOREIGN_EMPTY
__attribute__((visibility("default"))) const int kk_not_a_stage = 1;
#else
const struct kk_stage kk_stage = {
    .struct_size = sizeof(struct kk_stage),
    .abi_version = KK_STAGE_ABI + 1000,
    .option_size = sizeof(struct kk_option),
    .kind = KK_SINK,
    .name = "foreign",
    .text = "From the future.",
};
#endif
