/* SPDX-License-Identifier: Apache-2.0 */
/* due - a to-do list in a priority queue: the priority is the day on which something is due. Dates change, and things
 * come to nothing: what was removed stays in the heap until it comes up, and is passed over then. Another process takes
 * what is due first. */
#include <kakehi/priority_queue.h>
#include <kakehi/process.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct kk_priority_queue *list;

/* Days since 1970. */
static int64_t day(int year, int month, int of_month)
{
	struct tm date = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = of_month};
	return timegm(&date) / 86400;
}

static const char *date_of(int64_t days)
{
	static char text[16];
	time_t seconds = (time_t)(days * 86400);
	struct tm date;
	strftime(text, sizeof(text), "%Y-%m-%d", gmtime_r(&seconds, &date));
	return text;
}

static uint64_t add(int64_t due, const char *what)
{
	uint64_t id = 0;
	kk_priority_queue_put(list, due, what, strlen(what) + 1, -1, &id);
	return id;
}

static int do_all(struct kk_call *call)
{
	char what[KK_QUEUE_ITEM_MAX];
	int64_t due, rc;
	(void)call;
	while ((rc = kk_priority_queue_get(list, &due, what, sizeof(what), -1)) >= 0) {
		printf("%s  %s\n", date_of(due), what);
		rc = kk_priority_queue_task_done(list);
		if (rc < 0)
			break;
	}
	return rc == KK_ERR_CLOSED ? 0 : (int)rc;
}

static int run(struct kk_error *error)
{
	char what[KK_QUEUE_ITEM_MAX];
	int64_t due;

	add(day(2026, 3, 31), "file the taxes");
	uint64_t dentist = add(day(2026, 1, 9), "see the dentist");
	uint64_t report = add(day(2026, 2, 20), "write the report");
	add(day(2026, 2, 20), "water the plants");
	add(day(2026, 1, 15), "buy a present");
	/* The dentist is ill, and the report has to be ready sooner. */
	kk_priority_queue_remove(list, dentist);
	kk_priority_queue_update(list, report, day(2026, 1, 12));
	kk_priority_queue_peek(list, &due, what, sizeof(what), 0, NULL);
	printf("%u things to do, first of all: %s\n", kk_priority_queue_size(list), what);
	printf("removing it again: %s\n", kk_status_text(kk_priority_queue_remove(list, dentist)));
	fflush(stdout);

	struct kk_process *child = kk_process_start(do_all, NULL, 0, NULL, error);
	if (!child)
		return error->code;
	int rc = kk_priority_queue_join(list, -1);
	kk_priority_queue_shutdown(list);
	kk_process_join(child, -1);
	kk_process_free(child);
	printf("all done: %s\n", kk_status_text(rc));
	return rc;
}

int main(int argc, char **argv)
{
	const struct kk_queue_spec spec = {.capacity = 100, .joinable = true};
	struct kk_error error = {0};

	kk_function_main(argc, argv);
	struct kk_family *family = kk_family_create(NULL, &error);
	if (family)
		list = kk_priority_queue_create(family, &spec, &error);
	if (!list || run(&error) < 0) {
		fprintf(stderr, "due: %s\n", error.text);
		return 1;
	}
	kk_priority_queue_destroy(list);
	kk_family_close(family);
	return 0;
}
