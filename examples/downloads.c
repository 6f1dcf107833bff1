/* SPDX-License-Identifier: Apache-2.0 */
/* downloads - fetches pages by a pool of threads and takes them as they complete; each is kept in a file named by the
 * MD5 of its URL, and some fail. links: libmicrohttpd libcurl libcrypto */
#include "slow_server.h"

#include <curl/curl.h>
#include <kakehi/executor.h>
#include <kakehi/family.h>
#include <openssl/evp.h>

enum { PAGES = 8, NAME = 2 * 16 + 5 };

static const char *const pages[PAGES] = {"/slow/red",    "/slow/green",   "/none/yellow", "/slow/blue",
                                         "/none/orange", "/slow/magenta", "/slow/cyan",   "/none/black"};

/* What a task is given: a URL, whose host differs from run to run, and the part of it that does not. */
struct page {
	char url[128], path[32];
};

/* "900150983cd24fb0d6963f7d28e17f72.html" */
static void name_of(const char *text, char to[NAME + 1])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;

	EVP_Digest(text, strlen(text), hash, &bytes, EVP_md5(), NULL);
	for (unsigned i = 0; i < bytes && i < 16; i++)
		sprintf(to + 2 * i, "%02x", hash[i]);
	strcpy(to + 32, ".html");
}

static int download(struct kk_call *call)
{
	const struct page *page = call->args;
	char name[NAME + 1], why[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	CURLcode status;
	FILE *file;

	name_of(page->path, name);
	file = fopen(name, "wx");
	if (!easy || !file)
		return kk_call_fail(call, 0, "%s: cannot be written", name);
	curl_easy_setopt(easy, CURLOPT_URL, page->url);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, file);
	status = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	if (fclose(file) != 0 || status != CURLE_OK) {
		remove(name);
		return kk_call_fail(call, (int)status, "%s: %s", page->path, why);
	}
	return kk_call_return(call, name, sizeof(name));
}

/* They complete in any order; for a program whose output is compared, sorted. */
static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

int main(void)
{
	struct kk_family *family = kk_family_create(NULL, NULL);
	struct kk_future *futures[PAGES], *future;
	char lines[PAGES][KK_NAME_MAX + 256];
	struct kk_as_completed *completed;
	struct kk_executor *executor;
	struct kk_process *server;
	unsigned port = slow_server_start(family, &server);
	int count = 0, failed = 0;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	executor = kk_executor_create(NULL, &(struct kk_executor_spec){.workers = 4, .threads = true}, NULL);
	if (!port || !executor)
		return EXIT_FAILURE;
	for (int i = 0; i < PAGES; i++) {
		struct page page;
		snprintf(page.url, sizeof(page.url), "http://127.0.0.1:%u%s", port, pages[i]);
		snprintf(page.path, sizeof(page.path), "%s", pages[i]);
		futures[i] = kk_executor_submit(executor, download, &page, sizeof(page), -1, NULL);
	}
	completed = kk_as_completed(futures, PAGES, NULL);
	while (kk_as_completed_next(completed, -1, &future) == 1) {
		struct kk_error error = {0};
		const void *name = NULL;
		if (kk_future_result(future, -1, &name, NULL, &error) == KK_OK)
			snprintf(lines[count++], sizeof(lines[0]), "kept    %s", (const char *)name);
		else
			failed += snprintf(lines[count++], sizeof(lines[0]), "failed  %s", error.text) > 0;
	}
	qsort(lines, (size_t)count, sizeof(lines[0]), by_text);
	for (int i = 0; i < count; i++)
		puts(lines[i]);
	printf("%d of %d failed\n", failed, count);
	kk_as_completed_free(completed);
	for (int i = 0; i < PAGES; i++)
		kk_future_free(futures[i]);
	kk_executor_close(executor);
	kk_process_free(server);
	kk_family_close(family);
	curl_global_cleanup();
	return EXIT_SUCCESS;
}
