/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/process/run.c - what a child does with its order: becomes a member, calls the function, ends as Python would. */
#include "family/object.h"
#include "function/answer.h"
#include "process/child.h"
#include "process/private.h"
#include "process/self.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1 };

/* One line on standard error, at once, so that lines of several processes do not mix. */
static int fail(const char *function, const char *why)
{
	char line[700];
	int length = snprintf(line, sizeof(line) - 1, "%s: %s%s%s\n", kk_process_current()->name, function,
	                      function[0] ? ": " : "", why);

	if (length >= (int)sizeof(line) - 1) {
		length = (int)sizeof(line) - 1;
		line[length - 1] = '\n';
	}
	fflush(stdout);
	fflush(stderr);
	while (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0 && errno == EINTR)
		;
	return EXIT_FAILED;
}

/* Nobody wants to have the answer of a process. */
static int want_nothing(struct kk_answer *answer, size_t bytes)
{
	(void)answer;
	(void)bytes;
	return KK_OK;
}

static int call_it(const struct kk_order *order, kk_function *function)
{
	struct kk_answer answer = {.grow = want_nothing};
	struct kk_call call = {
	    .args = (const char *)order + order->args_at,
	    .args_bytes = order->args_bytes,
	    .family = kk_process_current()->family,
	    .answer = &answer,
	};
	int status = function(&call);
	char other[40];

	if (status >= 0 && status <= 255 && !answer.failed)
		return status;
	snprintf(other, sizeof(other), "returned %d", status);
	if (answer.failed)
		fail(order->function, answer.text);
	else if (status < 0)
		fail(order->function, kk_status_text(status));
	else
		fail(order->function, other);
	return status > 0 && status <= 255 ? status : EXIT_FAILED;
}

static int use_environment(const struct kk_order *order)
{
	const char *at = (const char *)order + order->environment_at, *end = at + order->environment_bytes;

	if (!order->replaces || order->fresh)
		return 0;
	if (clearenv() != 0)
		return -1;
	/* The strings stay where they are: the order lives as long as the process. */
	for (; at < end; at += strlen(at) + 1) {
		if (strchr(at, '=') && putenv((char *)(uintptr_t)at) != 0)
			return -1;
	}
	return 0;
}

/* A forked child has its parent's handle; others open one. */
static int join_family(const struct kk_order *order, int carry, struct kk_family **family)
{
	struct kk_error error = {0};

	*family = carry < 0 ? order->kin : kk_family_open(carry, &error);
	if (carry >= 0)
		close(carry);
	if (!*family && order->member)
		return fail("", error.text);
	return 0;
}

int kk_order_run(const struct kk_order *order, kk_function *function, int carry)
{
	struct kk_family *family = NULL;
	int status;

	kk_self_become(order, NULL);
	if (order->serve)
		return kk_serve(carry, !order->fresh);
	status = join_family(order, carry, &family);
	if (status != 0)
		return status;
	kk_self_become(order, family);
	if (use_environment(order) < 0)
		return fail("", "no memory for the environment");
	status = call_it(order, function);
	kk_process_join_all();
	fflush(stdout);
	fflush(stderr);
	kk_family_part();
	return status;
}
