/* Logout messages that a browser brings (SAML profiles 4.4): reading them, and answering the provider's own. */
#include "providers/saml_internal.h"

#include "base/errors.h"

#include <string.h>

#define KEEP_BYTES_MAX 4096
#define RELAY_STATE_MAX 1024

/* --- what was brought --- */

void saml_brought_clear(struct saml_brought *brought)
{
	g_free(brought->bytes);
	g_free(brought->covered);
	g_free(brought->algorithm);
	if (brought->signature)
		g_byte_array_unref(brought->signature);
	*brought = (struct saml_brought){0};
}

static bool bring(const struct provider_complete *input, const char *parameter, struct saml_brought *ret, GError **error)
{
	const char *field = form_value(input->reply, parameter);

	*ret = (struct saml_brought){.binding = input->query ? SAML_BINDING_REDIRECT : SAML_BINDING_POST, .parameter = parameter};
	if (form_count(input->reply, parameter) != 1 || !field)
		return fail(error, ERROR_INVALID_REQUEST, "none, or several");
	ret->bytes = input->query ? saml_inflated(field, &ret->length, error) : saml_posted(field, &ret->length, error);
	/* Whether it is there is the verifier's to say, with what is wrong. */
	if (ret->bytes && input->query)
		saml_signed_query(input->query, parameter, &ret->covered, &ret->algorithm, &ret->signature);
	return ret->bytes != NULL;
}

bool saml_bring(const struct provider_complete *input, const char *parameter, struct saml_brought *ret)
{
	g_autoptr(GError) error = NULL;
	bool brought = bring(input, parameter, ret, &error);

	return check_advised(input->checks, parameter, brought ? "there" : error->message, "one message, of at most 256 KiB", brought,
	                     "There: send logout messages by redirect or POST, as our metadata says.");
}

json_t *saml_logout_read(struct saml *saml, const struct provider_complete *input, const struct saml_brought *brought, const char *request_id, enum reason *ret_reason)
{
	struct provider_answer answer = {0};
	g_autoptr(json_t) idp = saml_idp(saml, input->now_ms, input->deadline_ms, input->checks, &answer), said = NULL;
	struct secret *keys[SAML_KEYS_MAX] = {NULL};

	*ret_reason = answer.reason;
	if (!idp)
		return NULL;
	g_autofree char *entity_id = saml_entity_id(saml, input->callback_url);
	g_autofree const char **certificates = saml_certificates(idp);
	const struct saml_logout_question question = {
		.trust = {.provider = saml->owner, .idp_entity_id = json_string_at(idp, "entity_id"), .certificates = certificates, .entity_id = entity_id, .now_ms = input->now_ms,
		          .skew_ms = saml->clock_skew_ms},
		.binding = brought->binding, .bytes = brought->bytes, .length = brought->length, .signed_query = brought->covered, .algorithm = brought->algorithm,
		.signature = brought->signature ? brought->signature->data : NULL, .signature_length = brought->signature ? brought->signature->len : 0,
		.destination = input->callback_url, .request_id = request_id, .decryption_keys = keys, .decryption_key_count = saml_keys_export(saml, keys),
	};
	enum verifier_result result = saml_logout_ask(saml->verifier, &question, input->deadline_ms, &said);
	saml_keys_wipe(keys);
	*ret_reason = result == VERIFIER_UNAVAILABLE ? REASON_BUSY : REASON_VERIFIER_FAILED;
	if (!check(input->checks, "verifier", verifier_result_name(result), verifier_result_name(VERIFIER_ANSWERED), result == VERIFIER_ANSWERED))
		return NULL;
	saml_checks_take(input->checks, said);
	const char *kind = json_string_at(said, "kind"), *expected = strcmp(brought->parameter, "SAMLRequest") == 0 ? "request" : "response";
	bool good = strcmp(json_string_at(said, "result"), "ok") == 0;
	*ret_reason = good ? REASON_PROVIDER_VIOLATION : saml_reason(said);
	if (!good || !check(input->checks, "message", kind, expected, g_strcmp0(kind, expected) == 0))
		return NULL;
	*ret_reason = REASON_OK;
	return g_steal_pointer(&said);
}

/* --- told by the provider --- */

