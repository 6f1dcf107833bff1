/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, started each way: what they get, how they end, what others see of it. */
#include "ways.h"
#include <errno.h>
#include <fcntl.h>
#include <kakehi/log.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- what is called */

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(99);
}

static int sum(struct kk_call *call)
{
	unsigned char *bytes = (unsigned char *)(uintptr_t)call->args;
	unsigned total = 0;

	if ((uintptr_t)call->args % 16 != 0)
		return 1;
	for (size_t i = 0; i < call->args_bytes; i++) {
		total += bytes[i];
		bytes[i] = 0; /* a copy: nobody minds */
	}
	dprintf(WAY_OUT, "%zu bytes, %u", call->args_bytes, total);
	return 0;
}
KK_FUNCTION(sum)

static int give(struct kk_call *call)
{
	return *(const int *)call->args;
}
KK_FUNCTION(give)

static int complain(struct kk_call *call)
{
	return kk_call_fail(call, *(const int *)call->args, "no %s in %d", "soap", 7);
}
KK_FUNCTION(complain)

static int answer(struct kk_call *call)
{
	return kk_call_return(call, "what nobody reads", 18);
}
KK_FUNCTION(answer)

static int sleep_on(struct kk_call *call)
{
	(void)call;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(sleep_on)

static int do_nothing(struct kk_call *call)
{
	(void)call;
	return 0;
}
KK_FUNCTION(do_nothing)

static int print(struct kk_call *call)
{
	(void)call;
	printf("child");
	fprintf(stderr, "!");
	return 0;
}
KK_FUNCTION(print)

static int introduce(struct kk_call *call)
{
	const struct kk_process_self *self = kk_process_current();

	(void)call;
	dprintf(WAY_OUT, "%s of %d%s", self->name, (int)self->parent, self->daemon ? ", a daemon" : "");
	return 0;
}
KK_FUNCTION(introduce)

/* A call whose args are the depth that is left; descends by fork. */
static int descend(struct kk_call *call)
{
	int depth = *(const int *)call->args - 1;
	struct kk_error error = {0};

	dprintf(WAY_OUT, "%s\n", kk_process_current()->name);
	for (int i = 0; depth > 0 && i < 2; i++) {
		struct kk_process *child = kk_process_start(descend, &depth, sizeof(depth), NULL, &error);
		if (!child || kk_process_join(child, 10000) < 0)
			return 1;
		kk_process_free(child);
	}
	return 0;
}
KK_FUNCTION(descend)

static int list_descriptors(struct kk_call *call)
{
	(void)call;
	for (int fd = 0; fd < 200; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(WAY_OUT, "%d ", fd);
	}
	return 0;
}
KK_FUNCTION(list_descriptors)

static int count_and_wait(struct kk_call *call)
{
	char byte;

	dprintf(WAY_OUT, "%u\n", way_open_descriptors());
	(void)call;
	return read(0, &byte, 1) == 0 ? 0 : 1;
}
KK_FUNCTION(count_and_wait)

static int show_environment(struct kk_call *call)
{
	const char *one = getenv("KAKEHI_ONE"), *two = getenv("KAKEHI_TWO");

	(void)call;
	dprintf(WAY_OUT, "%s %s", one ? one : "-", two ? two : "-");
	return 0;
}
KK_FUNCTION(show_environment)

static int show_place(struct kk_call *call)
{
	char *where = getcwd(NULL, 0);
	struct rlimit files;
	mode_t mask = umask(0);

	(void)call;
	getrlimit(RLIMIT_NOFILE, &files);
	dprintf(WAY_OUT, "%s %03o %d", where ? strrchr(where, '/') : "?", (unsigned)mask, (int)files.rlim_cur);
	free(where);
	return 0;
}
KK_FUNCTION(show_place)

static int upper(struct kk_call *call)
{
	char text[100];
	ssize_t n;

	(void)call;
	while ((n = read(WAY_OUT, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			text[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 32 : text[i]);
		if (write(WAY_OUT, text, (size_t)n) != n)
			return 1;
	}
	return n == 0 ? 0 : 1;
}
KK_FUNCTION(upper)

static int leave_group_member(struct kk_call *call)
{
	struct kk_error error = {0};
	struct kk_process *child;

	(void)call;
	child = kk_process_spawn(&(struct kk_process_spec){.path = "/bin/sleep",
	                                                   .argv = (const char *const[]){"sleep", "1000", NULL},
	                                                   .fds = (const struct kk_process_fd[]){{WAY_OUT, WAY_OUT}},
	                                                   .fd_count = 1},
	                         &error);
	if (!child)
		return 1;
	say(WAY_OUT, "started");
	return 0;
}
KK_FUNCTION(leave_group_member)

static int sit(struct kk_call *call)
{
	int seat = kk_family_seat(call->family);

	if (seat < 1 || kk_process_current()->family != call->family)
		return 1;
	if (dprintf(WAY_OUT, "%d", seat) < 0 || close(WAY_OUT) < 0)
		return 2;
	while (pause() < 0)
		;
	return 0;
}
KK_FUNCTION(sit)

static int sit_shortly(struct kk_call *call)
{
	return kk_family_seat(call->family) > 0 ? 0 : 1;
}
KK_FUNCTION(sit_shortly)

static int log_something(struct kk_call *call)
{
	(void)call;
	kk_log_debug("db.pool", "seen");
	kk_log_info("web", "unseen");
	return 0;
}
KK_FUNCTION(log_something)

static int without_name(struct kk_call *call)
{
	(void)call;
	return 5;
}

/* ---- arguments and ends */

static void arguments_are_copied(void)
{
	static const size_t sizes[] = {0, 1, 100, 1 << 20};
	unsigned char *bytes = malloc(1 << 20);

	assert_non_null(bytes);
	memset(bytes, 1, 1 << 20);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *text = way_output((struct kk_process_spec){.call = sum, .args = bytes, .args_bytes = sizes[i]},
		                        WAY_OUT, 0);
		assert_string_equal(text, harness_text("%zu bytes, %zu", sizes[i], sizes[i]));
		assert_int_equal(bytes[0], 1);
	}
	free(bytes);
}
WAY_TESTS(arguments_are_copied)

static void statuses_are_told(void)
{
	static const struct {
		kk_function *call;
		int value, status;
		const char *line; /* after the name */
	} rows[] = {
	    {give, 0, 0, ""},
	    {give, 7, 7, ""},
	    {give, 255, 255, ""},
	    {give, KK_ERR_TIMEOUT, 1, ": give: timed out\n"},
	    {give, 256, 1, ": give: returned 256\n"},
	    {complain, 0, 1, ": complain: no soap in 7\n"},
	    {complain, KK_ERR_FULL, 1, ": complain: no soap in 7\n"},
	    {complain, 3, 3, ": complain: no soap in 7\n"},
	    {answer, 0, 0, ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *text = way_output(
		    (struct kk_process_spec){
		        .call = rows[i].call, .args = &rows[i].value, .args_bytes = sizeof(int), .name = "teller"},
		    2, rows[i].status);
		assert_string_equal(text, rows[i].line[0] ? harness_text("teller%s", rows[i].line) : "");
	}
}
WAY_TESTS(statuses_are_told)

/* What the parent has printed but not flushed comes once, what the child has comes at all. */
static void streams_are_flushed(void)
{
	int ends[2], out = dup(1), err = dup(2);

	fflush(NULL);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(out >= 0 && err >= 0 && dup2(ends[1], 1) == 1 && dup2(ends[1], 2) == 2);
	printf("parent ");
	struct kk_process_end end = way_end(way_start((struct kk_process_spec){.call = print}));
	fflush(stdout);
	assert_true(dup2(out, 1) == 1 && dup2(err, 2) == 2);
	close(out);
	close(err);
	close(ends[1]);
	/* A common server was started with these standard streams. */
	if (way_used() == BY_COMMON_SERVER)
		kk_process_join_all();
	char *text = way_read(ends[0]);
	close(ends[0]);
	assert_true(end.exited && end.code == 0);
	assert_true(strcmp(text, "parent child!") == 0 || strcmp(text, "parent !child") == 0);
}
WAY_TESTS(streams_are_flushed)

static void signals_end_it(void)
{
	static const struct {
		int (*end)(struct kk_process *process);
		int code;
	} rows[] = {{kk_process_terminate, -SIGTERM}, {NULL, -SIGKILL}};

	for (size_t i = 0; i < 2; i++) {
		struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on, .daemon = true});
		struct kk_process *active[4] = {NULL};
		struct pollfd sentinel = {.fd = kk_process_sentinel(process), .events = POLLIN};
		int code = 1000;

		assert_true(kk_process_is_alive(process));
		assert_int_equal(kk_process_active_children(active, 4), 1);
		assert_ptr_equal(active[0], process);
		assert_int_equal(kk_process_exitcode(process, &code), KK_ERR_EMPTY);
		assert_int_equal(kk_process_join(process, 0), KK_ERR_TIMEOUT);
		assert_int_equal(kk_process_close(process), KK_ERR_INVALID);
		assert_int_equal(poll(&sentinel, 1, 0), 0);
		assert_int_equal(rows[i].end ? rows[i].end(process) : kk_process_kill(process, SIGKILL), KK_OK);
		assert_int_equal(poll(&sentinel, 1, 10000), 1);
		assert_int_equal(kk_process_exitcode(process, &code), KK_OK);
		assert_int_equal(code, rows[i].code);
		assert_false(kk_process_is_alive(process));
		assert_int_equal(kk_process_active_children(active, 4), 0);
		assert_int_equal(kk_process_join(process, 0), KK_OK);
		assert_int_equal(kk_process_join(process, -1), KK_OK);
		assert_int_equal(poll(&sentinel, 1, 0), 1);
		assert_int_equal(kk_process_kill(process, SIGKILL), KK_ERR_MISSING);
		assert_int_equal(kk_process_exitcode(process, &code), KK_OK);
		assert_int_equal(kk_process_close(process), KK_OK);
	}
	assert_int_equal(kk_process_close(NULL), KK_OK);
}
WAY_TESTS(signals_end_it)

static void running_is_freed(void)
{
	kk_process_free(way_start((struct kk_process_spec){.call = sleep_on}));
	kk_process_abandon(way_start((struct kk_process_spec){.call = sleep_on}));
	way_done();
	harness_wait_orphans(10000);
}
WAY_TESTS(running_is_freed)

static void usage_is_told(void)
{
	struct kk_process_end end = way_end(way_start((struct kk_process_spec){.call = do_nothing}));

	assert_true(end.max_rss_bytes > 0);
	assert_false(end.lost);
}
WAY_TESTS(usage_is_told)

/* ---- names */

static void names_tell_the_line(void)
{
	struct kk_process_spec spec = {.call = introduce};
	int two = 2;

	assert_string_equal(kk_process_current()->name, "MainProcess");
	assert_int_equal(kk_process_current()->parent, 0);
	assert_string_equal(way_output(spec, WAY_OUT, 0), harness_text("Process-1 of %d", getpid()));
	spec.daemon = true;
	assert_string_equal(way_output(spec, WAY_OUT, 0), harness_text("Process-2 of %d, a daemon", getpid()));
	spec.name = "painter";
	spec.daemon = false;
	assert_string_equal(way_output(spec, WAY_OUT, 0), harness_text("painter of %d", getpid()));
	spec = (struct kk_process_spec){.call = descend, .args = &two, .args_bytes = sizeof(two)};
	assert_string_equal(way_output(spec, WAY_OUT, 0), "Process-4\nProcess-4:1\nProcess-4:2\n");
	struct kk_process *process = way_start((struct kk_process_spec){.call = do_nothing, .name = "x"});
	assert_string_equal(kk_process_name(process), "x");
	way_end(process);
	process = way_start((struct kk_process_spec){.call = do_nothing});
	assert_string_equal(kk_process_name(process), "Process-6");
	way_end(process);
}
WAY_TESTS(names_tell_the_line)

static void test_names_have_a_length(void **state)
{
	struct kk_error error = {0};
	char longest[KK_NAME_MAX + 2];

	(void)state;
	memset(longest, 'n', sizeof(longest));
	longest[KK_NAME_MAX + 1] = '\0';
	assert_null(kk_process_start(do_nothing, NULL, 0, longest, &error));
	assert_int_equal(error.code, KK_ERR_INVALID);
	assert_null(kk_process_start(do_nothing, NULL, 0, "", &error));
	assert_int_equal(kk_process_rename(longest), KK_ERR_INVALID);
	assert_int_equal(kk_process_rename(""), KK_ERR_INVALID);
	longest[KK_NAME_MAX] = '\0';
	assert_int_equal(kk_process_rename(longest), KK_OK);
	assert_string_equal(kk_process_current()->name, longest);
	struct kk_process *process = kk_process_start(do_nothing, NULL, 0, longest, &error);
	assert_string_equal(kk_process_name(process), longest);
	way_end(process);
}

static void children_have_children(void)
{
	int three = 3;
	char *text = way_output(
	    (struct kk_process_spec){.call = descend, .args = &three, .args_bytes = sizeof(three), .name = "p"},
	    WAY_OUT, 0);

	assert_string_equal(
	    text, "p\nProcess-1:1\nProcess-1:1:1\nProcess-1:1:2\nProcess-1:2\nProcess-1:2:1\nProcess-1:2:2\n");
}
WAY_TESTS(children_have_children)

/* ---- what they inherit */

static void descriptors_are_listed(void)
{
	int high = fcntl(0, F_DUPFD, 60);
	char *text = way_output((struct kk_process_spec){.call = list_descriptors}, WAY_OUT, 0);
	int standard = strncmp(text, "0 1 2 ", 6) == 0;

	assert_int_equal(high, 60);
	assert_true(standard);
	/* A forked call and what was open before a forked server, but not what was opened since. */
	if (way_used() == BY_FORK)
		assert_non_null(strstr(text, " 60 "));
	else
		assert_null(strstr(text, " 60 "));
	if (way_used() == BY_SPAWN)
		assert_non_null(strstr(text, "0 1 2 9 10 ")); /* and its lifeline */
	close(high);
}
WAY_TESTS(descriptors_are_listed)

static void descriptors_come_crosswise(void)
{
	int a[2], b[2];
	struct kk_process *process;

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	/* Each under the other's number, and one of them as standard output, too. */
	struct kk_process_fd fds[] = {{a[1], b[1]}, {b[1], a[1]}, {b[1], WAY_OUT + 20}, {a[1], 1}};
	process = way_start((struct kk_process_spec){.call = print, .fds = fds, .fd_count = 4});
	close(a[1]);
	close(b[1]);
	assert_string_equal(way_read(a[0]), "child");
	assert_string_equal(way_read(b[0]), "");
	close(a[0]);
	close(b[0]);
	assert_int_equal(way_end(process).code, 0);
}
WAY_TESTS(descriptors_come_crosswise)

static void standard_streams_may_be_closed(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int kept = fcntl(fd, F_DUPFD_CLOEXEC, 20);
		assert_true(kept >= 0);
		close(fd);
		struct kk_process_end end = way_end(way_start((struct kk_process_spec){.call = print}));
		dup2(kept, fd);
		close(kept);
		assert_true(end.exited && end.code == 0);
	}
}
WAY_TESTS(standard_streams_may_be_closed)

