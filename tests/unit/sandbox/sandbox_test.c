/* SPDX-License-Identifier: Apache-2.0 */
/* kk_sandbox: each thing a stage may not do is tried in a process of its own, and each thing it may. */
/* Before cmocka, which makes a macro of the name of one of its fields. */
#include <kakehi/stage.h>

#include "harness.h"
#include "worker/landlock.h"
#include "worker/sandbox.h"
#include "worker/sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <kakehi/shm.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERYTHING (KK_NEED_NETWORK | KK_NEED_READ | KK_NEED_WRITE | KK_NEED_EXEC)

/* What the probes find: all made before the sandbox closes. Paths are relative to the working directory. */
static struct {
	pid_t victim;
	const char *outside; /* a directory that is neither the working directory nor beneath it */
	const char *root;    /* another one, given as a root for writing                         */
	struct kk_shm *shm, *memfd;
	int pipe[2], event;
} world;

/* A probe returns 0 if it could do what it tried, else an errno. */
typedef int probe(void);

static int result(long rc)
{
	return rc >= 0 ? 0 : errno;
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int rc = result(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static const char *outside(const char *name)
{
	static char path[500];
	(void)snprintf(path, sizeof(path), "%s/%s", world.outside, name);
	return path;
}

static int socket_of(int family, int type)
{
	int fd = socket(family, type, 0);
	int rc = result(fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int tcp_socket(void)
{
	return socket_of(AF_INET, SOCK_STREAM);
}

static int udp_socket(void)
{
	return socket_of(AF_INET6, SOCK_DGRAM);
}

static int unix_socket(void)
{
	return socket_of(AF_UNIX, SOCK_STREAM);
}

static int netlink_socket(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW);
}

static int read_here(void)
{
	return opened("file", O_RDONLY);
}

static int read_outside(void)
{
	return opened(outside("file"), O_RDONLY);
}

static int read_passwd(void)
{
	return opened("/etc/passwd", O_RDONLY);
}

static int list_root(void)
{
	return opened("/", O_RDONLY | O_DIRECTORY);
}

static int write_here(void)
{
	return opened("file", O_WRONLY | O_TRUNC);
}

static int create_here(void)
{
	int rc = opened("new", O_WRONLY | O_CREAT | O_EXCL);
	return rc ? rc : result(rename("new", "newer"));
}

static int make_dir_here(void)
{
	int rc = result(mkdir("dir", 0700));
	return rc ? rc : result(rmdir("dir"));
}

static int remove_here(void)
{
	return result(unlink("file"));
}

static int truncate_here(void)
{
	return result(truncate("file", 0));
}

static int change_mode_here(void)
{
	return result(chmod("file", 0644));
}

static int write_outside(void)
{
	return opened(outside("file"), O_WRONLY);
}

static int create_outside(void)
{
	return opened(outside("new"), O_WRONLY | O_CREAT);
}

static int remove_outside(void)
{
	return result(unlink(outside("file")));
}

static int write_in_root(void)
{
	char path[500];
	(void)snprintf(path, sizeof(path), "%s/new", world.root);
	return opened(path, O_WRONLY | O_CREAT);
}

static int sync_here(void)
{
	return opened(".", O_RDONLY | O_DIRECTORY);
}

/* A writable descriptor out of a read-only one. */
static int widen(const struct kk_shm *shm)
{
	char path[64];
	(void)fchmod(kk_shm_fd(shm, false), 0600);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", kk_shm_fd(shm, false));
	return opened(path, O_RDWR);
}

static int widen_segment(void)
{
	return widen(world.shm);
}

static int widen_memfd(void)
{
	return widen(world.memfd);
}

static int shrink_segment(void)
{
	return result(ftruncate(kk_shm_fd(world.shm, true), 0));
}

static int fork_child(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child < 0 ? errno : result(waitpid(child, NULL, 0));
}

static int run_program(void)
{
	char *const argv[] = {"true", NULL};
	execv("/bin/true", argv);
	return errno;
}

static int kill_other(void)
{
	return result(kill(world.victim, 0));
}

static int kill_group(void)
{
	return result(kill(0, 0));
}

static int kill_thread_of_other(void)
{
	return result(syscall(SYS_tgkill, world.victim, world.victim, 0));
}

static int limit_other(void)
{
	struct rlimit limit;
	return result(prlimit(world.victim, RLIMIT_NOFILE, NULL, &limit));
}

static int trace_other(void)
{
	return result(ptrace(PTRACE_ATTACH, world.victim, NULL, NULL));
}

static int read_memory_of_other(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&world, 1};
	return result(process_vm_readv(world.victim, &here, 1, &there, 1, 0));
}

static int open_memory_of_other(void)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)world.victim);
	return opened(path, O_RDWR);
}

