/* The driver's keys, and the directory that is made of them: presets fill what was not given, everything that can be known to be wrong without asking the
 * directory is refused here, with the key's name. */
#include "providers/ldap_internal.h"

#include "base/errors.h"
#include "crypto/random.h"

#include <ldap.h>
#include <string.h>

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define IDLE_MAX 8
/* Where the driver puts the groups it found, among what the mapping reads. No attribute has such a name. */
#define GROUPS_FOUND "(groups)"

static const struct key_rule groups_keys[] = {
	{.name = "base_dn", .type = KEY_STRING, .description = "Where groups are; a group elsewhere does not count."},
	{.name = "filter", .type = KEY_STRING, .description = "Finds the groups of a member, {dn} being the member's name, such as (member={dn})."},
	{.name = "name_attribute", .type = KEY_STRING, .standard = "cn", .description = "What a group that was searched for is called by."},
	{.name = "nested", .type = KEY_BOOLEAN, .standard = "false", .description = "Whether groups that a person's groups are in count too."},
	{.name = "nested_by", .type = KEY_CHOICE, .choices = "walk|in_chain",
	 .description = "Level by level, or by Active Directory's in-chain rule; the default is the preset's."},
	{0},
};

/* ldap://host[:port] or ldaps://host[:port], and nothing after it. */
static bool url_read(const char *text, struct directory_server *server)
{
	LDAPURLDesc *parts = NULL;

	if (!text || ldap_url_parse(text, &parts) != LDAP_URL_SUCCESS)
		return false;
	bool ldap = g_ascii_strcasecmp(parts->lud_scheme, "ldap") == 0, ldaps = g_ascii_strcasecmp(parts->lud_scheme, "ldaps") == 0;
	bool fit = (ldap || ldaps) && parts->lud_host && *parts->lud_host && !(parts->lud_dn && *parts->lud_dn) && !strchr(text, '?');
	if (fit && server) {
		server->url = g_strdup(text);
		server->host = g_strdup(parts->lud_host);
		server->port = parts->lud_port > 0 ? parts->lud_port : ldaps ? LDAPS_PORT : LDAP_PORT;
		server->service = g_strdup_printf("%d", server->port);
		server->tls_at_once = ldaps;
		g_queue_init(&server->idle);
	}
	ldap_free_urldesc(parts);
	return fit;
}

static bool url_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "ldap://host, ldaps://host, with a port or without";
	return url_read(json_string_value(value), NULL);
}

static bool dn_is_fit(const char *text)
{
	LDAPDN dn = NULL;
	bool fit = text && ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;

	ldap_dnfree(dn);
	return fit;
}

static bool dn_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a distinguished name, such as ou=people,dc=example,dc=org";
	return dn_is_fit(json_string_value(value));
}

/* Active Directory lets people bind as account@domain too. */
static bool bind_name_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);

	*ret_expected = "a distinguished name, or account@domain with Active Directory";
	return text && (dn_is_fit(text) || strchr(text, '@'));
}

static bool attribute_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);

	*ret_expected = "the name of an attribute";
	return text && *text && strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-.") == strlen(text);
}

static bool login_filter_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	g_autofree char *filled = text ? filter_fill(text, "login", "x") : NULL;

	*ret_expected = "a filter with {login} in it, such as (uid={login})";
	return filled && strstr(text, "{login}") && filter_is_fit(filled);
}

static bool filter_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a filter, such as (objectClass=person)";
	return json_string_value(value) && filter_is_fit(json_string_value(value));
}

static bool user_dn_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	g_autofree char *filled = text ? dn_fill(text, "x") : NULL;

	*ret_expected = "a distinguished name with {login} as one value, such as uid={login},ou=people,dc=example,dc=org";
	return filled != NULL;
}

static bool groups_check(const json_t *value, const char **ret_expected)
{
	const char *base = json_string_at(value, "base_dn"), *filter = json_string_at(value, "filter");
	g_autofree char *filled = filter ? filter_fill(filter, "dn", "x") : NULL;

	*ret_expected = "base_dn a distinguished name, filter one with {dn} in it";
	return (!base || dn_is_fit(base)) && (!filter || (strstr(filter, "{dn}") && filter_is_fit(filled)));
}

