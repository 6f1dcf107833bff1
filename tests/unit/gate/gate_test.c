/* SPDX-License-Identifier: Apache-2.0 */
/* kk_gate: limits hold for all callers together, whoever is killed where. */
#include "harness.h"
#include "hash/hash.h"
#include <kakehi/gate.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

/* What happens at a point of the library, in this thread. */
static _Thread_local struct {
	const char *site; /* NULL: any; then `act` is called there */
	void (*act)(void);
	uint64_t points, die_at; /* at the die_at-th point; 0: never */
	uint64_t dice;           /* not 0: yields now and then */
} strike;

void kk_point(const char *site);
void kk_point(const char *site)
{
	if (++strike.points == strike.die_at)
		raise(SIGKILL);
	if (strike.dice) {
		strike.dice = strike.dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
		if (strike.dice >> 61 == 0)
			sched_yield();
	}
	if (strike.act && strcmp(strike.site, site) == 0) {
		void (*act)(void) = strike.act;
		strike.act = NULL;
		act();
	}
}

static void *shared(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	return memory;
}

static struct kk_gate *new_gate(struct kk_gate_shape shape)
{
	uint64_t bytes = kk_gate_size(&shape);
	assert_int_not_equal(bytes, 0);
	void *memory = shared(bytes);
	assert_int_equal(kk_gate_init(memory, bytes, &shape, NULL), KK_OK);
	struct kk_gate *gate = kk_gate_attach(memory, bytes, NULL);
	assert_non_null(gate);
	return gate;
}

static int64_t admit(struct kk_gate *gate, unsigned role, const char *key, uint64_t now_ns)
{
	return kk_gate_admit(gate, role, key, strlen(key), now_ns);
}

static int leave(struct kk_gate *gate, unsigned role, const char *key)
{
	return kk_gate_leave(gate, role, key, strlen(key));
}

/* ---- one caller at a time */

/* The first and the last vector of the authors' list, and one in between. */
static void test_hash(void **state)
{
	(void)state;
	static const struct {
		size_t bytes;
		unsigned char is[16];
	} vectors[] = {
	    {0, {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93}},
	    {1, {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45}},
	    {63, {0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f, 0xbd, 0x7c}},
	};
	struct hash_secret secret = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
	unsigned char data[64];
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)i;
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct hash128 hash = hash_bytes(&secret, data, vectors[i].bytes);
		assert_memory_equal(&hash.low, vectors[i].is, 8);
		assert_memory_equal(&hash.high, vectors[i].is + 8, 8);
	}
}

static void test_permits(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 1, .permits = 3, .roles = 4});
	assert_int_equal(admit(gate, 1, "a", 1), 0);
	assert_int_equal(admit(gate, 1, "a", 1), 0);
	assert_int_equal(admit(gate, 2, "b", 1), 0);
	int64_t wait_ns = admit(gate, 2, "a", 1);
	assert_true(wait_ns >= (int64_t)(10 * MS) && wait_ns <= (int64_t)(20 * MS));
	assert_int_equal(kk_gate_held(gate, 0), 3);
	assert_int_equal(kk_gate_held(gate, 1), 2);
	assert_int_equal(kk_gate_held_at(gate, "a", 1), 3); /* one place: all keys share it */
	assert_int_equal(leave(gate, 3, "a"), KK_ERR_MISSING);
	assert_int_equal(leave(gate, 1, "a"), KK_OK);
	assert_int_equal(admit(gate, 2, "a", 1), 0);
	assert_int_equal(kk_gate_inherit(gate, 2), 2);
	assert_int_equal(kk_gate_inherit(gate, 2), 0);
	assert_int_equal(leave(gate, 1, "a"), KK_OK);
	assert_int_equal(leave(gate, 1, "a"), KK_ERR_MISSING);
	assert_int_equal(kk_gate_held(gate, 0), 0);
	assert_int_equal(admit(gate, 0, "a", 1), KK_ERR_INVALID);
	assert_int_equal(admit(gate, 5, "a", 1), KK_ERR_INVALID);
	assert_int_equal(kk_gate_inherit(gate, 5), KK_ERR_INVALID);
	kk_gate_detach(gate);
}

