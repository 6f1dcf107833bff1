/* SPDX-License-Identifier: Apache-2.0 */
/* ipc/gate/gate.c - limits shared by processes: permits, rates, hold-off. Why it is right: ipc/MEMORY.md, "Gate".
 *
 *	header | global next_ns | place[places] = next_ns | not_before_ns | claim | permit[permits]
 *
 * No access here orders any other memory: each limit is one word that is compared with itself and the clock alone, so
 * all of them are relaxed. The steps G1 .. G8 are those of the page.
 */
#include <kakehi/gate.h>

#include "hash/hash.h"
#include "head/head.h"
#include "wait/point.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GATE_MAGIC   0x6b6b6761U
#define GATE_VERSION 2U

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_SHORT_LOCK_FREE == 2, "atomics must not use locks of a process");

#define NS_PER_SECOND    1e9
#define NS_PER_MS        UINT64_C(1000000)
#define PERMIT_WAIT_NS   UINT64_C(10000000) /* half of it at random on top, so that the refused do not march in step */
#define PERMIT_SPREAD_NS UINT64_C(10000000)

/* A role without any permit of a place is refused for so long before the others leave it one; and until so long, for it
 * may be dead: it asks every 20 ms if it lives. */
#define CLAIM_RIPE_MS  UINT64_C(250)
#define CLAIM_LAPSE_MS UINT64_C(300)
#define CLAIM_ROLE     UINT64_C(0xffff)
#define CLAIM_SHIFT    16

/* Shared.   field       written by                      read by
 *           header      init, once                      attach, check
 *           next_ns     whoever is admitted, CAS        all
 *           not_before  whoever wants it later, CAS     all
 *           claim       who is refused, CAS from void   all
 *                       to its own; it again, CAS -> 0
 *           permit      taker, CAS 0 -> role;           all
 *                       its role or the heir, -> 0 */
struct gate_facts {
	uint32_t places, permits, roles, reserved;
	uint64_t key_spacing_ns, spacing_ns; /* of admissions; 0: no limit */
	struct hash_secret secret;
};

struct gate_memory {
	uint32_t magic, version;
	struct gate_facts facts;
	_Alignas(64) _Atomic uint64_t next_ns; /* when the next admission is due, if all came evenly */
};

struct gate_place {
	_Atomic uint64_t next_ns;
	_Atomic uint64_t not_before_ns;
	_Atomic uint64_t claim;    /* since when, in ms, a role is refused | that role; 0: none */
	_Atomic uint16_t permit[]; /* 0: free; else the role that has it */
};

/* All that is used to find a place is a copy: a process that damages the header leads no other one astray. */
struct kk_gate {
	struct gate_memory *memory;
	struct gate_facts facts;
	uint64_t stride;
};

/* ---- layout */

static uint64_t stride_of(uint32_t permits)
{
	return (sizeof(struct gate_place) + permits * sizeof(uint16_t) + 7) / 8 * 8;
}

static bool rate_ok(double rate)
{
	return rate == 0 || (rate >= KK_GATE_MIN_RATE && rate <= NS_PER_SECOND);
}

/* Rounded up: never more than the rate. */
static uint64_t spacing_of(double rate)
{
	uint64_t ns = rate == 0 ? 0 : (uint64_t)(NS_PER_SECOND / rate);
	return (double)ns * rate < NS_PER_SECOND && rate != 0 ? ns + 1 : ns;
}

static uint64_t size_of(uint32_t places, uint32_t permits)
{
	return (sizeof(struct gate_memory) + places * stride_of(permits) + 63) / 64 * 64;
}

uint64_t kk_gate_size(const struct kk_gate_shape *shape)
{
	if (shape->places == 0 || shape->places > KK_GATE_MAX_PLACES || (shape->places & (shape->places - 1)) != 0 ||
	    shape->permits > KK_GATE_MAX_PERMITS || shape->roles == 0 || shape->roles > KK_GATE_MAX_ROLES ||
	    !rate_ok(shape->key_rate) || !rate_ok(shape->rate))
		return 0;
	return size_of(shape->places, shape->permits);
}

static struct gate_place *place_at(const struct kk_gate *gate, uint64_t i)
{
	return (struct gate_place *)(void *)((char *)(gate->memory + 1) + i * gate->stride);
}

