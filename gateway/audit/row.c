/* Filling a row of the connection log.
 *
 * Whatever comes from outside is hostile here: a user agent or a user name is written by whoever connects, and read on terminals, in JSON pipelines and
 * spreadsheets. Lengths are cut so that a flood of long values costs a bounded log (SECURITY AU-4). */
#include "gateway/audit/row.h"
#include "base/encoding.h"
#include "base/text.h"
#include "gateway/audit/device.h"
#include <string.h>

enum { NAME_MAX_BYTES = 256, ADDRESS_MAX_BYTES = 64, USER_AGENT_MAX_BYTES = 512, WORD_MAX_BYTES = 128 };

#define REPLACEMENT 0xfffd

/* Controls break lines and drive terminals; U+2028 and U+2029 end lines for some readers; embeddings, overrides and isolates make a name read backwards. */
static bool character_is_harmful(gunichar c)
{
	return g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Nearly every text is plain, and needs no look at each character as Unicode. */
static bool is_printable_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

char *row_text(const char *text, size_t max_bytes)
{
	if (!text || !text[0])
		return NULL;

	size_t left = strnlen(text, max_bytes);
	if (is_printable_ascii(text, left))
		return g_strndup(text, left);

	GString *clean = g_string_new(NULL);
	while (left) {
		gunichar c = g_utf8_get_char_validated(text, (gssize)left);
		bool broken = c == (gunichar)-1 || c == (gunichar)-2;
		size_t length = broken ? 1 : (size_t)g_unichar_to_utf8(c, NULL);

		if (broken || character_is_harmful(c))
			c = REPLACEMENT;
		if (clean->len + (size_t)g_unichar_to_utf8(c, NULL) > max_bytes)
			break;
		g_string_append_unichar(clean, c);
		text += length;
		left -= length;
	}
	return g_string_free(clean, FALSE);
}

char *audit_username_hash(const struct root_keys *keys, const char *tenant, const char *login_key)
{
	g_autofree char *purpose = g_strconcat("log-username:", tenant, NULL);
	uint8_t key[DERIVED_KEY_SIZE], mac[DIGEST_SIZE];
	char text[DIGEST_SIZE * 8 / 5 + 2];

	root_keys_derive_current(keys, purpose, key);
	digest_hmac(key, sizeof key, login_key, strlen(login_key), mac);
	wipe(key, sizeof key);
	base32_encode(mac, sizeof mac, text);
	return g_strconcat("h:", text, NULL);
}

static const char *domain_name(const json_t *domain)
{
	return json_is_object(domain) ? json_string_at(domain, "name") : json_string_value(domain);
}

/* Whether a canonical login name is an address whose domain the tenant owns. Only a plain address counts: "secret word @acme.example" stays hidden. */
static bool username_is_ours(const struct tenant *tenant, const char *login_key)
{
	const char *at = strchr(login_key, '@');
	const json_t *domains = json_object_get(tenant->settings, "domains");
	size_t index;
	json_t *domain;

	if (!at || at == login_key || strpbrk(login_key, " \t"))
		return false;
	json_array_foreach(domains, index, domain) {
		const char *name = domain_name(domain);
		if (name && name[0] && !g_ascii_strcasecmp(at + 1, name))
			return true;
	}
	return false;
}

char *row_username(const struct root_keys *keys, const struct tenant *tenant, const char *typed)
{
	g_autofree char *login_key = text_login_key(typed);

	if (login_key && username_is_ours(tenant, login_key))
		return row_text(typed, NAME_MAX_BYTES);
	/* People type passwords into the name field (SECURITY AU-5); what has no canonical form is hashed as it came. */
	return audit_username_hash(keys, tenant->id, login_key ? login_key : typed);
}

const char *audit_result_text(enum audit_result result)
{
	switch (result) {
	case AUDIT_ERROR: return "error";
	case AUDIT_DENIED: return "denied";
	case AUDIT_OK: return "ok";
	}
	return "error";
}

static void fill_who(struct log_row *row, const struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known)
{
	row->account = row_text(facts->account, WORD_MAX_BYTES);
	if (facts->username && facts->username[0])
		row->username = username_known ? row_text(facts->username, NAME_MAX_BYTES) : row_username(store_keys(store), tenant, facts->username);
	row->ip = row_text(facts->address, ADDRESS_MAX_BYTES);
	row->actor = row_text(facts->actor, WORD_MAX_BYTES);
}

/* A command line has no user agent and so no device; a browser that sends none has the device "unknown". */
static void fill_device(struct log_row *row, const char *user_agent)
{
	if (!user_agent)
		return;

	struct device device = device_of(user_agent);

	row->user_agent = row_text(user_agent, USER_AGENT_MAX_BYTES);
	row->device = g_strdup(device.type);
	row->os = g_strdup(device.os);
	row->browser = g_strdup(device.browser);
}

void row_fill(struct log_row *row, const struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known)
{
	memset(row, 0, sizeof *row);
	random_identifier(row->id);
	row->node = g_strdup(store_node(store));
	row->time_ms = facts->time_ms;
	row->event = g_strdup(audit_event_text(facts->event));
	row->result = g_strdup(audit_result_text(facts->result));
	row->reason = g_strdup(reason_name(facts->reason));
	fill_who(row, store, tenant, facts, username_known);
	fill_device(row, facts->user_agent);
	row->provider = row_text(facts->provider, WORD_MAX_BYTES);
	row->client = row_text(facts->client, WORD_MAX_BYTES);
	row->session = row_text(facts->session, WORD_MAX_BYTES);
	row->acr = row_text(facts->acr, WORD_MAX_BYTES);
	row->amr = row_text(facts->amr, WORD_MAX_BYTES);
	row->ref = row_text(facts->ref, WORD_MAX_BYTES);
}
