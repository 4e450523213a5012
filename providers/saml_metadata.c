/* The provider's metadata: a text from somewhere, which the verifier reads, once for each text. A text that it refuses does not displace one that was good. */
#include "providers/saml_internal.h"

#include "base/clock.h"
#include "base/errors.h"
#include "crypto/digest.h"

#include <string.h>

#define METADATA_BYTES_MAX (448 * 1024)

/* Only what may be metadata at all displaces a copy; whether it is, the verifier says. */
static bool text_is_good(const char *body, size_t length, void *data, GError **error)
{
	(void)data;
	return memmem(body, length, "EntityDescriptor", strlen("EntityDescriptor")) || fail(error, ERROR_MALFORMED, "it is no SAML metadata");
}

/* Caller frees; NULL with the answer set. */
static char *text_get(struct saml *saml, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer)
{
	g_autoptr(cached_document_t) document = NULL;
	char trouble[256] = "";

	if (saml->inline_metadata)
		return g_strdup(saml->inline_metadata);
	const struct document_request request = {.owner = saml->owner, .url = saml->metadata_url, .declared_host = saml->declared_host,
	                                         .accept = "application/samlmetadata+xml, application/xml, text/xml", .max_bytes = METADATA_BYTES_MAX, .is_good = text_is_good,
	                                         .deadline_ms = deadline_ms};
	enum fetch_result result = saml->documents ? document_get(saml->documents, &request, &document, trouble) : FETCH_UNAVAILABLE;
	if (check_advised(checks, "metadata", result == FETCH_OK ? "read" : trouble, "the provider's metadata", result == FETCH_OK, "Here: correct metadata_url, or give metadata_file."))
		return g_strndup(document->body, document->length);
	bool unavailable = result == FETCH_UNAVAILABLE;
	saml_refuse(answer, unavailable ? VERDICT_UNAVAILABLE : VERDICT_VIOLATION, unavailable ? REASON_PROVIDER_UNAVAILABLE : REASON_PROVIDER_VIOLATION);
	return NULL;
}

static json_t *idp_known(struct saml *saml, const uint8_t digest[DIGEST_SIZE])
{
	pthread_mutex_lock(&saml->lock);
	json_t *known = saml->idp && memcmp(saml->idp_of, digest, DIGEST_SIZE) == 0 ? json_deep_copy(saml->idp) : NULL;
	pthread_mutex_unlock(&saml->lock);
	return known;
}

static void idp_keep(struct saml *saml, const uint8_t digest[DIGEST_SIZE], const json_t *idp)
{
	json_t *copy = json_deep_copy(idp);

	pthread_mutex_lock(&saml->lock);
	json_decref(saml->idp);
	saml->idp = copy;
	memcpy(saml->idp_of, digest, DIGEST_SIZE);
	pthread_mutex_unlock(&saml->lock);
}

/* Where the new text is refused: what was read before, as long as that is valid. */
static json_t *idp_before(struct saml *saml)
{
	pthread_mutex_lock(&saml->lock);
	json_t *before = saml->idp ? json_deep_copy(saml->idp) : NULL;
	pthread_mutex_unlock(&saml->lock);
	return before;
}

static json_t *idp_read(struct saml *saml, const char *text, const uint8_t digest[DIGEST_SIZE], int64_t now_ms, int64_t deadline_ms, struct checks *checks,
                        struct provider_answer *answer)
{
	g_autoptr(json_t) said = NULL;
	enum verifier_result result = saml->verifier ? saml_metadata_ask(saml->verifier, text, strlen(text), NULL, now_ms, deadline_ms, &said) : VERIFIER_UNAVAILABLE;

	if (result != VERIFIER_ANSWERED) {
		check(checks, "verifier", verifier_result_name(result), "an answer", false);
		saml_refuse(answer, VERDICT_UNAVAILABLE, result == VERIFIER_UNAVAILABLE ? REASON_BUSY : REASON_VERIFIER_FAILED);
		return NULL;
	}
	if (strcmp(json_string_at(said, "result"), "ok") != 0) {
		json_t *before = idp_before(saml);
		if (!before) {
			saml_checks_take(checks, said);
			saml_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		}
		return before;
	}
	idp_keep(saml, digest, said);
	return g_steal_pointer(&said);
}

json_t *saml_idp(struct saml *saml, int64_t now_ms, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer)
{
	g_autofree char *text = text_get(saml, deadline_ms, checks, answer);
	uint8_t digest[DIGEST_SIZE];
	int64_t until_ms = INT64_MAX;

	if (!text)
		return NULL;
	digest_sha256(text, strlen(text), digest);
	json_t *known = idp_known(saml, digest);
	g_autoptr(json_t) idp = known ? known : idp_read(saml, text, digest, now_ms, deadline_ms, checks, answer);
	json_integer_at(idp, "valid_until_ms", &until_ms);
	if (!idp || check_advised(checks, "metadata validity", until_ms > now_ms ? "in force" : "over", "in force", until_ms > now_ms, "There: publish current metadata. Here: load it again."))
		return g_steal_pointer(&idp);
	saml_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	return NULL;
}

const json_t *saml_endpoint_by(const json_t *idp, const char *list, const char *binding)
{
	size_t index;
	json_t *endpoint;

	json_array_foreach(json_object_get(idp, list), index, endpoint) {
		if (g_strcmp0(json_string_at(endpoint, "binding"), binding) == 0)
			return endpoint;
	}
	return NULL;
}

const json_t *saml_endpoint(const json_t *idp, const char *list, const char *binding)
{
	const json_t *wanted = saml_endpoint_by(idp, list, binding);

	return wanted ? wanted : saml_endpoint_by(idp, list, strcmp(binding, SAML_BINDING_POST) == 0 ? SAML_BINDING_REDIRECT : SAML_BINDING_POST);
}

const char **saml_certificates(const json_t *idp)
{
	GPtrArray *list = g_ptr_array_new();
	size_t index;
	json_t *certificate;

	json_array_foreach(json_object_get(idp, "signing"), index, certificate) {
		if (json_is_true(json_object_get(certificate, "fit")))
			g_ptr_array_add(list, (void *)(uintptr_t)json_string_at(certificate, "certificate"));
	}
	g_ptr_array_add(list, NULL);
	return (const char **)(void *)g_ptr_array_free(list, FALSE);
}
