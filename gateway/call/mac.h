/* Proofs that something a browser brings back was made here: a form's token, a state, a device. Text, base64url of the first `bytes` of a MAC under the newest root
 * key; one that was given out under an older key holds while that key is in the file, so that a rotation ends nobody's sign-in. */
#pragma once
#include "crypto/digest.h"
#include "gateway/call/call.h"

/* Both free the parts. `bytes`: ROOT_KEYS_MAC_MIN to DIGEST_SIZE. Caller frees the text. */
char *call_mac(const struct call *call, const char *purpose, struct digest_parts *parts, size_t bytes);
/* `shown` may be NULL: nothing was brought. */
bool call_mac_holds(const struct call *call, const char *purpose, struct digest_parts *parts, size_t bytes, const char *shown);
