/* Microsoft Entra ID, as a table. Facts: docs/providers-openid.md, state of 2026-11.
 *
 * Identity is (tid, oid): `sub` differs by application, addresses are whatever a directory's administrator typed and prove nothing (SECURITY OP-6). The shared
 * endpoints state an issuer with a hole, which the token's own tid fills: that is worth something only where tid is one of the directories listed here.
 */
#include "providers/oidc_internal.h"

#include "base/errors.h"
#include "base/url.h"

#include <string.h>

#define AUTHORITY "https://login.microsoftonline.com"
#define GRAPH "https://graph.microsoft.com"
/* The directory of personal accounts. */
#define CONSUMERS "9188040d-6c67-4c5b-b112-36a304b66dad"
#define GUID_TEXT 36

static bool is_guid(const char *text)
{
	if (!text || strlen(text) != GUID_TEXT)
		return false;
	for (size_t i = 0; i < GUID_TEXT; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : !g_ascii_isxdigit(text[i]) || g_ascii_isupper(text[i]))
			return false;
	}
	return true;
}

static bool is_shared(const char *directory)
{
	return strcmp(directory, "common") == 0 || strcmp(directory, "organizations") == 0;
}

static char *authority_of(const json_t *settings)
{
	const char *given = json_string_at(settings, "authority");
	char *authority = g_strdup(given ? given : AUTHORITY);
	size_t length = strlen(authority);
	if (length && authority[length - 1] == '/')
		authority[length - 1] = 0;
	return authority;
}

/* The issuer names a directory by its identifier, never by a domain or an alias. */
static const char *issuer_directory(const char *directory)
{
	return is_shared(directory) ? "{tenantid}" : strcmp(directory, "consumers") == 0 ? CONSUMERS : directory;
}

static bool azure_prepare(struct oidc *oidc, GError **error)
{
	const char *directory = json_string_at(oidc->settings, "directory");
	g_autofree char *authority = authority_of(oidc->settings);
	oidc->listed = json_strings(json_object_get(oidc->settings, "allowed_directories"));
	if (is_shared(directory) && !oidc->listed)
		return fail(error, ERROR_MALFORMED, "allowed_directories: missing, expected the directories whose people may come in, as `directory` is %s", directory);
	if (!is_shared(directory) && !oidc->listed)
		oidc->listed = g_strdupv((char *[]){ (char *)(uintptr_t)issuer_directory(directory), NULL });
	oidc->issuer = g_strdup_printf("%s/%s/v2.0", authority, issuer_directory(directory));
	if (!json_string_at(oidc->settings, "discovery_url"))
		oidc->discovery_url = g_strdup_printf("%s/%s/v2.0/.well-known/openid-configuration", authority, directory);
	return true;
}

/* xms_edov says whether the domain's owner was verified; it is told, and still links nothing. */
static bool azure_examine(const struct oidc *oidc, json_t *claims, struct checks *checks, struct provider_answer *answer)
{
	(void)oidc;
	bool complete = is_guid(json_string_at(claims, "tid")) && is_guid(json_string_at(claims, "oid"));
	json_object_set_new(claims, "email_verified", json_false());
	if (check_advised(checks, "tid and oid", complete ? "there" : "missing", "two identifiers", complete,
			"Here: keep `profile` in scope; without it the token names nobody."))
		return true;
	return oidc_refuse(answer, VERDICT_VIOLATION, REASON_TOKEN_SUBJECT);
}

static char *azure_subject(const json_t *claims)
{
	const char *tid = json_string_at(claims, "tid"), *oid = json_string_at(claims, "oid");
	return tid && oid ? g_strconcat(tid, "/", oid, NULL) : NULL;
}

/* --- more groups than a token holds --- */

static bool is_overage(const json_t *claims)
{
	return json_string_at(claims, "_claim_names.groups") || json_is_true(json_object_get(claims, "hasgroups"))
		|| g_strcmp0(json_string_at(claims, "hasgroups"), "true") == 0;
}

