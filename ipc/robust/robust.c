/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/robust.h"

#include <errno.h>
#include <kakehi/error.h>

int kk_robust_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;
	int rc = pthread_mutexattr_init(&attributes);
	if (rc != 0)
		return KK_ERR_SYSTEM;
	rc = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(mutex, &attributes);
	(void)pthread_mutexattr_destroy(&attributes);
	return rc == 0 ? KK_OK : KK_ERR_SYSTEM;
}

int kk_robust_lock(pthread_mutex_t *mutex)
{
	int rc = pthread_mutex_lock(mutex);
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(mutex);
	return rc == 0 ? KK_OK : KK_ERR_CORRUPT;
}
