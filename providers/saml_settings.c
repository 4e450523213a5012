/* The keys of a SAML provider's declaration (CONTRACT section 3), and what `open` makes of them. */
#include "providers/saml_internal.h"

#include "base/errors.h"
#include "base/url.h"

#include <string.h>

#define METADATA_BYTES_MAX (448 * 1024)
#define ATTRIBUTE_PREFIX "attribute:"

static bool subject_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);

	*ret_expected = "nameid, or attribute:NAME";
	return text && (strcmp(text, "nameid") == 0 || (g_str_has_prefix(text, ATTRIBUTE_PREFIX) && text[strlen(ATTRIBUTE_PREFIX)]));
}

static bool metadata_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "the provider's metadata, as XML";
	return json_is_string(value) && json_string_length(value) <= METADATA_BYTES_MAX && strchr(json_string_value(value), '<');
}

const struct key_rule saml_keys[] = {
	{.name = "metadata_file", .type = KEY_FILE, .description = "The provider's metadata, in a file."},
	{.name = "metadata_url", .type = KEY_URL, .description = "Where the provider's metadata is fetched, and again when it is no longer fresh."},
	{.name = "metadata", .type = KEY_ANY, .check = metadata_check, .description = "The provider's metadata itself."},
	{.name = "subject", .type = KEY_STRING, .standard = "nameid", .check = subject_check,
	 .description = "What names a person for ever: nameid, or attribute:NAME for an attribute with one value."},
	{.name = "entity_id", .type = KEY_STRING, .min = 1, .max = 1024, .description = "Our name there; default: the address of our metadata."},
	{.name = "idp_entity_id", .type = KEY_STRING, .min = 1, .max = 1024,
	 .description = "The provider's name in its metadata: no other is taken; default: the only one there, which then may not change while the gateway runs."},
	{.name = "sign_requests", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether our requests are signed (RSA-SHA256)."},
	{.name = "binding", .type = KEY_CHOICE, .choices = "redirect|post", .standard = "redirect", .description = "How our requests go there, where the provider takes both."},
	{.name = "name_id_format", .type = KEY_STRING, .min = 1, .max = 255, .description = "The NameID format that is asked for, and then required; default: none is asked for."},
	{.name = "authn_context", .type = KEY_STRINGS, .description = "AuthnContextClassRefs, of which the provider must sign people in by one."},
	{.name = "force_authn", .type = KEY_BOOLEAN, .standard = "false", .description = "Whether the provider must ask the person anew at each sign-in."},
	{.name = "allow_cbc", .type = KEY_BOOLEAN, .standard = "false", .description = "Whether AES-CBC is taken, under a signed response."},
	{.name = "idp_initiated", .type = KEY_CHOICE, .choices = "restart|refuse|accept", .standard = "restart",
	 .description = "What becomes of an answer nobody asked for: a fresh sign-in starts, it is refused, or it is taken."},
	{0},
};

static bool metadata_choose(struct saml *saml, GError **error)
{
	const char *file = json_string_at(saml->settings, "metadata_file"), *text = json_string_at(saml->settings, "metadata");
	gsize length = 0;

	saml->metadata_url = json_string_at(saml->settings, "metadata_url");
	if ((file != NULL) + (text != NULL) + (saml->metadata_url != NULL) != 1)
		return fail(error, ERROR_MALFORMED, "expected one of metadata_file, metadata_url and metadata");
	if (text) {
		saml->inline_metadata = g_strdup(text);
		return true;
	}
	if (saml->metadata_url) {
		g_autoptr(url_t) url = url_parse(saml->metadata_url, error);
		if (url)
			saml->declared_host = g_strdup(url->host);
		return url != NULL;
	}
	if (!g_file_get_contents(file, &saml->inline_metadata, &length, NULL) || length > METADATA_BYTES_MAX || strlen(saml->inline_metadata) != length)
		return fail(error, ERROR_MALFORMED, "metadata_file: %s cannot be read, or is no metadata of at most %d bytes", file, METADATA_BYTES_MAX);
	return true;
}

/* The names by which the usual products send these: friendly names, the LDAP attributes' object identifiers, Microsoft's addresses. */
static void mapping_choose(struct saml *saml)
{
	const char *field;
	json_t *names;

	saml->claims = json_pack("{s:[s,s,s,s,s], s:[s,s,s], s:[s,s,s,s,s,s], s:[s,s,s,s]}",
	                         "username", "uid", "urn:oid:0.9.2342.19200300.100.1.1", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
	                         "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "nameid",
	                         "email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
	                         "name", "displayName", "urn:oid:2.16.840.1.113730.3.1.241", "http://schemas.microsoft.com/identity/claims/displayname", "cn", "urn:oid:2.5.4.3", "name",
	                         "groups", "memberOf", "isMemberOf", "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", "groups");
	json_object_foreach(json_object_get(saml->settings, "claims"), field, names)
		json_object_set(saml->claims, field, names);
	saml->mapping = (struct mapping){.provider = saml->name, .claims = saml->claims, .group_map = json_object_get(saml->settings, "group_map"),
	                                 .unmapped_groups = unmapped_groups_named(json_string_at(saml->settings, "unmapped_groups")),
	                                 .username = json_string_at(saml->settings, "username")};
}

static bool flag_at(const json_t *settings, const char *name)
{
	return json_is_true(json_object_get(settings, name));
}

static void rules_choose(struct saml *saml)
{
	const json_t *settings = saml->settings, *sign = json_object_get(settings, "sign_requests");
	const char *subject = json_string_at(settings, "subject"), *binding = json_string_at(settings, "binding");
	int64_t skew_s = 60;

	json_integer_at(settings, "clock_skew", &skew_s);
	saml->clock_skew_ms = CLAMP(skew_s, 0, 300) * 1000;
	saml->subject_attribute = subject && g_str_has_prefix(subject, ATTRIBUTE_PREFIX) ? subject + strlen(ATTRIBUTE_PREFIX) : NULL;
	saml->entity_id = json_string_at(settings, "entity_id");
	saml->idp_entity_id = json_string_at(settings, "idp_entity_id");
	saml->name_id_format = json_string_at(settings, "name_id_format");
	saml->binding = binding ? binding : SAML_BINDING_REDIRECT;
	saml->contexts = json_strings(json_object_get(settings, "authn_context"));
	saml->sign_requests = !sign || json_is_true(sign);
	saml->force_authn = flag_at(settings, "force_authn");
	saml->allow_cbc = flag_at(settings, "allow_cbc");
	/* Addresses as subjects are for a provider that speaks for domains of the tenant's (SECURITY 4.3(5)). */
	saml->has_domains = json_array_size(json_object_get(settings, "domains")) > 0;
	mapping_choose(saml);
}

bool saml_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	struct saml *saml = g_new0(struct saml, 1);

	*saml = (struct saml){.tenant = g_strdup(place->tenant), .name = g_strdup(place->name), .owner = g_strconcat(place->tenant ? place->tenant : "", "/", place->name, NULL),
	                      .settings = settings,
	                      .signing = place->saml_signing, .encryption = place->saml_encryption, .decryption = place->saml_decryption, .fetcher = place->fetcher,
	                      .documents = place->documents, .verifier = place->verifier, .changes = json_array()};
	pthread_mutex_init(&saml->lock, NULL);
	rules_choose(saml);
	if (g_strcmp0(json_string_at(settings, "idp_initiated"), "accept") == 0) {
		fail(error, ERROR_MALFORMED, "idp_initiated: accept is not supported yet, expected restart or refuse");
		saml_close(saml);
		return false;
	}
	if (!metadata_choose(saml, error)) {
		saml_close(saml);
		return false;
	}
	*ret_state = saml;
	return true;
}

void saml_close(void *state)
{
	struct saml *saml = state;

	if (saml->documents)
		document_forget(saml->documents, saml->owner);
	g_free(saml->tenant);
	g_free(saml->name);
	g_free(saml->owner);
	g_free(saml->inline_metadata);
	g_free(saml->declared_host);
	g_strfreev(saml->contexts);
	json_decref(saml->claims);
	json_decref(saml->idp);
	json_decref(saml->changes);
	pthread_mutex_destroy(&saml->lock);
	g_free(saml);
}

char *saml_entity_id(const struct saml *saml, const char *acs_url)
{
	return saml->entity_id ? g_strdup(saml->entity_id) : saml_address(acs_url, "metadata");
}

char *saml_address(const char *sibling, const char *name)
{
	const char *slash = strrchr(sibling, '/');
	return g_strdup_printf("%.*s/%s", slash ? (int)(slash - sibling) : 0, sibling, name);
}
