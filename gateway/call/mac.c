/* Proofs for browsers: see mac.h. */
#include "gateway/call/mac.h"
#include "base/encoding.h"

char *call_mac(const struct call *call, const char *purpose, struct digest_parts *parts, size_t bytes)
{
	uint8_t mac[DIGEST_SIZE];
	root_keys_mac(call->gateway->keys, purpose, parts, mac);
	return base64url_encode(mac, bytes);
}

bool call_mac_holds(const struct call *call, const char *purpose, struct digest_parts *parts, size_t bytes, const char *shown)
{
	uint8_t mac[DIGEST_SIZE];
	size_t length = 0;
	if (!shown || !base64url_decode(shown, strlen(shown), mac, sizeof mac, &length) || length != bytes)
		length = 0; /* holds for nothing, after the same work */
	return root_keys_mac_holds(call->gateway->keys, purpose, parts, mac, length);
}