static void test_keys_have_places_of_their_own(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 4096, .permits = 1, .roles = 1});
	unsigned admitted = 0;
	for (unsigned i = 0; i < 100; i++)
		admitted += admit(gate, 1, harness_text("host%u.example", i), 1) == 0;
	assert_true(admitted >= 90); /* about one pair meets at random */
	assert_int_equal(kk_gate_held(gate, 1), admitted);
	assert_int_equal(kk_gate_inherit(gate, 1), admitted);
	kk_gate_detach(gate);
}

/* Asks again exactly when it is told to. */
static void test_spacing_is_even(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 8, .roles = 1, .key_rate = 3});
	uint64_t now_ns = 5000 * MS;
	for (unsigned i = 0; i < 30; i++) {
		assert_int_equal(admit(gate, 1, "a", now_ns), 0);
		int64_t wait_ns = admit(gate, 1, "a", now_ns);
		assert_int_equal(wait_ns, 333333334);
		assert_int_equal(admit(gate, 1, "a", now_ns + (uint64_t)wait_ns - 1), 1);
		now_ns += (uint64_t)wait_ns;
	}
	/* What was not used is not saved up. */
	now_ns += 60000 * MS;
	assert_int_equal(admit(gate, 1, "a", now_ns), 0);
	assert_true(admit(gate, 1, "a", now_ns) > 0);
	kk_gate_detach(gate);
}

static void test_high_rates_come_in_bursts_of_10_ms(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 8, .roles = 1, .rate = 2000});
	uint64_t start_ns = 7000 * MS, now_ns = start_ns;
	unsigned admitted = 0;
	while (admit(gate, 1, "a", now_ns) == 0)
		admitted++;
	assert_int_equal(admitted, 20);
	for (; now_ns < start_ns + 1000 * MS; now_ns += MS)
		while (admit(gate, 1, admitted % 2 ? "a" : "b", now_ns) == 0)
			admitted++;
	assert_in_range(admitted, 2000, 2020);
	kk_gate_detach(gate);
}

static void test_hold_off(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 4096, .permits = 2, .roles = 1});
	assert_int_equal(admit(gate, 1, "slow", 100 * MS), 0);
	kk_gate_hold_off(gate, "slow", 4, 500 * MS);
	kk_gate_hold_off(gate, "slow", 4, 300 * MS);
	assert_int_equal(admit(gate, 1, "slow", 100 * MS), 400 * MS);
	assert_int_equal(admit(gate, 1, "slow", 499 * MS), MS);
	assert_int_equal(admit(gate, 1, "slow", 500 * MS), 0);
	assert_int_equal(kk_gate_held(gate, 1), 2);
	kk_gate_detach(gate);
}

/* ---- a rival comes in between */

static struct kk_gate *rival_gate;

static void rival_takes_the_turn(void)
{
	assert_int_equal(admit(rival_gate, 2, "elsewhere", 1000 * MS), 0);
}

static void test_refusal_gives_back_what_was_taken(void **state)
{
	(void)state;
	struct kk_gate *gate =
	    new_gate((struct kk_gate_shape){.places = 4096, .permits = 1, .roles = 2, .key_rate = 1, .rate = 50});
	rival_gate = gate;
	strike.site = "G3: taken"; /* of the key */
	strike.act = rival_takes_the_turn;
	assert_int_equal(admit(gate, 1, "here", 1000 * MS), 20 * MS);
	assert_int_equal(kk_gate_held(gate, 1), 0);
	/* The turn at the key is not lost: else this were refused for a second. */
	assert_int_equal(admit(gate, 1, "here", 1020 * MS), 0);
	kk_gate_detach(gate);
}

static void rival_takes_the_permit(void)
{
	assert_int_equal(admit(rival_gate, 2, "here", 1000 * MS), 0);
}

