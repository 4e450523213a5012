/* The provider's metadata: a text from somewhere, which the verifier reads, once for each text. A text that it refuses does not displace one that was good, and so does
 * not one that is suddenly another entity's: subjects are names that this one gives.
 *
 *   file, declaration ─────────────────────────────┐
 *   address ─> documents kept (fetch_cache.h) ─────┴─> look: verifier ─> same entity? ─> what is in force
 */
#include "providers/saml_internal.h"

#include "base/clock.h"
#include "base/errors.h"
#include "crypto/digest.h"

#include <string.h>

#define METADATA_BYTES_MAX (448 * 1024)
/* Copies are renewed after a day at the latest (fetch_cache.h). */
#define AGE_SUSPECT_MS (26 * INT64_C(3600000))

/* One look at a text: what it is asked for, and what came of it. */
struct look {
	struct saml *saml;
	int64_t now_ms, deadline_ms;
	struct checks *checks;
	bool probing;         /* every step is wanted, and a text that is fetched anew */
	bool newest;          /* the text was fetched just now */
	int64_t fresh_ms;     /* how long it says it may be kept; -1: it does not say */
	enum verdict verdict; /* where it is refused … */
	enum reason reason;
	char trouble[256];    /* … and why, in words */
};

static json_t *idp_known(struct saml *saml, const uint8_t digest[DIGEST_SIZE])
{
	pthread_mutex_lock(&saml->lock);
	json_t *known = saml->idp && memcmp(saml->idp_of, digest, DIGEST_SIZE) == 0 ? json_deep_copy(saml->idp) : NULL;
	pthread_mutex_unlock(&saml->lock);
	return known;
}

/* The newest one stays; an older copy, which somebody may still have in hand while it is replaced, does not push it out. */
static void idp_keep(struct saml *saml, const uint8_t digest[DIGEST_SIZE], const json_t *idp, bool newest)
{
	json_t *copy = json_deep_copy(idp);

	pthread_mutex_lock(&saml->lock);
	if (newest || !saml->idp) {
		saml_changes_note(saml->changes, saml->idp, copy);
		json_decref(saml->idp);
		saml->idp = g_steal_pointer(&copy);
		memcpy(saml->idp_of, digest, DIGEST_SIZE);
	}
	pthread_mutex_unlock(&saml->lock);
	json_decref(copy);
}

/* What became of the last text that was fetched: whoever asks in the pause after a failure is told the same. */
static void outcome_note(const struct look *look)
{
	struct saml *saml = look->saml;

	pthread_mutex_lock(&saml->lock);
	saml->refused = look->reason;
	g_strlcpy(saml->trouble, look->trouble, sizeof saml->trouble);
	pthread_mutex_unlock(&saml->lock);
}

static bool look_refuse(struct look *look, enum verdict verdict, enum reason reason, const char *seen, const char *expected)
{
	look->verdict = verdict;
	look->reason = reason;
	g_snprintf(look->trouble, sizeof look->trouble, "%s, expected %s", seen, expected);
	return false;
}

/* The name that the declaration pins, or that the copy before this one had. */
static bool entity_stays(struct look *look, const json_t *said)
{
	struct saml *saml = look->saml;
	const char *seen = json_string_at(said, "entity_id");

	pthread_mutex_lock(&saml->lock);
	g_autofree char *before = g_strdup(saml->idp_entity_id ? saml->idp_entity_id : json_string_at(saml->idp, "entity_id"));
	pthread_mutex_unlock(&saml->lock);
	bool same = !before || g_strcmp0(seen, before) == 0;
	if (!same)
		look_refuse(look, VERDICT_VIOLATION, REASON_METADATA_ENTITY, seen, before);
	return check_advised(look->checks, "metadata entity", seen, before, same,
	                     "There: has the provider moved? Then here: declare it anew under another name, for its people are others. If not, somebody has put other metadata there.");
}

