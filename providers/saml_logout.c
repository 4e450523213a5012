/* Signing out at the provider (SAML profiles 4.4), by the browser where the provider takes it so, and what came of it. What the LogoutRequest must name was sealed
 * with our session. */
#include "providers/saml_internal.h"

#include "base/url.h"

#include <string.h>

#define KEEP_BYTES_MAX 8192
#define REQUEST_LIFE_MS (5 * 60 * 1000)

struct secret *saml_logout_keep(const json_t *said)
{
	g_autoptr(json_t) kept = json_pack("{s:O*, s:s*}", "name_id", json_object_get(said, "name_id"), "session_index", json_string_at(said, "session_index"));
	char *text = json_text(kept);
	struct secret *keep = strlen(text) <= KEEP_BYTES_MAX ? secret_new(text, strlen(text)) : NULL;

	wipe(text, strlen(text));
	g_free(text);
	return keep;
}

static char *request_of(const struct saml *saml, const json_t *kept, const json_t *endpoint, const char *id, const struct provider_logout *input)
{
	const json_t *name = json_object_get(kept, "name_id");
	const char *sessions[] = {json_string_at(kept, "session_index"), NULL};
	/* The logout's return address is our SLO address: beside the metadata, as the ACS is. */
	g_autofree char *issuer = saml_entity_id(saml, input->return_url);

	return saml_logout_request(&(struct saml_logout_request){
		.id = id, .destination = json_string_at(endpoint, "location"), .issuer = issuer, .now_ms = input->now_ms, .expires_ms = input->now_ms + REQUEST_LIFE_MS,
		.name = {.value = json_string_at(name, "value"), .format = json_string_at(name, "format"), .name_qualifier = json_string_at(name, "name_qualifier"),
		         .sp_name_qualifier = json_string_at(name, "sp_name_qualifier")},
		.session_indexes = sessions,
	});
}

/* An identity provider that takes logouts behind the browser only (SAML bindings 3.2). What it answers is judged like any other answer. */
static enum verdict logout_by_soap(struct saml *saml, const struct saml_sending *sending, const struct provider_logout *input, struct provider_answer *answer)
{
	g_autoptr(url_t) url = url_parse(sending->location, NULL);
	g_autofree char *signed_message = saml_sign(sending->message, sending->id, sending->key), *envelope = saml_soap(signed_message);
	static const char *const headers[] = {"Content-Type: text/xml; charset=utf-8", "SOAPAction: \"http://www.oasis-open.org/committees/security\"", NULL};
	/* In metadata that the operator gave himself the address is one that he declared. */
	const struct fetch_request request = {.method = "POST", .url = sending->location, .declared_host = saml->declared_host ? saml->declared_host : url ? url->host : NULL, .headers = headers,
	                                      .accept = "text/xml", .body = envelope, .length = strlen(envelope), .max_bytes = SAML_MESSAGE_MAX, .deadline_ms = input->deadline_ms};
	g_auto(fetch_reply_t) reply = {0};

	if (!saml->fetcher || fetch(saml->fetcher, &request, &reply) != FETCH_OK || reply.status != 200) {
		answer->reason = REASON_PROVIDER_UNAVAILABLE;
		return VERDICT_UNAVAILABLE;
	}
	const struct saml_brought brought = {.binding = SAML_BINDING_SOAP, .parameter = "SAMLResponse", .bytes = reply.body, .length = reply.length};
	const struct provider_complete answered = {.callback_url = input->return_url, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms};
	g_autoptr(json_t) said = saml_logout_read(saml, &answered, &brought, sending->id, &answer->reason);
	if (said && json_is_true(json_object_get(said, "success")))
		return VERDICT_OK;
	answer->reason = said ? REASON_PROVIDER_REFUSED : answer->reason;
	return VERDICT_VIOLATION;
}

static const json_t *endpoint_for(const struct saml *saml, const json_t *idp)
{
	const json_t *endpoint = saml_endpoint(idp, "slo", saml->binding);

	return endpoint ? endpoint : saml_endpoint_by(idp, "slo", SAML_BINDING_SOAP);
}

void saml_logout(void *state, const struct provider_logout *input, struct provider_answer *answer)
{
	struct saml *saml = state;
	g_autoptr(json_t) kept = input->keep ? json_parse((const char *)secret_bytes(input->keep), secret_length(input->keep), KEEP_BYTES_MAX, NULL) : NULL;
	g_autoptr(json_t) idp = kept ? saml_idp(saml, input->now_ms, input->deadline_ms, NULL, answer) : NULL;
	const json_t *endpoint = idp ? endpoint_for(saml, idp) : NULL;

	/* An unsigned LogoutRequest is refused by every provider that is any good: there is nothing to try. */
	if (!endpoint || !saml->signing || !json_string_at(json_object_get(kept, "name_id"), "value")) {
		*answer = (struct provider_answer){.verdict = VERDICT_OK, .reason = REASON_OK};
		return;
	}
	g_autofree char *id = saml_random_id(), *message = request_of(saml, kept, endpoint, id, input);
	const struct saml_sending sending = {.parameter = "SAMLRequest", .binding = json_string_at(endpoint, "binding"), .location = json_string_at(endpoint, "location"),
	                                     .message = message, .id = id, .state = input->state, .key = saml->signing[0]};
	if (strcmp(sending.binding, SAML_BINDING_SOAP) == 0) {
		answer->verdict = logout_by_soap(saml, &sending, input, answer);
		return;
	}
	answer->verdict = VERDICT_MORE;
	saml_step(&sending, &answer->step);
	answer->keep = secret_new(id, strlen(id));
}

enum verdict saml_logout_complete(void *state, const struct provider_complete *input, enum reason *ret_reason)
{
	struct saml *saml = state;
	g_autofree char *id = g_strndup(input->sealed, input->sealed_length);
	g_auto(saml_brought_t) brought = {0};

	*ret_reason = REASON_PROVIDER_VIOLATION;
	g_autoptr(json_t) said = saml_bring(input, "SAMLResponse", &brought) ? saml_logout_read(saml, input, &brought, id, ret_reason) : NULL;
	if (!said)
		return VERDICT_VIOLATION;
	bool success = json_is_true(json_object_get(said, "success"));
	*ret_reason = success ? REASON_OK : REASON_PROVIDER_REFUSED;
	return check(input->checks, "status", json_string_at(said, "status"), "success", success) ? VERDICT_OK : VERDICT_REFUSED;
}