static struct gate_place *place_of(const struct kk_gate *gate, const void *key, size_t key_bytes)
{
	struct hash128 hash = hash_bytes(&gate->facts.secret, key, key_bytes);
	return place_at(gate, hash.low & (gate->facts.places - 1));
}

int kk_gate_init(void *memory, uint64_t bytes, const struct kk_gate_shape *shape, struct kk_error *error)
{
	struct gate_memory *header = memory;
	uint64_t size = kk_gate_size(shape);
	struct hash_secret secret;
	if (!memory || (uintptr_t)memory % 64 != 0 || size == 0 || bytes < size)
		return kk_error_set(error, KK_ERR_INVALID, "%" PRIu64 " bytes cannot hold such a gate", bytes);
	if (hash_draw_secret(&secret) != KK_OK)
		return kk_error_set(error, KK_ERR_SYSTEM, "no random bytes for a gate");
	*header = (struct gate_memory){.magic = GATE_MAGIC,
	                               .version = GATE_VERSION,
	                               .facts = {.places = shape->places,
	                                         .permits = shape->permits,
	                                         .roles = shape->roles,
	                                         .key_spacing_ns = spacing_of(shape->key_rate),
	                                         .spacing_ns = spacing_of(shape->rate),
	                                         .secret = secret}};
	_Atomic uint64_t *word = (_Atomic uint64_t *)(void *)(header + 1);
	for (uint64_t i = 0; i < (size - sizeof(*header)) / sizeof(*word); i++)
		atomic_init(&word[i], 0);
	return KK_OK;
}

static const struct head our_head = {
    .what = "gate", .magic = GATE_MAGIC, .version = GATE_VERSION, .bytes = sizeof(struct gate_memory)};

struct kk_gate *kk_gate_attach(void *memory, uint64_t bytes, struct kk_error *error)
{
	struct gate_memory *shared = memory;
	struct kk_gate *gate = NULL;
	if (head_check(&our_head, memory, bytes, error) < 0)
		return NULL;
	gate = calloc(1, sizeof(*gate));
	if (!gate) {
		(void)kk_error_set(error, KK_ERR_MEMORY, "no memory for a gate's handle");
		return NULL;
	}
	gate->memory = shared;
	gate->facts = shared->facts;
	struct kk_gate_shape shape = {gate->facts.places, gate->facts.permits, gate->facts.roles, 0, 0};
	uint64_t size = kk_gate_size(&shape);
	gate->stride = stride_of(shape.permits);
	if (size == 0 || size > bytes) {
		(void)kk_error_set(error, KK_ERR_CORRUPT, "the gate is larger than its memory");
		kk_gate_detach(gate);
		gate = NULL;
	}
	return gate;
}

void kk_gate_detach(struct kk_gate *gate)
{
	free(gate);
}

int kk_gate_check(const struct kk_gate *gate, struct kk_error *error)
{
	const struct gate_memory *shared = gate->memory;
	if (shared->magic != GATE_MAGIC || shared->version != GATE_VERSION ||
	    memcmp(&shared->facts, &gate->facts, sizeof(gate->facts)) != 0)
		return kk_error_set(error, KK_ERR_CORRUPT, "the header of a gate was overwritten");
	return KK_OK;
}

/* ---- rates: the word says when the next admission is due. Being a little early is allowed where admissions are so
 * close together that nobody could ask for each at its time. */

static uint64_t slack_of(uint64_t spacing_ns)
{
	return spacing_ns < KK_GATE_BURST_NS ? KK_GATE_BURST_NS - spacing_ns : 0;
}

/* 0: it would be admitted at once. */
static uint64_t rate_wait(uint64_t next_ns, uint64_t spacing_ns, uint64_t now_ns)
{
	uint64_t early_ns = now_ns + slack_of(spacing_ns);
	return spacing_ns == 0 || next_ns <= early_ns ? 0 : next_ns - early_ns;
}

/* A turn that was taken: what the word was and is. */
struct turn {
	_Atomic uint64_t *word;
	uint64_t before, after;
};

static uint64_t take_turn(_Atomic uint64_t *word, uint64_t spacing_ns, uint64_t now_ns, struct turn *turn)
{
	*turn = (struct turn){word, atomic_load_explicit(word, memory_order_relaxed), 0};
	while (spacing_ns != 0) {
		uint64_t wait_ns = rate_wait(turn->before, spacing_ns, now_ns);
		if (wait_ns != 0)
			return wait_ns;
		turn->after = (turn->before > now_ns ? turn->before : now_ns) + spacing_ns;
		KK_POINT("G3");
		if (atomic_compare_exchange_strong_explicit(word, &turn->before, turn->after, memory_order_relaxed,
		                                            memory_order_relaxed))
			break;
	}
	KK_POINT("G3: taken");
	return 0;
}