static bool verifier_reads(struct look *look, const char *bytes, size_t length, json_t **ret_said)
{
	struct saml *saml = look->saml;
	enum verifier_result result = saml->verifier ? saml_metadata_ask(saml->verifier, bytes, length, saml->idp_entity_id, look->now_ms, look->deadline_ms, ret_said)
	                                             : VERIFIER_UNAVAILABLE;
	bool answered = check(look->checks, "verifier", verifier_result_name(result), verifier_result_name(VERIFIER_ANSWERED), result == VERIFIER_ANSWERED);

	return answered || look_refuse(look, VERDICT_UNAVAILABLE, result == VERIFIER_UNAVAILABLE ? REASON_BUSY : REASON_VERIFIER_FAILED, verifier_result_name(result),
	                               verifier_result_name(VERIFIER_ANSWERED));
}

static enum reason refusal_of(const struct look *look, const char *check)
{
	if (g_strcmp0(check, "metadata_validity") == 0)
		return REASON_METADATA_EXPIRED;
	return g_strcmp0(check, "metadata_entity") == 0 && look->saml->idp_entity_id ? REASON_METADATA_ENTITY : REASON_METADATA_INVALID;
}

static bool said_is_good(struct look *look, const json_t *said)
{
	const json_t *rows = json_object_get(said, "checks"), *last = json_array_get(rows, json_array_size(rows) - 1);
	const char *seen = json_string_at(last, "seen"), *expected = json_string_at(last, "expected");
	bool good = strcmp(json_string_at(said, "result"), "ok") == 0;

	if (look->probing || !good)
		saml_checks_take(look->checks, said);
	return good || look_refuse(look, VERDICT_VIOLATION, refusal_of(look, json_string_at(last, "check")), seen ? seen : "nothing", expected ? expected : "nothing");
}

/* What the verifier read of the text; NULL: the look says why. Caller owns. */
static json_t *text_look(struct look *look, const char *bytes, size_t length)
{
	uint8_t digest[DIGEST_SIZE];
	json_t *said = NULL;

	digest_sha256(bytes, length, digest);
	json_t *known = look->probing ? NULL : idp_known(look->saml, digest);
	if (known)
		return known;
	if (!verifier_reads(look, bytes, length, &said) || !said_is_good(look, said) || !entity_stays(look, said))
		g_clear_pointer(&said, json_decref);
	if (said)
		idp_keep(look->saml, digest, said, look->newest);
	return said;
}

/* Of cacheDuration and validUntil the nearer one (SAML metadata 2.3.2). */
static int64_t fresh_of(const json_t *idp, int64_t now_ms)
{
	int64_t cache_s = -1, until_ms = 0, fresh_ms = json_integer_at(idp, "cache_s", &cache_s) && cache_s >= 0 ? cache_s * 1000 : -1;

	if (!json_integer_at(idp, "valid_until_ms", &until_ms))
		return fresh_ms;
	return fresh_ms < 0 ? MAX(until_ms - now_ms, 0) : MIN(fresh_ms, MAX(until_ms - now_ms, 0));
}

static bool text_is_good(const char *body, size_t length, void *data, GError **error)
{
	struct look *look = data;

	look->newest = true;
	g_autoptr(json_t) idp = text_look(look, body, length);
	if (idp)
		look->fresh_ms = fresh_of(idp, look->now_ms);
	outcome_note(look);
	return idp || fail(error, ERROR_MALFORMED, "%s", look->trouble);
}

/* Where no text could be had, or none that was good: this look's own reason, or what was found by whoever looked last. */
static void fetch_refuse(struct look *look, enum fetch_result result)
{
	struct saml *saml = look->saml;

	if (look->reason)
		return;
	pthread_mutex_lock(&saml->lock);
	enum reason before = saml->refused;
	pthread_mutex_unlock(&saml->lock);
	if (result == FETCH_UNAVAILABLE || result == FETCH_FAILED)
		look->verdict = VERDICT_UNAVAILABLE, look->reason = REASON_PROVIDER_UNAVAILABLE;
	else
		look->verdict = VERDICT_VIOLATION, look->reason = before ? before : REASON_METADATA_INVALID;
}

