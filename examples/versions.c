/* SPDX-License-Identifier: Apache-2.0 */
/* versions - a game is saved by one version of a program and loaded by another. Each version is a process of its own,
 * which reads a saved game from its stdin and writes one to its stdout:
 *
 *	versions 1|2|3 new|show|win|for1
 *
 * Without words it starts them and says what they do. */
#include <kakehi/record.h>
#include <kakehi/run.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAVED_MAX = 1000, LONG_MS = 60000 };

/* ---- version 1: a level and so many lives */

struct game1 {
	int32_t level, lives;
	struct kk_record_value kept; /* what a later version has written */
};

static const struct kk_record_field fields1[] = {
    {KK_RECORD_MEMBER("level", KK_FIELD_INT, struct game1, level)},
    {KK_RECORD_MEMBER("lives", KK_FIELD_INT, struct game1, lives), .default_int = 4},
};

static const struct kk_record_schema schema1 = {.name = "game",
                                                .version = 1,
                                                .fields = fields1,
                                                .field_count = 2,
                                                .keeps = true,
                                                .kept_at = offsetof(struct game1, kept)};

/* ---- version 2: there are points */

struct game2 {
	int32_t level, lives;
	int64_t points;
};

static const struct kk_record_field fields2[] = {
    {KK_RECORD_MEMBER("level", KK_FIELD_INT, struct game2, level)},
    {KK_RECORD_MEMBER("lives", KK_FIELD_INT, struct game2, lives), .default_int = 4},
    {KK_RECORD_MEMBER("points", KK_FIELD_INT, struct game2, points), .since = 2},
};

static const struct kk_record_schema schema2 = {.name = "game", .version = 2, .fields = fields2, .field_count = 3};

/* ---- version 3: nobody dies any more, points are called score, there is magic */

struct game3 {
	int32_t level;
	int64_t score;
	double magic;
};

static const struct kk_record_field fields3[] = {
    {KK_RECORD_MEMBER("level", KK_FIELD_INT, struct game3, level)},
    {.name = "lives", .kind = KK_FIELD_INT, .removed = 3, .default_int = 4},
    {KK_RECORD_MEMBER("score", KK_FIELD_INT, struct game3, score), .since = 2, .renamed_from = "points", .renamed = 3},
    {KK_RECORD_MEMBER("magic", KK_FIELD_DOUBLE, struct game3, magic), .since = 3, .default_double = 0.5},
};

static const struct kk_record_schema schema3 = {.name = "game", .version = 3, .fields = fields3, .field_count = 4};

/* ---- what a version does with a game */

union game {
	struct game1 one;
	struct game2 two;
	struct game3 three;
};

static const struct kk_record_schema *const schemas[] = {NULL, &schema1, &schema2, &schema3};

static const union game fresh[] = {
    [1] = {.one = {.level = 1, .lives = 3}},
    [2] = {.two = {.level = 1, .lives = 3, .points = 1000}},
    [3] = {.three = {.level = 1, .score = 1000, .magic = 0.75}},
};

static int fail(const char *text)
{
	fprintf(stderr, "versions: %s\n", text);
	return 1;
}

static void show(int version, const union game *game)
{
	if (version == 1)
		printf("level %d, %d lives\n", (int)game->one.level, (int)game->one.lives);
	else if (version == 2)
		printf("level %d, %d lives, %lld points\n", (int)game->two.level, (int)game->two.lives,
		       (long long)game->two.points);
	else
		printf("level %d, score %lld, magic %g\n", (int)game->three.level, (long long)game->three.score,
		       game->three.magic);
}

static int save(int version, const union game *game, uint32_t as_version)
{
	unsigned char saved[SAVED_MAX];
	struct kk_record_writer writer;
	struct kk_error error;
	const void *data;
	size_t bytes;

	kk_record_begin(&writer, saved, sizeof(saved));
	kk_record_pack(&writer, schemas[version], game, as_version);
	if (kk_record_finish(&writer, &data, &bytes, &error) < 0)
		return fail(error.text);
	return fwrite(data, 1, bytes, stdout) == bytes ? 0 : fail("cannot write");
}

static int play(int version, const char *action)
{
	unsigned char saved[SAVED_MAX];
	struct kk_error error;
	union game game = fresh[version];
	size_t bytes;

	if (strcmp(action, "new") == 0)
		return save(version, &game, 0);
	bytes = fread(saved, 1, sizeof(saved), stdin);
	if (kk_record_decode(schemas[version], saved, bytes, &game, &error) < 0)
		return fail(error.text);
	if (strcmp(action, "show") == 0) {
		show(version, &game);
		return 0;
	}
	/* All three begin with the level. */
	game.one.level += strcmp(action, "win") == 0;
	return save(version, &game, strcmp(action, "for1") == 0 ? 1 : 0);
}

/* ---- who plays */

struct saved {
	char data[SAVED_MAX];
	size_t bytes;
};

/* Lets a version do something with a saved game; what it writes becomes the saved game, or for `show` is said. */
static void let(const char *version, const char *action, struct saved *game)
{
	const char *const args[] = {"/proc/self/exe", version, action, NULL};
	const struct kk_command command = {.args = args};
	const struct kk_run_options options = {
	    .input = game->data, .input_bytes = game->bytes, .capture = true, .check = true};
	struct kk_completed done;
	struct kk_error error;
	struct kk_record_value value;
	char text[500];

	if (kk_run(&command, &options, LONG_MS, &done, &error) < 0 || done.out.bytes > sizeof(game->data))
		exit(fail(error.text));
	if (strcmp(action, "show") == 0) {
		printf("version %s reads:  %s", version, done.out.data);
	} else {
		memcpy(game->data, done.out.data, done.out.bytes);
		game->bytes = done.out.bytes;
		if (kk_record_open(game->data, game->bytes, &value, &error) < 0)
			exit(fail(error.text));
		kk_record_text(&value, text, sizeof(text));
		printf("version %s writes: %s\n", version, text);
	}
	kk_completed_free(&done);
}

int main(int argc, char **argv)
{
	struct saved game = {.bytes = 0};

	if (argc == 3 && strlen(argv[1]) == 1 && strchr("123", argv[1][0]))
		return play(argv[1][0] - '0', argv[2]);

	printf("An old game in new programs:\n");
	let("1", "new", &game);
	let("2", "show", &game);
	let("3", "show", &game);

	printf("A new game in an old program, which carries along what it does not know:\n");
	let("2", "new", &game);
	let("1", "show", &game);
	let("1", "win", &game);
	let("2", "show", &game);

	printf("A renamed field, and one that is gone:\n");
	let("2", "new", &game);
	let("3", "win", &game);
	let("2", "show", &game);

	printf("A new game, written for old programs:\n");
	let("3", "new", &game);
	let("3", "for1", &game);
	let("1", "show", &game);
	return 0;
}