static char **sessions_of(const json_t *said)
{
	const json_t *list = json_object_get(said, "session_indexes");
	GPtrArray *names = g_ptr_array_new();

	for (size_t i = 0; i < json_array_size(list); i++)
		g_ptr_array_add(names, saml_session_name(said, json_string_value(json_array_get(list, i))));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

/* What the answer names: the request it is to, and the RelayState that came with it. It goes back the way the request came, where the provider takes that. */
static struct secret *keep_of(const struct provider_complete *input, const json_t *said, const char *binding)
{
	const char *state = form_count(input->reply, "RelayState") == 1 ? form_value(input->reply, "RelayState") : NULL;
	g_autoptr(json_t) kept = json_pack("{s:s, s:s*, s:s}", "id", json_string_at(said, "id"), "state", state && strlen(state) <= RELAY_STATE_MAX ? state : NULL, "binding", binding);
	g_autofree char *text = json_text(kept);

	return secret_new(text, strlen(text));
}

static void notice_fill(const struct saml *saml, const struct provider_complete *input, const json_t *said, const char *binding, struct logout_notice *ret)
{
	ret->id = g_strdup(json_string_at(said, "id"));
	json_integer_at(said, "expires_ms", &ret->expires_ms);
	ret->expires_ms += saml->clock_skew_ms;
	ret->sids = json_array_size(json_object_get(said, "session_indexes")) > 0 ? sessions_of(said) : NULL;
	/* A NameID is a subject only where it is ours. */
	ret->subject = saml->subject_attribute ? NULL : g_strdup(json_string_at(json_object_get(said, "name_id"), "value"));
	ret->keep = keep_of(input, said, binding);
}

enum verdict saml_logout_notice(void *state, const struct provider_complete *input, struct logout_notice *ret)
{
	struct saml *saml = state;
	g_auto(saml_brought_t) brought = {0};

	ret->reason = REASON_PROVIDER_VIOLATION;
	g_autoptr(json_t) said = saml_bring(input, "SAMLRequest", &brought) ? saml_logout_read(saml, input, &brought, NULL, &ret->reason) : NULL;
	if (!said)
		return ret->reason == REASON_BUSY || ret->reason == REASON_PROVIDER_UNAVAILABLE ? VERDICT_UNAVAILABLE : VERDICT_VIOLATION;
	notice_fill(saml, input, said, brought.binding, ret);
	if (check_advised(input->checks, "whose", ret->sids ? "sessions" : ret->subject ? "a person" : "nobody we could know", "a SessionIndex, or our subject", ret->sids || ret->subject,
	                  "There: send the SessionIndex; here the NameID is not the subject, so that it names nobody."))
		return VERDICT_OK;
	ret->reason = REASON_TOKEN_SUBJECT;
	return VERDICT_VIOLATION;
}

void saml_logout_respond(void *state, const struct provider_logout *input, bool ended, struct provider_answer *answer)
{
	struct saml *saml = state;
	g_autoptr(json_t) kept = json_parse((const char *)secret_bytes(input->keep), secret_length(input->keep), KEEP_BYTES_MAX, NULL);
	g_autoptr(json_t) idp = saml_idp(saml, input->now_ms, input->deadline_ms, NULL, answer);
	const json_t *endpoint = idp && kept ? saml_endpoint(idp, "slo", json_string_at(kept, "binding")) : NULL;

	*answer = (struct provider_answer){.verdict = VERDICT_OK, .reason = REASON_OK};
	if (!endpoint || !saml->signing)
		return;
	const char *apart = json_string_at(endpoint, "response_location"), *location = apart ? apart : json_string_at(endpoint, "location");
	g_autofree char *id = saml_random_id(), *issuer = saml_entity_id(saml, input->return_url);
	g_autofree char *message = saml_logout_response(&(struct saml_logout_response){
		.id = id, .destination = location, .issuer = issuer, .in_response_to = json_string_at(kept, "id"), .now_ms = input->now_ms, .success = ended});
	answer->verdict = VERDICT_MORE;
	saml_step(&(struct saml_sending){.parameter = "SAMLResponse", .binding = json_string_at(endpoint, "binding"), .location = location, .message = message, .id = id,
	                                 .state = json_string_at(kept, "state"), .key = saml->signing[0]}, &answer->step);
}