const struct key_rule ldap_keys[] = {
	{.name = "url", .type = KEY_STRINGS, .required = true, .min = 1, .max = 8, .check = url_check,
	 .description = "The directory's servers, tried in this order: ldap:// or ldaps:// addresses."},
	{.name = "start_tls", .type = KEY_BOOLEAN, .standard = "true",
	 .description = "TLS on ldap:// addresses, before anything else is said; false is for addresses of this machine only."},
	{.name = "tls_ca_file", .type = KEY_FILE, .description = "The CA certificates that servers' certificates must lead to; default: the system's."},
	{.name = "tls_min_version", .type = KEY_CHOICE, .choices = "1.2|1.3", .standard = "1.2", .description = "The oldest version of TLS that is spoken."},
	{.name = "preset", .type = KEY_CHOICE, .choices = "openldap|active_directory", .standard = "openldap",
	 .description = "The kind of directory: fills in what is not given of user_filter, subject_attribute, claims and groups."},
	{.name = "bind_dn", .type = KEY_STRING, .check = bind_name_check, .description = "The service account that searches; absent: searches are anonymous."},
	{.name = "bind_password", .type = KEY_SECRET, .description = "The service account's password."},
	{.name = "base_dn", .type = KEY_STRING, .required = true, .check = dn_check, .description = "Where people are."},
	{.name = "user_filter", .type = KEY_STRING, .check = login_filter_check, .description = "Finds a person, {login} being what was typed; exactly one entry may match."},
	{.name = "people_filter", .type = KEY_STRING, .check = filter_check,
	 .description = "What an entry must also match, at sign-in and at every refresh, such as (memberOf=cn=staff,ou=groups,dc=example,dc=org)."},
	{.name = "user_dn", .type = KEY_STRING, .check = user_dn_check,
	 .description = "Binds as this name, with {login} in it, instead of searching first; without a bind_dn the person's own rights read the entry, and whoever uses "
	                "a refresh token is sent to sign in again."},
	{.name = "subject_attribute", .type = KEY_STRING, .check = attribute_check,
	 .description = "The entry's immutable identifier, which the account is known by: entryUUID, with Active Directory objectGUID."},
	{.name = "groups", .type = KEY_OBJECT, .keys = groups_keys, .check = groups_check,
	 .description = "How a person's groups are found; absent: the attribute that claims names for groups."},
	{.name = "password_change", .type = KEY_BOOLEAN, .standard = "false",
	 .description = "Whether people may change a password that has expired, on the sign-in pages; with Active Directory over TLS only."},
	{.name = "decoy_dn", .type = KEY_STRING, .check = dn_check,
	 .description = "An entry made for the bind that stands in for an unknown person's, so that it costs a hash; default: a name that does not exist."},
	{.name = "connections", .type = KEY_INTEGER, .standard = "16", .min = 1, .max = 1024, .description = "How many sign-ins may be asking the directory at once."},
	{.name = "connect_timeout", .type = KEY_DURATION, .standard = "3s", .min = 1, .max = 60, .description = "For a connection, TLS and the service account's bind together."},
	{.name = "timeout", .type = KEY_DURATION, .standard = "5s", .min = 1, .max = 60, .description = "For one answer."},
	{.name = "retry_after", .type = KEY_DURATION, .standard = "5s", .min = 1, .max = 3600, .description = "How long a server that failed three times in a row is left alone."},
	{0},
};

/* The presets: keys of the settings, and claims. */
static const struct preset {
	const char *name, *user_filter, *subject_attribute, *username, *display, *email, *groups;
	bool in_chain;
} presets[] = {
	{"openldap", "(&(objectClass=person)(|(uid={login})(mail={login})))", "entryUUID", "uid", "displayName", "mail", "memberOf", false},
	{"active_directory", "(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={login})(userPrincipalName={login})))", "objectGUID", "sAMAccountName",
	 "displayName", "mail", "memberOf", true},
};

static const struct preset *preset_of(const json_t *settings)
{
	const char *name = json_string_at(settings, "preset");

	for (size_t i = 0; name && i < G_N_ELEMENTS(presets); i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return &presets[0];
}

static void text_default(json_t *settings, const char *key, const char *text)
{
	if (!json_string_at(settings, key))
		json_object_set_new(settings, key, json_string(text));
}

static json_t *claims_of(const json_t *settings, const struct preset *preset)
{
	json_t *claims = json_pack("{s:s, s:[s, s], s:s, s:s}", "username", preset->username, "name", preset->display, "cn", "email", preset->email, "groups",
	                           preset->groups);
	const char *field;
	json_t *names;

	json_object_foreach(json_object_get(settings, "claims"), field, names)
		json_object_set(claims, field, names);
	return claims;
}

/* Keys that are DNs are written in one form, with the mark of an id before it: see policies/mapping.h. */
static json_t *group_map_of(const json_t *settings)
{
	json_t *map = json_object(), *ours;
	const char *upstream;

	json_object_foreach(json_object_get(settings, "group_map"), upstream, ours) {
		g_autofree char *key = dn_key(upstream), *id = key ? g_strdup_printf("\x01%s", key) : NULL;
		json_object_set(map, id ? id : upstream, ours);
	}
	return map;
}

static void attribute_ask(GStrvBuilder *builder, GHashTable *asked, const char *name)
{
	if (name && *name && g_hash_table_add(asked, g_ascii_strdown(name, -1)))
		g_strv_builder_add(builder, name);
}

static void attributes_choose(struct directory *directory)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const char *field;
	json_t *names;

	attribute_ask(builder, asked, directory->subject_attribute);
	json_object_foreach(directory->claims, field, names) {
		attribute_ask(builder, asked, json_string_value(names));
		for (size_t i = 0; i < json_array_size(names); i++)
			attribute_ask(builder, asked, json_string_value(json_array_get(names, i)));
	}
	for (size_t i = 0; status_attributes[i]; i++)
		attribute_ask(builder, asked, status_attributes[i]);
	directory->attributes = g_strv_builder_end(builder);
}

