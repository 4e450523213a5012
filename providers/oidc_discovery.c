/* The provider's metadata and keys (OpenID Connect Discovery 1.0, RFC 8414). Both are kept (fetch_cache.h); a copy is taken only where it is what it should be, so
 * that an upstream in disorder does not lose us what we knew. Keys are foreigners' JOSE: whether they are keys, the verifier says.
 */
#include "providers/oidc_internal.h"

#include "base/errors.h"
#include "base/log.h"
#include "base/url.h"

#include <string.h>

#define METADATA_BYTES_MAX (128 * 1024)

bool oidc_refuse(struct provider_answer *answer, enum verdict verdict, enum reason reason)
{
	answer->verdict = verdict;
	answer->reason = reason;
	return false;
}

const char *oidc_stated_issuer(const json_t *metadata)
{
	return json_string_at(metadata, "issuer");
}

/* --- is it the metadata of this provider? --- */

/* An endpoint may be plain http only where the issuer itself is, which the guard of providers/fetch allows for named addresses only. */
static bool endpoint_is_fit(const struct oidc *oidc, const char *text)
{
	g_autoptr(url_t) url = text ? url_parse(text, NULL) : NULL;
	if (!url || url->has_userinfo || url->fragment || !*url->host)
		return false;
	return g_ascii_strcasecmp(url->scheme, "https") == 0
		|| (g_ascii_strcasecmp(url->scheme, "http") == 0 && g_ascii_strncasecmp(oidc->discovery_url, "http://", 7) == 0);
}

static bool issuer_is_ours(const struct oidc *oidc, const char *stated)
{
	return stated && g_strv_contains(oidc->issuers, stated);
}

bool oidc_metadata_is_good(const struct oidc *oidc, const char *body, size_t length, GError **error)
{
	static const char *const required[] = { "authorization_endpoint", "token_endpoint", "jwks_uri" };
	g_autoptr(json_t) metadata = json_parse(body, length, METADATA_BYTES_MAX, error);
	if (!metadata)
		return false;
	if (!json_is_object(metadata) || !issuer_is_ours(oidc, oidc_stated_issuer(metadata)))
		return fail(error, ERROR_MALFORMED, "its issuer is %s, expected %s", json_is_object(metadata) && oidc_stated_issuer(metadata)
			? oidc_stated_issuer(metadata) : "not stated", oidc->issuers[0]);
	for (size_t i = 0; i < G_N_ELEMENTS(required); i++)
		if (!endpoint_is_fit(oidc, json_string_at(metadata, required[i])))
			return fail(error, ERROR_MALFORMED, "its %s is missing or no https address", required[i]);
	return true;
}

static bool metadata_is_good(const char *body, size_t length, void *data, GError **error)
{
	return oidc_metadata_is_good(data, body, length, error);
}

/* --- fetching --- */

static enum reason reason_of(enum fetch_result result)
{
	return result == FETCH_UNAVAILABLE ? REASON_PROVIDER_UNAVAILABLE : REASON_PROVIDER_VIOLATION;
}

static enum verdict verdict_of(enum fetch_result result)
{
	return result == FETCH_UNAVAILABLE ? VERDICT_UNAVAILABLE : VERDICT_VIOLATION;
}

/* Where people are sent and codes are redeemed does not change often: an administrator should hear of it. */
static void endpoints_note(const struct oidc *oidc, const json_t *metadata)
{
	struct oidc *writable = (struct oidc *)(uintptr_t)oidc;
	g_autofree char *now = g_strjoin(" ", json_string_at(metadata, "authorization_endpoint"), json_string_at(metadata, "token_endpoint"),
		json_string_at(metadata, "jwks_uri"), NULL);
	pthread_mutex_lock(&writable->lock);
	bool changed = writable->endpoints_seen && strcmp(writable->endpoints_seen, now) != 0;
	if (changed)
		log_line(LOG_LEVEL_WARNING, "provider.endpoints_changed", "provider", oidc->name, "before", writable->endpoints_seen, "now", now, NULL);
	if (changed || !writable->endpoints_seen) {
		g_free(writable->endpoints_seen);
		writable->endpoints_seen = g_steal_pointer(&now);
	}
	pthread_mutex_unlock(&writable->lock);
}

json_t *oidc_metadata(const struct oidc *oidc, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer)
{
	g_autoptr(cached_document_t) document = NULL;
	char trouble[256] = "";
	const struct document_request request = { .owner = oidc->owner, .url = oidc->discovery_url, .declared_host = oidc->declared_host,
		.max_bytes = METADATA_BYTES_MAX, .is_good = metadata_is_good, .data = (void *)(uintptr_t)oidc, .deadline_ms = deadline_ms };
	enum fetch_result result = document_get(oidc->documents, &request, &document, trouble);
	if (!check_advised(checks, "discovery", result == FETCH_OK ? "read" : trouble, "the provider's metadata", result == FETCH_OK,
			"Here: correct issuer or discovery_url. `passerelle provider test` shows each step.")) {
		oidc_refuse(answer, verdict_of(result), reason_of(result));
		return NULL;
	}
	json_t *metadata = json_parse(document->body, document->length, METADATA_BYTES_MAX, NULL);
	if (metadata)
		endpoints_note(oidc, metadata);
	return metadata;
}

struct keys_question {
	const struct oidc *oidc;
	int64_t deadline_ms;
};

static bool keys_are_good(const char *body, size_t length, void *data, GError **error)
{
	const struct keys_question *question = data;
	g_auto(keys_check_answer_t) answer = { 0 };
	enum verifier_result result = keys_check(question->oidc->verifier, body, length, TOKEN_ALGORITHMS_ALL, question->deadline_ms, &answer);
	return (result == VERIFIER_ANSWERED && answer.valid)
		|| fail(error, ERROR_MALFORMED, "%s", result != VERIFIER_ANSWERED ? verifier_result_name(result) : answer.fault ? answer.fault : "no usable key");
}

const struct cached_document *oidc_keys(const struct oidc *oidc, const json_t *metadata, const struct cached_document *seen, int64_t deadline_ms,
	struct checks *checks, struct provider_answer *answer)
{
	const struct cached_document *document = NULL;
	char trouble[256] = "";
	struct keys_question question = { oidc, deadline_ms };
	const struct document_request request = { .owner = oidc->owner, .url = json_string_at(metadata, "jwks_uri"), .declared_host = oidc->declared_host,
		.accept = "application/jwk-set+json, application/json", .max_bytes = KEYS_BYTES_MAX, .is_good = keys_are_good, .data = &question,
		.deadline_ms = deadline_ms };
	enum fetch_result result = seen ? document_renew(oidc->documents, &request, seen, &document, trouble)
		: document_get(oidc->documents, &request, &document, trouble);
	if (check(checks, "keys", result == FETCH_OK ? "read" : trouble, "the provider's keys", result == FETCH_OK))
		return document;
	oidc_refuse(answer, verdict_of(result), reason_of(result));
	return NULL;
}
