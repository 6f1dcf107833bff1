/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_reader.h"
#include "exif.h"
#include <jerror.h>
#include <stdlib.h>
#include <string.h>

#define MARKER_BYTES 0xffff
#define MARKER_SOI   0xd8
#define MARKER_SOS   0xda
#define COEFFICIENTS (DCTSIZE2 * sizeof(JCOEF)) /* bytes of a block */
#define ROWS_MAX     (MAX_SAMP_FACTOR * DCTSIZE)

static void begin_source(j_decompress_ptr decoder)
{
	(void)decoder;
}

/* All there is was given at the start: more is wanted of a file that was cut. */
static boolean end_of_source(j_decompress_ptr decoder)
{
	ERREXIT(decoder, JERR_INPUT_EOF);
	return FALSE;
}

static void skip_source(j_decompress_ptr decoder, long bytes)
{
	struct jpeg_source_mgr *source = decoder->src;
	if (bytes <= 0)
		return;
	if ((size_t)bytes > source->bytes_in_buffer)
		ERREXIT(decoder, JERR_INPUT_EOF);
	source->next_input_byte += bytes;
	source->bytes_in_buffer -= (size_t)bytes;
}

static void finish_source(j_decompress_ptr decoder)
{
	(void)decoder;
}

/* count_scans - how many parts the picture comes in; looks at every marker, as no decoder would count them before it
 * has decoded them. */
static int count_scans(const unsigned char *data, size_t size)
{
	const unsigned char *at = data, *end = data + size;
	int scans = 0;
	while (end - at > 4 && (at = memchr(at, 0xff, (size_t)(end - at) - 4)) != NULL) {
		int marker = at[1];
		if (marker == JPEG_EOI)
			break;
		scans += marker == MARKER_SOS;
		bool alone =
		    marker == 0 || marker == 1 || marker == 0xff || (marker >= JPEG_RST0 && marker <= MARKER_SOI);
		size_t length = alone ? 0 : (size_t)at[2] << 8 | at[3];
		if (length > (size_t)(end - at) - 2)
			break;
		at += marker == 0xff ? 1 : 2 + length;
	}
	return scans;
}

static bool starts_with(const struct jpeg_marker_struct *marker, int app, const char *magic, size_t size)
{
	return marker->marker == JPEG_APP0 + app && marker->data_length > size &&
	       memcmp(marker->data, magic, size) == 0;
}

static void keep(struct blob *blob, const struct jpeg_marker_struct *marker, size_t skip)
{
	if (!blob->size)
		*blob = (struct blob){marker->data + skip, marker->data_length - skip};
}

/* collect - finds the blobs among the markers that were saved, and turns the EXIF block upright. */
static void collect(struct jpeg_reader *reader, struct jpeg_header *to)
{
	to->orientation = 1;
	for (struct jpeg_marker_struct *marker = reader->decoder.marker_list; marker; marker = marker->next) {
		if (starts_with(marker, 1, EXIF_MAGIC, EXIF_MAGIC_SIZE) && !to->metadata.exif.size) {
			to->orientation = exif_orientation(marker->data, marker->data_length);
			exif_set_upright(marker->data, marker->data_length);
			keep(&to->metadata.exif, marker, 0);
		} else if (starts_with(marker, 1, XMP_MAGIC, XMP_MAGIC_SIZE)) {
			keep(&to->metadata.xmp, marker, XMP_MAGIC_SIZE);
		} else if (starts_with(marker, 13, IPTC_MAGIC, IPTC_MAGIC_SIZE)) {
			keep(&to->metadata.iptc, marker, 0);
		}
	}
	unsigned size = 0;
	if (jpeg_read_icc_profile(&reader->decoder, &reader->profile, &size))
		to->metadata.profile = (struct blob){reader->profile, size};
}

static uint64_t coefficient_bytes(j_decompress_ptr decoder)
{
	uint64_t blocks = 0;
	if (!jpeg_has_multiple_scans(decoder))
		return 0;
	for (int i = 0; i < decoder->num_components; i++) {
		const jpeg_component_info *component = &decoder->comp_info[i];
		blocks += (uint64_t)component->width_in_blocks * component->height_in_blocks;
	}
	return blocks * COEFFICIENTS;
}

static bool is_planar(j_decompress_ptr decoder)
{
	return (decoder->jpeg_color_space == JCS_GRAYSCALE && decoder->num_components == 1) ||
	       (decoder->jpeg_color_space == JCS_YCbCr && decoder->num_components == 3);
}

