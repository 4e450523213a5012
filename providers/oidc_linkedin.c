/* LinkedIn, as a table. Facts: docs/providers-openid.md, state of 2026-11; what is only reported is marked there. It sends no nonce back and takes PKCE only where it
 * was enabled for the application, so the binding is weaker; SECURITY OP-5 compensates: a secret of ours at the exchange, a one-time state bound to the browser,
 * a token of the last five minutes, and an address that never proves anything. */
#include "providers/oidc_internal.h"

static const char *const linkedin_issuers[] = { "https://www.linkedin.com", "https://www.linkedin.com/oauth", NULL };

/* Both issuers are reported; which one came is told. */
static bool linkedin_examine(const struct oidc *oidc, json_t *claims, struct checks *checks, struct provider_answer *answer)
{
	(void)oidc, (void)answer;
	check(checks, "issuer seen", json_string_at(claims, "iss"), NULL, true);
	check(checks, "binding", "without nonce", "one-time state, a token of the last 5 minutes", true);
	return true;
}

static const struct oidc_vendor linkedin = {
	.type = "linkedin", .issuer = "https://www.linkedin.com", .issuers = linkedin_issuers,
	.discovery_url = "https://www.linkedin.com/oauth/.well-known/openid-configuration", .scope = "openid profile email",
	.auth_method = "client_secret_post", .no_nonce = true, .no_pkce = true, .no_fresh_login = true, .no_logout = true, .email_proves_nothing = true,
	.userinfo = true, .issued_within_s = 300, .username = "email", .examine = linkedin_examine,
};

static const struct key_rule linkedin_keys[] = {
	OIDC_COMMON_KEYS,
	{ 0 },
};

static bool linkedin_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	return oidc_open(&linkedin, place, settings, ret_state, error);
}

const struct provider_driver provider_linkedin = { .name = "linkedin", .keys = linkedin_keys, OIDC_DRIVER(linkedin, CAPABILITY_WEAK_BINDING) };