/* The number of descriptors of a child does not grow with the number of children. */
static void descriptors_do_not_pile_up(void)
{
	enum { CHILDREN = 5 };
	struct kk_process *children[CHILDREN];
	int out[2], gate[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	/* A forked call would keep the gate open for itself. */
	if (way_used() == BY_FORK)
		goto out;
	struct kk_process_fd fds[] = {{gate[0], 0}, {out[1], WAY_OUT}};
	for (int i = 0; i < CHILDREN; i++)
		children[i] = way_start((struct kk_process_spec){.call = count_and_wait, .fds = fds, .fd_count = 2});
	close(gate[1]);
	gate[1] = -1;
	for (int i = 0; i < CHILDREN; i++)
		assert_int_equal(way_end(children[i]).code, 0);
	close(out[1]);
	out[1] = -1;
	char *text = way_read(out[0]), *first = harness_line(text, 0);
	for (int i = 0; i < CHILDREN; i++)
		assert_string_equal(harness_line(text, (size_t)i), first);
out:
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (gate[i] >= 0)
			close(gate[i]);
	}
}
WAY_TESTS(descriptors_do_not_pile_up)

static void environment_is_inherited_or_replaced(void)
{
	struct kk_process_spec spec = {.call = show_environment};

	/* Set before the server was started; see below. */
	assert_string_equal(way_output(spec, WAY_OUT, 0), "1 -");
	spec.environment = (const char *const[]){"KAKEHI_TWO=2", NULL};
	assert_string_equal(way_output(spec, WAY_OUT, 0), "- 2");
	spec.environment = (const char *const[]){NULL};
	assert_string_equal(way_output(spec, WAY_OUT, 0), "- -");
}
static void test_environment(void **state)
{
	(void)state;
	setenv("KAKEHI_ONE", "1", 1);
	for (enum way way = 0; way < WAYS; way++) {
		way_use(way);
		environment_is_inherited_or_replaced();
		way_done();
	}
}

