/* The child's half: a record is a question of saml_check.h, and its answer becomes one. */
#include "providers/verifier/operations.h"
#include "providers/verifier/saml_check.h"
#include "providers/verifier/saml_form.h"
#include "providers/verifier/saml_question.h"

static void write_answer(json_t *answer, const struct form_row *form, struct record *record)
{
	saml_form_write(answer, form, record);
	json_decref(answer);
}

bool saml_response_judge(const struct record *question, struct record *answer)
{
	struct saml_response_question asked;
	bool whole = saml_response_question_read(question, &asked);

	if (whole)
		write_answer(saml_response_check(&asked), saml_response_form, answer);
	saml_response_question_clear(&asked);
	return whole;
}

bool saml_logout_judge(const struct record *question, struct record *answer)
{
	struct saml_logout_question asked;
	bool whole = saml_logout_question_read(question, &asked);

	if (whole)
		write_answer(saml_logout_check(&asked), saml_logout_form, answer);
	saml_logout_question_clear(&asked);
	return whole;
}

bool saml_metadata_judge(const struct record *question, struct record *answer)
{
	const struct field *bytes = record_field_named(question, "bytes", FIELD_BYTES);

	if (bytes)
		write_answer(saml_metadata_read(bytes->value, bytes->length, record_text(question, "entity_id"), record_integer(question, "now_ms", 0)), saml_metadata_form, answer);
	return bytes != NULL;
}