static void test_a_permit_is_taken_once(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 1, .permits = 1, .roles = 2});
	rival_gate = gate;
	strike.site = "G2";
	strike.act = rival_takes_the_permit;
	assert_true(admit(gate, 1, "here", 1000 * MS) > 0);
	assert_int_equal(kk_gate_held(gate, 1), 0);
	assert_int_equal(kk_gate_held(gate, 2), 1);
	kk_gate_detach(gate);
}

/* ---- turns */

enum { GREEDY = 4, SERVICE_MS = 7, DAY_MS = 20000 };

/* A role with an endless queue for one key: asks again as soon as something of its own is through, as the others do. */
struct greedy {
	uint64_t ask_ms, end_ms[2], let_in, last_ms, longest_ms;
};

static void live(struct kk_gate *gate, unsigned role, struct greedy *greedy, uint64_t now_ms)
{
	for (unsigned i = 0; i < 2; i++) {
		if (greedy->end_ms[i] != now_ms)
			continue;
		assert_int_equal(leave(gate, role, "a"), KK_OK);
		greedy->end_ms[i] = 0;
		greedy->ask_ms = now_ms;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (greedy->ask_ms > now_ms || greedy->end_ms[i] != 0)
			continue;
		int64_t wait_ns = admit(gate, role, "a", now_ms * MS);
		greedy->ask_ms = now_ms + ((uint64_t)wait_ns + MS - 1) / MS;
		if (wait_ns != 0)
			continue;
		greedy->end_ms[i] = now_ms + SERVICE_MS;
		greedy->let_in++;
		if (now_ms - greedy->last_ms > greedy->longest_ms)
			greedy->longest_ms = now_ms - greedy->last_ms;
		greedy->last_ms = now_ms;
	}
}

static void test_nobody_waits_for_ever(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 1, .permits = 2, .roles = GREEDY});
	struct greedy greedy[GREEDY] = {{.let_in = 0}};
	uint64_t all = 0;
	for (uint64_t now_ms = 1; now_ms <= DAY_MS; now_ms++)
		for (unsigned i = 0; i < GREEDY; i++)
			live(gate, i + 1, &greedy[i], now_ms);
	for (unsigned i = 0; i < GREEDY; i++) {
		if (greedy[i].let_in == 0 || greedy[i].longest_ms > 5000)
			fail_msg("role %u: %llu times, once after %llu ms", i + 1, (unsigned long long)greedy[i].let_in,
			         (unsigned long long)greedy[i].longest_ms);
		all += greedy[i].let_in;
	}
	/* It costs little: at most a permit for 20 ms of each quarter second. */
	assert_true(all > 2 * DAY_MS / SERVICE_MS * 94 / 100);
	kk_gate_detach(gate);
}

/* Role 1 goes in and out at `now_ms`, with both permits before. Is it let in again? */
static bool comes_back(struct kk_gate *gate, uint64_t now_ms)
{
	assert_int_equal(leave(gate, 1, "a"), KK_OK);
	return admit(gate, 1, "a", now_ms * MS) == 0;
}

static void test_a_claim_ripens_and_lapses(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 1, .permits = 2, .roles = 2});
	assert_int_equal(admit(gate, 1, "a", 1000 * MS), 0);
	assert_int_equal(admit(gate, 1, "a", 1000 * MS), 0);
	assert_true(admit(gate, 1, "a", 1000 * MS) > 0); /* no claim: it has some */
	assert_true(admit(gate, 2, "a", 1010 * MS) > 0);
	assert_true(comes_back(gate, 1259));
	assert_false(comes_back(gate, 1260));
	assert_int_equal(admit(gate, 2, "a", 1261 * MS), 0);
	assert_true(admit(gate, 1, "a", 1262 * MS) > 0);
	assert_true(comes_back(gate, 1263));
	/* Both free: only one is left alone. A dead one's claim costs no more than its time. */
	assert_int_equal(leave(gate, 2, "a"), KK_OK);
	assert_int_equal(admit(gate, 1, "a", 1270 * MS), 0);
	assert_true(admit(gate, 2, "a", 2000 * MS) > 0);
	assert_int_equal(leave(gate, 1, "a"), KK_OK);
	assert_int_equal(leave(gate, 1, "a"), KK_OK);
	assert_int_equal(admit(gate, 1, "a", 2299 * MS), 0);
	assert_true(admit(gate, 1, "a", 2299 * MS) > 0);
	assert_int_equal(admit(gate, 1, "a", 2300 * MS), 0);
	kk_gate_detach(gate);
}

