/* Counting sign-in attempts before the password is looked at (SECURITY LG-2, LG-3). */
#pragma once
#include "gateway/call/call.h"

/* The buckets of one attempt. An account has one bucket for strangers and one for each device that signed in to it before; a known device is held to its own
 * bucket only, so that a stranger who hammers cannot lock the owner out. */
struct buckets {
	uint8_t person[DIGEST_SIZE]; /* the account, or the device, or the unknown name */
	uint8_t address[DIGEST_SIZE];
	bool has_address;
	char account[IDENTIFIER_SIZE]; /* "" for an unknown name */
};

/* `account` is the account the name led to, its id "" for none; `login_key` may be NULL for a name that cannot be one. */
struct buckets buckets_of(struct call *call, const struct account *account, const char *login_key);
/* Whether the address is locked: it is turned away before any work, which tells nothing about accounts. FOUND, MISSING, BROKEN. An address is counted by
 * failures, after the verdict and with ADDRESS_FACTOR times the limit: a company behind one address signs in at nine. */
enum found buckets_address_locked(struct call *call, const struct buckets *buckets, GError **error);
/* Counts the attempt at the person, durably. REASON_OK: go on; LOCKED; STORE_BROKEN with *error. */
enum reason buckets_count(struct call *call, const struct buckets *buckets, GError **error);
#define ADDRESS_FACTOR 10
/* Inside the transaction that settles the attempt: a right password empties the person's bucket … */
bool buckets_forgive(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error);
/* … a failure counts at the address … */
bool buckets_blame(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error);
/* … and an attempt that came to no verdict (no hash slot was free) was nobody's failure. */
bool buckets_give_back(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error);
/* Marks this browser as one that signed in to the account. A change of the password makes every device a stranger again. */
void device_remember(struct call *call, const struct account *account);
