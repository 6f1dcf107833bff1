/* SPDX-License-Identifier: Apache-2.0 */
/* children - runs programs: many at once; data through pipes into them and from one into the next, encrypted and
 * hashed; and one that takes too long. No shell sees any of it. */
#include <kakehi/run.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHILDREN = 10, BLOBS = 3, BLOB_BYTES = 1000000, LONG_MS = 60000 };

static void must(int rc, const struct kk_error *error)
{
	if (rc < 0) {
		fprintf(stderr, "children: %s\n", error->text);
		exit(1);
	}
}

/* ---- one program, and what it wrote */

static void one(void)
{
	const char *const args[] = {"echo", "Hello from the child!", NULL};
	const struct kk_command command = {.args = args};
	const struct kk_run_options options = {.capture = true, .check = true};
	struct kk_completed done;
	struct kk_error error;

	must(kk_run(&command, &options, LONG_MS, &done, &error), &error);
	printf("%s", done.out.data);
	kk_completed_free(&done);
}

/* ---- many at once, while we do something else */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void many(void)
{
	const char *const args[] = {"sleep", "2", NULL};
	const struct kk_command command = {.args = args};
	struct kk_popen *children[CHILDREN];
	struct kk_error error;
	double begin = seconds();
	int running = 0, returncode = 0;

	for (int i = 0; i < CHILDREN; i++) {
		children[i] = kk_popen(&command, &error);
		must(children[i] ? 0 : error.code, &error);
	}
	for (int i = 0; i < CHILDREN; i++)
		running += kk_popen_poll(children[i], NULL) == KK_ERR_EMPTY;
	printf("%d children sleep for two seconds each: %d of them at once\n", CHILDREN, running);
	for (int i = 0; i < CHILDREN; i++) {
		must(kk_popen_wait(children[i], LONG_MS, &returncode), &error);
		kk_popen_free(children[i]);
	}
	printf("all awake after %s\n", seconds() - begin < CHILDREN ? "about as long as one" : "too long");
}

/* ---- data into a program, and out of one into the next */

static void fill(unsigned char *blob, unsigned seed)
{
	for (size_t i = 0; i < BLOB_BYTES; i++) {
		seed = seed * 1103515245u + 12345u;
		blob[i] = (unsigned char)(seed >> 16);
	}
}

static const char *const encrypt[] = {"openssl", "enc",     "-aes-256-cbc", "-pbkdf2",      "-iter",
                                      "1000",    "-nosalt", "-pass",        "env:PASSWORD", NULL};
static const char *const decrypt[] = {"openssl", "enc",     "-d",    "-aes-256-cbc", "-pbkdf2", "-iter",
                                      "1000",    "-nosalt", "-pass", "env:PASSWORD", NULL};
static const char *const hash[] = {"sha256sum", NULL};
/* The password is nowhere on a command line, where everybody could see it. */
static const char *const environment[] = {"PATH=/usr/bin:/bin", "PASSWORD=zf7ShyBhZOraQDdE", NULL};

static void hashes(void)
{
	const struct kk_command commands[] = {{.args = encrypt, .environment = environment}, {.args = hash}};
	const struct kk_command there_and_back[] = {{.args = encrypt, .environment = environment},
	                                            {.args = decrypt, .environment = environment}};
	static unsigned char blob[BLOB_BYTES];
	const struct kk_run_options options = {
	    .input = blob, .input_bytes = sizeof(blob), .capture = true, .check = true};
	struct kk_completed done[2];
	struct kk_error error;

	for (unsigned i = 0; i < BLOBS; i++) {
		fill(blob, i);
		must(kk_run_pipeline(commands, 2, &options, LONG_MS, done, &error), &error);
		printf("%d bytes, encrypted, hashed: %.16s\n", BLOB_BYTES, done[1].out.data);
		kk_completed_free(&done[0]);
		kk_completed_free(&done[1]);
	}
	must(kk_run_pipeline(there_and_back, 2, &options, LONG_MS, done, &error), &error);
	printf("decrypted again: %s\n",
	       done[1].out.bytes == sizeof(blob) && memcmp(done[1].out.data, blob, sizeof(blob)) == 0 ? "the same"
	                                                                                              : "not the same");
	kk_completed_free(&done[0]);
	kk_completed_free(&done[1]);
}

/* ---- one that takes too long */

static void too_long(void)
{
	const char *const args[] = {"sh", "-c", "echo I begin; sleep 1000; echo I am done", NULL};
	const struct kk_command command = {.args = args, .out = {KK_STREAM_PIPE, 0}};
	struct kk_popen *child;
	struct kk_error error;
	int returncode = 0;

	child = kk_popen(&command, &error);
	must(child ? 0 : error.code, &error);
	/* A time-out loses nothing: one may ask as often as one likes. */
	while (kk_popen_communicate(child, NULL, 0, 100, &error) == KK_ERR_TIMEOUT &&
	       kk_popen_captured(child, 1).bytes == 0)
		;
	printf("%s; so far: %s", error.text, kk_popen_captured(child, 1).data);
	kk_popen_signal_group(child, SIGTERM);
	must(kk_popen_communicate(child, NULL, 0, LONG_MS, &error), &error);
	must(kk_popen_wait(child, LONG_MS, &returncode), &error);
	printf("returncode %d\n", returncode);
	kk_popen_free(child);
}

int main(void)
{
	one();
	many();
	hashes();
	too_long();
	return 0;
}