/* ---- deaths */

/* Everything that can be done, in an order that fails where it should and succeeds where it should. */
static int play_all(struct kk_gate *gate)
{
	int bad = kk_gate_inherit(gate, 1) < 0;
	for (unsigned i = 0; i < 3; i++)
		(void)admit(gate, 1, "a", (1000 + i) * MS);
	(void)admit(gate, 1, "b", 1010 * MS);
	bad |= leave(gate, 1, "a") != KK_OK;
	kk_gate_hold_off(gate, "b", 1, 1500 * MS);
	(void)admit(gate, 1, "b", 1600 * MS);
	bad |= kk_gate_inherit(gate, 1) < 0;
	return bad;
}

/* Claims a place whose only permit is another's, and is let in. */
static int play_claim(struct kk_gate *gate)
{
	int bad = admit(gate, 1, "a", 1000 * MS) <= 0;
	bad |= leave(gate, 2, "a") != KK_OK || admit(gate, 2, "a", 1270 * MS) <= 0;
	return bad || admit(gate, 1, "a", 1280 * MS) != 0;
}

/* Runs a play in a process that dies at its n-th point. True: it got to the end. */
static bool die_in(int (*play)(struct kk_gate *gate), struct kk_gate *gate, uint64_t n)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		strike.points = 0;
		strike.die_at = n;
		_exit(play(gate));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return false;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void test_killed_at_every_point(void **state)
{
	(void)state;
	uint64_t n = 1;
	for (bool done = false; !done; n++) {
		struct kk_gate *gate = new_gate(
		    (struct kk_gate_shape){.places = 16, .permits = 2, .roles = 2, .key_rate = 500, .rate = 900});
		done = die_in(play_all, gate, n);
		/* The others go on, within the limits. */
		unsigned admitted = 0;
		for (unsigned i = 0; i < 4; i++)
			admitted += admit(gate, 2, "a", 2000 * MS) == 0;
		assert_true(admitted + kk_gate_held(gate, 1) >= 2 && admitted <= 2);
		assert_true(kk_gate_held_at(gate, "a", 1) <= 2);
		/* Its heir dies as well, and its heir's heir; what they all had is given back, and nobody else's. */
		for (uint64_t again = 1; again < 4; again++)
			(void)die_in(play_all, gate, again);
		assert_true(kk_gate_inherit(gate, 1) >= 0);
		assert_int_equal(kk_gate_held(gate, 1), 0);
		assert_int_equal(kk_gate_held(gate, 2), admitted);
		assert_int_equal(kk_gate_check(gate, NULL), KK_OK);
		kk_gate_detach(gate);
	}
	assert_true(n > 30);
}

/* Whatever the dead one claimed, all goes on for the others a moment later, and its heir gives back what it had. */
static void test_killed_with_a_claim(void **state)
{
	(void)state;
	uint64_t n = 1;
	for (bool done = false; !done; n++) {
		struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 1, .permits = 1, .roles = 3});
		assert_int_equal(admit(gate, 2, "a", 900 * MS), 0);
		done = die_in(play_claim, gate, n);
		assert_in_range(kk_gate_inherit(gate, 1), 0, 1);
		(void)leave(gate, 2, "a");
		assert_int_equal(admit(gate, 3, "a", 1300 * MS), 0);
		kk_gate_detach(gate);
	}
	assert_true(n > 10);
}

