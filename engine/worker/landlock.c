/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/landlock.c - Landlock by its system calls, as neither libc nor Debian 12's headers have all of it. */
#include "worker/landlock.h"

#include "worker/sanitizer.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/stage.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers. */
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_TCP      UINT64_C(3)         /* ABI 4: bind and connect */
#define SCOPE_ALL    UINT64_C(3)         /* ABI 6: abstract sockets and signals */

struct ruleset {
	uint64_t files, net, scope;
};

/* What each version of the interface can hold; a kernel refuses bits that it does not know. */
static const struct ruleset handled[] = {
    [1] = {.files = (UINT64_C(1) << 13) - 1},
    [2] = {.files = (UINT64_C(1) << 14) - 1},
    [3] = {.files = (UINT64_C(1) << 15) - 1},
    [4] = {.files = (UINT64_C(1) << 15) - 1, .net = NET_TCP},
    [5] = {.files = (UINT64_C(1) << 16) - 1, .net = NET_TCP},
    [6] = {.files = (UINT64_C(1) << 16) - 1, .net = NET_TCP, .scope = SCOPE_ALL},
};
#define NEWEST ((int)(sizeof(handled) / sizeof(handled[0])) - 1)

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* READ_DIR, as a directory has to be opened to be synced. */
#define WRITING                                                                                                        \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                  \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* Of these, what means something for a root that is not a directory. */
#define OF_FILES                                                                                                       \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE)

int kk_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi > 0 ? (int)abi : 0;
}

/* Allows `access` beneath a path. 0, or -1 with errno. */
static int allow(int ruleset, const char *path, uint64_t access)
{
	struct stat st;
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	long rc;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return -1;
	rc = fstat(rule.parent_fd, &st);
	if (rc == 0) {
		if (!S_ISDIR(st.st_mode))
			rule.allowed_access &= OF_FILES;
		rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	int saved = errno;
	(void)close(rule.parent_fd);
	errno = saved;
	return (int)rc;
}

/* The rules that the needs ask for. A root that is not there is no error: nothing can be written there then. */
static int allow_needs(int ruleset, uint64_t all, unsigned needs, const struct kk_sandbox_paths *paths,
                       const char **skipped)
{
	uint64_t everywhere = 0;
	if (needs & (KK_NEED_READ | KK_NEED_EXEC))
		everywhere |= READING;
	if (needs & KK_NEED_EXEC)
		everywhere |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (everywhere && allow(ruleset, "/", everywhere) < 0)
		return -1;
	if ((needs & KK_NEED_EXEC) && allow(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE) < 0)
		*skipped = "/dev/null";
	/* A sanitizer's report and its search for leaks read there. */
	if (KK_SANITIZED && allow(ruleset, "/proc", READING) < 0)
		return -1;
	if (!(needs & KK_NEED_WRITE))
		return 0;
	if (!(paths && paths->nowhere_else) && allow(ruleset, ".", WRITING & all) < 0)
		*skipped = ".";
	for (size_t i = 0; paths && i < paths->count; i++)
		if (allow(ruleset, paths->write[i], WRITING & all) < 0)
			*skipped = paths->write[i];
	return 0;
}

int kk_landlock_enter(int abi, unsigned needs, const struct kk_sandbox_paths *paths, const char **skipped)
{
	struct ruleset rules = handled[abi < NEWEST ? abi : NEWEST];
	if (needs & KK_NEED_NETWORK)
		rules.net = 0;
	/* All three fields, also for an older kernel: it accepts what it does not know as long as it is zero. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset < 0)
		return -1;
	int rc = allow_needs(ruleset, rules.files, needs, paths, skipped);
	if (rc == 0)
		rc = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	int saved = errno;
	(void)close(ruleset);
	errno = saved;
	return rc;
}
