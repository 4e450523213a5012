/* What a provider's metadata says, for people: how long it and its certificates hold, and what is another than before. */
#include "providers/saml_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "policies/expiry.h"

#include <string.h>

#define DER_MAX 18432
#define CHANGES_MAX 32

char *saml_fingerprint(const char *certificate)
{
	g_autofree uint8_t *der = g_malloc(DER_MAX);
	char *hex = g_malloc0(2 * DIGEST_SIZE + 1);
	uint8_t digest[DIGEST_SIZE];
	size_t length = 0;

	if (!certificate || !base64_decode(certificate, strlen(certificate), der, DER_MAX, &length))
		return hex;
	digest_sha256(der, length, digest);
	hex_encode(digest, DIGEST_SIZE, hex);
	return hex;
}

/* --- what changed --- */

/* Each thing of which a change is worth a line, as one text: two documents that give the same texts mean the same to us. */
static void certificate_lines(const json_t *idp, const char *use, GPtrArray *lines)
{
	size_t index;
	json_t *certificate;

	json_array_foreach(json_object_get(idp, use), index, certificate) {
		char to[CLOCK_TEXT_SIZE];
		int64_t to_ms = 0;
		g_autofree char *fingerprint = saml_fingerprint(json_string_at(certificate, "certificate"));
		json_integer_at(certificate, "to_ms", &to_ms);
		clock_format(to_ms, to);
		g_ptr_array_add(lines, g_strdup_printf("%s certificate %s, %s, to %.10s", use, fingerprint, json_string_at(certificate, "key"), to));
	}
}

static void endpoint_lines(const json_t *idp, const char *list, GPtrArray *lines)
{
	size_t index;
	json_t *endpoint;

	json_array_foreach(json_object_get(idp, list), index, endpoint)
		g_ptr_array_add(lines, g_strdup_printf("%s address %s by %s", list, json_string_at(endpoint, "location"), json_string_at(endpoint, "binding")));
}

static GPtrArray *lines_of(const json_t *idp)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(lines, g_strdup_printf("entity %s", json_string_at(idp, "entity_id")));
	certificate_lines(idp, "signing", lines);
	certificate_lines(idp, "encryption", lines);
	endpoint_lines(idp, "sso", lines);
	endpoint_lines(idp, "slo", lines);
	if (json_is_true(json_object_get(idp, "wants_signed_requests")))
		g_ptr_array_add(lines, g_strdup("wish for signed requests"));
	return lines;
}

static void difference_note(json_t *changes, const char *word, GPtrArray *these, GPtrArray *others)
{
	for (guint i = 0; i < these->len && json_array_size(changes) < CHANGES_MAX; i++)
		if (!g_ptr_array_find_with_equal_func(others, g_ptr_array_index(these, i), g_str_equal, NULL))
			json_array_append_new(changes, json_sprintf("%s: %s", word, (const char *)g_ptr_array_index(these, i)));
}

void saml_changes_note(json_t *changes, const json_t *before, const json_t *now)
{
	if (!before || !now)
		return;
	g_autoptr(GPtrArray) old = lines_of(before), new = lines_of(now);
	difference_note(changes, "gone", old, new);
	difference_note(changes, "new", new, old);
}

/* --- what is known, and how long it holds --- */

static void time_set(json_t *object, const char *key, const json_t *from, const char *from_key)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t time_ms = 0;

	if (!json_integer_at(from, from_key, &time_ms))
		return;
	clock_format(time_ms, text);
	json_object_set_new(object, key, json_string(text));
}

static json_t *certificates_told(const json_t *idp)
{
	json_t *list = json_array(), *certificate;
	size_t index;

	json_array_foreach(json_object_get(idp, "signing"), index, certificate) {
		g_autofree char *fingerprint = saml_fingerprint(json_string_at(certificate, "certificate"));
		json_t *told = json_pack("{s:s, s:s*, s:b}", "sha256", fingerprint, "key", json_string_at(certificate, "key"), "usable",
		                         json_is_true(json_object_get(certificate, "fit")));
		time_set(told, "from", certificate, "from_ms");
		time_set(told, "to", certificate, "to_ms");
		json_array_append_new(list, told);
	}
	return list;
}