static const char *groups_attribute_of(const struct directory *directory)
{
	const json_t *names = json_object_get(directory->claims, "groups");

	return json_string_value(json_is_array(names) ? json_array_get(names, 0) : names);
}

static void groups_choose(struct directory *directory, const struct preset *preset)
{
	const json_t *groups = json_object_get(directory->settings, "groups");
	const char *base = json_string_at(groups, "base_dn"), *filter = json_string_at(groups, "filter"), *by = json_string_at(groups, "nested_by");
	bool in_chain = by ? strcmp(by, "in_chain") == 0 : preset->in_chain;

	directory->groups_nested = json_is_true(json_object_get(groups, "nested"));
	directory->groups_name_attribute = json_string_at(groups, "name_attribute") ? json_string_at(groups, "name_attribute") : "cn";
	directory->groups_attribute = g_strdup(groups_attribute_of(directory));
	directory->groups_base = g_strdup(base);
	if (directory->groups_nested && in_chain && !filter) {
		directory->groups_way = GROUPS_IN_CHAIN;
		directory->groups_filter = g_strdup("(member:1.2.840.113556.1.4.1941:={dn})");
	} else if (filter || (base && !preset->in_chain)) {
		directory->groups_way = GROUPS_BY_SEARCH;
		directory->groups_filter = g_strdup(filter ? filter : "(|(member={dn})(uniqueMember={dn}))");
	} else {
		directory->groups_way = directory->groups_attribute ? GROUPS_BY_ATTRIBUTE : GROUPS_NONE;
	}
	if (!base && (directory->groups_way == GROUPS_BY_SEARCH || directory->groups_way == GROUPS_IN_CHAIN))
		directory->groups_base = g_strdup(directory->base_dn);
}

static bool is_of_this_machine(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || (g_str_has_prefix(host, "127.") && g_hostname_is_ip_address(host));
}

static bool servers_read(struct directory *directory, GError **error)
{
	const json_t *urls = json_object_get(directory->settings, "url");
	size_t count = json_is_string(urls) ? 1 : json_array_size(urls);

	directory->servers = g_new0(struct directory_server, count + 1);
	for (size_t i = 0; i < count; i++) {
		const char *url = json_string_value(json_is_string(urls) ? urls : json_array_get(urls, i));
		struct directory_server *server = &directory->servers[directory->server_count];
		if (!url_read(url, server))
			return (fail)(error, ERROR_MALFORMED, "url: %s, expected ldap://host or ldaps://host", url ? url : "no text");
		directory->server_count++;
		if (!server->tls_at_once && !directory->start_tls && directory->password_change && directory->is_active_directory)
			return (fail)(error, ERROR_MALFORMED, "password_change: true, expected TLS for %s: Active Directory takes new passwords over TLS only", url);
		if (!server->tls_at_once && !directory->start_tls && !is_of_this_machine(server->host))
			return (fail)(error, ERROR_MALFORMED, "start_tls: false, expected true for %s: passwords would cross the network in clear", url);
	}
	return count > 0 || (fail)(error, ERROR_MALFORMED, "url: none, expected at least one");
}

static int64_t milliseconds(const json_t *settings, const char *key, int64_t standard_s)
{
	int64_t seconds = standard_s;

	json_integer_at(settings, key, &seconds);
	return seconds * 1000;
}