/* ---- many at once */

enum { ROLES = 6, KEYS = 3, PERMITS = 2, KILLS = 300 };

/* Who is inside at each key, a bit a role; and what was admitted in all. */
struct notes {
	_Atomic uint64_t inside[KEYS];
	_Atomic uint64_t admitted, bad;
};
static struct notes *notes;

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void visit(struct kk_gate *gate, unsigned role, unsigned k)
{
	static const char *const keys[KEYS] = {"one", "two", "three"};
	uint64_t bit = UINT64_C(1) << role;
	if (admit(gate, role, keys[k], clock_ns()) != 0) {
		sched_yield();
		return;
	}
	uint64_t inside = atomic_fetch_or(&notes->inside[k], bit) | bit;
	atomic_fetch_add(&notes->admitted, 1);
	if (__builtin_popcountll(inside) > PERMITS)
		atomic_store(&notes->bad, inside);
	atomic_fetch_and(&notes->inside[k], ~bit);
	(void)leave(gate, role, keys[k]);
}

static pid_t start(struct kk_gate *gate, unsigned role)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child != 0)
		return child;
	strike.dice = role + 1;
	if (kk_gate_inherit(gate, role) < 0)
		_exit(1);
	for (unsigned i = role;; i++)
		visit(gate, role, i % KEYS);
}

/* Its bits are cleared before the heir gives its permits back, as if it had left. */
static void kill_player(pid_t child, unsigned role)
{
	int status;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	for (unsigned k = 0; k < KEYS; k++)
		atomic_fetch_and(&notes->inside[k], ~(UINT64_C(1) << role));
}

static bool went_on(void *since)
{
	return atomic_load(&notes->admitted) > *(uint64_t *)since;
}

static void test_random_kills(void **state)
{
	(void)state;
	struct kk_gate *gate = new_gate((struct kk_gate_shape){.places = 64, .permits = PERMITS, .roles = ROLES});
	pid_t player[ROLES + 1];
	notes = shared(sizeof(*notes));
	for (unsigned role = 1; role <= ROLES; role++)
		player[role] = start(gate, role);
	srand(1);
	for (unsigned i = 0; i < KILLS; i++) {
		unsigned role = 1 + (unsigned)rand() % ROLES;
		uint64_t since = atomic_load(&notes->admitted) + (unsigned)rand() % 50;
		/* Who is dead without an heir yet keeps its permits: two at most of a place, so somebody goes on. */
		assert_true(harness_wait_until(went_on, &since, 20000));
		kill_player(player[role], role);
		player[role] = start(gate, role);
	}
	for (unsigned role = 1; role <= ROLES; role++)
		kill_player(player[role], role);
	assert_int_equal(atomic_load(&notes->bad), 0);
	for (unsigned role = 1; role <= ROLES; role++)
		assert_true(kk_gate_inherit(gate, role) >= 0);
	assert_int_equal(kk_gate_held(gate, 0), 0);
	kk_gate_detach(gate);
}

struct visitor {
	struct kk_gate *gate;
	unsigned role;
	pthread_t thread;
};

enum { THREAD_VISITS = 3000 };

static void *visit_often(void *arg)
{
	struct visitor *visitor = arg;
	strike.dice = visitor->role + 7;
	for (unsigned i = 0; i < THREAD_VISITS; i++) {
		visit(visitor->gate, visitor->role, (i + visitor->role) % KEYS);
		if (i % 500 == 499)
			kk_gate_hold_off(visitor->gate, "one", 3, clock_ns() + 1000);
	}
	return NULL;
}

