/* SPDX-License-Identifier: Apache-2.0 */
/* links: sqlite3 libmicrohttpd */
/* scores.c - score calculations by a pool whose workers have a database session each, opened by init and closed by
 * fini, with an error callback; then the same pool behind a web service that has threads of its own. */
#include <kakehi/pool.h>

#include <arpa/inet.h>
#include <microhttpd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NAME = 32, WORKERS = 2 };

/* ---- in the workers */

/* init: a session of the worker's own. A connection must not be inherited. */
static int open_session(struct kk_call *call)
{
	sqlite3 *session = NULL;
	int rc = sqlite3_open_v2(call->args, &session, SQLITE_OPEN_READONLY, NULL);
	call->state = session;
	return rc == SQLITE_OK ? 0 : kk_call_fail(call, 0, "cannot open the database: %s", sqlite3_errstr(rc));
}

static int close_session(struct kk_call *call)
{
	return sqlite3_close(call->state);
}

/* The score of the player whose name is the argument. */
static int score(struct kk_call *call)
{
	static const char query[] = "SELECT count(*), sum(points) FROM game WHERE player = ?";
	sqlite3_stmt *statement;
	int rc = sqlite3_prepare_v2(call->state, query, -1, &statement, NULL);
	if (rc != SQLITE_OK)
		return kk_call_fail(call, 0, "%s", sqlite3_errmsg(call->state));
	sqlite3_bind_text(statement, 1, call->args, (int)strnlen(call->args, call->args_bytes), SQLITE_STATIC);
	rc = sqlite3_step(statement);
	long games = rc == SQLITE_ROW ? (long)sqlite3_column_int64(statement, 0) : 0;
	long points = games > 0 ? (long)sqlite3_column_int64(statement, 1) / games : 0;
	sqlite3_finalize(statement);
	if (games == 0)
		return kk_call_fail(call, 0, "no games of %s", (const char *)call->args);
	return kk_call_return(call, &points, sizeof(points));
}

/* ---- the pool as the program uses it */

static void on_error(struct kk_future *future, void *arg)
{
	struct kk_error *error = arg;
	(void)kk_future_result(future, 0, NULL, NULL, error);
}

static void ask_all(struct kk_pool *pool)
{
	static const char players[][NAME] = {"ada", "bob", "nobody", "cyd"};
	struct kk_error error = {0};
	const struct kk_pool_callbacks callbacks = {.error_callback = on_error, .arg = &error};
	struct kk_future *future[4];
	const void *data;
	for (int i = 0; i < 4; i++)
		future[i] = kk_pool_apply_async(pool, score, players[i], NAME, &callbacks, NULL);
	for (int i = 0; i < 4; i++) {
		if (kk_future_result(future[i], -1, &data, NULL, NULL) == KK_OK)
			printf("%s: %ld\n", players[i], *(const long *)data);
		else
			printf("%s: no score\n", players[i]);
		kk_future_free(future[i]);
	}
	/* The callback was called before the pool has gone. */
	kk_pool_close(pool);
	kk_pool_join(pool);
	kk_pool_free(pool);
	printf("the error callback heard: %s\n", error.text);
}

/* ---- the pool behind a web service */

static enum MHD_Result answer(void *pool, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_bytes, void **context)
{
	char name[NAME] = "", text[600];
	struct kk_error error = {0};
	long points = 0;
	(void)method, (void)version, (void)upload, (void)upload_bytes, (void)context;
	snprintf(name, sizeof(name), "%s", url + 1);
	/* By the server's thread, which may wait: there are others. */
	long rc = kk_pool_apply(pool, score, name, sizeof(name), &points, sizeof(points), &error);
	int length =
	    rc > 0 ? snprintf(text, sizeof(text), "%ld", points) : snprintf(text, sizeof(text), "%s", error.text);
	struct MHD_Response *response = MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result queued = MHD_queue_response(connection, rc > 0 ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, response);
	MHD_destroy_response(response);
	return queued;
}

static void request(unsigned port, const char *name)
{
	char text[1024];
	size_t got = 0;
	ssize_t n;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int length = snprintf(text, sizeof(text), "GET /%s HTTP/1.0\r\n\r\n", name);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || write(fd, text, (size_t)length) != length)
		return;
	while (got < sizeof(text) - 1 && (n = read(fd, text + got, sizeof(text) - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	close(fd);
	const char *body = strstr(text, "\r\n\r\n");
	printf("GET /%s: %.3s %s\n", name, text + strlen("HTTP/1.0 "), body ? body + 4 : "");
}

static void serve(struct kk_pool *pool)
{
	static const struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {0x0100007f}};
	struct MHD_Daemon *daemon =
	    MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, pool, MHD_OPTION_THREAD_POOL_SIZE,
	                     4U, MHD_OPTION_SOCK_ADDR, &here, MHD_OPTION_END);
	const union MHD_DaemonInfo *info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (info) {
		request(info->port, "ada");
		request(info->port, "nobody");
		request(info->port, "cyd");
	}
	if (daemon)
		MHD_stop_daemon(daemon);
	kk_pool_free(pool);
}

/* ---- the database */

static int make_database(char *path)
{
	static const char script[] =
	    "CREATE TABLE game (player TEXT, points INTEGER);"
	    "INSERT INTO game VALUES ('ada', 10), ('ada', 20), ('bob', 7), ('cyd', 1), ('cyd', 9);";
	sqlite3 *database = NULL;
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	int rc = sqlite3_open(path, &database);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(database, script, NULL, NULL, NULL);
	sqlite3_close(database);
	return rc == SQLITE_OK ? 0 : -1;
}

static struct kk_pool *make_pool(const char *path)
{
	const struct kk_executor_spec spec = {
	    .workers = WORKERS,
	    .init = open_session,
	    .init_args = path,
	    .init_bytes = strlen(path) + 1,
	    .fini = close_session,
	};
	struct kk_error error;
	struct kk_pool *pool = kk_pool_create_spec(NULL, &spec, &error);
	if (!pool)
		fprintf(stderr, "%s\n", error.text);
	return pool;
}

int main(int argc, char **argv)
{
	kk_function_main(argc, argv);
	char path[] = "scores-XXXXXX";
	int status = 1;
	if (make_database(path) < 0)
		return 1;
	/* Both before there are threads: their workers are forks of this program. */
	struct kk_pool *one = make_pool(path), *other = make_pool(path);
	if (one && other) {
		ask_all(one);
		serve(other);
		status = 0;
	}
	unlink(path);
	return status;
}