/* Only if nobody came after it: what followed was spaced from this turn. Else it is wasted. */
static void return_turn(const struct turn *turn)
{
	uint64_t expected = turn->after;
	KK_POINT("G4");
	if (turn->after != 0)
		(void)atomic_compare_exchange_strong_explicit(turn->word, &expected, turn->before, memory_order_relaxed,
		                                              memory_order_relaxed);
	KK_POINT("G4: returned");
}

/* ---- permits */

/* The permit taken; NULL: all are in use, but for `spare`. Roles begin to look at different ones, to stay out of each
 * other's way. */
static _Atomic uint16_t *take_permit(const struct kk_gate *gate, struct gate_place *place, unsigned role,
                                     unsigned spare)
{
	uint32_t permits = gate->facts.permits;
	for (uint32_t i = 0; i < permits; i++) {
		_Atomic uint16_t *permit = &place->permit[(i + role) % permits];
		uint16_t nobody = 0;
		if (atomic_load_explicit(permit, memory_order_relaxed) != 0)
			continue;
		if (spare > 0) {
			spare--;
			continue;
		}
		KK_POINT("G2");
		if (atomic_compare_exchange_strong_explicit(permit, &nobody, (uint16_t)role, memory_order_relaxed,
		                                            memory_order_relaxed)) {
			KK_POINT("G2: taken");
			return permit;
		}
	}
	return NULL;
}

static void return_permit(_Atomic uint16_t *permit)
{
	if (!permit)
		return;
	KK_POINT("G5");
	atomic_store_explicit(permit, 0, memory_order_relaxed);
	KK_POINT("G5: returned");
}

int kk_gate_leave(struct kk_gate *gate, unsigned role, const void *key, size_t key_bytes)
{
	struct gate_place *place = place_of(gate, key, key_bytes);
	if (gate->facts.permits == 0)
		return KK_OK;
	for (uint32_t i = 0; i < gate->facts.permits; i++) {
		if (role == 0 || atomic_load_explicit(&place->permit[i], memory_order_relaxed) != role)
			continue;
		return_permit(&place->permit[i]);
		return KK_OK;
	}
	return KK_ERR_MISSING;
}

int kk_gate_inherit(struct kk_gate *gate, unsigned role)
{
	int found = 0;
	if (role == 0 || role > gate->facts.roles)
		return KK_ERR_INVALID;
	for (uint64_t p = 0; p < gate->facts.places; p++) {
		struct gate_place *place = place_at(gate, p);
		for (uint32_t i = 0; i < gate->facts.permits; i++) {
			if (atomic_load_explicit(&place->permit[i], memory_order_relaxed) != role)
				continue;
			return_permit(&place->permit[i]);
			found++;
		}
	}
	return found;
}

static uint32_t held_in(const struct kk_gate *gate, const struct gate_place *place, unsigned role)
{
	uint32_t held = 0;
	for (uint32_t i = 0; i < gate->facts.permits; i++) {
		uint16_t who = atomic_load_explicit(&place->permit[i], memory_order_relaxed);
		held += who != 0 && (role == 0 || who == role);
	}
	return held;
}

uint32_t kk_gate_held(const struct kk_gate *gate, unsigned role)
{
	uint32_t held = 0;
	for (uint64_t p = 0; p < gate->facts.places; p++)
		held += held_in(gate, place_at(gate, p), role);
	return held;
}

uint32_t kk_gate_held_at(const struct kk_gate *gate, const void *key, size_t key_bytes)
{
	return held_in(gate, place_of(gate, key, key_bytes), 0);
}

/* ---- claims: whoever gives a permit back asks again at once, and would be there before all who look every 10 ms */

/* Beyond all bounds if it was made after the caller looked at the clock. */
static uint64_t claim_age_ms(uint64_t claim, uint64_t now_ns)
{
	return now_ns / NS_PER_MS - (claim >> CLAIM_SHIFT);
}

/* How many permits must be left to somebody else? */
static unsigned claimed_from(const struct gate_place *place, unsigned role, uint64_t now_ns)
{
	uint64_t claim = atomic_load_explicit(&place->claim, memory_order_relaxed),
	         age_ms = claim_age_ms(claim, now_ns);
	return claim != 0 && (claim & CLAIM_ROLE) != role && age_ms >= CLAIM_RIPE_MS && age_ms < CLAIM_LAPSE_MS;
}