static void they_work_where_they_should(void)
{
	struct kk_process_limit limit = {RLIMIT_NOFILE, 100};
	struct kk_process_spec spec = {.call = show_place, .limits = &limit, .limit_count = 1};

	harness_make_dir(harness_path("here"));
	harness_make_dir(harness_path("here/there"));
	assert_int_equal(chdir(harness_path("here")), 0);
	umask(022);
	assert_string_equal(way_output(spec, WAY_OUT, 0), "/here 022 100");
	spec.directory = "there";
	spec.set_umask = true;
	spec.umask = 027;
	assert_string_equal(way_output(spec, WAY_OUT, 0), "/there 027 100");
	spec.directory = "nowhere";
	struct kk_error error = {0};
	assert_null(way_try(spec, &error));
	assert_int_equal(error.code, KK_ERR_SYSTEM);
	assert_int_equal(error.system, ENOENT);
}
WAY_TESTS(they_work_where_they_should)

static void a_group_ends_with_its_leader(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct kk_process_fd fds[] = {{ends[1], WAY_OUT}};
	struct kk_process *process = way_start(
	    (struct kk_process_spec){.call = leave_group_member, .own_group = true, .fds = fds, .fd_count = 1});
	close(ends[1]);
	assert_int_equal(way_end(process).code, 0);
	/* Its end comes when the last of the group is gone. */
	assert_string_equal(way_read(ends[0]), "started");
	close(ends[0]);
	way_done();
	harness_wait_orphans(10000);
}
WAY_TESTS(a_group_ends_with_its_leader)

