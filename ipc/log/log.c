/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/log/log.c - lines, and where they go. */
#include <errno.h>
#include <kakehi/log.h>
#include <kakehi/process.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	int fd;
	kk_log_sink *sink;
	void *context;
} target = {.fd = STDERR_FILENO};

static _Thread_local bool in_sink;

void kk_log_to_fd(int fd)
{
	target.fd = fd;
	target.sink = NULL;
}

void kk_log_to(kk_log_sink *sink, void *context)
{
	target.sink = sink;
	target.context = context;
}

/* One byte of text as it may stand in a line; returns how many there are then. Bytes of UTF-8 stay. */
static size_t escape(unsigned char byte, char to[5])
{
	static const char letters[] = "nrt", codes[] = "\n\r\t";
	const char *known = byte ? strchr(codes, byte) : NULL;

	if (byte >= 0x20 && byte != 0x7f) {
		to[0] = (char)byte;
		return 1;
	}
	if (!known)
		return (size_t)snprintf(to, 5, "\\x%02x", byte);
	to[0] = '\\';
	to[1] = letters[known - codes];
	return 2;
}

struct date {
	unsigned year, month, day;
};

/* Of so many days after 1970-01-01, counted in years that begin in March, so that a leap day is the last one. No
 * gmtime_r: it takes a lock of libc's, which stays taken in the child of a fork that comes in between. */
static struct date date_of(unsigned days)
{
	unsigned shifted = days + 719468, era = shifted / 146097, day = shifted % 146097;
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	unsigned day_of_year = day - (365 * year + year / 4 - year / 100), month = (5 * day_of_year + 2) / 153;
	struct date date = {
	    .year = era * 400 + year + (month >= 10),
	    .month = month < 10 ? month + 3 : month - 9,
	    .day = day_of_year - (153 * month + 2) / 5 + 1,
	};

	return date;
}

static size_t begin(const struct kk_log_entry *entry, char *to, size_t size)
{
	uint64_t seconds = entry->time_ns / 1000000000u;
	unsigned micro = (unsigned)(entry->time_ns / 1000u % 1000000u), second = (unsigned)(seconds % 86400u);
	struct date date = date_of((unsigned)(seconds / 86400u));
	int length = snprintf(to, size, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ %s %s %.*s: ", date.year, date.month,
	                      date.day, second / 3600, second / 60 % 60, second % 60, micro,
	                      kk_log_level_name(entry->level), entry->process, (int)KK_LOG_MODULE, entry->module);

	return length < 0 ? 0 : (size_t)length;
}

size_t kk_log_format(const struct kk_log_entry *entry, char *to, size_t size)
{
	size_t used;

	if (size < 2)
		return 0;
	used = begin(entry, to, size - 1);
	if (used > size - 2)
		used = size - 2;
	for (const char *at = entry->text; *at; at++) {
		char escaped[5];
		size_t length = escape((unsigned char)*at, escaped);
		if (used + length > size - 2)
			break;
		memcpy(to + used, escaped, length);
		used += length;
	}
	to[used++] = '\n';
	to[used] = '\0';
	return used;
}

/* One write: what a full pipe or disk does not take is lost, not said later in the middle of something else. */
static void write_line(int fd, const struct kk_log_entry *entry)
{
	char line[KK_LOG_LINE + 1];
	size_t length = kk_log_format(entry, line, sizeof(line));

	while (write(fd, line, length) < 0 && errno == EINTR)
		;
}

void kk_log_write(enum kk_log_level level, const char *module, const char *format, ...)
{
	int saved = errno;
	char text[KK_LOG_LINE];
	struct timespec now;
	va_list args;

	if (!kk_log_wants(level, module))
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	errno = saved; /* for %m */
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	struct kk_log_entry entry = {
	    .level = level,
	    .time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
	    .pid = getpid(),
	    .process = kk_process_current()->name,
	    .module = module,
	    .text = text,
	};
	if (!target.sink || in_sink) {
		write_line(in_sink ? STDERR_FILENO : target.fd, &entry);
	} else {
		in_sink = true;
		target.sink(target.context, &entry);
		in_sink = false;
	}
	errno = saved;
}