/* One claim stands at a time, until it lapses. Who has a permit here has none to make. */
static void make_claim(const struct kk_gate *gate, struct gate_place *place, unsigned role, uint64_t now_ns)
{
	uint64_t claim = atomic_load_explicit(&place->claim, memory_order_relaxed);
	if ((claim != 0 && claim_age_ms(claim, now_ns) < CLAIM_LAPSE_MS) || held_in(gate, place, role) != 0)
		return;
	KK_POINT("G7");
	(void)atomic_compare_exchange_strong_explicit(&place->claim, &claim, now_ns / NS_PER_MS << CLAIM_SHIFT | role,
	                                              memory_order_relaxed, memory_order_relaxed);
	KK_POINT("G7: claimed");
}

static void settle_claim(struct gate_place *place, unsigned role)
{
	uint64_t claim = atomic_load_explicit(&place->claim, memory_order_relaxed);
	if ((claim & CLAIM_ROLE) != role)
		return;
	KK_POINT("G8");
	(void)atomic_compare_exchange_strong_explicit(&place->claim, &claim, 0, memory_order_relaxed,
	                                              memory_order_relaxed);
	KK_POINT("G8: settled");
}

/* ---- the whole */

/* What can be seen without taking anything; most refusals end here. */
static uint64_t foreseen_wait(const struct kk_gate *gate, const struct gate_place *place, uint64_t now_ns)
{
	uint64_t not_before_ns = atomic_load_explicit(&place->not_before_ns, memory_order_relaxed);
	uint64_t key_wait_ns =
	    rate_wait(atomic_load_explicit(&place->next_ns, memory_order_relaxed), gate->facts.key_spacing_ns, now_ns);
	uint64_t wait_ns = rate_wait(atomic_load_explicit(&gate->memory->next_ns, memory_order_relaxed),
	                             gate->facts.spacing_ns, now_ns);
	if (not_before_ns > now_ns && not_before_ns - now_ns > wait_ns)
		wait_ns = not_before_ns - now_ns;
	return key_wait_ns > wait_ns ? key_wait_ns : wait_ns;
}

static int64_t refused(uint64_t wait_ns)
{
	return wait_ns > INT64_MAX ? INT64_MAX : (int64_t)wait_ns;
}

int64_t kk_gate_admit(struct kk_gate *gate, unsigned role, const void *key, size_t key_bytes, uint64_t now_ns)
{
	struct gate_place *place = place_of(gate, key, key_bytes);
	_Atomic uint16_t *permit = NULL;
	struct turn key_turn, turn;
	if (role == 0 || role > gate->facts.roles)
		return KK_ERR_INVALID;
	KK_POINT("G1");
	uint64_t wait_ns = foreseen_wait(gate, place, now_ns);
	if (wait_ns != 0)
		return refused(wait_ns);
	if (gate->facts.permits != 0) {
		permit = take_permit(gate, place, role, claimed_from(place, role, now_ns));
		if (!permit) {
			make_claim(gate, place, role, now_ns);
			return refused(PERMIT_WAIT_NS + (now_ns / 16 + role * UINT64_C(997)) % PERMIT_SPREAD_NS);
		}
	}
	wait_ns = take_turn(&place->next_ns, gate->facts.key_spacing_ns, now_ns, &key_turn);
	if (wait_ns == 0) {
		wait_ns = take_turn(&gate->memory->next_ns, gate->facts.spacing_ns, now_ns, &turn);
		if (wait_ns != 0)
			return_turn(&key_turn);
	}
	if (wait_ns != 0)
		return_permit(permit);
	else
		settle_claim(place, role);
	return refused(wait_ns);
}

void kk_gate_hold_off(struct kk_gate *gate, const void *key, size_t key_bytes, uint64_t until_ns)
{
	_Atomic uint64_t *word = &place_of(gate, key, key_bytes)->not_before_ns;
	uint64_t now = atomic_load_explicit(word, memory_order_relaxed);
	do
		KK_POINT("G6");
	while (now < until_ns && !atomic_compare_exchange_weak_explicit(word, &now, until_ns, memory_order_relaxed,
	                                                                memory_order_relaxed));
	KK_POINT("G6: held");
}
