/* Metadata of OpenID providers: whatever is fetched is judged, and what is taken has this provider's issuer and addresses over https. */
#include "providers/oidc_internal.h"
#include "tests/fuzz/fuzz.h"

void fuzz_discovery(const uint8_t *bytes, size_t length)
{
	g_autoptr(json_t) settings = json_pack("{s:s, s:s, s:s}", "issuer", "https://op.example", "client_id", "c", "client_secret", "s");
	const struct provider_place place = { .tenant = "t", .name = "op" };
	void *opened = NULL;
	g_autoptr(GError) refusal = NULL;
	g_assert(provider_oidc.open(&place, settings, &opened, NULL));
	bool good = oidc_metadata_is_good(opened, (const char *)bytes, length, &refusal);
	g_assert(good == !refusal);
	if (good) {
		g_autoptr(json_t) metadata = json_parse((const char *)bytes, length, length, NULL);
		g_assert_cmpstr(oidc_stated_issuer(metadata), ==, "https://op.example");
		g_assert(g_ascii_strncasecmp(json_string_at(metadata, "token_endpoint"), "https://", 8) == 0);
	}
	provider_oidc.close(opened);
}