static int new_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int new_namespace_by_clone(void)
{
	long child = syscall(SYS_clone, (long)CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	return child < 0 ? errno : result(waitpid((pid_t)child, NULL, 0));
}

#define CALL_PROBE(name, ...)                                                                                          \
	static int name(void)                                                                                          \
	{                                                                                                              \
		return result(syscall(__VA_ARGS__));                                                                   \
	}
CALL_PROBE(mount_something, SYS_mount, "none", "/tmp", "tmpfs", 0L, NULL)
CALL_PROBE(unmount_something, SYS_umount2, "/nowhere", 0L)
CALL_PROBE(use_keys, SYS_keyctl, 0L, -3L, 1L)
CALL_PROBE(use_bpf, SYS_bpf, 0L, NULL, 0L)
CALL_PROBE(use_perf, SYS_perf_event_open, NULL, 0L, -1L, -1L, 0L)
CALL_PROBE(use_uring, SYS_io_uring_setup, 1L, NULL)
CALL_PROBE(use_userfaultfd, SYS_userfaultfd, 0L)
CALL_PROBE(load_module, SYS_finit_module, -1L, "", 0L)
CALL_PROBE(load_kernel, SYS_kexec_load, 0L, 0L, NULL, 0L)
CALL_PROBE(open_by_handle, SYS_open_by_handle_at, -1L, NULL, 0L)
CALL_PROBE(take_descriptor, SYS_pidfd_getfd, -1L, 0L, 0L)
CALL_PROBE(enter_namespace, SYS_setns, -1L, 0L)
CALL_PROBE(change_root, SYS_chroot, "/")

/* ---- what every stage may do */

static void *add_one(void *argument)
{
	++*(int *)argument;
	return NULL;
}

static int thread(void)
{
	pthread_t id;
	int count = 0;
	int rc = pthread_create(&id, NULL, add_one, &count);
	if (rc == 0)
		rc = pthread_join(id, NULL);
	return rc ? rc : count == 1 ? 0 : EINVAL;
}

static int memory(void)
{
	void *private = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *shared = kk_shm_map(kk_shm_fd(world.memfd, true), 4096, true, NULL);
	if (private == MAP_FAILED || !shared)
		return errno;
	memset(shared, 1, 4096);
	return result(munmap(private, 1 << 20));
}

static int pipes_and_events(void)
{
	uint64_t one = 1;
	char byte = 1;
	if (write(world.event, &one, sizeof(one)) != sizeof(one) || read(world.event, &one, sizeof(one)) != sizeof(one))
		return errno;
	if (write(world.pipe[1], &byte, 1) != 1 || read(world.pipe[0], &byte, 1) != 1)
		return errno;
	int fd = eventfd(0, EFD_CLOEXEC);
	return result(fd < 0 ? -1 : close(fd));
}

static int limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return errno;
	limit.rlim_cur = 0;
	return result(setrlimit(RLIMIT_CORE, &limit));
}

static int futex(void)
{
	static unsigned word;
	struct timespec soon = {.tv_nsec = 1};
	long rc = syscall(SYS_futex, &word, 0, 0, &soon, NULL, 0);
	return rc < 0 && errno == ETIMEDOUT ? 0 : EINVAL;
}

static int signal_itself(void)
{
	return result(signal(SIGUSR1, SIG_IGN) == SIG_ERR ? -1 : kill(getpid(), SIGUSR1) < 0 ? -1 : raise(SIGUSR1));
}

static int anonymous_file(void)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	return result(fd < 0 ? -1 : close(fd));
}

/* ---- the table: what is allowed with which need */

