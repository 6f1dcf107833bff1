/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/manager.h - reads names, produces the shared objects that go by them: a family and a directory of it.
 *
 *	manager = kk_manager_create(NULL, &error);                       // the parent
 *	dict = kk_manager_dict(manager, "totals", &shape, &error);       // any member: the same dict
 *
 * Objects of other kinds are made by their own functions and entered:
 *
 *	lock = kk_lock_create(kk_manager_family(manager), &error);
 *	kk_manager_add(manager, "lock", kk_lock_ref(lock));
 *	... another member: kk_manager_find(manager, "lock", &ref); lock = kk_lock_open(family, ref, &error);
 *
 * A forked child uses the manager it has. Another member that knows the family opens it by its reference; processes
 * that are no relatives get both from a server (kakehi/manager_server.h).
 */
#ifndef KAKEHI_MANAGER_H
#define KAKEHI_MANAGER_H

#include <kakehi/dict.h>
#include <kakehi/family.h>
#include <kakehi/list.h>
#include <kakehi/namespace.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KK_MANAGER_NAMES    256U
#define KK_MANAGER_NAME_MAX 63U /* bytes of a name, 1 .. */

/* All zero: the defaults of the family, and KK_MANAGER_NAMES. */
struct kk_manager_spec {
	struct kk_family_spec family;
	uint32_t names; /* there is room for, at least */
};

/* One process's handle of a manager. Private memory, for any number of threads; stays valid in a forked child. */
struct kk_manager;

/* kk_manager_create - makes a family with a directory. `spec` NULL: all defaults. NULL: errors of kk_family_create and
 * kk_dict_create. End with kk_manager_close. */
KK_API struct kk_manager *kk_manager_create(const struct kk_manager_spec *spec, struct kk_error *error);
/* kk_manager_open - the directory that `ref` names, of a family that this process is a member of and that must outlive
 * the handle. NULL: errors of kk_dict_open. */
KK_API struct kk_manager *kk_manager_open(struct kk_family *family, uint64_t ref, struct kk_error *error);
/* kk_manager_close - frees the handle, and with one of kk_manager_create closes the family. The objects are gone with
 * the family's last member. NULL does nothing. */
KK_API void kk_manager_close(struct kk_manager *manager);

/* kk_manager_family - the family in which its objects live; the manager's. */
KK_API struct kk_family *kk_manager_family(const struct kk_manager *manager);
/* kk_manager_ref - what kk_manager_open takes. */
KK_API uint64_t kk_manager_ref(const struct kk_manager *manager);

/* kk_manager_dict, _list, _namespace - the object of that name: made with `shape` if there is none (dict and list:
 * NULL does not make one, KK_ERR_MISSING). Whoever comes first
 * makes it, all others get that one, whatever shape they ask for. The handle is the caller's, to be closed (not
 * destroyed) by the kind's own function. NULL: KK_ERR_INVALID (name empty or too long, the object is of another kind),
 * and errors of the kind's create and open. Who is killed while he makes one may leave an object without a name, which
 * keeps its room until the family ends. */
KK_API struct kk_dict *kk_manager_dict(struct kk_manager *manager, const char *name, const struct kk_dict_shape *shape,
                                       struct kk_error *error);
KK_API struct kk_list *kk_manager_list(struct kk_manager *manager, const char *name, const struct kk_list_shape *shape,
                                       struct kk_error *error);
KK_API struct kk_namespace *kk_manager_namespace(struct kk_manager *manager, const char *name,
                                                 const struct kk_namespace_shape *shape, struct kk_error *error);

/* kk_manager_add - enters an object of the family. 0; KK_ERR_EXISTS: the name is taken; KK_ERR_INVALID, KK_ERR_FULL. */
KK_API int kk_manager_add(struct kk_manager *manager, const char *name, uint64_t ref);
/* kk_manager_find - the reference of a name. 0, or KK_ERR_MISSING. */
KK_API int kk_manager_find(const struct kk_manager *manager, const char *name, uint64_t *ref);
/* kk_manager_forget - strikes a name; the object stays. 0, or KK_ERR_MISSING. */
KK_API int kk_manager_forget(struct kk_manager *manager, const char *name);
/* kk_manager_next - goes through the names, in no useful order: start with *cursor = 0. `name` has room for
 * KK_MANAGER_NAME_MAX + 1 bytes. 1; 0: there are no more; KK_ERR_CORRUPT. */
KK_API int kk_manager_next(const struct kk_manager *manager, uint32_t *cursor, char *name, uint64_t *ref);

#ifdef __cplusplus
}
#endif
#endif
