/* SPDX-License-Identifier: Apache-2.0 */
/* engine/worker/filter.c - the deny-list of system calls.
 *
 * A deny-list, as stages bring libraries of their own, whose harmless calls nobody can list. What libraries try
 * without harm gets an error that they know how to take; what no image decoder ever does ends the process, which
 * its supervisor reports with the signal's name (SIGSYS).
 */
#include "worker/filter.h"

#include "worker/sanitizer.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/stage.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define KILL  SCMP_ACT_KILL_PROCESS
#define PERM  SCMP_ACT_ERRNO(EPERM)
#define ACCES SCMP_ACT_ERRNO(EACCES)
#define NOSYS SCMP_ACT_ERRNO(ENOSYS)

#define FILES (KK_NEED_READ | KK_NEED_WRITE | KK_NEED_EXEC)

/* fchmodat2 has one number on all architectures, and is newer than libseccomp 2.5. */
#define FCHMODAT2 452

/* System calls denied whatever their arguments are, unless the stage has one of the needs. */
struct denial {
	int call;
	uint32_t action;
	unsigned unless;
};

static const struct denial denials[] = {
    /* What belongs to administrators. */
    {SCMP_SYS(mount), KILL, 0},
    {SCMP_SYS(umount2), KILL, 0},
    {SCMP_SYS(pivot_root), KILL, 0},
    {SCMP_SYS(chroot), KILL, 0},
    {SCMP_SYS(move_mount), KILL, 0},
    {SCMP_SYS(open_tree), KILL, 0},
    {SCMP_SYS(fsopen), KILL, 0},
    {SCMP_SYS(fsconfig), KILL, 0},
    {SCMP_SYS(fsmount), KILL, 0},
    {SCMP_SYS(fspick), KILL, 0},
    {SCMP_SYS(mount_setattr), KILL, 0},
    {SCMP_SYS(kexec_load), KILL, 0},
    {SCMP_SYS(kexec_file_load), KILL, 0},
    {SCMP_SYS(init_module), KILL, 0},
    {SCMP_SYS(finit_module), KILL, 0},
    {SCMP_SYS(delete_module), KILL, 0},
    {SCMP_SYS(reboot), KILL, 0},
    {SCMP_SYS(swapon), KILL, 0},
    {SCMP_SYS(swapoff), KILL, 0},
    {SCMP_SYS(acct), KILL, 0},
    {SCMP_SYS(settimeofday), KILL, 0},
    {SCMP_SYS(clock_settime), KILL, 0},
    {SCMP_SYS(sethostname), KILL, 0},
    {SCMP_SYS(setdomainname), KILL, 0},
    {SCMP_SYS(iopl), KILL, 0},
    {SCMP_SYS(ioperm), KILL, 0},
    {SCMP_SYS(open_by_handle_at), KILL, 0},
    {SCMP_SYS(bpf), KILL, 0},
    {SCMP_SYS(setns), KILL, 0},
    {SCMP_SYS(unshare), PERM, 0},
    {SCMP_SYS(syslog), PERM, 0},
    {SCMP_SYS(fanotify_init), PERM, 0},
    {SCMP_SYS(quotactl), PERM, 0},

    /* Ways into other processes, and into the kernel past this filter. Kerberos looks for a key ring. */
    {SCMP_SYS(pidfd_getfd), KILL, 0},
    {SCMP_SYS(process_vm_readv), PERM, 0},
    {SCMP_SYS(process_vm_writev), PERM, 0},
    {SCMP_SYS(process_madvise), PERM, 0},
    {SCMP_SYS(process_mrelease), PERM, 0},
    {SCMP_SYS(kcmp), PERM, 0},
    {SCMP_SYS(perf_event_open), PERM, 0},
    {SCMP_SYS(userfaultfd), PERM, 0},
    {SCMP_SYS(add_key), PERM, 0},
    {SCMP_SYS(request_key), PERM, 0},
    {SCMP_SYS(keyctl), PERM, 0},
    {SCMP_SYS(io_uring_setup), NOSYS, 0},
    {SCMP_SYS(io_uring_enter), NOSYS, 0},
    {SCMP_SYS(io_uring_register), NOSYS, 0},
    /* Its flags lie in memory, where a filter cannot look; libc goes back to clone. */
    {SCMP_SYS(clone3), NOSYS, 0},

    {SCMP_SYS(socket), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(socketpair), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(connect), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(bind), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(listen), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(accept), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(accept4), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(sendto), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(sendmsg), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(sendmmsg), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(recvfrom), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(recvmsg), PERM, KK_NEED_NETWORK},
    {SCMP_SYS(recvmmsg), PERM, KK_NEED_NETWORK},

    {SCMP_SYS(execve), PERM, KK_NEED_EXEC},
    {SCMP_SYS(execveat), PERM, KK_NEED_EXEC},
    {SCMP_SYS(fork), PERM, KK_NEED_EXEC},
    {SCMP_SYS(vfork), PERM, KK_NEED_EXEC},
    {SCMP_SYS(tkill), PERM, KK_NEED_EXEC},
    {SCMP_SYS(pidfd_send_signal), PERM, KK_NEED_EXEC},

    /* A segment that cannot be resized or reopened for writing stays what it is for all others. */
    {SCMP_SYS(truncate), PERM, KK_NEED_WRITE},
    {SCMP_SYS(ftruncate), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fallocate), PERM, KK_NEED_WRITE | KK_NEED_KEEP},
    {SCMP_SYS(chmod), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fchmod), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fchmodat), PERM, KK_NEED_WRITE},
    {FCHMODAT2, PERM, KK_NEED_WRITE},
    {SCMP_SYS(chown), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fchown), PERM, KK_NEED_WRITE},
    {SCMP_SYS(lchown), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fchownat), PERM, KK_NEED_WRITE},
    {SCMP_SYS(setxattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(lsetxattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fsetxattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(removexattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(lremovexattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(fremovexattr), PERM, KK_NEED_WRITE},
    {SCMP_SYS(utime), PERM, KK_NEED_WRITE},
    {SCMP_SYS(utimes), PERM, KK_NEED_WRITE},
    {SCMP_SYS(futimesat), PERM, KK_NEED_WRITE},
    {SCMP_SYS(utimensat), PERM, KK_NEED_WRITE},

    /* The same as Landlock, for kernels without it. */
    {SCMP_SYS(rename), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(renameat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(renameat2), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(link), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(linkat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(symlink), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(symlinkat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(unlink), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(unlinkat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(mkdir), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(mkdirat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(rmdir), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(mknod), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(mknodat), ACCES, KK_NEED_WRITE},
    {SCMP_SYS(creat), ACCES, KK_NEED_WRITE},
    /* Its flags lie in memory, too. */
    {SCMP_SYS(openat2), NOSYS, KK_NEED_WRITE},
};

/* What a sanitizer's search for leaks does at the end of the process. */
static const struct denial not_in_sanitized_builds[] = {
    {SCMP_SYS(ptrace), KILL, 0},
    {SCMP_SYS(open), ACCES, FILES},
    {SCMP_SYS(openat), ACCES, FILES},
};

/* System calls denied if (argument & mask) == value. */
struct flag_denial {
	int call;
	unsigned argument;
	uint64_t mask, value;
	unsigned unless;
};

#define BIT_DENIED(call, argument, bit, unless)                                                                        \
	{                                                                                                              \
		call, argument, bit, bit, unless                                                                       \
	}
#define NO_WRITING(call, argument)                                                                                     \
	BIT_DENIED(call, argument, O_WRONLY, KK_NEED_WRITE | KK_NEED_EXEC),                                            \
	    BIT_DENIED(call, argument, O_RDWR, KK_NEED_WRITE | KK_NEED_EXEC),                                          \
	    BIT_DENIED(call, argument, O_CREAT, KK_NEED_WRITE), BIT_DENIED(call, argument, O_TRUNC, KK_NEED_WRITE)

static const struct flag_denial flag_denials[] = {
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWNS, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWUSER, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWPID, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWNET, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWIPC, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWUTS, 0),
    BIT_DENIED(SCMP_SYS(clone), 0, CLONE_NEWCGROUP, 0),
    /* Threads stay allowed, processes do not; the helper that searches for leaks shares only the memory. */
    {SCMP_SYS(clone), 0, KK_SANITIZED ? CLONE_VM : CLONE_THREAD, 0, KK_NEED_EXEC},
    NO_WRITING(SCMP_SYS(open), 1),
    NO_WRITING(SCMP_SYS(openat), 2),
};

/* System calls denied if their first argument, a process, is not the right one. */
struct process_denial {
	int call;
	bool zero; /* the right one is 0, else it is this process's id */
	unsigned unless;
};

static const struct process_denial process_denials[] = {
    {SCMP_SYS(kill), false, KK_NEED_EXEC},
    {SCMP_SYS(tgkill), false, KK_NEED_EXEC},
    {SCMP_SYS(rt_sigqueueinfo), false, KK_NEED_EXEC},
    {SCMP_SYS(rt_tgsigqueueinfo), false, KK_NEED_EXEC},
    {SCMP_SYS(prlimit64), true, 0},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int add_denials(scmp_filter_ctx filter, const struct denial *table, size_t count, unsigned needs)
{
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		if (!(table[i].unless & needs))
			rc = seccomp_rule_add(filter, table[i].action, table[i].call, 0);
	return rc;
}

static int add_flag_denials(scmp_filter_ctx filter, unsigned needs)
{
	int rc = 0;
	for (size_t i = 0; i < COUNT(flag_denials) && rc == 0; i++) {
		const struct flag_denial *row = &flag_denials[i];
		if (!(row->unless & needs))
			rc = seccomp_rule_add(filter, row->call == SCMP_SYS(clone) ? PERM : ACCES, row->call, 1,
			                      SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, row->mask, row->value));
	}
	return rc;
}

static int add_process_denials(scmp_filter_ctx filter, unsigned needs)
{
	int rc = 0;
	for (size_t i = 0; i < COUNT(process_denials) && rc == 0; i++) {
		uint64_t right = process_denials[i].zero ? 0 : (uint64_t)getpid();
		if (!(process_denials[i].unless & needs))
			rc = seccomp_rule_add(filter, PERM, process_denials[i].call, 1,
			                      SCMP_CMP64(0, SCMP_CMP_NE, right, 0));
	}
	return rc;
}

int kk_filter_enter(unsigned needs)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return -ENOMEM;
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, KILL);
	/* A tree of comparisons instead of a list: calls that are allowed pay for the length of it. */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_denials(filter, denials, COUNT(denials), needs);
	if (rc == 0 && !KK_SANITIZED)
		rc = add_denials(filter, not_in_sanitized_builds, COUNT(not_in_sanitized_builds), needs);
	if (rc == 0)
		rc = add_flag_denials(filter, needs);
	if (rc == 0)
		rc = add_process_denials(filter, needs);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc;
}
