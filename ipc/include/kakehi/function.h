/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi/function.h - functions that run in another process: how they are named, called, and answer.
 *
 * A function pointer means something only to the processes that were forked from one image. A child that was started
 * afresh (spawn, fork server) finds a function by the name under which it was registered before main:
 *
 *	static int square(struct kk_call *call)
 *	{
 *		long long n = *(const long long *)call->args;
 *		n *= n;
 *		return kk_call_return(call, &n, sizeof(n));
 *	}
 *	KK_FUNCTION(square)
 *
 *	int main(int argc, char **argv)
 *	{
 *		kk_function_main(argc, argv);    // in a child that was started afresh: calls the function and exits
 *		...
 *	}
 *
 * The same functions are the targets of kk_process and the tasks of kk_pool and kk_executor.
 */
#ifndef KAKEHI_FUNCTION_H
#define KAKEHI_FUNCTION_H

#include <kakehi/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kk_family;

/* What a function is called with. Lives during the call. */
struct kk_call {
	const void *args; /* a copy of the caller's bytes, 16-byte aligned                          */
	size_t args_bytes;
	struct kk_family *family; /* of which this process is a member; NULL: of none                       */
	void *state;              /* what the worker's `init` left there (kk_pool); else NULL                */
	struct kk_answer *answer; /* where the answer goes; NULL: nobody wants one (kk_process)              */
};

/* Returns 0, or an error: a negative kk_status, or any other number, which becomes the exit status of a kk_process
 * (0 .. 255) or the code of a failed kk_future. */
typedef int kk_function(struct kk_call *call);

/* kk_call_return - the answer: `bytes` are copied. The last one counts. 0, which the function may return;
 * KK_ERR_NO_ROOM: larger than the caller's pool has room for. */
KK_API int kk_call_return(struct kk_call *call, const void *data, size_t bytes);

/* kk_call_fail - the function fails, with a sentence that the caller of kk_future_result reads. Returns `code`, or
 * KK_ERR_FAILED for 0. */
KK_API int kk_call_fail(struct kk_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One registered function; lies in static memory. */
struct kk_registered {
	const char *name;
	kk_function *function;
	struct kk_registered *next;
};

/* kk_function_register - makes `function` known under its name (1 .. 100 bytes). By one thread at a time, as the loader
 * of libraries does it; others may look for functions meanwhile. A name that is taken by another function is
 * KK_ERR_EXISTS. The struct and the name must live on. */
KK_API int kk_function_register(struct kk_registered *one);
/* kk_function_forget - makes it unknown again, before the struct goes. While no other thread starts processes. One that
 * is not known is fine. */
KK_API void kk_function_forget(struct kk_registered *one);
/* kk_function_find - the function of a name, or NULL. kk_function_name - its name, or NULL. */
KK_API kk_function *kk_function_find(const char *name);
KK_API const char *kk_function_name(kk_function *function);

/* kk_function_main - to be called first thing in main of a program that starts children afresh. In such a child it
 * runs what the child was started for and exits with its status; else it returns at once. */
KK_API void kk_function_main(int argc, char **argv);

/* KK_FUNCTION - registers a function under its own name before main, or when a library is loaded (dlopen), until that
 * is unloaded. */
#define KK_FUNCTION(function)                                                                                          \
	static struct kk_registered kk_registered_##function = {#function, function, NULL};                            \
	__attribute__((constructor)) static void kk_register_##function(void)                                          \
	{                                                                                                              \
		kk_function_register(&kk_registered_##function);                                                       \
	}                                                                                                              \
	__attribute__((destructor)) static void kk_forget_##function(void)                                             \
	{                                                                                                              \
		kk_function_forget(&kk_registered_##function);                                                         \
	}

#ifdef __cplusplus
}
#endif
#endif
