/* The way of one sign-in by SAML 2.0 (SAML profiles 4.1).
 *
 *   begin ──> metadata (verifier) ──> AuthnRequest, signed here ──(browser away and back)──> complete
 *   complete ──> base64 ──> the whole of the reading (verifier) ──> identity
 *
 * What `begin` keeps is the request's ID, which the answer must name. The gateway has proved that the answer came to the browser, the provider and the attempt that
 * it is for, and that it is the first one; session.once is for it to take once.
 */
#include "providers/saml_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/random.h"
#include "policies/scope.h"

#include <string.h>

#define KEEP_BYTES_MAX 512
#define CLASSES "urn:oasis:names:tc:SAML:2.0:ac:classes:"

bool saml_refuse(struct provider_answer *answer, enum verdict verdict, enum reason reason)
{
	answer->verdict = verdict;
	answer->reason = reason;
	return false;
}

char *saml_random_id(void)
{
	uint8_t bytes[16];
	char hex[2 * sizeof bytes + 1];

	random_bytes(bytes, sizeof bytes);
	hex_encode(bytes, sizeof bytes, hex);
	return g_strconcat("_", hex, NULL);
}

/* --- begin --- */

void saml_step(const struct saml_sending *sending, struct step *step)
{
	if (strcmp(sending->binding, SAML_BINDING_REDIRECT) == 0) {
		*step = (struct step){.kind = STEP_REDIRECT, .url = saml_redirect_url(sending->location, sending->parameter, sending->message, sending->state, sending->key),
		                      .posts_back = true};
		return;
	}
	g_autofree char *signed_message = sending->key ? saml_sign(sending->message, sending->id, sending->key) : NULL;
	const char *message = signed_message ? signed_message : sending->message;
	g_autofree char *encoded = base64_encode(message, strlen(message));
	*step = (struct step){.kind = STEP_POST_FORM, .url = g_strdup(sending->location), .posts_back = true,
	                      .fields = json_pack("{s:s, s:s*}", sending->parameter, encoded, "RelayState", sending->state)};
}

static bool fresh_asked(const struct saml *saml, const struct provider_begin *input)
{
	return saml->force_authn || input->max_age_s == 0 || (input->prompt && scope_has(input->prompt, "login"));
}

struct kept_classes {
	GPtrArray *list;
};

static bool keep_class(const char *word, size_t length, void *data)
{
	struct kept_classes *kept = data;

	if (length > strlen(CLASSES) && strncmp(word, CLASSES, strlen(CLASSES)) == 0)
		g_ptr_array_add(kept->list, g_strndup(word, length));
	return true;
}

/* The declaration's, else those of our client's acr_values that are SAML's. Caller frees; NULL: none. */
static char **contexts_of(const struct saml *saml, const struct provider_begin *input)
{
	struct kept_classes kept = {g_ptr_array_new()};

	if (!saml->contexts && input->acr_values)
		scope_each(input->acr_values, keep_class, &kept);
	if (kept.list->len > 0) {
		g_ptr_array_add(kept.list, NULL);
		return (char **)g_ptr_array_free(kept.list, FALSE);
	}
	g_ptr_array_free(kept.list, TRUE);
	return g_strdupv(saml->contexts);
}

/* When the person must have signed in, at the earliest, in Unix milliseconds; 0: no rule. */
static int64_t authenticated_after(const struct saml *saml, const struct provider_begin *input)
{
	if (fresh_asked(saml, input))
		return input->now_ms;
	return input->max_age_s > 0 ? MAX(1, input->now_ms - input->max_age_s * 1000) : 0;
}

static struct secret *keep_make(const char *id, int64_t after_ms)
{
	g_autoptr(json_t) kept = json_pack("{s:s, s:I}", "id", id, "after", (json_int_t)after_ms);
	g_autofree char *text = json_text(kept);

	return secret_new(text, strlen(text));
}

