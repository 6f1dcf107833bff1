/* SPDX-License-Identifier: Apache-2.0 */
/* not_shared - a child changes variables, a value and a dict: what is private stays as it was for the parent, what lies
 * in a family does not. */
#include <kakehi/dict.h>
#include <kakehi/family.h>
#include <kakehi/process.h>
#include <kakehi/value.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Private: each process has its own. */
static int number = 1;
static char capital[32] = "Bonn";

/* Shared: all members see the same. */
static struct kk_family *family;
static struct kk_value *value;
static struct kk_dict *dict;

static void show(const char *who)
{
	int64_t shared_number = 0;
	char shared_capital[32] = "";

	kk_value_get_int(value, &shared_number);
	kk_dict_get(dict, KK_TEXT("capital"), shared_capital, sizeof(shared_capital) - 1);
	printf("%-6s  private: %d, %-6s  shared: %" PRId64 ", %s (%u keys)\n", who, number, capital, shared_number,
	       shared_capital, kk_dict_len(dict));
}

static int change(struct kk_call *call)
{
	number = 2;
	strcpy(capital, "Berlin");
	if (kk_value_set_int(value, 2) < 0 || kk_dict_set(dict, KK_TEXT("capital"), KK_TEXT("Berlin")) < 0 ||
	    kk_dict_set(dict, KK_TEXT("river"), KK_TEXT("Spree")) < 0)
		return kk_call_fail(call, 0, "cannot change what is shared");
	show("child");
	return 0;
}

static void check(bool fine, const struct kk_error *error)
{
	if (fine)
		return;
	fprintf(stderr, "%s\n", error->text);
	exit(1);
}

int main(void)
{
	struct kk_dict_shape shape = {.keys = 100, .key_max = 32, .value_max = 32};
	struct kk_process_spec spec = {.call = change};
	struct kk_error error;

	family = kk_family_create(NULL, &error);
	check(family != NULL, &error);
	value = kk_value_create(family, KK_NUMBER_INT, false, &error);
	check(value != NULL, &error);
	dict = kk_dict_create(family, &shape, &error);
	check(dict != NULL, &error);
	kk_value_set_int(value, 1);
	kk_dict_set(dict, KK_TEXT("capital"), KK_TEXT("Bonn"));
	show("before");

	spec.family = family;
	struct kk_process *process = kk_process_spawn(&spec, &error);
	check(process != NULL, &error);
	kk_process_join(process, -1);
	kk_process_free(process);
	show("after");

	kk_dict_close(dict);
	kk_value_close(value);
	kk_family_close(family);
	return 0;
}
