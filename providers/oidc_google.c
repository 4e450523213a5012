/* Google, as a table. Facts: docs/providers-openid.md, state of 2026-11. */
#include "providers/oidc_internal.h"

#include <string.h>

static const char *const google_issuers[] = { "https://accounts.google.com", "accounts.google.com", NULL };

static bool google_prepare(struct oidc *oidc, GError **error)
{
	(void)error;
	oidc->listed = json_strings(json_object_get(oidc->settings, "hosted_domains"));
	return true;
}

/* `hd` in the request only narrows the chooser; the token's decides (SECURITY OP-7). It never links and never verifies an address. */
static bool google_examine(const struct oidc *oidc, json_t *claims, struct checks *checks, struct provider_answer *answer)
{
	const char *hd = json_string_at(claims, "hd");
	if (!oidc->listed)
		return true;
	g_autofree char *expected = g_strjoinv(", ", oidc->listed), *lower = hd ? g_ascii_strdown(hd, -1) : NULL;
	if (check_advised(checks, "hd", hd ? hd : "none: a personal account", expected, lower && g_strv_contains((const char *const *)oidc->listed, lower),
			"Here: add the domain to hosted_domains, if its people may come in."))
		return true;
	return oidc_refuse(answer, VERDICT_REFUSED, REASON_HOSTED_DOMAIN);
}

static void google_authorize(const struct oidc *oidc, GString *query)
{
	if (oidc->listed)
		form_append(query, "hd", oidc->listed[1] ? "*" : oidc->listed[0]);
	if (oidc->offline)
		form_append(query, "access_type", "offline");
}

static const struct oidc_vendor google = {
	.type = "google", .issuer = "https://accounts.google.com", .issuers = google_issuers, .scope = "openid email profile",
	.no_fresh_login = true, .no_logout = true, .offline_by_parameter = true, .username = "email",
	.prepare = google_prepare, .examine = google_examine, .authorize = google_authorize,
};

static bool domain_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = "a domain in lower case, such as acme.example";
	return text && strchr(text, '.') && !strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ @/:*");
}

static const struct key_rule google_keys[] = {
	{ .name = "hosted_domains", .type = KEY_STRINGS, .check = domain_check,
	  .description = "Google Workspace domains whose people may come in; absent: everybody with a Google account." },
	OIDC_COMMON_KEYS,
	{ 0 },
};

static bool google_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	return oidc_open(&google, place, settings, ret_state, error);
}

const struct provider_driver provider_google = { .name = "google", .keys = google_keys, OIDC_DRIVER(google, 0) };