static void saml_begin(void *state, const struct provider_begin *input, struct provider_answer *answer)
{
	struct saml *saml = state;
	g_autoptr(json_t) idp = saml_idp(saml, input->now_ms, input->deadline_ms, input->checks, answer);
	const json_t *endpoint = idp ? saml_endpoint(idp, "sso", saml->binding) : NULL;

	if (!idp)
		return;
	bool wants = json_is_true(json_object_get(idp, "wants_signed_requests")), can = saml->sign_requests && saml->signing;
	if (!endpoint || !check_advised(input->checks, "request signature", can ? "signed" : "unsigned", wants ? "signed" : "either", can || !wants,
	                                "Here: set sign_requests: true. The provider's metadata asks for signed requests.")) {
		saml_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_CLIENT);
		return;
	}
	g_auto(GStrv) contexts = contexts_of(saml, input);
	g_autofree char *id = saml_random_id(), *issuer = saml_entity_id(saml, input->callback_url);
	g_autofree char *message = saml_authn_request(&(struct saml_authn_request){
		.id = id, .destination = json_string_at(endpoint, "location"), .issuer = issuer, .acs_url = input->callback_url, .now_ms = input->now_ms,
		.force = fresh_asked(saml, input), .passive = input->prompt && scope_has(input->prompt, "none"), .name_id_format = saml->name_id_format,
		.contexts = (const char *const *)contexts,
	});
	answer->verdict = VERDICT_MORE;
	saml_step(&(struct saml_sending){.parameter = "SAMLRequest", .binding = json_string_at(endpoint, "binding"), .location = json_string_at(endpoint, "location"),
	                                 .message = message, .id = id, .state = input->state, .key = can ? saml->signing[0] : NULL}, &answer->step);
	answer->keep = keep_make(id, authenticated_after(saml, input));
}

/* --- complete --- */

size_t saml_keys_export(const struct saml *saml, struct secret *out[SAML_KEYS_MAX])
{
	const struct certified_key *const *keys = saml->decryption;
	size_t count = 0;

	for (; keys && keys[count] && count < SAML_KEYS_MAX; count++)
		out[count] = certified_key_export(keys[count]);
	return count;
}

void saml_keys_wipe(struct secret *keys[SAML_KEYS_MAX])
{
	for (size_t i = 0; i < SAML_KEYS_MAX; i++)
		secret_free(keys[i]);
}

/* Fills in what the settings and the provider's metadata say, and asks. */
static enum verifier_result response_ask(const struct saml *saml, const json_t *idp, struct saml_response_question question, int64_t deadline_ms, json_t **ret_said)
{
	g_autofree char *entity_id = saml_entity_id(saml, question.acs_url);
	g_autofree const char **certificates = saml_certificates(idp);
	struct secret *keys[SAML_KEYS_MAX] = {NULL};

	question.trust = (struct saml_trust){.provider = saml->owner, .idp_entity_id = json_string_at(idp, "entity_id"), .certificates = certificates, .entity_id = entity_id,
	                                     .now_ms = question.trust.now_ms, .skew_ms = saml->clock_skew_ms};
	question.contexts = (const char *const *)saml->contexts;
	question.subject_attribute = saml->subject_attribute;
	question.name_id_format = saml->name_id_format;
	question.allow_mutable_names = saml->has_domains;
	question.allow_cbc = saml->allow_cbc;
	question.decryption_keys = keys;
	question.decryption_key_count = saml_keys_export(saml, keys);
	enum verifier_result result = saml_response_ask(saml->verifier, &question, deadline_ms, ret_said);
	saml_keys_wipe(keys);
	return result;
}

static enum verifier_result ask(const struct saml *saml, const struct provider_complete *input, const json_t *idp, const json_t *kept, const char *bytes, size_t length, json_t **ret_said)
{
	int64_t after_ms = 0;

	json_integer_at(kept, "after", &after_ms);
	const struct saml_response_question question = {.trust.now_ms = input->now_ms, .bytes = bytes, .length = length, .acs_url = input->callback_url,
	                                                .request_id = json_string_at(kept, "id"), .authenticated_after_ms = after_ms};
	return response_ask(saml, idp, question, input->deadline_ms, ret_said);
}

enum verifier_result saml_response_look(const struct saml *saml, const json_t *idp, const char *acs_url, const char *bytes, size_t length, int64_t now_ms, int64_t deadline_ms,
                                        json_t **ret_said)
{
	const struct saml_response_question question = {.trust.now_ms = now_ms, .bytes = bytes, .length = length, .recorded = true, .acs_url = acs_url,
	                                                .authenticated_after_ms = saml->force_authn ? now_ms : 0};

	return response_ask(saml, idp, question, deadline_ms, ret_said);
}

