/* SPDX-License-Identifier: Apache-2.0 */
#include "srgb.h"
#include <lcms2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEPT          8
#define PROFILE_BYTES 16384
#define LEVELS        6 /* of each colour that is tried: all mixtures of 0, 51, ... 255 */
#define COLOURS       (LEVELS * LEVELS * LEVELS)
#define TOLERANCE     2 /* of 255 */

struct srgb {
	cmsHPROFILE reference;
	unsigned next; /* to be replaced */
	struct {
		bool same;
		size_t size; /* 0: free */
		unsigned char profile[PROFILE_BYTES];
	} kept[KEPT];
};

struct srgb *srgb_new(void)
{
	struct srgb *srgb = calloc(1, sizeof(*srgb));
	if (!srgb)
		return NULL;
	srgb->reference = cmsCreate_sRGBProfile();
	if (srgb->reference)
		return srgb;
	free(srgb);
	return NULL;
}

void srgb_free(struct srgb *srgb)
{
	if (!srgb)
		return;
	cmsCloseProfile(srgb->reference);
	free(srgb);
}

static bool changes_nothing(cmsHTRANSFORM transform)
{
	unsigned char from[COLOURS * 3], to[COLOURS * 3];
	for (int i = 0; i < COLOURS; i++) {
		from[3 * i] = (unsigned char)(i % LEVELS * 51);
		from[3 * i + 1] = (unsigned char)(i / LEVELS % LEVELS * 51);
		from[3 * i + 2] = (unsigned char)(i / (LEVELS * LEVELS) * 51);
	}
	cmsDoTransform(transform, from, to, COLOURS);
	for (int i = 0; i < COLOURS * 3; i++)
		if (abs(from[i] - to[i]) > TOLERANCE)
			return false;
	return true;
}

static bool judge(const struct srgb *srgb, const struct blob *profile)
{
	cmsHPROFILE opened = cmsOpenProfileFromMem(profile->at, (cmsUInt32Number)profile->size);
	if (!opened)
		return false;
	bool same = false;
	if (cmsGetColorSpace(opened) == cmsSigRgbData) {
		cmsHTRANSFORM transform = cmsCreateTransform(opened, TYPE_RGB_8, srgb->reference, TYPE_RGB_8,
		                                             INTENT_PERCEPTUAL, cmsFLAGS_NOOPTIMIZE | cmsFLAGS_NOCACHE);
		if (transform) {
			same = changes_nothing(transform);
			cmsDeleteTransform(transform);
		}
	}
	cmsCloseProfile(opened);
	return same;
}

bool srgb_same(struct srgb *srgb, const struct blob *profile)
{
	if (profile->size == 0 || profile->size > PROFILE_BYTES)
		return false;
	for (int i = 0; i < KEPT; i++)
		if (srgb->kept[i].size == profile->size &&
		    memcmp(srgb->kept[i].profile, profile->at, profile->size) == 0)
			return srgb->kept[i].same;
	unsigned i = srgb->next++ % KEPT;
	srgb->kept[i].same = judge(srgb, profile);
	srgb->kept[i].size = profile->size;
	memcpy(srgb->kept[i].profile, profile->at, profile->size);
	return srgb->kept[i].same;
}