static void they_speak_with_their_parent(void)
{
	int pair[2];
	char text[10];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct kk_process_fd fds[] = {{pair[1], WAY_OUT}};
	struct kk_process *process =
	    way_start((struct kk_process_spec){.call = upper, .daemon = true, .fds = fds, .fd_count = 1});
	close(pair[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(pair[0], i == 0 ? "hello" : "world", 5), 5);
		assert_int_equal(recv(pair[0], text, 5, MSG_WAITALL), 5);
		assert_memory_equal(text, i == 0 ? "HELLO" : "WORLD", 5);
	}
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(way_end(process).code, 0);
	close(pair[0]);
}
WAY_TESTS(they_speak_with_their_parent)

static void levels_of_the_log_go_along(void)
{
	/* As many as there can be, and long ones: the last one goes along, too. */
	for (unsigned i = 1; i < KK_LOG_RULES; i++)
		kk_log_set(harness_text("the.module.with.the.long.name.and.number.%u", i), KK_LOG_WARNING);
	kk_log_set("db", KK_LOG_DEBUG);
	char *text = way_output((struct kk_process_spec){.call = log_something, .name = "logger"}, 2, 0);
	assert_non_null(strstr(text, "Z DEBUG logger db.pool: seen\n"));
	assert_null(strstr(text, "unseen"));
}
WAY_TESTS(levels_of_the_log_go_along)

