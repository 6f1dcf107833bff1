/* SPDX-License-Identifier: Apache-2.0 */
#include "origin.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_photos(struct origin *origin, const char *dir)
{
	char pattern[4096];
	glob_t found = {0};
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*.jpg", dir);
	if (glob(pattern, 0, NULL, &found) == 0 && (origin->photos = calloc(found.gl_pathc, sizeof(char *)))) {
		for (i = 0; i < found.gl_pathc; i++) {
			origin->photos[i] = strdup(found.gl_pathv[i]);
			if (!origin->photos[i])
				break;
		}
		origin->photo_count = i;
	}
	globfree(&found);
	return origin->photo_count > 0;
}

struct MHD_Response *file_photo(struct request *request, unsigned long n, unsigned share)
{
	const struct origin *origin = request->origin;
	int fd = -1;

	if (origin->photo_count)
		fd = open(origin->photos[n % origin->photo_count], O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? body_of_file(request, fd, share) : NULL;
}

/* `name` beneath `dir`, to be freed; NULL if there is no such directory or the name would leave it. */
static char *beneath(const char *dir, const char *name)
{
	char *path;

	if (!dir || !*name || strstr(name, "..") || asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	return path;
}

static enum MHD_Result give_file(struct request *request, char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct MHD_Response *response = fd >= 0 ? body_of_file(request, fd, 100) : NULL;

	free(path);
	if (!response)
		return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no such file\n");
	return answer_give(request, MHD_HTTP_OK, response, NULL, NULL);
}

enum MHD_Result file_answer(struct request *request)
{
	return give_file(request, beneath(request->origin->root, request->url + strlen("/files/")));
}

/* What a /put is about; "" if it may not be. */
static const char *put_name(const struct request *request)
{
	const char *name = strncmp(request->url, "/put/", 5) == 0 ? request->url + 5 : "";

	return strchr(name, '/') ? "" : name;
}

enum MHD_Result file_put_get(struct request *request)
{
	return give_file(request, beneath(request->origin->put, put_name(request)));
}

void file_put_begin(struct request *request)
{
	request->upload_failed = true;
	request->final_path = beneath(request->origin->put, put_name(request));
	if (!request->final_path || asprintf(&request->upload_path, "%s/.put-XXXXXX", request->origin->put) < 0) {
		request->upload_path = NULL;
		return;
	}
	request->upload = mkostemp(request->upload_path, O_CLOEXEC);
	request->upload_failed = request->upload < 0;
}

void file_put_more(struct request *request, const char *data, size_t size)
{
	while (size > 0 && !request->upload_failed) {
		ssize_t written = write(request->upload, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			request->upload_failed = true;
			break;
		}
		data += written;
		size -= (size_t)written;
	}
}

enum MHD_Result file_put_end(struct request *request)
{
	const char *unless = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-None-Match");
	bool existed;

	if (request->upload_failed)
		return answer_text(request, MHD_HTTP_FORBIDDEN, "text/plain", "cannot store that\n");
	existed = access(request->final_path, F_OK) == 0;
	if (existed && unless && strcmp(unless, "*") == 0)
		return answer_text(request, MHD_HTTP_PRECONDITION_FAILED, "text/plain", "it is there\n");
	if (rename(request->upload_path, request->final_path) < 0)
		return answer_text(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", "cannot rename\n");
	free(request->upload_path);
	request->upload_path = NULL;
	return answer_text(request, existed ? MHD_HTTP_NO_CONTENT : MHD_HTTP_CREATED, "text/plain", "");
}

void file_put_drop(struct request *request)
{
	if (request->upload >= 0)
		close(request->upload);
	if (request->upload_path)
		unlink(request->upload_path);
	free(request->upload_path);
	free(request->final_path);
}
