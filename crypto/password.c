/* Passwords: hashed and verified with Argon2id, in bounded slots, with equal work for every answer.
 *
 * Who does not exist, who has no usable password, and who typed a wrong one must cost the same, or the time of an answer tells names apart
 * (SECURITY LG). So every path ends with as much Argon2 work as one hash of today's cost: what a row's own hash lacks to it (an older
 * cost, another scheme, none at all) is made up for with a decoy, and a match that is to be replaced pays for the replacement instead.
 */
#include "crypto/password.h"
#include "base/errors.h"
#include "base/clock.h"
#include "crypto/broken.h"
#include "crypto/compare.h"
#include "crypto/password_internal.h"
#include "crypto/random.h"
#include <argon2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* One that hashes and three that wait: some 70 ms at today's cost, and few enough threads of the caller's. */
#define INSIDE_PER_SLOT 4

#ifdef PASSERELLE_TEST_BUILD
#define FLOOR_HOLDS false
#else
#define FLOOR_HOLDS true
#endif

struct password_hasher {
	const struct root_keys *keys;
	pthread_mutex_t lock;
	struct password_cost cost; /* under the lock */
	struct slot_pool *slots;
	uint8_t decoy_salt[PASSWORD_SALT_SIZE];
	atomic_uint_fast64_t count, busy_ns;
	atomic_uint inside;
};

/* libargon2's allocation callbacks take no argument: the slot of the hash that this thread is computing. */
static _Thread_local struct slot *slot_in_use;