/* ---- families */

static void members_are_buried_when_they_are_waited_for(void)
{
	struct kk_error error = {0};
	struct kk_family *family = kk_family_create(NULL, &error);
	struct kk_family_usage usage;
	struct kk_sitter sitter;
	int ends[2];

	if (!family)
		fail_msg("%s", error.text);
	assert_int_equal(kk_family_seat(family), 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct kk_process_fd fds[] = {{ends[1], WAY_OUT}};
	struct kk_process *process = way_start(
	    (struct kk_process_spec){.call = sit, .family = family, .name = "sitter", .fds = fds, .fd_count = 1});
	close(ends[1]);
	char seat[4] = {0};
	assert_true(read(ends[0], seat, 3) > 0);
	close(ends[0]);
	assert_int_equal(kk_family_sitter(family, (unsigned)atoi(seat), &sitter), KK_OK);
	assert_string_equal(sitter.name, "sitter");
	assert_int_equal(sitter.pid, kk_process_pid(process));
	assert_true(sitter.alive);
	kk_process_kill(process, SIGKILL);
	kk_family_usage(family, &usage);
	assert_int_equal(usage.deaths, 0);
	assert_int_equal(way_end(process).signal, SIGKILL);
	kk_family_usage(family, &usage);
	assert_int_equal(usage.deaths, 1);
	assert_int_equal(usage.seats_taken, 1);
	/* One that ends in peace gives up its seat. */
	assert_int_equal(way_end(way_start((struct kk_process_spec){.call = sit_shortly, .family = family})).code, 0);
	kk_family_usage(family, &usage);
	assert_int_equal(usage.seats_taken, 1);
	kk_family_close(family);
}
WAY_TESTS(members_are_buried_when_they_are_waited_for)

/* ---- numbers of them */

static void many_at_a_time(void)
{
	enum { MOST = 100 };
	int count = way_used() == BY_SPAWN ? 10 : MOST, zero = 0;
	struct kk_process *all[MOST];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < count; i++)
			all[i] = way_start((struct kk_process_spec){
			    .call = round == 0 ? give : sleep_on, .args = &zero, .args_bytes = sizeof(zero)});
		assert_int_equal(kk_process_active_children(NULL, 0) <= (size_t)count, 1);
		for (int i = 0; round == 1 && i < count; i++)
			assert_int_equal(kk_process_terminate(all[i]), KK_OK);
		for (int i = 0; i < count; i++) {
			struct kk_process_end end = way_end(all[i]);
			assert_int_equal(end.signal, round == 0 ? 0 : SIGTERM);
			assert_int_equal(end.code, 0);
		}
	}
}
WAY_TESTS(many_at_a_time)

