/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/quick.h - reads a JPEG as planes, produces a smaller JPEG from them: the short way for the common case.
 *
 * Brightness and colours are decoded at a reduced size, resampled each by itself and encoded again: no pixel is ever
 * made RGB, and no colour that was stored at half resolution is blown up to be shrunk again.
 */
#ifndef STAGES_RESIZE_QUICK_H
#define STAGES_RESIZE_QUICK_H

#include "colour.h"
#include "geometry.h"
#include "jpeg_reader.h"
#include "jpeg_writer.h"
#include "resample.h"

/* Memory that is kept from picture to picture, on either way. */
#define QUICK_KEEP_BYTES (4U << 20)

struct quick_wish {
	struct geometry geometry; /* upright                                                          */
	double reach;             /* decode to at least so many times the size wanted                 */
	struct colour border;
	struct jpeg_settings settings;
	struct metadata metadata; /* to be written */
};

/* One worker's. All zero, but for the kernel's resampler, at the start. */
struct quick {
	struct resampler *resampler;
	struct plane_room room;
	struct jpeg_writer writer;
};

enum quick_result {
	QUICK_MADE = 0,
	QUICK_DECLINED, /* it cannot be made this way: use the long one                   */
	QUICK_BAD,      /* reader->trap says what is wrong with the picture               */
	QUICK_FAILED,   /* writer->trap says why it cannot be encoded                     */
};

/* quick_memory - private memory that quick_make takes for this picture beside the file and its resampler; 0: it cannot
 * be made this way. */
uint64_t quick_memory(struct jpeg_reader *reader, const struct jpeg_header *header, const struct quick_wish *wish);

/* quick_make - makes the picture; quick->writer has it then. `reader` is open; the caller closes it. */
enum quick_result quick_make(struct quick *quick, struct jpeg_reader *reader, const struct jpeg_header *header,
                             const struct quick_wish *wish);

/* quick_close - frees what it holds. */
void quick_close(struct quick *quick);

#endif
