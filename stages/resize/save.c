/* SPDX-License-Identifier: Apache-2.0 */
#include "save.h"
#include "exif.h"
#include "picture.h"
#include <string.h>

#define WEBP_MAX_EFFORT 6

/* strip_fields - takes from the picture what is not kept; libvips' own `strip` knows only all or nothing. */
static void strip_fields(VipsImage *image, const struct save_settings *how)
{
	static const char *const metadata[] = {VIPS_META_EXIF_NAME, VIPS_META_XMP_NAME, VIPS_META_IPTC_NAME,
	                                       VIPS_META_PHOTOSHOP_NAME, VIPS_META_IMAGEDESCRIPTION};
	if (!how->keep_profile)
		vips_image_remove(image, VIPS_META_ICC_NAME);
	if (how->keep_metadata)
		return;
	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
		vips_image_remove(image, metadata[i]);
	char **fields = vips_image_get_fields(image);
	for (char **field = fields; field && *field; field++)
		if (strncmp(*field, "exif-", 5) == 0 || strncmp(*field, "png-comment-", 12) == 0)
			vips_image_remove(image, *field);
	g_strfreev(fields);
}

static struct blob blob_of(VipsImage *image, const char *name)
{
	const void *at;
	size_t size;
	if (vips_image_get_typeof(image, name) == VIPS_TYPE_BLOB && vips_image_get_blob(image, name, &at, &size) == 0)
		return (struct blob){at, size};
	return (struct blob){0};
}

/* upright_exif - a copy of the block that says so, with its magic; the caller g_frees it. */
static void *upright_exif(struct blob *exif)
{
	bool magic = exif->size >= EXIF_MAGIC_SIZE && memcmp(exif->at, EXIF_MAGIC, EXIF_MAGIC_SIZE) == 0;
	size_t before = magic ? 0 : EXIF_MAGIC_SIZE;
	unsigned char *copy = exif->size ? g_try_malloc(exif->size + before) : NULL;
	if (copy) {
		memcpy(copy, EXIF_MAGIC, EXIF_MAGIC_SIZE);
		memcpy(copy + before, exif->at, exif->size);
		exif_set_upright(copy, exif->size + before);
	}
	*exif = (struct blob){copy, copy ? exif->size + before : 0};
	return copy;
}

static int save_jpeg(VipsImage *image, const struct save_settings *how, struct jpeg_writer *writer, struct saved *to)
{
	const struct plane pixels = {.at = (unsigned char *)VIPS_IMAGE_ADDR(image, 0, 0),
	                             .stride = VIPS_IMAGE_SIZEOF_LINE(image),
	                             .width = image->Xsize,
	                             .height = image->Ysize};
	struct metadata metadata = {0};
	void *exif = NULL;
	if (how->keep_profile)
		metadata.profile = blob_of(image, VIPS_META_ICC_NAME);
	if (how->keep_metadata) {
		metadata.exif = blob_of(image, VIPS_META_EXIF_NAME);
		metadata.xmp = blob_of(image, VIPS_META_XMP_NAME);
		metadata.iptc = blob_of(image, VIPS_META_IPTC_NAME);
		if (metadata.iptc.size <= IPTC_MAGIC_SIZE || memcmp(metadata.iptc.at, IPTC_MAGIC, IPTC_MAGIC_SIZE) != 0)
			metadata.iptc.size = 0;
		exif = upright_exif(&metadata.exif);
	}
	int result = jpeg_writer_pixels(writer, &pixels, image->Bands, &how->jpeg, &metadata);
	*to = (struct saved){.at = writer->at, .size = writer->size};
	g_free(exif);
	return result;
}

static int save_otherwise(VipsImage *image, enum format format, const struct save_settings *how, struct saved *to)
{
	gboolean strip = !how->keep_metadata && !how->keep_profile;
	VipsImage *stripped = NULL;
	int result = -1;
	if (vips_copy(image, &stripped, NULL) != 0)
		return -1;
	strip_fields(stripped, how);
	if (format == FORMAT_PNG)
		result = vips_pngsave_buffer(stripped, &to->owned, &to->size, "compression", how->compression,
		                             "palette", how->palette, "Q", how->jpeg.quality, "strip", strip, NULL);
	else if (format == FORMAT_WEBP)
		result = vips_webpsave_buffer(stripped, &to->owned, &to->size, "Q", how->jpeg.quality, "lossless",
		                              how->lossless, "effort", VIPS_MIN(how->effort, WEBP_MAX_EFFORT), "strip",
		                              strip, NULL);
	else if (format == FORMAT_AVIF)
		result = vips_heifsave_buffer(stripped, &to->owned, &to->size, "Q", how->jpeg.quality, "compression",
		                              VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", how->effort, "lossless",
		                              how->lossless, "strip", strip, NULL);
	g_object_unref(stripped);
	to->at = to->owned;
	return result;
}

int save_picture(VipsImage *image, enum format format, const struct save_settings *how, struct jpeg_writer *writer,
                 struct saved *to, bool *memory, char *why, size_t why_size)
{
	*to = (struct saved){0};
	if (format != FORMAT_JPEG) {
		picture_error_forget();
		int result = save_otherwise(image, format, how, to);
		if (result != 0)
			*memory = picture_error(why, why_size);
		return result;
	}
	if (save_jpeg(image, how, writer, to) == 0)
		return 0;
	*memory = writer->trap.memory;
	g_strlcpy(why, writer->trap.text, why_size);
	return -1;
}

bool save_possible(enum format format)
{
	const struct save_settings how = {.jpeg = {.quality = 50}};
	VipsImage *blank = NULL;
	struct saved saved = {0};
	bool result =
	    vips_black(&blank, 16, 16, "bands", 3, NULL) == 0 && save_otherwise(blank, format, &how, &saved) == 0;
	g_clear_object(&blank);
	g_free(saved.owned);
	picture_error_forget();
	return result;
}
