/* What the machine half keeps between requests: the table of known tokens, told of every change that can end one; and clients' published keys. */
#include "gateway/oauth/client_keys.h"
#include "gateway/oauth/known_tokens.h"
#include "gateway/oauth/oauth.h"

#define KNOWN_TOKENS_MAX 100000

void oauth_start(struct gateway *gateway, unsigned slots)
{
	gateway->client_keys = client_keys_new(gateway->fetcher, slots);
	gateway->known = known_tokens_new(KNOWN_TOKENS_MAX);
	cache_subscribe(gateway->cache, known_tokens_changed, gateway->known);
}

void oauth_stop(struct gateway *gateway)
{
	g_clear_pointer(&gateway->known, known_tokens_free);
	g_clear_pointer(&gateway->client_keys, client_keys_free);
}
