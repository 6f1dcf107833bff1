/* SPDX-License-Identifier: Apache-2.0 */
#include "jpeg_writer.h"
#include <jerror.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM   (64 << 10)
#define MARKER_BYTES 65533
#define EXIF_APP     (JPEG_APP0 + 1)
#define IPTC_APP     (JPEG_APP0 + 13)

static const struct {
	int x, y;
} pitches[] = {[SUBSAMPLING_420] = {2, 2}, [SUBSAMPLING_422] = {2, 1}, [SUBSAMPLING_444] = {1, 1}};

void jpeg_pitch(enum subsampling subsampling, int *x, int *y)
{
	*x = pitches[subsampling].x;
	*y = pitches[subsampling].y;
}

static int grow(struct jpeg_writer *writer)
{
	size_t room = writer->room ? writer->room * 2 : FIRST_ROOM;
	unsigned char *at = realloc(writer->at, room);
	if (!at)
		return -1;
	writer->at = at;
	writer->room = room;
	return 0;
}

static void give_room(j_compress_ptr encoder, size_t used)
{
	struct jpeg_writer *writer = encoder->client_data;
	if (used == writer->room && grow(writer) != 0)
		ERREXIT1(encoder, JERR_OUT_OF_MEMORY, 0);
	writer->destination.next_output_byte = writer->at + used;
	writer->destination.free_in_buffer = writer->room - used;
}

static void begin_destination(j_compress_ptr encoder)
{
	give_room(encoder, 0);
}

/* The buffer is full, whatever free_in_buffer says. */
static boolean grow_destination(j_compress_ptr encoder)
{
	struct jpeg_writer *writer = encoder->client_data;
	give_room(encoder, writer->room);
	return TRUE;
}

static void finish_destination(j_compress_ptr encoder)
{
	struct jpeg_writer *writer = encoder->client_data;
	writer->size = writer->room - writer->destination.free_in_buffer;
}

static void begin(struct jpeg_writer *writer, int width, int height, int components, const struct jpeg_settings *how)
{
	j_compress_ptr encoder = &writer->encoder;
	jpeg_create_compress(encoder);
	encoder->client_data = writer;
	writer->destination = (struct jpeg_destination_mgr){.init_destination = begin_destination,
	                                                    .empty_output_buffer = grow_destination,
	                                                    .term_destination = finish_destination};
	encoder->dest = &writer->destination;
	encoder->image_width = (unsigned)width;
	encoder->image_height = (unsigned)height;
	encoder->input_components = components;
	encoder->in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(encoder);
	jpeg_set_quality(encoder, how->quality, TRUE);
	encoder->optimize_coding = how->optimise || how->progressive;
	if (how->progressive)
		jpeg_simple_progression(encoder);
	if (components == 3) {
		encoder->comp_info[0].h_samp_factor = pitches[how->subsampling].x;
		encoder->comp_info[0].v_samp_factor = pitches[how->subsampling].y;
	}
}

static void write_blob(j_compress_ptr encoder, int marker, const char *magic, size_t magic_size,
                       const struct blob *blob)
{
	if (!blob->size || blob->size + magic_size > MARKER_BYTES)
		return;
	jpeg_write_m_header(encoder, marker, (unsigned)(blob->size + magic_size));
	for (size_t i = 0; i < magic_size; i++)
		jpeg_write_m_byte(encoder, (unsigned char)magic[i]);
	for (size_t i = 0; i < blob->size; i++)
		jpeg_write_m_byte(encoder, blob->at[i]);
}

static void write_metadata(j_compress_ptr encoder, const struct metadata *metadata)
{
	write_blob(encoder, EXIF_APP, NULL, 0, &metadata->exif);
	write_blob(encoder, EXIF_APP, XMP_MAGIC, XMP_MAGIC_SIZE, &metadata->xmp);
	write_blob(encoder, IPTC_APP, NULL, 0, &metadata->iptc);
	if (metadata->profile.size)
		jpeg_write_icc_profile(encoder, metadata->profile.at, (unsigned)metadata->profile.size);
}

/* write_stripe - one row of the largest blocks, of all planes. */
static void write_stripe(j_compress_ptr encoder, const struct plane *planes, int stripe)
{
	JSAMPROW rows[PLANES_MAX][2 * DCTSIZE];
	JSAMPARRAY arrays[PLANES_MAX];
	for (int i = 0; i < encoder->num_components; i++) {
		int count = encoder->comp_info[i].v_samp_factor * DCTSIZE;
		for (int row = 0; row < count; row++)
			rows[i][row] = planes[i].at + (size_t)(stripe * count + row) * planes[i].stride;
		arrays[i] = rows[i];
	}
	jpeg_write_raw_data(encoder, arrays, (unsigned)(encoder->max_v_samp_factor * DCTSIZE));
}

static int round_up(int value, int to)
{
	return (value + to - 1) / to * to;
}

static void pad_planes(j_compress_ptr encoder, struct plane *planes)
{
	int across = encoder->comp_info[0].h_samp_factor * DCTSIZE,
	    down = encoder->comp_info[0].v_samp_factor * DCTSIZE;
	int columns = round_up((int)encoder->image_width, across), rows = round_up((int)encoder->image_height, down);
	for (int i = 0; i < encoder->num_components; i++)
		plane_pad(&planes[i],
		          columns * encoder->comp_info[i].h_samp_factor / encoder->comp_info[0].h_samp_factor,
		          rows * encoder->comp_info[i].v_samp_factor / encoder->comp_info[0].v_samp_factor);
}

int jpeg_writer_planes(struct jpeg_writer *writer, struct plane *planes, int count, const struct jpeg_settings *how,
                       const struct metadata *metadata)
{
	j_compress_ptr encoder = &writer->encoder;
	encoder->err = trap_set(&writer->trap);
	if (setjmp(writer->trap.back) != 0) {
		jpeg_destroy_compress(encoder);
		return -1;
	}
	begin(writer, planes[0].width, planes[0].height, count, how);
	encoder->raw_data_in = TRUE;
	jpeg_start_compress(encoder, TRUE);
	write_metadata(encoder, metadata);
	pad_planes(encoder, planes);
	for (int stripe = 0; encoder->next_scanline < encoder->image_height; stripe++)
		write_stripe(encoder, planes, stripe);
	jpeg_finish_compress(encoder);
	jpeg_destroy_compress(encoder);
	return 0;
}

int jpeg_writer_pixels(struct jpeg_writer *writer, const struct plane *pixels, int bands,
                       const struct jpeg_settings *how, const struct metadata *metadata)
{
	j_compress_ptr encoder = &writer->encoder;
	encoder->err = trap_set(&writer->trap);
	if (setjmp(writer->trap.back) != 0) {
		jpeg_destroy_compress(encoder);
		return -1;
	}
	begin(writer, pixels->width, pixels->height, bands, how);
	jpeg_start_compress(encoder, TRUE);
	write_metadata(encoder, metadata);
	while (encoder->next_scanline < encoder->image_height) {
		JSAMPROW row = pixels->at + (size_t)encoder->next_scanline * pixels->stride;
		jpeg_write_scanlines(encoder, &row, 1);
	}
	jpeg_finish_compress(encoder);
	jpeg_destroy_compress(encoder);
	return 0;
}

void jpeg_writer_trim(struct jpeg_writer *writer, size_t keep)
{
	if (writer->room <= keep)
		return;
	free(writer->at);
	writer->at = NULL;
	writer->size = writer->room = 0;
}
