/* Password hashes: Argon2id (RFC 9106) through argon2_context, with a pepper and bounded slots. The only user of libargon2.
 *
 * Stored form: the PHC string, with the pepper's key id as `keyid`: $argon2id$v=19$m=19456,t=2,p=1,keyid=k1$salt$tag. Hashes brought from elsewhere
 * (argon2id without keyid, bcrypt, PBKDF2 `$pbkdf2-sha256$…`/`$pbkdf2-sha512$…`, {SSHA}) verify and then ask to be replaced.
 *
 * A hash takes a slot: as many as cores, each with a memory block of its own that is kept between hashes, wiped, and given back to the system after a
 * quiet minute. Waiting for a slot is bounded; the stored cost is parsed and held to a ceiling before any memory is touched (a row with m=4 GiB
 * would otherwise take 19 s). Every hash done is counted, so that tests can prove equal work.
 */
#pragma once
#include "base/secret.h"
#include "crypto/root_keys.h"
#include <stdbool.h>
#include <stdint.h>

struct password_hasher;

struct password_cost {
	uint32_t memory_kib; /* 19456 or more outside test builds (SECURITY PW-1, PW-2) */
	uint32_t iterations;
	uint32_t parallelism; /* 1 */
};

enum password_verdict {
	PASSWORD_MISMATCH = 0,
	PASSWORD_MATCH,
	PASSWORD_MATCH_REHASH, /* right, and stored with another cost, pepper or scheme than today's */
	PASSWORD_UNUSABLE,     /* the stored string is malformed, of an unknown kind or over the ceiling */
	PASSWORD_BUSY,         /* no slot within the deadline */
};

/* slots 0: one a core. NULL with *error (ERROR_MALFORMED) when the cost is under the floor (release builds) or over the ceiling (1 GiB,
 * 16 iterations, 4 lanes, and 2 GiB for memory times iterations: about a second or two of a core).
 * `keys` is borrowed and must outlive the hasher; its purpose is "pepper". */
struct password_hasher *password_hasher_new(const struct root_keys *keys, struct password_cost cost, unsigned slots, GError **error);
/* Another cost from the next hash on; what is stored with the old one is replaced as people sign in. False with *error (as new), nothing changed. */
bool password_hasher_adjust(struct password_hasher *hasher, struct password_cost cost, GError **error);
void password_hasher_free(struct password_hasher *hasher);

/* Hashes; NULL with *error ERROR_UNAVAILABLE when no slot came by `deadline_ms` (monotonic, clock_monotonic_ms). Caller frees. */
char *password_hash(struct password_hasher *hasher, const struct secret *password, int64_t deadline_ms, GError **error);
/* `stored` NULL: nobody has that name; the same work is done against a decoy and the verdict is never a match. On MATCH_REHASH and with
 * ret_replacement not NULL, a new stored string is made (caller frees): it costs a second hash in the same slot. Without memory for it the
 * verdict stands and *ret_replacement stays untouched. Argon2 work missing to one hash of today's cost is always made up with a decoy. */
enum password_verdict password_verify(struct password_hasher *hasher, const char *stored, const struct secret *password, int64_t deadline_ms,
                                      char **ret_replacement);
/* Whether a string is one that password_verify can read within the ceiling: for `password_hash` in declarations. */
bool password_stored_is_usable(const char *stored);
/* Whether it is one brought from elsewhere: usable, and not made here (no pepper's key id). A sign-in replaces it. */
bool password_stored_is_foreign(const char *stored);
/* Whether its pepper is one of `keys` (NULL: there are none), or it has none: else it can never match here. */
bool password_stored_key_known(const struct root_keys *keys, const char *stored);
/* A place among the few who may be on their way to a hash, to be asked for before anything else is spent on a sign-in: without that bound a flood of them
 * would wait in every thread of the caller's, and nothing else would be answered. False: full, say "busy" now. Else leave when done. */
bool password_hasher_enter(struct password_hasher *hasher);
void password_hasher_leave(struct password_hasher *hasher);
/* Hashes computed since the start, decoys included. */
uint64_t password_hasher_count(const struct password_hasher *hasher);
struct password_figures {
	uint64_t hashes;
	uint64_t busy_ns;                  /* that they took in all */
	unsigned slots, entered, waiting;  /* how many there are; how many sign-ins were let in; how many of them stand in the queue */
};
struct password_figures password_hasher_figures(struct password_hasher *hasher);
/* Gives the memory of slots that nobody used for a minute back to the system; called now and then by the reaper. */
void password_hasher_trim(struct password_hasher *hasher, int64_t monotonic_ms);