static void a_thousand_leave_nothing(void)
{
	int times = way_used() == BY_SPAWN ? 100 : 1000;
	unsigned before = 0;

	for (int i = 0; i < times; i++) {
		assert_int_equal(way_end(way_start((struct kk_process_spec){.call = do_nothing})).code, 0);
		if (i == 0)
			before = way_open_descriptors();
	}
	assert_int_equal(way_open_descriptors(), before);
}
WAY_TESTS(a_thousand_leave_nothing)

static void *start_some(void *failed)
{
	for (int i = 0; i < 20; i++) {
		int code = i;
		struct kk_error error = {0};
		struct kk_process *process =
		    way_try((struct kk_process_spec){.call = give, .args = &code, .args_bytes = sizeof(code)}, &error);
		struct kk_process_end end = {.code = -1};
		if (process)
			kk_process_wait(process, 20000, &end);
		kk_process_free(process);
		if (end.code != i)
			*(bool *)failed = true;
	}
	return NULL;
}

/* Any thread may; by fork, too, as long as the function needs nothing that a thread may hold. */
static void threads_start_them(void)
{
	pthread_t threads[4];
	bool failed[4] = {false};

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, start_some, &failed[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_false(failed[i]);
	}
}
WAY_TESTS(threads_start_them)

static void do_not_care(int signal)
{
	(void)signal;
}

/* Signals that interrupt whatever waits. */
static void signals_come_all_the_time(void)
{
	const struct sigaction action = {.sa_handler = do_not_care};
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	bool failed = false;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	start_some(&failed);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_false(failed);
}
WAY_TESTS(signals_come_all_the_time)

static void *join_it(void *process)
{
	return (void *)(intptr_t)kk_process_join(process, 20000);
}

static void threads_wait_for_one(void)
{
	struct kk_process *process = way_start((struct kk_process_spec){.call = sleep_on});
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, join_it, process), 0);
	assert_int_equal(kk_process_kill(process, SIGKILL), KK_OK);
	for (int i = 0; i < 4; i++) {
		void *rc;
		pthread_join(threads[i], &rc);
		assert_int_equal((intptr_t)rc, KK_OK);
	}
	assert_int_equal(way_end(process).signal, SIGKILL);
}
WAY_TESTS(threads_wait_for_one)

/* ---- what is refused */

static struct kk_process *inherited;

static int use_inherited(struct kk_call *call)
{
	struct kk_process_end end;
	struct kk_process *active;

	(void)call;
	if (kk_process_wait(inherited, 0, &end) != KK_ERR_NOT_OWNER ||
	    kk_process_peek(inherited, &end) != KK_ERR_NOT_OWNER)
		return 1;
	if (kk_process_kill(inherited, SIGKILL) != KK_ERR_NOT_OWNER || kk_process_is_alive(inherited))
		return 2;
	if (kk_process_active_children(&active, 1) != 0)
		return 3;
	kk_process_free(inherited);
	return 0;
}

