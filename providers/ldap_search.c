/* Filters, DNs and entries: whatever a person typed is escaped here or goes nowhere (SECURITY LD-3), and whatever a directory answers is held to a size. */
#include "providers/ldap_internal.h"

#include "base/text.h"

#include <ldap.h>
#include <openldap.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VALUES_MAX 2000
#define VALUE_BYTES_MAX 4096
#define GUID_BYTES 16
#define GUID_TEXT_BYTES 36

/* Active Directory's order: the first three fields are little-endian. */
static const uint8_t guid_order[GUID_BYTES] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	g_free(entry->dn);
	json_decref(entry->attributes);
	g_free(entry);
}

void search_clear(struct search *search)
{
	g_clear_pointer(&search->entries, g_ptr_array_unref);
}

/* Every byte that is not plain is escaped, not only the five that must be: then there is no charset in which the rest reads otherwise. */
char *filter_escape(const void *bytes, size_t length)
{
	const uint8_t *in = bytes;
	GString *out = g_string_sized_new(length * 3);

	for (size_t i = 0; i < length; i++)
		if (g_ascii_isalnum((char)in[i]) || strchr("-_.@ ", in[i] ? in[i] : '*'))
			g_string_append_c(out, (char)in[i]);
		else
			g_string_append_printf(out, "\\%02x", in[i]);
	return g_string_free(out, FALSE);
}

char *filter_fill(const char *template, const char *name, const char *value)
{
	g_autofree char *escaped = filter_escape(value, strlen(value)), *placeholder = g_strdup_printf("{%s}", name);
	g_auto(GStrv) parts = g_strsplit(template, placeholder, -1);

	return g_strjoinv(escaped, parts);
}

static char *in_brackets(const char *filter)
{
	return filter[0] == '(' ? g_strdup(filter) : g_strdup_printf("(%s)", filter);
}

char *filter_and(const char *filter, const char *other)
{
	g_autofree char *one = in_brackets(filter), *two = other ? in_brackets(other) : NULL;

	return two ? g_strdup_printf("(&%s%s)", one, two) : g_steal_pointer(&one);
}

/* libldap has no function for this alone, and takes an empty one for (objectClass=*): it encodes a search that goes into a pair of sockets nobody reads. */
bool filter_is_fit(const char *filter)
{
	LDAP *handle = NULL;
	int ends[2], id = 0;

	ldap_library_start();
	if (!*filter || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	int code = ldap_init_fd(ends[0], LDAP_PROTO_TCP, "ldap://nobody", &handle);
	if (code == LDAP_SUCCESS) {
		code = ldap_search_ext(handle, "", LDAP_SCOPE_BASE, filter, NULL, 0, NULL, NULL, NULL, 1, &id);
		ldap_unbind_ext(handle, NULL, NULL);
	} else {
		close(ends[0]);
	}
	close(ends[1]);
	return code == LDAP_SUCCESS;
}

char *guid_text(const uint8_t bytes[GUID_BYTES])
{
	GString *text = g_string_sized_new(GUID_TEXT_BYTES);

	for (size_t i = 0; i < GUID_BYTES; i++)
		g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[guid_order[i]]);
	return g_string_free(text, FALSE);
}

static bool guid_bytes(const char *text, uint8_t bytes[GUID_BYTES])
{
	size_t written = 0;

	if (strlen(text) != GUID_TEXT_BYTES)
		return false;
	for (size_t i = 0; i < GUID_TEXT_BYTES; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		int high = g_ascii_xdigit_value(text[i]), low = g_ascii_xdigit_value(text[i + 1]);
		if (high < 0 || low < 0 || g_ascii_isupper(text[i]) || g_ascii_isupper(text[i + 1]))
			return false;
		bytes[guid_order[written++]] = (uint8_t)(high << 4 | low);
		i++;
	}
	return written == GUID_BYTES;
}

static bool is_guid(const char *attribute)
{
	return g_ascii_strcasecmp(attribute, "objectGUID") == 0;
}

char *filter_of_subject(const char *attribute, const char *subject)
{
	uint8_t bytes[GUID_BYTES];

	if (is_guid(attribute) && !guid_bytes(subject, bytes))
		return NULL;
	g_autofree char *escaped = is_guid(attribute) ? filter_escape(bytes, sizeof bytes) : filter_escape(subject, strlen(subject));
	return g_strdup_printf("(%s=%s)", attribute, escaped);
}

/* Puts the login into the value that holds {login}; false where none does. */
static bool value_fill(LDAPAVA *pair, const char *login, char **ret_filled)
{
	g_autofree char *value = g_strndup(pair->la_value.bv_val, pair->la_value.bv_len);

	if (!strstr(value, "{login}"))
		return false;
	g_auto(GStrv) parts = g_strsplit(value, "{login}", -1);
	*ret_filled = g_strjoinv(login, parts);
	pair->la_value = (struct berval){.bv_val = *ret_filled, .bv_len = strlen(*ret_filled)};
	pair->la_flags = LDAP_AVA_STRING | (g_str_is_ascii(*ret_filled) ? 0 : LDAP_AVA_NONPRINTABLE);
	return true;
}