static void prepare(struct jpeg_reader *reader, const void *data, size_t size)
{
	j_decompress_ptr decoder = &reader->decoder;
	jpeg_create_decompress(decoder);
	reader->source = (struct jpeg_source_mgr){.next_input_byte = data,
	                                          .bytes_in_buffer = size,
	                                          .init_source = begin_source,
	                                          .fill_input_buffer = end_of_source,
	                                          .skip_input_data = skip_source,
	                                          .resync_to_restart = jpeg_resync_to_restart,
	                                          .term_source = finish_source};
	decoder->src = &reader->source;
	jpeg_save_markers(decoder, JPEG_APP0 + 1, MARKER_BYTES);
	jpeg_save_markers(decoder, JPEG_APP0 + 2, MARKER_BYTES);
	jpeg_save_markers(decoder, JPEG_APP0 + 13, MARKER_BYTES);
}

int jpeg_reader_open(struct jpeg_reader *reader, const void *data, size_t size, struct jpeg_header *to)
{
	*reader = (struct jpeg_reader){0};
	*to = (struct jpeg_header){0};
	reader->decoder.err = trap_set(&reader->trap);
	if (setjmp(reader->trap.back) != 0) {
		jpeg_reader_close(reader);
		return -1;
	}
	prepare(reader, data, size);
	jpeg_read_header(&reader->decoder, TRUE);
	to->width = (int)reader->decoder.image_width;
	to->height = (int)reader->decoder.image_height;
	to->metadata_bytes = size - reader->source.bytes_in_buffer;
	to->planar = is_planar(&reader->decoder);
	to->planes = reader->decoder.num_components;
	to->whole_bytes = coefficient_bytes(&reader->decoder);
	if (to->whole_bytes && count_scans(data, size) > JPEG_MAX_SCANS)
		trap_spring(&reader->trap, "too many scans");
	collect(reader, to);
	return 0;
}

int jpeg_reader_layout(struct jpeg_reader *reader, int eighths, struct jpeg_layout layout[PLANES_MAX])
{
	j_decompress_ptr decoder = &reader->decoder;
	if (setjmp(reader->trap.back) != 0)
		return -1;
	decoder->scale_num = (unsigned)eighths;
	decoder->scale_denom = DCTSIZE;
	decoder->raw_data_out = TRUE;
	decoder->do_fancy_upsampling = FALSE;
	decoder->out_color_space = decoder->jpeg_color_space;
	jpeg_calc_output_dimensions(decoder);
	int row_bytes = decoder->max_h_samp_factor * DCTSIZE;
	int mcus = ((int)decoder->image_width + row_bytes - 1) / row_bytes;
	for (int i = 0; i < decoder->num_components && i < PLANES_MAX; i++) {
		const jpeg_component_info *component = &decoder->comp_info[i];
		double shrunk = (double)DCTSIZE / component->DCT_scaled_size;
		layout[i] = (struct jpeg_layout){
		    .columns = mcus * component->h_samp_factor * component->DCT_scaled_size,
		    .rows = (int)decoder->total_iMCU_rows * component->v_samp_factor * component->DCT_scaled_size,
		    .width = (int)component->downsampled_width,
		    .height = (int)component->downsampled_height,
		    .pitch_x = shrunk * decoder->max_h_samp_factor / component->h_samp_factor,
		    .pitch_y = shrunk * decoder->max_v_samp_factor / component->v_samp_factor,
		};
	}
	return 0;
}

/* read_stripe - one row of the largest blocks, into all planes. */
static void read_stripe(j_decompress_ptr decoder, struct plane planes[PLANES_MAX], int stripe)
{
	JSAMPROW rows[PLANES_MAX][ROWS_MAX];
	JSAMPARRAY arrays[PLANES_MAX];
	for (int i = 0; i < decoder->num_components; i++) {
		const jpeg_component_info *component = &decoder->comp_info[i];
		int count = component->v_samp_factor * component->DCT_scaled_size;
		for (int row = 0; row < count; row++)
			rows[i][row] = planes[i].at + (size_t)(stripe * count + row) * planes[i].stride;
		arrays[i] = rows[i];
	}
	unsigned lines = (unsigned)(decoder->max_v_samp_factor * decoder->min_DCT_scaled_size);
	if (jpeg_read_raw_data(decoder, arrays, lines) == 0)
		ERREXIT(decoder, JERR_INPUT_EOF);
}

int jpeg_reader_decode(struct jpeg_reader *reader, struct plane planes[PLANES_MAX])
{
	j_decompress_ptr decoder = &reader->decoder;
	if (setjmp(reader->trap.back) != 0)
		return -1;
	jpeg_start_decompress(decoder);
	for (int stripe = 0; decoder->output_scanline < decoder->output_height; stripe++)
		read_stripe(decoder, planes, stripe);
	return 0;
}

void jpeg_reader_close(struct jpeg_reader *reader)
{
	jpeg_destroy_decompress(&reader->decoder);
	free(reader->profile);
	reader->profile = NULL;
}
