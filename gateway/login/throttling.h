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

/* `account` is the account the name led to, "" for none; `login_key` may be NULL for a name that cannot be one. */
struct buckets buckets_of(struct call *call, const char *account, const char *login_key);
/* Counts the attempt, durably. REASON_OK: go on; LOCKED or THROTTLED_ADDRESS; STORE_BROKEN with *error. */
enum reason buckets_count(struct call *call, const struct buckets *buckets, GError **error);
/* Inside the transaction of a right password: the person's bucket is emptied, the address gets its attempt back. */
bool buckets_forgive(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error);
/* Marks this browser as one that signed in to the account. */
void device_remember(struct call *call, const char *account);