static const struct row {
	const char *what;
	probe *try;
	unsigned needs;     /* one of these is enough; 0: nobody may             */
	bool always;        /* everybody may                                     */
	bool but_sanitized; /* stays open in sanitizer builds: not tried there   */
} rows[] = {
    {"make a TCP socket", tcp_socket, KK_NEED_NETWORK, false, false},
    {"make a UDP socket", udp_socket, KK_NEED_NETWORK, false, false},
    {"make a Unix socket", unix_socket, KK_NEED_NETWORK, false, false},
    {"make a netlink socket", netlink_socket, KK_NEED_NETWORK, false, false},
    {"read a file here", read_here, KK_NEED_READ | KK_NEED_EXEC, false, false},
    {"read a file elsewhere", read_outside, KK_NEED_READ | KK_NEED_EXEC, false, false},
    {"read /etc/passwd", read_passwd, KK_NEED_READ | KK_NEED_EXEC, false, false},
    {"list /", list_root, KK_NEED_READ | KK_NEED_EXEC, false, false},
    {"write a file here", write_here, KK_NEED_WRITE, false, false},
    {"create and rename a file here", create_here, KK_NEED_WRITE, false, false},
    {"make a directory here", make_dir_here, KK_NEED_WRITE, false, false},
    {"remove a file here", remove_here, KK_NEED_WRITE, false, false},
    {"truncate a file here", truncate_here, KK_NEED_WRITE, false, false},
    {"change a mode here", change_mode_here, KK_NEED_WRITE, false, false},
    {"open a directory here to sync it", sync_here, KK_NEED_WRITE | KK_NEED_READ | KK_NEED_EXEC, false, false},
    {"write beneath a root", write_in_root, KK_NEED_WRITE, false, false},
    {"write elsewhere", write_outside, 0, false, false},
    {"create elsewhere", create_outside, 0, false, false},
    {"remove elsewhere", remove_outside, 0, false, false},
    {"shrink a segment", shrink_segment, KK_NEED_WRITE, false, false},
    {"fork", fork_child, KK_NEED_EXEC, false, false},
    {"run a program", run_program, KK_NEED_EXEC, false, false},
    {"signal another process", kill_other, 0, false, false},
    {"signal its group", kill_group, KK_NEED_EXEC, false, false},
    {"signal a thread of another process", kill_thread_of_other, 0, false, false},
    {"look at another's limits", limit_other, 0, false, false},
    {"trace another process", trace_other, 0, false, true},
    {"read another's memory", read_memory_of_other, 0, false, false},
    {"open another's memory", open_memory_of_other, 0, false, false},
    {"make a namespace", new_namespace, 0, false, false},
    {"make a namespace by clone", new_namespace_by_clone, 0, false, false},
    {"mount", mount_something, 0, false, false},
    {"unmount", unmount_something, 0, false, false},
    {"use keys", use_keys, 0, false, false},
    {"use bpf", use_bpf, 0, false, false},
    {"use perf", use_perf, 0, false, false},
    {"use io_uring", use_uring, 0, false, false},
    {"use userfaultfd", use_userfaultfd, 0, false, false},
    {"load a module", load_module, 0, false, false},
    {"load a kernel", load_kernel, 0, false, false},
    {"open by handle", open_by_handle, 0, false, false},
    {"take a descriptor", take_descriptor, 0, false, false},
    {"enter a namespace", enter_namespace, 0, false, false},
    {"change the root", change_root, 0, false, false},
    {"start a thread", thread, 0, true, false},
    {"map memory", memory, 0, true, false},
    {"use pipes and events", pipes_and_events, 0, true, false},
    {"set its own limits", limits, 0, true, false},
    {"wait on a futex", futex, 0, true, false},
    {"signal itself", signal_itself, 0, true, false},
    {"make an anonymous file", anonymous_file, 0, true, false},
};

_Noreturn static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void make_world(void)
{
	world.outside = harness_path("outside");
	world.root = harness_path("root");
	harness_make_dir(world.outside);
	harness_make_dir(world.root);
	harness_make_dir(harness_path("here"));
	harness_write_text(harness_path("outside/file"), "x");
	assert_int_equal(chdir(harness_path("here")), 0);
	world.shm = kk_shm_create(4096, "a test", 0, NULL);
	world.memfd = kk_shm_create(4096, "a test", KK_SHM_MEMFD, NULL);
	assert_non_null(world.shm);
	assert_non_null(world.memfd);
	assert_int_equal(pipe2(world.pipe, O_CLOEXEC), 0);
	world.event = eventfd(0, EFD_CLOEXEC);
	assert_true(world.event >= 0);
	world.victim = fork();
	assert_true(world.victim >= 0);
	if (world.victim == 0)
		wait_for_ever();
}

static void end_world(void)
{
	assert_int_equal(kill(world.victim, SIGKILL), 0);
	assert_int_equal(waitpid(world.victim, NULL, 0), world.victim);
	kk_shm_free(world.shm);
	kk_shm_free(world.memfd);
	close(world.pipe[0]);
	close(world.pipe[1]);
	close(world.event);
}

/* The current directory is none of the roots. */
static bool nowhere_else;

/* Tries one thing in a sandbox. -1: killed for it; else 0 or an errno. 200: the sandbox was not complete. */
static int in_sandbox(unsigned needs, probe *try, uid_t as)
{
	int status;
	harness_write_text("file", "x");
	(void)unlink("newer");
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char level[300];
		struct kk_sandbox_paths paths = {.write = &world.root, .count = 1, .nowhere_else = nowhere_else};
		struct rlimit no_core = {0, 0};
		(void)setrlimit(RLIMIT_CORE, &no_core);
		if (as != 0 && (setgid(as) < 0 || setuid(as) < 0))
			_exit(201);
		int rc = kk_sandbox_enter(needs, &paths, level, sizeof(level));
		/* An older kernel lacks some of it, and says so. */
		if (rc < 0 || (rc > 0 && kk_landlock_abi() >= 6)) {
			(void)!write(STDERR_FILENO, level, strlen(level));
			_exit(200);
		}
		_exit(try());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return -1;
	}
	return WEXITSTATUS(status);
}

