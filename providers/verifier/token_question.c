/* The question of token_check as a record: written by the gateway, read by the child. */
#include "base/secret.h"
#include "providers/verifier/token_internal.h"

struct record *token_question_write(const struct token_check_request *request)
{
	struct record *record = record_new();
	record_put_integer(record, "profile", request->profile);
	record_put_bytes(record, "token", request->token, request->token_length);
	record_put_bytes(record, "keys", request->keys, request->keys_length);
	record_put_texts(record, "issuer", request->issuers);
	record_put_integer(record, "tenants", request->tenants != NULL); /* an empty list allows nobody, no list has no opinion */
	record_put_texts(record, "tenant", request->tenants);
	record_put_text(record, "client_id", request->client_id);
	record_put_text(record, "nonce", request->nonce);
	record_put_text(record, "access_token", request->access_token);
	record_put_integer(record, "at_hash_required", request->at_hash_required);
	record_put_integer(record, "algorithms", request->algorithms);
	record_put_integer(record, "max_age_s", request->max_age_s);
	record_put_integer(record, "acrs", request->acr_values != NULL);
	record_put_texts(record, "acr", request->acr_values);
	record_put_text(record, "subject", request->subject);
	record_put_integer(record, "issued_within_s", request->issued_within_s);
	record_put_integer(record, "clock_skew_s", request->clock_skew_s);
	record_put_integer(record, "now_s", request->now_s);
	return record;
}

/* The list of that name; an empty one where `counted` says that there is a list. */
static const char *const *texts_take(const struct record *record, const char *counted, const char *name)
{
	const char **texts = record_texts(record, name);
	if (!texts && record_integer(record, counted, 0))
		texts = g_new0(const char *, 1);
	return texts;
}

bool token_question_read(const struct record *record, struct token_check_request *ret)
{
	const struct field *token = record_field_named(record, "token", FIELD_BYTES), *keys = record_field_named(record, "keys", FIELD_BYTES);
	const int64_t profile = record_integer(record, "profile", TOKEN_NONE);
	const char *client_id = record_text(record, "client_id");
	if (!token || !keys || profile < TOKEN_ID || profile > TOKEN_USERINFO || !client_id || !*client_id)
		return false;
	*ret = (struct token_check_request){
		.profile = (enum token_profile)profile,
		.token = token->value, .token_length = token->length,
		.keys = keys->value, .keys_length = keys->length,
		.issuers = record_texts(record, "issuer"),
		.tenants = texts_take(record, "tenants", "tenant"),
		.client_id = client_id,
		.nonce = record_text(record, "nonce"),
		.access_token = record_text(record, "access_token"),
		.at_hash_required = record_integer(record, "at_hash_required", 1) != 0,
		.algorithms = (unsigned)record_integer(record, "algorithms", 0) & TOKEN_ALGORITHMS_ALL,
		.max_age_s = record_integer(record, "max_age_s", -1),
		.acr_values = texts_take(record, "acrs", "acr"),
		.subject = record_text(record, "subject"),
		.issued_within_s = record_integer(record, "issued_within_s", 0),
		.clock_skew_s = record_integer(record, "clock_skew_s", 0),
		.now_s = record_integer(record, "now_s", 0),
	};
	return true;
}

void token_question_clear(struct token_check_request *request)
{
	g_free((void *)(uintptr_t)request->issuers);
	g_free((void *)(uintptr_t)request->tenants);
	g_free((void *)(uintptr_t)request->acr_values);
}