static void texts_read(struct directory *directory)
{
	const json_t *settings = directory->settings;

	directory->start_tls = !json_is_false(json_object_get(settings, "start_tls"));
	directory->bind_dn = json_string_at(settings, "bind_dn");
	directory->bind_password = json_string_at(settings, "bind_password");
	directory->base_dn = json_string_at(settings, "base_dn");
	directory->user_filter = json_string_at(settings, "user_filter");
	directory->people_filter = json_string_at(settings, "people_filter");
	directory->user_dn = json_string_at(settings, "user_dn");
	directory->subject_attribute = json_string_at(settings, "subject_attribute");
	directory->decoy_dn = json_string_at(settings, "decoy_dn");
	directory->password_change = json_is_true(json_object_get(settings, "password_change"));
	directory->is_active_directory = preset_of(settings)->in_chain;
	directory->connect_timeout_ms = milliseconds(settings, "connect_timeout", 3);
	directory->timeout_ms = milliseconds(settings, "timeout", 5);
	directory->retry_after_ms = milliseconds(settings, "retry_after", 5);
}

static void decoy_choose(struct directory *directory)
{
	char random[IDENTIFIER_SIZE];

	if (directory->decoy_dn)
		return;
	random_identifier(random);
	directory->own_decoy_dn = g_strdup_printf("cn=passerelle-decoy-%s%s%s", random, *directory->base_dn ? "," : "", directory->base_dn);
	directory->decoy_dn = directory->own_decoy_dn;
}

static void lock_prepare(struct directory *directory)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&directory->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&directory->slot_freed, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* An account without its password would search anonymously, or be taken for anybody. */
static bool settings_agree(const struct directory *directory, GError **error)
{
	const char *username = json_string_at(directory->settings, "username");

	if ((directory->bind_dn != NULL) != (directory->bind_password != NULL))
		return (fail)(error, ERROR_MALFORMED, "%s: missing, expected both bind_dn and bind_password, or neither", directory->bind_dn ? "bind_password" : "bind_dn");
	if (!directory->base_dn)
		return (fail)(error, ERROR_MALFORMED, "base_dn: missing, expected a distinguished name");
	if (username && !mapping_template_is_fit(username))
		return (fail)(error, ERROR_MALFORMED, "username: %s, expected text with {email}, {username} or {name}", username);
	return true;
}

static void mapping_choose(struct directory *directory, const struct preset *preset)
{
	const json_t *settings = directory->settings;
	const char *unmapped = json_string_at(settings, "unmapped_groups");

	directory->claims = claims_of(settings, preset);
	directory->group_map = group_map_of(settings);
	attributes_choose(directory);
	groups_choose(directory, preset);
	json_object_set_new(directory->claims, "groups", json_string(GROUPS_FOUND));
	directory->mapping = (struct mapping){
		.provider = directory->provider, .claims = directory->claims, .group_map = directory->group_map,
		.unmapped_groups = unmapped ? unmapped_groups_named(unmapped) : UNMAPPED_PREFIX, .username = json_string_at(settings, "username"),
	};
}

static bool tls_prepare(struct directory *directory, GError **error)
{
	const char *file = json_string_at(directory->settings, "tls_ca_file"), *version = json_string_at(directory->settings, "tls_min_version");
	const char *ca_file = file ? file : SYSTEM_CA_FILE;

	directory->tls = tls_context_for(ca_file, version ? version : "1.2", true, error);
	return directory->tls != NULL;
}

struct directory *directory_new(const char *provider, const json_t *settings, GError **error)
{
	struct directory *directory = g_new0(struct directory, 1);
	const struct preset *preset = preset_of(settings);
	int64_t slots = 16;

	ldap_library_start();
	lock_prepare(directory);
	directory->provider = g_strdup(provider);
	directory->settings = json_copy((json_t *)(uintptr_t)settings);
	text_default(directory->settings, "user_filter", preset->user_filter);
	text_default(directory->settings, "subject_attribute", preset->subject_attribute);
	json_integer_at(settings, "connections", &slots);
	directory->slots = (unsigned)CLAMP(slots, 1, 1024);
	directory->idle_max = MIN(directory->slots, IDLE_MAX);
	texts_read(directory);
	if (settings_agree(directory, error) && servers_read(directory, error) && tls_prepare(directory, error)) {
		mapping_choose(directory, preset);
		decoy_choose(directory);
		return directory;
	}
	directory_free(directory);
	return NULL;
}

void directory_free(struct directory *directory)
{
	if (!directory)
		return;
	directory_connections_drop(directory);
	for (size_t i = 0; i < directory->server_count; i++) {
		g_free(directory->servers[i].url);
		g_free(directory->servers[i].host);
		g_free(directory->servers[i].service);
	}
	g_free(directory->servers);
	g_strfreev(directory->attributes);
	g_free(directory->groups_attribute);
	g_free(directory->groups_base);
	g_free(directory->groups_filter);
	g_free(directory->own_decoy_dn);
	json_decref(directory->claims);
	json_decref(directory->group_map);
	json_decref(directory->settings);
	g_free(directory->provider);
	pthread_cond_destroy(&directory->slot_freed);
	pthread_mutex_destroy(&directory->lock);
	g_free(directory);
}
