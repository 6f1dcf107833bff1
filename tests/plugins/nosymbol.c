/* SPDX-License-Identifier: Apache-2.0 */
/* nosymbol - a module that can be loaded and is no stage.
 */
__attribute__((visibility("default"))) extern const char not_a_stage[];
const char not_a_stage[] = "nothing";