static char *message_of(const struct provider_complete *input, size_t *ret_length)
{
	const char *field = form_count(input->reply, "SAMLResponse") == 1 ? form_value(input->reply, "SAMLResponse") : NULL;
	char *bytes = field ? saml_posted(field, ret_length, NULL) : NULL;

	check(input->checks, "SAMLResponse", bytes ? "there" : field ? "not base64, or too long" : "none, or several", "one, base64, at most 256 KiB", bytes != NULL);
	return bytes;
}

static void judge(const struct saml *saml, const struct provider_complete *input, const json_t *said, struct provider_answer *answer)
{
	const char *result = json_string_at(said, "result");

	saml_checks_take(input->checks, said);
	if (input->ret_claims && json_string_at(said, "subject"))
		*input->ret_claims = saml_claims_told(said);
	if (strcmp(result, "ok") == 0)
		saml_conclude(saml, said, input->now_ms, answer);
	else
		saml_refuse(answer, strcmp(result, "refused") == 0 ? VERDICT_REFUSED : VERDICT_VIOLATION, saml_reason(said));
}

static void saml_complete(void *state, const struct provider_complete *input, struct provider_answer *answer)
{
	struct saml *saml = state;
	g_autoptr(json_t) kept = input->sealed ? json_parse(input->sealed, input->sealed_length, KEEP_BYTES_MAX, NULL) : NULL, said = NULL;
	size_t length = 0;

	if (!check(input->checks, "attempt", json_string_at(kept, "id") ? "one of ours" : "none", "one of ours", json_string_at(kept, "id") != NULL)) {
		saml_refuse(answer, VERDICT_VIOLATION, REASON_STATE_INVALID);
		return;
	}
	g_autofree char *bytes = message_of(input, &length);
	if (!bytes) {
		saml_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return;
	}
	g_autoptr(json_t) idp = saml_idp(saml, input->now_ms, input->deadline_ms, input->checks, answer);
	if (!idp)
		return;
	enum verifier_result result = ask(saml, input, idp, kept, bytes, length, &said);
	if (check(input->checks, "verifier", verifier_result_name(result), verifier_result_name(VERIFIER_ANSWERED), result == VERIFIER_ANSWERED))
		judge(saml, input, said, answer);
	else
		saml_refuse(answer, VERDICT_UNAVAILABLE, result == VERIFIER_UNAVAILABLE ? REASON_BUSY : REASON_VERIFIER_FAILED);
}

/* --- what we are there --- */

static const char **certificates_of(const struct certified_key *const *keys)
{
	GPtrArray *list = g_ptr_array_new();

	for (; keys && *keys; keys++)
		g_ptr_array_add(list, (void *)(uintptr_t)certified_key_certificate(*keys));
	g_ptr_array_add(list, NULL);
	return (const char **)(void *)g_ptr_array_free(list, FALSE);
}

static char *saml_describe(void *state, const char *callback_url, const char **ret_type)
{
	const struct saml *saml = state;
	g_autofree char *entity_id = saml_entity_id(saml, callback_url), *slo_url = saml_address(callback_url, "slo");
	g_autofree const char **signing = certificates_of(saml->signing), **encryption = certificates_of(saml->encryption);

	*ret_type = "application/samlmetadata+xml";
	return saml_sp_metadata(&(struct saml_sp_metadata){.entity_id = entity_id, .acs_url = callback_url, .slo_url = slo_url, .name_id_format = saml->name_id_format,
	                                                   .signs_requests = saml->sign_requests && saml->signing, .signing = signing, .encryption = encryption});
}

const struct provider_driver provider_saml = {
	.name = "saml",
	.capabilities = CAPABILITY_REDIRECTS | CAPABILITY_POSTS | CAPABILITY_LOGS_OUT | CAPABILITY_PROBES | CAPABILITY_MAY_BLOCK,
	.keys = saml_keys,
	.open = saml_open,
	.close = saml_close,
	.begin = saml_begin,
	.complete = saml_complete,
	.logout = saml_logout,
	.logout_complete = saml_logout_complete,
	.logout_notice = saml_logout_notice,
	.logout_respond = saml_logout_respond,
	.describe = saml_describe,
	.probe = saml_probe,
	.watch = saml_watch,
};
