/* The questions go out as records and the answers come back as ones (saml_ask.h). A child that was taken over by the message can lie about that message, and that is all. */
#include "providers/verifier/saml_ask.h"

#include "providers/verifier/saml_form.h"
#include "providers/verifier/saml_question.h"

#include <string.h>

/* Good exactly where every check was good, and then it names what the caller will rely on. */
static bool answer_agrees(const json_t *answer, const char *const *needed)
{
	const char *result = json_string_at(answer, "result");
	const json_t *checks = json_object_get(answer, "checks");
	bool all = json_array_size(checks) > 0;
	size_t index;
	json_t *row;

	json_array_foreach(checks, index, row)
		all &= json_is_true(json_object_get(row, "passed"));
	if (!result || all != (strcmp(result, "ok") == 0))
		return false;
	for (; all && *needed; needed++)
		if (!json_object_get(answer, *needed))
			return false;
	return all || strcmp(result, "refused") == 0 || strcmp(result, "violation") == 0;
}

static enum verifier_result ask(struct verifier *verifier, enum verifier_operation operation, const struct record *question, const struct form_row *form,
                                const char *const *needed, int64_t deadline_ms, json_t **ret_answer)
{
	g_autoptr(record_t) record = NULL;
	enum verifier_result result = verifier_ask(verifier, operation, question, deadline_ms, &record);

	if (result != VERIFIER_ANSWERED)
		return result;
	g_autoptr(json_t) answer = saml_form_read(record, form);
	if (!answer || !answer_agrees(answer, needed))
		return VERIFIER_CRASHED;
	*ret_answer = g_steal_pointer(&answer);
	return VERIFIER_ANSWERED;
}

enum verifier_result saml_response_ask(struct verifier *verifier, const struct saml_response_question *question, int64_t deadline_ms, json_t **ret_answer)
{
	static const char *const needed[] = {"issuer", "assertion_id", "expires_ms", "subject", "name_id", NULL};
	g_autoptr(record_t) record = saml_response_question_write(question);

	return ask(verifier, OPERATION_SAML_RESPONSE, record, saml_response_form, needed, deadline_ms, ret_answer);
}

enum verifier_result saml_logout_ask(struct verifier *verifier, const struct saml_logout_question *question, int64_t deadline_ms, json_t **ret_answer)
{
	static const char *const needed[] = {"kind", "issuer", "id", NULL};
	g_autoptr(record_t) record = saml_logout_question_write(question);

	return ask(verifier, OPERATION_SAML_LOGOUT, record, saml_logout_form, needed, deadline_ms, ret_answer);
}

enum verifier_result saml_metadata_ask(struct verifier *verifier, const char *bytes, size_t length, const char *entity_id, int64_t now_ms, int64_t deadline_ms,
                                       json_t **ret_answer)
{
	static const char *const needed[] = {"entity_id", NULL};
	g_autoptr(record_t) record = record_new();

	record_put_bytes(record, "bytes", bytes, length);
	record_put_text(record, "entity_id", entity_id);
	record_put_integer(record, "now_ms", now_ms);
	return ask(verifier, OPERATION_SAML_METADATA, record, saml_metadata_form, needed, deadline_ms, ret_answer);
}