/* Threads stand in for workers, for a thread sanitizer to look on; and here is a rate as well. */
static void test_threads(void **state)
{
	(void)state;
	struct kk_gate_shape shape = {
	    .places = 64, .permits = PERMITS, .roles = ROLES, .key_rate = 9000, .rate = 20000};
	struct visitor visitor[ROLES];
	struct kk_gate *gate = new_gate(shape);
	notes = shared(sizeof(*notes));
	uint64_t start_ns = clock_ns();
	for (unsigned i = 0; i < ROLES; i++) {
		visitor[i] = (struct visitor){.gate = gate, .role = i + 1};
		assert_int_equal(pthread_create(&visitor[i].thread, NULL, visit_often, &visitor[i]), 0);
	}
	for (unsigned i = 0; i < ROLES; i++)
		assert_int_equal(pthread_join(visitor[i].thread, NULL), 0);
	double seconds = (double)(clock_ns() - start_ns) / 1e9;
	assert_true((double)atomic_load(&notes->admitted) <= shape.rate * (seconds + 0.010) + 1);
	assert_true(atomic_load(&notes->admitted) > 0);
	assert_int_equal(atomic_load(&notes->bad), 0);
	assert_int_equal(kk_gate_held(gate, 0), 0);
	kk_gate_detach(gate);
}

/* ---- damage */

static void test_shapes_and_damage(void **state)
{
	(void)state;
	static const struct kk_gate_shape wrong[] = {
	    {.places = 0, .roles = 1},
	    {.places = 3, .roles = 1},
	    {.places = 1, .roles = 0},
	    {.places = 1, .roles = 1000},
	    {.places = 1, .roles = 1, .permits = KK_GATE_MAX_PERMITS + 1},
	    {.places = 1, .roles = 1, .rate = -1},
	    {.places = 1, .roles = 1, .rate = 1e10},
	    {.places = 1, .roles = 1, .key_rate = 1e-9},
	    {.places = 1, .roles = 1, .key_rate = __builtin_nan("")},
	};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(kk_gate_size(&wrong[i]), 0);
	struct kk_gate_shape shape = {.places = 2, .permits = 2, .roles = 1};
	uint64_t bytes = kk_gate_size(&shape);
	uint32_t *memory = shared(bytes);
	struct kk_error error = {.code = 0};
	assert_null(kk_gate_attach(memory, bytes, &error));
	assert_int_equal(error.code, KK_ERR_CORRUPT);
	assert_int_equal(kk_gate_init(memory, bytes - 1, &shape, &error), KK_ERR_INVALID);
	assert_int_equal(kk_gate_init(memory, bytes, &shape, &error), KK_OK);
	assert_null(kk_gate_attach(memory, bytes - 1, &error));
	struct kk_gate *gate = kk_gate_attach(memory, bytes, &error);
	memset(memory, 0xff, bytes);
	assert_int_equal(kk_gate_check(gate, &error), KK_ERR_CORRUPT);
	assert_true(admit(gate, 1, "a", 1) > 0); /* held off for ever, but not led astray */
	assert_int_equal(leave(gate, 1, "a"), KK_ERR_MISSING);
	assert_int_equal(kk_gate_inherit(gate, 1), 0);
	kk_gate_detach(gate);
	memory[1] = 9;
	memory[0] = 0x6b6b6761U;
	assert_null(kk_gate_attach(memory, bytes, &error));
	assert_int_equal(error.code, KK_ERR_VERSION);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_hash),
    cmocka_unit_test(test_permits),
    cmocka_unit_test(test_keys_have_places_of_their_own),
    cmocka_unit_test(test_spacing_is_even),
    cmocka_unit_test(test_high_rates_come_in_bursts_of_10_ms),
    cmocka_unit_test(test_hold_off),
    cmocka_unit_test(test_refusal_gives_back_what_was_taken),
    cmocka_unit_test(test_a_permit_is_taken_once),
    cmocka_unit_test(test_nobody_waits_for_ever),
    cmocka_unit_test(test_a_claim_ripens_and_lapses),
    cmocka_unit_test(test_killed_at_every_point),
    cmocka_unit_test(test_killed_with_a_claim),
    cmocka_unit_test(test_random_kills),
    cmocka_unit_test(test_threads),
    cmocka_unit_test(test_shapes_and_damage),
};
HARNESS_MAIN(tests)
