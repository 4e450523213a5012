/* What the files of the password part share: stored forms (password_text.c), foreign schemes (password_foreign.c), slots and their memory
 * (password_slots.c), and the one door to Argon2 (password.c), open to golden vectors. */
#pragma once
#include "crypto/password.h"
#include <pthread.h>
#include <stddef.h>

#define PASSWORD_STORED_MAX 512
#define PASSWORD_SALT_MAX   64
#define PASSWORD_TAG_MAX    64
#define PASSWORD_SALT_SIZE  16 /* of what we make (RFC 9106 section 3.1) */
#define PASSWORD_TAG_SIZE   32

#define PASSWORD_MEMORY_MAX_KIB  (1024 * 1024)
#define PASSWORD_ITERATIONS_MAX  16
#define PASSWORD_LANES_MAX       4
/* KiB times iterations, about a second of one core: a bound of its own, since 1 GiB sixteen times over would hold a slot for a quarter of a
 * minute, and whoever may import accounts could have all slots held for every tenant. */
#define PASSWORD_WORK_MAX        (2ull * 1024 * 1024)

/* $argon2id$ in parts. */
struct stored_argon2 {
	struct password_cost cost;
	char key_id[ROOT_KEY_ID_MAX + 1]; /* "": no pepper */
	uint8_t salt[PASSWORD_SALT_MAX];
	size_t salt_length;
	uint8_t tag[PASSWORD_TAG_MAX];
	size_t tag_length;
};

/* For tests: password_hasher_new without its check, so that they run on release builds too. */
struct password_hasher *password_hasher_of_any_cost(const struct root_keys *keys, struct password_cost cost, unsigned slots);

bool password_cost_is_bearable(const struct password_cost *cost);
/* Sets *error when the cost is under the floor of SECURITY PW-1 (left out where `floor` is false) or over the ceiling. */
bool password_cost_check(const struct password_cost *cost, bool floor, GError **error);
uint64_t password_cost_work(const struct password_cost *cost);

/* False when malformed or over the ceiling. */
bool stored_argon2_parse(const char *text, struct stored_argon2 *ret_stored);
/* Caller frees. */
char *stored_argon2_write(const struct stored_argon2 *stored);
/* Base64 without padding, as PHC strings have it; `also_dot` takes "." for "+" (passlib). */
bool phc_bytes_decode(const char *text, size_t length, bool also_dot, uint8_t *out, size_t capacity, size_t *ret_length);
/* Decimal without sign or leading zero, at most `max`; moves *text behind it. */
bool phc_number_read(const char **text, uint32_t max, uint32_t *ret_number);

bool foreign_is_usable(const char *stored);
/* MATCH, MISMATCH, or UNUSABLE. */
enum password_verdict foreign_verify(const char *stored, const struct secret *password);

/* One low-priority thread that does what it is given: password_runner.c. One caller at a time. */
struct runner {
	pthread_mutex_t mutex; /* guards all below but the thread */
	pthread_cond_t given, done;
	void (*work)(void *data);
	void *data;
	bool started, stopping;
	pthread_t thread;
};
void runner_init(struct runner *runner);
/* Returns when the work is done. */
void runner_run(struct runner *runner, void (*work)(void *data), void *data);
void runner_stop(struct runner *runner);

/* Slots: who holds one may hash. */
struct slot_pool;
struct slot;
/* Blocks of another size from each slot's next use on. */
void slot_pool_resize(struct slot_pool *pool, size_t block_bytes);
struct slot_pool *slot_pool_new(unsigned slots, size_t block_bytes);
/* No slot may be held. */
void slot_pool_free(struct slot_pool *pool);
/* Waits in order of arrival; NULL at the deadline (CLOCK_MONOTONIC). */
struct slot *slot_take(struct slot_pool *pool, int64_t deadline_ms);
void slot_give_back(struct slot_pool *pool, struct slot *slot);
/* Does the work on the slot's own thread. */
void slot_run(struct slot *slot, void (*work)(void *data), void *data);
/* The slot's kept block, or for more than that a mapping of its own that slot_block_done gives back. NULL when there is no memory. */
uint8_t *slot_block(struct slot *slot, size_t bytes);
void slot_block_done(struct slot *slot, uint8_t *block, size_t bytes);
void slot_pool_trim(struct slot_pool *pool, int64_t monotonic_ms);
/* Blocks that are mapped now: for tests. */
unsigned slot_pool_mapped(struct slot_pool *pool);
unsigned slot_pool_waiting(struct slot_pool *pool);
unsigned slot_pool_count(const struct slot_pool *pool);
struct slot_pool *password_hasher_slots(struct password_hasher *hasher);

struct argon2_input {
	const uint8_t *password, *salt, *secret, *data;
	size_t password_length, salt_length, secret_length, data_length;
	struct password_cost cost;
};
/* False when there is no memory. */
bool argon2id_compute(struct slot *slot, const struct argon2_input *input, uint8_t *tag, size_t tag_length);