static int block_allocate(uint8_t **memory, size_t bytes)
{
	*memory = slot_block(slot_in_use, bytes);
	return *memory ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

/* libargon2 has wiped the block when it comes here. */
static void block_free(uint8_t *memory, size_t bytes)
{
	slot_block_done(slot_in_use, memory, bytes);
}

/* libargon2 asks for pointers to what it could wipe, but with the flags we give it writes to none of them. */
static uint8_t *unconst(const uint8_t *bytes)
{
	return (uint8_t *)(uintptr_t)bytes;
}

bool argon2id_compute(struct slot *slot, const struct argon2_input *input, uint8_t *tag, size_t tag_length)
{
	argon2_context context = {
		.out = tag,
		.outlen = (uint32_t)tag_length,
		.pwd = unconst(input->password),
		.pwdlen = (uint32_t)input->password_length,
		.salt = unconst(input->salt),
		.saltlen = (uint32_t)input->salt_length,
		.secret = unconst(input->secret),
		.secretlen = (uint32_t)input->secret_length,
		.ad = unconst(input->data),
		.adlen = (uint32_t)input->data_length,
		.t_cost = input->cost.iterations,
		.m_cost = input->cost.memory_kib,
		.lanes = input->cost.parallelism,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = block_allocate,
		.free_cbk = block_free,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	slot_in_use = slot;
	int outcome = argon2_ctx(&context, Argon2_id);
	slot_in_use = NULL;
	if (outcome != ARGON2_OK && outcome != ARGON2_MEMORY_ALLOCATION_ERROR)
		crypto_broken(argon2_error_message(outcome));
	return outcome == ARGON2_OK;
}

struct password_hasher *password_hasher_of_any_cost(const struct root_keys *keys, struct password_cost cost, unsigned slots)
{
	struct password_hasher *hasher = g_new0(struct password_hasher, 1);
	hasher->keys = keys;
	hasher->cost = cost;
	pthread_mutex_init(&hasher->lock, NULL);
	hasher->slots = slot_pool_new(slots, (size_t)cost.memory_kib * 1024);
	random_bytes(hasher->decoy_salt, sizeof hasher->decoy_salt);
	return hasher;
}

struct password_hasher *password_hasher_new(const struct root_keys *keys, struct password_cost cost, unsigned slots, GError **error)
{
	return password_cost_check(&cost, FLOOR_HOLDS, error) ? password_hasher_of_any_cost(keys, cost, slots) : NULL;
}

bool password_hasher_adjust(struct password_hasher *hasher, struct password_cost cost, GError **error)
{
	if (!password_cost_check(&cost, FLOOR_HOLDS, error))
		return false;
	pthread_mutex_lock(&hasher->lock);
	hasher->cost = cost;
	pthread_mutex_unlock(&hasher->lock);
	slot_pool_resize(hasher->slots, (size_t)cost.memory_kib * 1024);
	return true;
}

static struct password_cost todays_cost(const struct password_hasher *hasher)
{
	pthread_mutex_t *lock = &((struct password_hasher *)(uintptr_t)hasher)->lock;
	pthread_mutex_lock(lock);
	struct password_cost cost = hasher->cost;
	pthread_mutex_unlock(lock);
	return cost;
}

void password_hasher_free(struct password_hasher *hasher)
{
	if (!hasher)
		return;
	slot_pool_free(hasher->slots);
	pthread_mutex_destroy(&hasher->lock);
	g_free(hasher);
}

struct slot_pool *password_hasher_slots(struct password_hasher *hasher)
{
	return hasher->slots;
}

/* Computes the tag of stored's length with stored's salt, cost and pepper. False without memory, or where that pepper was given up meanwhile. */
static bool tag_compute(struct password_hasher *hasher, struct slot *slot, const struct stored_argon2 *stored, const struct secret *password,
                        uint8_t tag[PASSWORD_TAG_MAX])
{
	uint8_t pepper[DERIVED_KEY_SIZE];
	bool peppered = stored->key_id[0];
	if (peppered && !root_keys_derive(hasher->keys, stored->key_id, "pepper", pepper))
		return false;
	const struct argon2_input input = {
		.password = secret_bytes(password),
		.password_length = secret_length(password),
		.salt = stored->salt,
		.salt_length = stored->salt_length,
		.secret = peppered ? pepper : NULL,
		.secret_length = peppered ? sizeof pepper : 0,
		.cost = stored->cost,
	};
	int64_t begun_ns = clock_monotonic_ns(); /* measured; nothing is decided by it */
	bool computed = argon2id_compute(slot, &input, tag, stored->tag_length);
	atomic_fetch_add_explicit(&hasher->busy_ns, (uint64_t)(clock_monotonic_ns() - begun_ns), memory_order_relaxed);
	atomic_fetch_add_explicit(&hasher->count, 1, memory_order_relaxed);
	wipe(pepper, sizeof pepper);
	return computed;
}

/* A hash of today's form under this salt; the tag is still to be computed. */
static struct stored_argon2 todays_form(const struct password_hasher *hasher)
{
	struct stored_argon2 form = { .cost = todays_cost(hasher), .salt_length = PASSWORD_SALT_SIZE, .tag_length = PASSWORD_TAG_SIZE };
	g_strlcpy(form.key_id, root_keys_current(hasher->keys), sizeof form.key_id);
	return form;
}

static char *stored_make(struct password_hasher *hasher, struct slot *slot, const struct secret *password)
{
	struct stored_argon2 stored = todays_form(hasher);
	random_bytes(stored.salt, stored.salt_length);
	return tag_compute(hasher, slot, &stored, password, stored.tag) ? stored_argon2_write(&stored) : NULL;
}

struct making {
	struct password_hasher *hasher;
	struct slot *slot;
	const struct secret *password;
	char *stored;
};

static void make(void *data)
{
	struct making *making = data;
	making->stored = stored_make(making->hasher, making->slot, making->password);
}

char *password_hash(struct password_hasher *hasher, const struct secret *password, int64_t deadline_ms, GError **error)
{
	struct making making = { .hasher = hasher, .slot = slot_take(hasher->slots, deadline_ms), .password = password };
	if (!making.slot) {
		fail(error, ERROR_UNAVAILABLE, "no hash slot within the deadline");
		return NULL;
	}
	slot_run(making.slot, make, &making);
	slot_give_back(hasher->slots, making.slot);
	if (!making.stored)
		fail(error, ERROR_UNAVAILABLE, "no memory for a password hash");
	return making.stored;
}

static bool decoy_compute(struct password_hasher *hasher, struct slot *slot, uint64_t memory_kib, uint64_t iterations,
                          const struct secret *password)
{
	struct stored_argon2 decoy = todays_form(hasher);
	uint8_t tag[PASSWORD_TAG_MAX];
	decoy.cost.memory_kib = (uint32_t)memory_kib;
	decoy.cost.iterations = (uint32_t)iterations;
	memcpy(decoy.salt, hasher->decoy_salt, sizeof hasher->decoy_salt);
	bool computed = tag_compute(hasher, slot, &decoy, password, tag);
	wipe(tag, sizeof tag);
	return computed;
}

/* Does what is missing to today's work (in KiB times iterations) after `done` of it: whole passes over today's memory, then one over less. */
static bool work_complete(struct password_hasher *hasher, struct slot *slot, uint64_t done, const struct secret *password)
{
	const struct password_cost cost = todays_cost(hasher);
	uint64_t todays = password_cost_work(&cost), missing = todays > done ? todays - done : 0;
	uint64_t passes = missing / cost.memory_kib, rest = missing % cost.memory_kib;
	if (passes > 0 && !decoy_compute(hasher, slot, cost.memory_kib, passes, password))
		return false;
	return rest < 8 * cost.parallelism || decoy_compute(hasher, slot, rest, 1, password);
}

static bool is_todays(const struct password_hasher *hasher, const struct stored_argon2 *stored)
{
	const struct password_cost cost = todays_cost(hasher);
	return stored->cost.memory_kib == cost.memory_kib && stored->cost.iterations == cost.iterations && stored->cost.parallelism == cost.parallelism && stored->salt_length == PASSWORD_SALT_SIZE &&
	       stored->tag_length == PASSWORD_TAG_SIZE && strcmp(stored->key_id, root_keys_current(hasher->keys)) == 0;
}

static bool pepper_is_known(const struct password_hasher *hasher, const char *key_id)
{
	uint8_t pepper[DERIVED_KEY_SIZE];
	bool known = key_id[0] == '\0' || root_keys_derive(hasher->keys, key_id, "pepper", pepper);
	wipe(pepper, sizeof pepper);
	return known;
}

/* Answers from the row alone; *ret_done is the Argon2 work that took. */
static enum password_verdict stored_verify(struct password_hasher *hasher, struct slot *slot, const char *stored, const struct secret *password,
                                           uint64_t *ret_done)
{
	struct stored_argon2 ours;
	*ret_done = 0;
	if (!stored)
		return PASSWORD_MISMATCH;
	if (!stored_argon2_parse(stored, &ours)) {
		enum password_verdict verdict = foreign_verify(stored, password);
		return verdict == PASSWORD_MATCH ? PASSWORD_MATCH_REHASH : verdict;
	}
	if (!pepper_is_known(hasher, ours.key_id))
		return PASSWORD_UNUSABLE;
	uint8_t tag[PASSWORD_TAG_MAX];
	if (!tag_compute(hasher, slot, &ours, password, tag))
		return PASSWORD_BUSY;
	*ret_done = password_cost_work(&ours.cost);
	bool match = secrets_equal(tag, ours.tag_length, ours.tag, ours.tag_length);
	wipe(tag, sizeof tag);
	if (!match)
		return PASSWORD_MISMATCH;
	return is_todays(hasher, &ours) ? PASSWORD_MATCH : PASSWORD_MATCH_REHASH;
}

struct verifying {
	struct password_hasher *hasher;
	struct slot *slot;
	const char *stored;
	const struct secret *password;
	bool may_replace;
	enum password_verdict verdict;
	char *replacement;
};

static void verify(void *data)
{
	struct verifying *verifying = data;
	struct password_hasher *hasher = verifying->hasher;
	uint64_t done;
	verifying->verdict = stored_verify(hasher, verifying->slot, verifying->stored, verifying->password, &done);
	if (verifying->verdict == PASSWORD_MATCH_REHASH && verifying->may_replace)
		verifying->replacement = stored_make(hasher, verifying->slot, verifying->password);
	else if (verifying->verdict != PASSWORD_BUSY && !work_complete(hasher, verifying->slot, done, verifying->password))
		verifying->verdict = PASSWORD_BUSY;
}

enum password_verdict password_verify(struct password_hasher *hasher, const char *stored, const struct secret *password, int64_t deadline_ms,
                                      char **ret_replacement)
{
	struct verifying verifying = { .hasher = hasher, .slot = slot_take(hasher->slots, deadline_ms), .stored = stored, .password = password,
	                               .may_replace = ret_replacement != NULL };
	if (!verifying.slot)
		return PASSWORD_BUSY;
	slot_run(verifying.slot, verify, &verifying);
	slot_give_back(hasher->slots, verifying.slot);
	/* Without memory for the replacement the password is still right; the next sign-in will ask for one again. */
	if (verifying.replacement)
		*ret_replacement = verifying.replacement;
	return verifying.verdict;
}

bool password_hasher_enter(struct password_hasher *hasher)
{
	unsigned inside = atomic_fetch_add(&hasher->inside, 1);
	if (inside < slot_pool_count(hasher->slots) * INSIDE_PER_SLOT)
		return true;
	atomic_fetch_sub(&hasher->inside, 1);
	return false;
}

void password_hasher_leave(struct password_hasher *hasher)
{
	atomic_fetch_sub(&hasher->inside, 1);
}

bool password_stored_is_usable(const char *stored)
{
	struct stored_argon2 ours;
	return stored && (stored_argon2_parse(stored, &ours) || foreign_is_usable(stored));
}

bool password_stored_is_foreign(const char *stored)
{
	struct stored_argon2 ours;
	return password_stored_is_usable(stored) && !(stored_argon2_parse(stored, &ours) && ours.key_id[0]);
}

bool password_stored_key_known(const struct root_keys *keys, const char *stored)
{
	struct stored_argon2 ours;
	uint8_t pepper[DERIVED_KEY_SIZE];
	if (!stored_argon2_parse(stored, &ours) || !ours.key_id[0])
		return true;
	bool known = keys && root_keys_derive(keys, ours.key_id, "pepper", pepper);
	wipe(pepper, sizeof pepper);
	return known;
}

struct password_figures password_hasher_figures(struct password_hasher *hasher)
{
	return (struct password_figures){
		.hashes = atomic_load_explicit(&hasher->count, memory_order_relaxed),
		.busy_ns = atomic_load_explicit(&hasher->busy_ns, memory_order_relaxed),
		.slots = slot_pool_count(hasher->slots),
		.entered = atomic_load_explicit(&hasher->inside, memory_order_relaxed),
		.waiting = slot_pool_waiting(hasher->slots),
	};
}

uint64_t password_hasher_count(const struct password_hasher *hasher)
{
	return atomic_load_explicit(&hasher->count, memory_order_relaxed);
}

void password_hasher_trim(struct password_hasher *hasher, int64_t monotonic_ms)
{
	slot_pool_trim(hasher->slots, monotonic_ms);
}
