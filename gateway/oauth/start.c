/* What the machine half keeps between requests: the table of known tokens, told of every change that can end one. */
#include "gateway/oauth/known_tokens.h"
#include "gateway/oauth/oauth.h"

#define KNOWN_TOKENS_MAX 100000

void oauth_start(struct gateway *gateway)
{
	gateway->known = known_tokens_new(KNOWN_TOKENS_MAX);
	cache_subscribe(gateway->cache, known_tokens_changed, gateway->known);
}

void oauth_stop(struct gateway *gateway)
{
	g_clear_pointer(&gateway->known, known_tokens_free);
}