static json_t *fetched_look(struct look *look)
{
	struct saml *saml = look->saml;
	g_autoptr(cached_document_t) document = NULL;
	char trouble[256] = "no way out of this machine";
	const struct document_request request = {.owner = saml->owner, .url = saml->metadata_url, .declared_host = saml->declared_host,
	                                         .accept = "application/samlmetadata+xml, application/xml, text/xml", .max_bytes = METADATA_BYTES_MAX, .is_good = text_is_good,
	                                         .data = look, .own_fresh_ms = &look->fresh_ms, .deadline_ms = look->deadline_ms, .checks = look->probing ? look->checks : NULL};
	enum fetch_result result = saml->documents ? document_get(saml->documents, &request, &document, trouble) : FETCH_UNAVAILABLE;

	if (check_advised(look->checks, "metadata", result == FETCH_OK ? saml->metadata_url : trouble, "the provider's metadata", result == FETCH_OK,
	                  "Here: correct metadata_url, or give metadata_file. There: publish good metadata. `passerelle provider test` shows each step.")) {
		look->newest = look->probing = false; /* it has been read once by now */
		pthread_mutex_lock(&saml->lock);
		saml->fetched_ms = document->fetched_ms;
		pthread_mutex_unlock(&saml->lock);
		return text_look(look, document->body, document->length);
	}
	fetch_refuse(look, result);
	return NULL;
}

static json_t *declared_look(struct look *look)
{
	const char *text = look->saml->inline_metadata, *file = json_string_at(look->saml->settings, "metadata_file");

	if (look->probing)
		check(look->checks, "metadata", file ? file : "in the declaration", NULL, true);
	return text_look(look, text, strlen(text));
}

static json_t *look_run(struct look *look, struct provider_answer *answer)
{
	int64_t until_ms = INT64_MAX;
	g_autoptr(json_t) idp = look->saml->inline_metadata ? declared_look(look) : fetched_look(look);

	if (!idp) {
		saml_refuse(answer, look->verdict, look->reason);
		return NULL;
	}
	json_integer_at(idp, "valid_until_ms", &until_ms);
	if (check_advised(look->checks, "metadata validity", until_ms > look->now_ms ? "in force" : "over", "in force", until_ms > look->now_ms,
	                  "There: publish current metadata. Here: load it again."))
		return g_steal_pointer(&idp);
	saml_refuse(answer, VERDICT_VIOLATION, REASON_METADATA_EXPIRED);
	return NULL;
}

json_t *saml_idp(struct saml *saml, int64_t now_ms, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer)
{
	struct look look = {.saml = saml, .now_ms = now_ms, .deadline_ms = deadline_ms, .fresh_ms = -1, .checks = checks};

	return look_run(&look, answer);
}

json_t *saml_idp_probe(struct saml *saml, int64_t now_ms, int64_t deadline_ms, struct checks *checks)
{
	struct look look = {.saml = saml, .now_ms = now_ms, .deadline_ms = deadline_ms, .fresh_ms = -1, .checks = checks, .probing = true};
	struct provider_answer answer = {0};

	return look_run(&look, &answer);
}

char *saml_trouble(struct saml *saml, int64_t monotonic_ms)
{
	pthread_mutex_lock(&saml->lock);
	int64_t age_ms = saml->fetched_ms > 0 ? monotonic_ms - saml->fetched_ms : 0;
	char *trouble = *saml->trouble           ? g_strdup(saml->trouble)
	                : age_ms > AGE_SUSPECT_MS ? g_strdup_printf("the copy is %" G_GINT64_FORMAT " hours old, and no newer one can be had", age_ms / 3600000)
	                                          : NULL;
	pthread_mutex_unlock(&saml->lock);
	return trouble;
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