/* The address is made here, of what was checked: the one in the token is never followed. */
static char *graph_url(const struct oidc *oidc, const char *oid)
{
	const char *given = json_string_at(oidc->settings, "graph_url");
	g_autofree char *encoded = url_encode(oid);
	return g_strdup_printf("%s/v1.0/users/%s/getMemberObjects", given ? given : GRAPH, encoded);
}

static char *graph_host(const struct oidc *oidc)
{
	const char *given = json_string_at(oidc->settings, "graph_url");
	g_autoptr(url_t) url = url_parse(given ? given : GRAPH, NULL);
	return url ? g_strdup(url->host) : NULL;
}

static bool groups_ask(const struct oidc *oidc, json_t *claims, const char *access_token, int64_t deadline_ms, struct checks *checks)
{
	static const char body[] = "{\"securityEnabledOnly\":true}";
	g_autofree char *url = graph_url(oidc, json_string_at(claims, "oid")), *host = graph_host(oidc), *header = g_strconcat("Authorization: Bearer ", access_token, NULL);
	const char *headers[] = { header, "Content-Type: application/json", NULL };
	struct provider_answer ignored = { 0 };
	const struct oidc_exchange exchange = { .oidc = oidc, .deadline_ms = deadline_ms, .checks = checks, .answer = &ignored };
	g_autoptr(json_t) said = oidc_fetch_object(&exchange, "groups at Graph", &(struct fetch_request){ .method = "POST", .url = url, .declared_host = host,
		.headers = headers, .accept = "application/json", .body = body, .length = strlen(body), .max_bytes = 256 * 1024, .deadline_ms = deadline_ms });
	wipe(header, strlen(header));
	json_t *groups = said ? json_object_get(said, "value") : NULL;
	if (!check_advised(checks, "groups at Graph", json_is_array(groups) ? "a list" : "none", "a list", json_is_array(groups),
			"There: give the application GroupMember.Read.All, and put it into `scope` here; or emit fewer groups in the token."))
		return false;
	json_object_set(claims, "groups", groups);
	return true;
}

static bool azure_groups(const struct oidc *oidc, json_t *claims, const char *access_token, int64_t deadline_ms, struct checks *checks)
{
	return json_object_get(claims, "groups") || !is_overage(claims) || (access_token && groups_ask(oidc, claims, access_token, deadline_ms, checks));
}

static const struct oidc_vendor azure = {
	.type = "azure", .scope = "openid profile email", .email_proves_nothing = true, .lists_tenants = true,
	.prepare = azure_prepare, .examine = azure_examine, .subject = azure_subject, .groups_elsewhere = azure_groups,
};

static bool directory_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = "common, organizations, consumers, or a directory's identifier in lower case";
	return text && (is_shared(text) || strcmp(text, "consumers") == 0 || is_guid(text));
}

static bool listed_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a directory's identifier (tenant ID), in lower case";
	return is_guid(json_string_value(value));
}

static const struct key_rule azure_keys[] = {
	{ .name = "directory", .type = KEY_STRING, .required = true, .check = directory_check,
	  .description = "Whose people are asked for: a directory's identifier, or organizations, common, consumers." },
	{ .name = "allowed_directories", .type = KEY_STRINGS, .check = listed_check,
	  .description = "Directories whose people may come in; required with organizations and common." },
	{ .name = "authority", .type = KEY_URL, .description = "Of sovereign clouds and test benches; default: https://login.microsoftonline.com." },
	{ .name = "graph_url", .type = KEY_URL, .description = "Where groups are asked for that do not fit into a token; default: https://graph.microsoft.com." },
	OIDC_COMMON_KEYS,
	{ 0 },
};

static bool azure_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	return oidc_open(&azure, place, settings, ret_state, error);
}

const struct provider_driver provider_azure = { .name = "azure", .keys = azure_keys, OIDC_DRIVER(azure, 0) };