/* The parsed DN is not freed with our value in it: the value is taken out again first. */
char *dn_fill(const char *template, const char *login)
{
	LDAPDN dn = NULL;
	char *text = NULL, *result = NULL;

	if (ldap_str2dn(template, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || !dn)
		return NULL;
	for (size_t r = 0; dn[r] && !result; r++)
		for (size_t a = 0; dn[r][a] && !result; a++) {
			g_autofree char *filled = NULL;
			const LDAPAVA before = *dn[r][a];
			if (!value_fill(dn[r][a], login, &filled))
				continue;
			if (ldap_dn2str(dn, &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS)
				result = g_strdup(text);
			ldap_memfree(text);
			*dn[r][a] = before;
		}
	ldap_dnfree(dn);
	return result;
}

char *dn_key(const char *dn)
{
	LDAPDN parsed = NULL;
	char *text = NULL, *key = NULL;

	if (!dn || ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAP) != LDAP_SUCCESS || !parsed || !parsed[0]) {
		ldap_dnfree(parsed);
		return NULL;
	}
	/* Written out as UTF-8, so that letters fold whether or not they came escaped. */
	if (ldap_dn2str(parsed, &text, LDAP_DN_FORMAT_LDAPV3 | LDAP_DN_PRETTY) == LDAP_SUCCESS && g_utf8_validate(text, -1, NULL))
		key = g_utf8_casefold(text, -1);
	ldap_memfree(text);
	ldap_dnfree(parsed);
	return key;
}

char *dn_first_value(const char *dn)
{
	LDAPDN parsed = NULL;
	char *value = NULL;

	if (dn && ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAP) == LDAP_SUCCESS && parsed && parsed[0] && parsed[0][0])
		value = g_strndup(parsed[0][0]->la_value.bv_val, parsed[0][0]->la_value.bv_len);
	ldap_dnfree(parsed);
	return value;
}

bool dn_is_under(const char *key, const char *base_key)
{
	size_t length = strlen(key), base_length = strlen(base_key);

	if (length == base_length)
		return strcmp(key, base_key) == 0;
	return length > base_length && key[length - base_length - 1] == ',' && strcmp(key + length - base_length, base_key) == 0;
}

const char *entry_text(const struct entry *entry, const char *attribute)
{
	return attribute ? json_string_value(json_array_get(json_object_get(entry->attributes, attribute), 0)) : NULL;
}

/* A value that is no text is left out: nothing we do could be done with it. */
static void value_add(json_t *values, const char *attribute, const struct berval *value)
{
	if (json_array_size(values) >= VALUES_MAX || value->bv_len == 0 || value->bv_len > VALUE_BYTES_MAX)
		return;
	if (is_guid(attribute)) {
		g_autofree char *guid = value->bv_len == GUID_BYTES ? guid_text((const uint8_t *)value->bv_val) : NULL;
		if (guid)
			json_array_append_new(values, json_string(guid));
		return;
	}
	if (g_utf8_validate_len(value->bv_val, value->bv_len, NULL))
		json_array_append_new(values, json_stringn(value->bv_val, value->bv_len));
}

static void attribute_read(LDAP *handle, LDAPMessage *message, const char *attribute, json_t *attributes)
{
	struct berval **found = ldap_get_values_len(handle, message, attribute);
	g_autoptr(json_t) values = json_array();

	for (size_t i = 0; found && found[i]; i++)
		value_add(values, attribute, found[i]);
	ldap_value_free_len(found);
	if (json_array_size(values) > 0)
		json_object_set(attributes, attribute, values);
}

static struct entry *entry_read(LDAP *handle, LDAPMessage *message, char **attributes)
{
	char *dn = ldap_get_dn(handle, message);

	if (!dn)
		return NULL;
	struct entry *entry = g_new0(struct entry, 1);
	entry->dn = g_strdup(dn);
	entry->attributes = json_object();
	ldap_memfree(dn);
	for (size_t i = 0; attributes && attributes[i]; i++)
		attribute_read(handle, message, attributes[i], entry->attributes);
	return entry;
}

static bool result_read(LDAP *handle, LDAPMessage *message, struct search *search)
{
	int code = LDAP_OTHER;

	if (ldap_parse_result(handle, message, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		return false;
	search->code = code;
	search->more = search->more || code == LDAP_SIZELIMIT_EXCEEDED;
	return true;
}

static bool entry_take(LDAP *handle, LDAPMessage *message, struct search *search)
{
	if (search->entries->len >= search->entries_max) {
		search->more = true;
		return true;
	}
	struct entry *entry = entry_read(handle, message, search->attributes);
	if (entry)
		g_ptr_array_add(search->entries, entry);
	return entry != NULL;
}

/* One message at a time, so that what an unfaithful directory sends is never piled up. References to other directories are let lie (SECURITY LD-5). */
static bool answers_read(struct connection *connection, int id, struct search *search, int64_t deadline_ms)
{
	LDAP *handle = connection->handle;
	bool well = true, ended = false;

	while (well && !ended) {
		LDAPMessage *message = connection_await(connection, id, false, deadline_ms);
		if (!message)
			return false;
		switch (ldap_msgtype(message)) {
		case LDAP_RES_SEARCH_ENTRY:
			well = entry_take(handle, message, search);
			break;
		case LDAP_RES_SEARCH_REFERENCE:
			break;
		case LDAP_RES_SEARCH_RESULT:
			ended = true;
			well = result_read(handle, message, search);
			break;
		default: /* LDAP's message types, not an enum of ours */
			well = false;
		}
		ldap_msgfree(message);
	}
	return well;
}

bool connection_search(struct connection *connection, struct search *search, int64_t deadline_ms)
{
	int id = 0, limit = (int)MIN(search->entries_max + 1, 5000);
	struct timeval time = {.tv_sec = 10};

	search_clear(search);
	search->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
	search->more = false;
	search->code = LDAP_OTHER;
	int sent = ldap_search_ext(connection->handle, search->base, search->base_only ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE, search->filter, search->attributes, 0,
	                           NULL, NULL, &time, limit, &id);
	if (sent == LDAP_FILTER_ERROR) {
		search->code = LDAP_FILTER_ERROR;
		return true;
	}
	return sent == LDAP_SUCCESS && answers_read(connection, id, search, deadline_ms);
}
