/* Questions to records and back (saml_question.h). */
#include "providers/verifier/saml_question.h"

#include <string.h>

static void put_keys(struct record *record, struct secret *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		record_put_bytes(record, "decryption_key", secret_bytes(keys[i]), secret_length(keys[i]));
}

static void put_trust(struct record *record, const struct saml_trust *trust)
{
	record_put_text(record, "provider", trust->provider);
	record_put_text(record, "idp_entity_id", trust->idp_entity_id);
	record_put_texts(record, "certificate", trust->certificates);
	record_put_text(record, "our_entity_id", trust->entity_id);
	record_put_integer(record, "now_ms", trust->now_ms);
	record_put_integer(record, "skew_ms", trust->skew_ms);
}

struct record *saml_response_question_write(const struct saml_response_question *question)
{
	struct record *record = record_new();

	put_trust(record, &question->trust);
	record_put_bytes(record, "bytes", question->bytes, question->length);
	record_put_integer(record, "recorded", question->recorded);
	record_put_text(record, "acs_url", question->acs_url);
	record_put_text(record, "request_id", question->request_id);
	record_put_integer(record, "authenticated_after_ms", question->authenticated_after_ms);
	record_put_texts(record, "context", question->contexts);
	record_put_text(record, "subject_attribute", question->subject_attribute);
	record_put_text(record, "name_id_format", question->name_id_format);
	record_put_integer(record, "allow_mutable_names", question->allow_mutable_names);
	record_put_integer(record, "allow_cbc", question->allow_cbc);
	put_keys(record, question->decryption_keys, question->decryption_key_count);
	return record;
}

struct record *saml_logout_question_write(const struct saml_logout_question *question)
{
	struct record *record = record_new();

	put_trust(record, &question->trust);
	record_put_text(record, "binding", question->binding);
	record_put_bytes(record, "bytes", question->bytes, question->length);
	record_put_text(record, "signed_query", question->signed_query);
	record_put_text(record, "algorithm", question->algorithm);
	if (question->signature)
		record_put_bytes(record, "signature", question->signature, question->signature_length);
	record_put_text(record, "destination", question->destination);
	record_put_text(record, "request_id", question->request_id);
	put_keys(record, question->decryption_keys, question->decryption_key_count);
	return record;
}

/* Every key of the record, copied into memory that is wiped. */
static struct secret *const *take_keys(const struct record *record, size_t *ret_count)
{
	GPtrArray *keys = g_ptr_array_new();

	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		if (field->type == FIELD_BYTES && strcmp(field->name, "decryption_key") == 0)
			g_ptr_array_add(keys, secret_new(field->value, field->length));
	}
	*ret_count = keys->len;
	return (struct secret *const *)(void *)g_ptr_array_free(keys, FALSE);
}

static void free_keys(struct secret *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		secret_free(keys[i]);
	g_free((void *)(uintptr_t)keys);
}

static bool take_trust(const struct record *record, struct saml_trust *ret)
{
	*ret = (struct saml_trust){
		.provider = record_text(record, "provider"),
		.idp_entity_id = record_text(record, "idp_entity_id"),
		.certificates = record_texts(record, "certificate"),
		.entity_id = record_text(record, "our_entity_id"),
		.now_ms = record_integer(record, "now_ms", 0),
		.skew_ms = record_integer(record, "skew_ms", 0),
	};
	return ret->provider && ret->idp_entity_id && *ret->idp_entity_id && ret->certificates && ret->entity_id && *ret->entity_id && ret->now_ms > 0;
}

bool saml_response_question_read(const struct record *record, struct saml_response_question *ret)
{
	const struct field *bytes = record_field_named(record, "bytes", FIELD_BYTES);
	struct saml_response_question question = {0};
	bool whole = take_trust(record, &question.trust) && bytes && record_text(record, "acs_url");

	*ret = question;
	if (!whole)
		return false;
	ret->bytes = bytes->value;
	ret->length = bytes->length;
	ret->recorded = record_integer(record, "recorded", 0) == 1;
	ret->acs_url = record_text(record, "acs_url");
	ret->request_id = record_text(record, "request_id");
	ret->authenticated_after_ms = record_integer(record, "authenticated_after_ms", 0);
	ret->contexts = record_texts(record, "context");
	ret->subject_attribute = record_text(record, "subject_attribute");
	ret->name_id_format = record_text(record, "name_id_format");
	ret->allow_mutable_names = record_integer(record, "allow_mutable_names", 0) == 1;
	ret->allow_cbc = record_integer(record, "allow_cbc", 0) == 1;
	ret->decryption_keys = take_keys(record, &ret->decryption_key_count);
	return true;
}

void saml_response_question_clear(struct saml_response_question *question)
{
	free_keys(question->decryption_keys, question->decryption_key_count);
	g_free((void *)(uintptr_t)question->trust.certificates);
	g_free((void *)(uintptr_t)question->contexts);
}

bool saml_logout_question_read(const struct record *record, struct saml_logout_question *ret)
{
	const struct field *bytes = record_field_named(record, "bytes", FIELD_BYTES), *signature = record_field_named(record, "signature", FIELD_BYTES);
	struct saml_logout_question question = {0};
	bool whole = take_trust(record, &question.trust) && bytes && record_text(record, "binding") && record_text(record, "destination");

	*ret = question;
	if (!whole)
		return false;
	ret->bytes = bytes->value;
	ret->length = bytes->length;
	ret->binding = record_text(record, "binding");
	ret->destination = record_text(record, "destination");
	ret->signed_query = record_text(record, "signed_query");
	ret->algorithm = record_text(record, "algorithm");
	ret->signature = signature ? (const uint8_t *)signature->value : NULL;
	ret->signature_length = signature ? signature->length : 0;
	ret->request_id = record_text(record, "request_id");
	ret->decryption_keys = take_keys(record, &ret->decryption_key_count);
	return true;
}

void saml_logout_question_clear(struct saml_logout_question *question)
{
	free_keys(question->decryption_keys, question->decryption_key_count);
	g_free((void *)(uintptr_t)question->trust.certificates);
}