static json_t *addresses_told(const json_t *idp, const char *list)
{
	json_t *told = json_array(), *endpoint;
	size_t index;

	json_array_foreach(json_object_get(idp, list), index, endpoint)
		json_array_append_new(told, json_sprintf("%s %s", json_string_at(endpoint, "binding"), json_string_at(endpoint, "location")));
	return told;
}

static json_t *facts_of(const struct saml *saml, const json_t *idp)
{
	const char *file = json_string_at(saml->settings, "metadata_file");
	json_t *facts = json_pack("{s:s, s:s*}", "source", saml->metadata_url ? saml->metadata_url : file ? file : "the declaration", "entity_id",
	                          json_string_at(idp, "entity_id"));

	time_set(facts, "valid_until", idp, "valid_until_ms");
	if (json_object_get(idp, "cache_s"))
		json_object_set(facts, "cache_duration_s", json_object_get(idp, "cache_s"));
	json_object_set_new(facts, "signing_certificates", certificates_told(idp));
	json_object_set_new(facts, "sso", addresses_told(idp, "sso"));
	json_object_set_new(facts, "slo", addresses_told(idp, "slo"));
	json_object_set_new(facts, "wants_signed_requests", json_boolean(json_is_true(json_object_get(idp, "wants_signed_requests"))));
	return facts;
}

static void expiry_add(json_t *expiries, const json_t *from, const char *key, const char *what)
{
	int64_t at_ms = 0;

	if (json_integer_at(from, key, &at_ms))
		json_array_append_new(expiries, json_pack("{s:s, s:I}", "what", what, "at_ms", (json_int_t)at_ms));
}

/* Fetched metadata that is valid for some days only, and made anew each day, is in order: its end counts when it comes near or nobody is there any more. */
static bool validity_counts(const struct saml *saml, const json_t *idp, int64_t now_ms, bool troubled)
{
	int64_t until_ms = INT64_MAX;

	json_integer_at(idp, "valid_until_ms", &until_ms);
	return !saml->metadata_url || troubled || expiry_stage_of(until_ms, now_ms) >= EXPIRY_IN_3_DAYS;
}

static json_t *expiries_of(const struct saml *saml, const json_t *idp, int64_t now_ms, bool troubled)
{
	json_t *expiries = json_array(), *certificate;
	size_t index;

	if (validity_counts(saml, idp, now_ms, troubled))
		expiry_add(expiries, idp, "valid_until_ms", "metadata");
	json_array_foreach(json_object_get(idp, "signing"), index, certificate) {
		g_autofree char *fingerprint = saml_fingerprint(json_string_at(certificate, "certificate")), *what = g_strconcat("signing certificate ", fingerprint, NULL);
		if (json_is_true(json_object_get(certificate, "fit")))
			expiry_add(expiries, certificate, "to_ms", what);
	}
	return expiries;
}

static json_t *changes_take(struct saml *saml)
{
	pthread_mutex_lock(&saml->lock);
	json_t *changes = saml->changes;
	saml->changes = json_array();
	pthread_mutex_unlock(&saml->lock);
	return changes;
}

void saml_watch(void *state, int64_t now_ms, int64_t deadline_ms, struct provider_outlook *ret)
{
	struct saml *saml = state;
	struct provider_answer answer = {0};
	g_autoptr(json_t) idp = saml_idp(saml, now_ms, deadline_ms, NULL, &answer);
	char *trouble = saml_trouble(saml, deadline_ms);

	if (!idp && !trouble)
		trouble = g_strdup(reason_sentence(answer.reason));
	*ret = (struct provider_outlook){.facts = idp ? facts_of(saml, idp) : NULL, .expiries = idp ? expiries_of(saml, idp, now_ms, trouble != NULL) : json_array(),
	                                 .changes = changes_take(saml), .trouble = trouble};
}