/* Can this kernel hold the row? Without Landlock a need opens all files, and an old one lets programs signal. */
static bool holdable(const struct row *row, unsigned needs)
{
	int abi = kk_landlock_abi();
	if (KK_SANITIZED && row->but_sanitized)
		return false;
	if (abi < 6 && (needs & KK_NEED_EXEC) && (row->try == kill_other || row->try == kill_thread_of_other))
		return false;
	return abi > 0 || (needs & (KK_NEED_READ | KK_NEED_WRITE | KK_NEED_EXEC)) == 0;
}

/* Every row of the table with these needs. */
static void try_all(unsigned needs, uid_t as)
{
	make_world();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		if (!holdable(row, needs))
			continue;
		int got = in_sandbox(needs, row->try, as);
		bool may = row->always || (row->needs & needs) != 0;
		if (may && got != 0)
			fail_msg("with needs %#x it could not %s: %d", needs, row->what, got);
		if (!may && got == 0)
			fail_msg("with needs %#x it could %s", needs, row->what);
		assert_true(got < 200);
	}
	end_world();
}

static void test_each_need(void **state)
{
	(void)state;
	static const unsigned needs[] = {0,
	                                 KK_NEED_NETWORK,
	                                 KK_NEED_READ,
	                                 KK_NEED_WRITE,
	                                 KK_NEED_EXEC,
	                                 KK_NEED_READ | KK_NEED_WRITE,
	                                 KK_NEED_NETWORK | KK_NEED_READ,
	                                 EVERYTHING};
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		try_all(needs[i], 0);
}

/* The same without privileges, where the working directory and the roots belong to somebody else: reading only. */
static void test_without_privileges(void **state)
{
	(void)state;
	static probe *const denied[] = {tcp_socket, read_passwd,          create_here,
	                                fork_child, kill_thread_of_other, use_bpf};
	if (geteuid() != 0)
		skip();
	make_world();
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		assert_int_not_equal(in_sandbox(0, denied[i], 65534), 0);
	assert_int_equal(in_sandbox(0, thread, 65534), 0);
	assert_int_equal(in_sandbox(KK_NEED_READ, read_passwd, 65534), 0);
	assert_int_equal(in_sandbox(KK_NEED_NETWORK, tcp_socket, 65534), 0);
	end_world();
}

/* Not even root makes a writable descriptor of a segment out of a read-only one. */
static void test_segments_stay_read_only(void **state)
{
	(void)state;
	make_world();
	static const unsigned needs[] = {0, KK_NEED_NETWORK, KK_NEED_READ, KK_NEED_NETWORK | KK_NEED_READ};
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		assert_int_not_equal(in_sandbox(needs[i], widen_segment, 0), 0);
		assert_int_not_equal(in_sandbox(needs[i], widen_memfd, 0), 0);
	}
	end_world();
}

static int level_probe(void)
{
	return 0;
}

static void test_nowhere_else(void **state)
{
	(void)state;
	if (kk_landlock_abi() == 0)
		skip();
	make_world();
	nowhere_else = true;
	assert_int_equal(in_sandbox(KK_NEED_WRITE, write_in_root, 0), 0);
	assert_int_not_equal(in_sandbox(KK_NEED_WRITE, write_here, 0), 0);
	end_world();
}

static void test_level(void **state)
{
	(void)state;
	int status;
	make_world();
	assert_int_equal(in_sandbox(0, level_probe, 0), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char level[300];
		const char *missing = "/there/is/no/such/folder";
		struct kk_sandbox_paths paths = {.write = &missing, .count = 1};
		int rc = kk_sandbox_enter(KK_NEED_WRITE, &paths, level, sizeof(level));
		_exit(rc != 1                                                                 ? 1
		      : !strstr(level, "no_new_privs, ")                                      ? 2
		      : !strstr(level, "seccomp")                                             ? 3
		      : kk_landlock_abi() > 0 && !strstr(level, "leave to write in \"/there") ? 4
		                                                                              : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	end_world();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_need),
    cmocka_unit_test(test_without_privileges),
    cmocka_unit_test(test_segments_stay_read_only),
    cmocka_unit_test(test_nowhere_else),
    cmocka_unit_test(test_level),
};
HARNESS_MAIN(tests)
