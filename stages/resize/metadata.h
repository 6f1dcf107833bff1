/* SPDX-License-Identifier: Apache-2.0 */
/* stages/resize/metadata.h - what a picture carries beside its pixels. All borrowed from whoever read it; a blob of
 * size 0 is not there.
 */
#ifndef STAGES_RESIZE_METADATA_H
#define STAGES_RESIZE_METADATA_H

#include <stddef.h>

struct blob {
	const unsigned char *at;
	size_t size;
};

struct metadata {
	struct blob exif;    /* with "Exif\0\0" before it            */
	struct blob xmp;     /* the XML alone                        */
	struct blob iptc;    /* with "Photoshop 3.0\0" before it     */
	struct blob profile; /* ICC                                  */
};

#define XMP_MAGIC       "http://ns.adobe.com/xap/1.0/"
#define XMP_MAGIC_SIZE  29
#define IPTC_MAGIC      "Photoshop 3.0"
#define IPTC_MAGIC_SIZE 14

#endif
