/* Signing out at the provider (SAML profiles 4.4), by the browser. What its LogoutRequest must name was sealed with our session. */
#include "providers/saml_internal.h"

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

void saml_logout(void *state, const struct provider_logout *input, struct provider_answer *answer)
{
	struct saml *saml = state;
	g_autoptr(json_t) kept = input->keep ? json_parse((const char *)secret_bytes(input->keep), secret_length(input->keep), KEEP_BYTES_MAX, NULL) : NULL;
	g_autoptr(json_t) idp = kept ? saml_idp(saml, input->now_ms, input->deadline_ms, NULL, answer) : NULL;
	const json_t *endpoint = idp ? saml_endpoint(idp, "slo", saml->binding) : NULL;

	/* An unsigned LogoutRequest is refused by every provider that is any good: there is nothing to try. */
	if (!endpoint || !saml->signing || !json_string_at(json_object_get(kept, "name_id"), "value")) {
		*answer = (struct provider_answer){.verdict = VERDICT_OK, .reason = REASON_OK};
		return;
	}
	g_autofree char *id = saml_random_id(), *message = request_of(saml, kept, endpoint, id, input);
	answer->verdict = VERDICT_MORE;
	saml_step(saml, endpoint, message, id, input->state, &answer->step);
	answer->keep = secret_new(id, strlen(id));
}
