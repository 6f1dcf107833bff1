/* SPDX-License-Identifier: Apache-2.0 */
/* manager/objects.h - reads registered types, produces the objects that a server serves, counted. */
#ifndef MANAGER_OBJECTS_H
#define MANAGER_OBJECTS_H

#include <kakehi/manager_server.h>
#include <pthread.h>

struct object {
	struct object *next;
	uint64_t number; /* never given twice */
	void *pointer;
	const struct kk_served_type *type;
	size_t references; /* of connections, and of calls under way; under the lock of all */
	pthread_mutex_t turn;
};

struct objects {
	pthread_mutex_t lock;
	struct object *first;
	const struct kk_served_type **types;
	size_t type_count;
	uint64_t last;
	uint32_t count;
};

/* objects_init - 0 or KK_ERR_MEMORY. objects_fini - destroys all that are left; nobody uses them any more. */
int objects_init(struct objects *objects);
void objects_fini(struct objects *objects);

/* objects_register - 0, KK_ERR_EXISTS, KK_ERR_INVALID, KK_ERR_MEMORY. objects_type - of a name, or NULL. */
int objects_register(struct objects *objects, const struct kk_served_type *type);
const struct kk_served_type *objects_type(const struct objects *objects, const char *name, size_t bytes);

/* objects_enter - the object that `pointer` is, with one more reference; NULL: no memory. objects_hold - the object of
 * a number, likewise; NULL: there is none. objects_release - one reference less; the last one destroys it. */
struct object *objects_enter(struct objects *objects, const struct kk_served_type *type, void *pointer);
struct object *objects_hold(struct objects *objects, uint64_t number);
void objects_release(struct objects *objects, struct object *object);

uint32_t objects_count(struct objects *objects);

/* objects_method - of a type, or NULL. */
kk_served_function *objects_method(const struct kk_served_type *type, const char *name, size_t bytes);

#endif