static void test_handles_are_the_parents(void **state)
{
	struct kk_error error = {0};

	(void)state;
	inherited = kk_process_start(sleep_on, NULL, 0, NULL, &error);
	assert_int_equal(way_end(kk_process_start(use_inherited, NULL, 0, NULL, &error)).code, 0);
	assert_true(kk_process_is_alive(inherited));
	kk_process_free(inherited);
}

static void test_functions_need_names_elsewhere(void **state)
{
	static struct kk_registered late = {"late", without_name, NULL};
	struct kk_error error = {0};

	(void)state;
	for (enum way way = 0; way < WAYS; way++) {
		way_use(way);
		if (way == BY_FORK || way == BY_FORKED_SERVER) {
			assert_int_equal(way_end(way_start((struct kk_process_spec){.call = without_name})).code, 5);
		} else {
			assert_null(way_try((struct kk_process_spec){.call = without_name}, &error));
			assert_int_equal(error.code, KK_ERR_INVALID);
			assert_non_null(strstr(error.text, "KK_FUNCTION"));
		}
		way_done();
	}
	/* Registered in main only: not in a program that is started to run a function. */
	assert_int_equal(kk_function_register(&late), KK_OK);
	for (enum way way = BY_SPAWN; way < WAYS; way++) {
		way_use(way);
		if (way != BY_FORKED_SERVER) {
			assert_null(way_try((struct kk_process_spec){.call = without_name}, &error));
			assert_int_equal(error.code, KK_ERR_MISSING);
			assert_non_null(strstr(error.text, "late"));
		}
		way_done();
	}
}

static void test_specs_contradict_themselves(void **state)
{
	struct kk_process_fd twice[] = {{0, 5}, {0, 5}}, closed[] = {{500, 5}};
	const struct kk_process_spec bad[] = {
	    {.call = do_nothing, .path = "/bin/true"},
	    {.call = do_nothing, .function = (int (*)(void *))(void *)do_nothing},
	    {.call = do_nothing, .args_bytes = 5},
	    {.call = do_nothing, .method = (enum kk_start_method)7},
	    {.call = do_nothing, .fds = twice, .fd_count = 2},
	    {.call = do_nothing, .method = KK_START_FORKSERVER, .die_with_thread = true},
	    {.method = KK_START_SPAWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct kk_error error = {0};
		assert_null(kk_process_spawn(&bad[i], &error));
		assert_int_equal(error.code, KK_ERR_INVALID);
		assert_true(error.text[0] != '\0');
	}
	for (enum way way = 0; way < WAYS; way++) {
		struct kk_error error = {0};
		way_use(way);
		assert_null(
		    way_try((struct kk_process_spec){.call = do_nothing, .fds = closed, .fd_count = 1}, &error));
		assert_int_equal(error.system, EBADF);
		way_done();
	}
	assert_null(kk_process_server_start(KK_START_FORKSERVER, NULL));
}

static const struct CMUnitTest tests[] = {
    WAY_ROWS(arguments_are_copied),
    WAY_ROWS(statuses_are_told),
    WAY_ROWS(streams_are_flushed),
    WAY_ROWS(signals_end_it),
    WAY_ROWS(running_is_freed),
    WAY_ROWS(usage_is_told),
    WAY_ROWS(names_tell_the_line),
    cmocka_unit_test(test_names_have_a_length),
    WAY_ROWS(children_have_children),
    WAY_ROWS(descriptors_are_listed),
    WAY_ROWS(descriptors_come_crosswise),
    WAY_ROWS(standard_streams_may_be_closed),
    WAY_ROWS(descriptors_do_not_pile_up),
    cmocka_unit_test(test_environment),
    WAY_ROWS(they_work_where_they_should),
    WAY_ROWS(a_group_ends_with_its_leader),
    WAY_ROWS(they_speak_with_their_parent),
    WAY_ROWS(levels_of_the_log_go_along),
    WAY_ROWS(members_are_buried_when_they_are_waited_for),
    WAY_ROWS(many_at_a_time),
    WAY_ROWS(a_thousand_leave_nothing),
    WAY_ROWS(threads_start_them),
    WAY_ROWS(signals_come_all_the_time),
    WAY_ROWS(threads_wait_for_one),
    cmocka_unit_test(test_handles_are_the_parents),
    cmocka_unit_test(test_functions_need_names_elsewhere),
    cmocka_unit_test(test_specs_contradict_themselves),
};
WAY_MAIN(tests)
