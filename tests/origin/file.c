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

static struct MHD_Response *from_file(int dir, const char *path)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct MHD_Response *response = NULL;
	struct stat stat;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode))
		response = MHD_create_response_from_fd64((uint64_t)stat.st_size, fd);
	if (!response)
		close(fd);
	return response;
}

struct MHD_Response *file_photo(const struct origin *origin, unsigned long n)
{
	return origin->photo_count ? from_file(AT_FDCWD, origin->photos[n % origin->photo_count]) : NULL;
}

/* `name` beneath `dir`, to be freed; NULL if there is no such directory or the name would leave it. */
static char *beneath(const char *dir, const char *name)
{
	char *path;

	if (!dir || !*name || strstr(name, "..") || asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	return path;
}

enum MHD_Result file_answer(struct request *request)
{
	char *path = beneath(request->origin->root, request->url + strlen("/files/"));
	struct MHD_Response *response = path ? from_file(AT_FDCWD, path) : NULL;
	enum MHD_Result result;

	free(path);
	if (!response)
		return answer_text(request, MHD_HTTP_NOT_FOUND, "text/plain", "no such file\n");
	result = MHD_queue_response(request->connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

void file_put_begin(struct request *request)
{
	const char *name = strncmp(request->url, "/put/", 5) == 0 ? request->url + 5 : "";

	request->upload_failed = true;
	if (strchr(name, '/'))
		return;
	request->final_path = beneath(request->origin->put, name);
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
	bool existed;

	if (request->upload_failed)
		return answer_text(request, MHD_HTTP_FORBIDDEN, "text/plain", "cannot store that\n");
	existed = access(request->final_path, F_OK) == 0;
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
