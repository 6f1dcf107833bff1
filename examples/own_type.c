/* SPDX-License-Identifier: Apache-2.0 */
/* own_type - a server process with accounts, a type of our own, and clients that are no relatives of it: all they know
 * is its address and the key. links: kakehi-manager */
#include <kakehi/manager_server.h>
#include <kakehi/process.h>
#include <kakehi/record.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the type */

struct account {
	char owner[32];
	int64_t balance;
};

/* Whoever names the owner gets the same account. The server lets calls of one account take turns. */
static struct account accounts[] = {{"Ada", 100}, {"Grace", 0}};

static void *open_account(struct kk_served *call)
{
	for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
		if (strlen(accounts[i].owner) == call->args_bytes &&
		    memcmp(accounts[i].owner, call->args, call->args_bytes) == 0)
			return &accounts[i];
	(void)kk_served_fail(call, KK_ERR_MISSING, "nobody of that name has an account");
	return NULL;
}

/* Arguments are records: what a stranger sends is looked through before it is believed. */
static int read_number(struct kk_served *call, const char *name, int64_t *to)
{
	struct kk_record_value map, value;
	struct kk_error error;

	if (kk_record_open(call->args, call->args_bytes, &map, &error) < 0)
		return kk_served_fail(call, KK_ERR_INVALID, "%s", error.text);
	if (kk_record_find(&map, name, &value) < 0 || kk_record_int(&value, to) < 0)
		return kk_served_fail(call, KK_ERR_INVALID, "\"%s\" must be an int", name);
	return KK_OK;
}

static int move(struct kk_served *call, int64_t sign)
{
	struct account *account = call->object;
	int64_t amount = 0;
	int rc = read_number(call, "amount", &amount);

	if (rc < 0)
		return rc;
	if (sign * amount + account->balance < 0)
		return kk_served_fail(call, 0, "%s has only %" PRId64, account->owner, account->balance);
	account->balance += sign * amount;
	return kk_served_return(call, &account->balance, sizeof(account->balance));
}

static int deposit(struct kk_served *call)
{
	return move(call, 1);
}

static int withdraw(struct kk_served *call)
{
	return move(call, -1);
}

static const struct kk_served_method methods[] = {{"deposit", deposit}, {"withdraw", withdraw}, {NULL, NULL}};
static const struct kk_served_type account_type = {.name = "account", .create = open_account, .methods = methods};

/* ---- the server: prints its address, serves until it is killed */

static int serve(const char *key)
{
	struct kk_server_spec spec = {.address = "tcp:127.0.0.1:0", .authkey = key, .authkey_bytes = strlen(key)};
	struct kk_error error;
	struct kk_server *server = kk_server_create(&spec, &error);
	int rc = server ? kk_server_register(server, &account_type) : KK_ERR_FAILED;

	if (rc == KK_OK) {
		printf("%s\n", kk_server_address(server));
		fflush(stdout);
		rc = kk_server_run(server, &error);
	}
	if (rc < 0)
		fprintf(stderr, "server: %s\n", error.text);
	kk_server_free(server);
	return rc < 0;
}

/* ---- a client: one call */

static int call_account(struct kk_proxy *account, const char *method, int64_t amount, struct kk_error *error)
{
	unsigned char buffer[100];
	struct kk_record_writer writer;
	const void *args;
	void *result = NULL;
	size_t bytes;

	kk_record_begin(&writer, buffer, sizeof(buffer));
	kk_record_put_map(&writer);
	kk_record_put_key(&writer, "amount");
	kk_record_put_int(&writer, amount);
	kk_record_end(&writer);
	int rc = kk_record_finish(&writer, &args, &bytes, error);
	if (rc == KK_OK)
		rc = kk_proxy_call(account, method, args, bytes, 5000, &result, &bytes, error);
	if (rc == KK_OK && bytes == sizeof(int64_t))
		printf("%s %" PRId64 ": now %" PRId64 "\n", method, amount, *(int64_t *)result);
	free(result);
	return rc;
}

static int be_client(const char *address, const char *key, char **argv)
{
	struct kk_client_spec spec = {.address = address, .authkey = key, .authkey_bytes = strlen(key)};
	struct kk_error error = {0};
	struct kk_client *client = kk_client_connect(&spec, &error);
	struct kk_proxy *account = client ? kk_client_make(client, "account", argv[0], strlen(argv[0]), &error) : NULL;
	int rc = account ? call_account(account, argv[1], atoi(argv[2]), &error) : error.code;

	if (rc != KK_OK)
		printf("%s %s for %s: %s\n", argv[1], argv[2], argv[0], error.text);
	kk_proxy_close(account);
	kk_client_close(client);
	return 0;
}

/* ---- the program: starts a server and clients, each of them executed afresh */

static struct kk_process *start(const char *const *argv, const char *key, int out)
{
	char *variable = NULL;
	const struct kk_process_fd fds[] = {{out, 1}, {2, 2}};
	struct kk_error error;
	if (asprintf(&variable, "OWN_TYPE_KEY=%s", key) < 0)
		exit(1);
	const char *const environment[] = {variable, NULL};
	struct kk_process_spec spec = {.path = "/proc/self/exe",
	                               .argv = argv,
	                               .environment = environment,
	                               .fds = fds,
	                               .fd_count = 2,
	                               .die_with_thread = true};
	struct kk_process *process = kk_process_spawn(&spec, &error);
	if (!process) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	free(variable);
	return process;
}

static void run_client(const char *address, const char *key, const char *owner, const char *method, const char *amount)
{
	const char *const argv[] = {"own_type", address, owner, method, amount, NULL};
	struct kk_process *process = start(argv, key, 1);

	kk_process_join(process, -1);
	kk_process_free(process);
}

int main(int argc, char **argv)
{
	static const char *const server_argv[] = {"own_type", "serve", NULL};
	static const char key[] = "not a secret, but an example of one", wrong[] = "a guess";
	const char *given = getenv("OWN_TYPE_KEY");
	char address[200];
	int ends[2];

	if (argc == 2 && given)
		return serve(given);
	if (argc == 5 && given)
		return be_client(argv[1], given, argv + 2);

	if (pipe(ends) < 0)
		return 1;
	struct kk_process *server = start(server_argv, key, ends[1]);
	close(ends[1]);
	FILE *said = fdopen(ends[0], "r");
	if (!said || !fgets(address, sizeof(address), said))
		return 1;
	address[strcspn(address, "\n")] = '\0';
	fclose(said);

	run_client(address, key, "Ada", "deposit", "50");
	run_client(address, key, "Ada", "withdraw", "120");
	run_client(address, key, "Ada", "withdraw", "31");
	run_client(address, key, "Grace", "deposit", "7");
	run_client(address, key, "Nobody", "deposit", "1");
	run_client(address, key, "Grace", "steal", "7");
	run_client(address, wrong, "Ada", "withdraw", "1");

	kk_process_kill(server, SIGKILL);
	kk_process_join(server, -1);
	kk_process_free(server);
	run_client(address, key, "Ada", "withdraw", "1");
	return 0;
}
