/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/sandbox.c - the order in which a worker gives up what its stage does not need, and the account of it.
 */
#include "worker/sandbox.h"

#include "worker/filter.h"
#include "worker/landlock.h"
#include "worker/sanitizer.h"
#include <dirent.h>
#include <errno.h>
#include <kakehi/stage.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What was obtained and what is missing, as lists for people. */
struct account {
	char have[100], missing[300];
};

static void note(char *list, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void note(char *list, size_t size, const char *format, ...)
{
	size_t used = strlen(list);
	va_list args;
	if (used > 0) {
		(void)snprintf(list + used, size - used, ", ");
		used = strlen(list);
	}
	va_start(args, format);
	(void)vsnprintf(list + used, size - used, format, args);
	va_end(args);
}

#define HAVE(account, ...)    note((account)->have, sizeof((account)->have), __VA_ARGS__)
#define MISSING(account, ...) note((account)->missing, sizeof((account)->missing), __VA_ARGS__)

static void look_at_threads(struct account *account)
{
	int threads = 0;
	DIR *dir = opendir("/proc/self/task");
	if (!dir)
		return;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			threads++;
	(void)closedir(dir);
	if (threads > 1 && !KK_SANITIZED)
		MISSING(account, "landlock and capabilities of %d earlier threads", threads - 1);
}

/* Root keeps what its access to files rests on, where the stage needs files; nobody keeps anything else. */
static void drop_capabilities(unsigned needs, struct account *account)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	uint32_t keep = 0;
	if (needs & (KK_NEED_READ | KK_NEED_WRITE | KK_NEED_EXEC))
		keep = CAP_TO_MASK(CAP_DAC_OVERRIDE) | CAP_TO_MASK(CAP_DAC_READ_SEARCH) | CAP_TO_MASK(CAP_CHOWN) |
		       CAP_TO_MASK(CAP_FOWNER);
	memset(data, 0, sizeof(data));
	long rc = syscall(SYS_capget, &header, data);
	if (rc == 0) {
		data[0].permitted &= keep;
		data[0].effective &= keep;
		data[0].inheritable = 0;
		data[1] = (struct __user_cap_data_struct){0};
		rc = syscall(SYS_capset, &header, data);
	}
	if (rc < 0)
		MISSING(account, "dropping capabilities (%s)", strerror(errno));
}

static void close_files(unsigned needs, const struct kk_sandbox_paths *paths, struct account *account)
{
	const char *skipped = NULL;
	int abi = kk_landlock_abi();
	if (abi == 0 || kk_landlock_enter(abi, needs, paths, &skipped) < 0) {
		MISSING(account, "landlock (%s)", strerror(errno));
		return;
	}
	HAVE(account, "landlock %d", abi);
	if (skipped)
		MISSING(account, "leave to write in \"%.100s\"", skipped);
	if (abi < 3 && (needs & KK_NEED_WRITE))
		MISSING(account, "landlock 3: may truncate files anywhere");
	if (abi < 6 && (needs & KK_NEED_EXEC))
		MISSING(account, "landlock 6: may signal other processes");
}

static void close_calls(unsigned needs, struct account *account)
{
	int rc = kk_filter_enter(needs);
	if (rc < 0)
		MISSING(account, "seccomp (%s)", strerror(-rc));
	else
		HAVE(account, "seccomp");
}

int kk_sandbox_enter(unsigned needs, const struct kk_sandbox_paths *paths, char *level, size_t size)
{
	struct account account = {"", ""};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		(void)snprintf(level, size, "none: no_new_privs: %s", strerror(errno));
		return -1;
	}
	HAVE(&account, "no_new_privs");
	look_at_threads(&account);
	/* Files before capabilities, which may be needed to open the roots; the filter last, as it may deny the rest.
	 */
	close_files(needs, paths, &account);
	drop_capabilities(needs, &account);
	close_calls(needs, &account);
	(void)snprintf(level, size, "%s%s%s%s", account.have, account.missing[0] ? "; missing: " : "", account.missing,
	               KK_SANITIZED ? "; sanitizer build: /proc and ptrace stay open" : "");
	return account.missing[0] ? 1 : 0;
}
