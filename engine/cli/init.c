/* SPDX-License-Identifier: Apache-2.0 */
/* kakehi init: reads nothing, produces a config that runs as it is, and an item for it. */
#include "cli/arguments.h"
#include "cli/cli.h"
#include "config/exit.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config[] =
    "# A first pipeline: it takes the files under in/ and keeps a copy of each under out/.\n"
    "#\n"
    "#   kakehi validate kakehi.yaml     is everything right? nothing is run\n"
    "#   kakehi run kakehi.yaml\n"
    "#\n"
    "# `kakehi help config` explains the fields, `kakehi list` shows all stages, `kakehi help STAGE` their options.\n"
    "pipeline: first\n"
    "\n"
    "# The ceiling: shared memory and what the workers may allocate. `validate` says the smallest that works.\n"
    "memory: 128MiB\n"
    "\n"
    "# Where the items come from. For addresses on the web: use: list, with: { path: urls.txt }\n"
    "source:\n"
    "  use: files\n"
    "  with:\n"
    "    paths: [in]             # files, directories and patterns such as in/*.jpg\n"
    "\n"
    "# Each stage is as many processes as `workers:` says, and reads from the one above it.\n"
    "stages:\n"
    "  # From the web: what the source names is an address, and this fetches it.\n"
    "  # - name: fetch\n"
    "  #   use: download\n"
    "  #   workers: 2\n"
    "  #   with: { in_flight: 64, per_host: 8, timeout: 30s, max_bytes: 50MiB }\n"
    "\n"
    "  # Pictures: make them smaller.\n"
    "  # - name: thumb\n"
    "  #   use: resize\n"
    "  #   workers: auto         # one for each usable CPU\n"
    "  #   with: { width: 256, height: 256, fit: inside, format: jpeg }\n"
    "\n"
    "  - name: store\n"
    "    use: upload\n"
    "    with:\n"
    "      to: out/{name}.{ext}  # or {id}: a name that is the same in every run\n"
    "\n"
    "# What failed and why, one JSON object a line.\n"
    "errors: { file: errors.ndjson, attempts: 3, max_failures: 20% }\n";

static const char item[] = "An item. Put files of your own beside this one, then: kakehi run kakehi.yaml\n";

/* A new file; one that is there already is an error. */
static int write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
	int status = to && fputs(text, to) >= 0 ? 0 : -1;

	if (to && fclose(to) != 0)
		status = -1;
	else if (!to && fd >= 0)
		close(fd);
	if (status != 0)
		fprintf(stderr, "kakehi init: cannot write %s: %s\n", path, strerror(errno));
	return status;
}

static int make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	fprintf(stderr, "kakehi init: cannot make the directory %s: %s\n", path, strerror(errno));
	return -1;
}

/* The path of a file in the directory; the caller frees it. NULL: out of memory, which was said. */
static char *path_in(const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) >= 0)
		return path;
	fputs("kakehi init: out of memory\n", stderr);
	return NULL;
}

static int init(const char *dir)
{
	char *file = path_in(dir, "kakehi.yaml"), *folder = path_in(dir, "in"), *first = path_in(dir, "in/first.txt");
	int status = file && folder && first ? 0 : -1;

	if (status == 0)
		status = make_folder(dir);
	if (status == 0)
		status = write_new(file, config);
	if (status == 0)
		status = make_folder(folder);
	/* without it the config still is right; somebody's own is better */
	if (status == 0 && access(first, F_OK) != 0)
		status = write_new(first, item);
	if (status == 0)
		printf("%s is written. Now: %s%s%skakehi run kakehi.yaml\n", file, strcmp(dir, ".") ? "cd " : "",
		       strcmp(dir, ".") ? dir : "", strcmp(dir, ".") ? " && " : "");
	free(file);
	free(folder);
	free(first);
	return status;
}

int kk_cli_init(int argc, char **argv)
{
	struct kk_asked asked = {0};

	if (kk_arguments_read(&asked, kk_arguments_none, 0, 1, argc, argv) < 0)
		return KK_EXIT_USAGE;
	return init(asked.operand_count ? asked.operands[0] : ".") == 0 ? 0 : KK_EXIT_IO;
}
