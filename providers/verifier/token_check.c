/* The gateway's half of token_check: the question written, the answer read as a stranger's. A child that was taken over can lie about the one token it was given,
 * and that is all: what it says is typed, bounded, without control characters, and its reason is one that refuses. */
#include "providers/verifier/token_check.h"
#include "base/secret.h"
#include "providers/verifier/token_internal.h"
#include <string.h>

#define ROWS_MAX 64

static void check_row_free(void *data)
{
	struct token_check_row *row = data;
	g_free(row->name);
	g_free(row->seen);
	g_free(row->expected);
	g_free(row);
}

void token_check_answer_clear(struct token_check_answer *answer)
{
	g_clear_pointer(&answer->rows, g_ptr_array_unref);
	g_clear_pointer(&answer->claims, json_decref);
	*answer = (struct token_check_answer){ 0 };
}

static char *walk_text(struct record_walk *walk, const char *name)
{
	const struct field *field = record_walk_next(walk, name, FIELD_TEXT);
	return field ? g_strdup(field->value) : NULL;
}

/* True where there is such an integer and it is 0 or 1. */
static bool walk_truth(struct record_walk *walk, const char *name, bool *ret)
{
	const struct field *field = record_walk_next(walk, name, FIELD_INTEGER);
	if (!field || (field->integer != 0 && field->integer != 1))
		return false;
	*ret = field->integer == 1;
	return true;
}

/* check seen? expected? passed */
static bool row_read(struct record_walk *walk, GPtrArray *rows)
{
	struct token_check_row *row = g_new0(struct token_check_row, 1);
	g_ptr_array_add(rows, row);
	row->name = walk_text(walk, "check");
	row->seen = walk_text(walk, "seen");
	row->expected = walk_text(walk, "expected");
	return row->name && walk_truth(walk, "passed", &row->passed) && rows->len <= ROWS_MAX;
}

static json_t *list_read(struct record_walk *walk)
{
	json_t *list = json_array();
	for (const struct field *item = record_walk_next(walk, "item", FIELD_TEXT); item; item = record_walk_next(walk, "item", FIELD_TEXT))
		json_array_append_new(list, json_string(item->value));
	return list;
}

/* claim (text | number | truth | list item*) */
static bool claim_read(struct record_walk *walk, json_t *claims)
{
	const struct field *name = record_walk_next(walk, "claim", FIELD_TEXT), *value;
	bool truth = false;
	json_t *claim = NULL;
	if (!name || json_object_get(claims, name->value) || json_object_size(claims) >= TOKEN_CLAIMS_MAX)
		return false;
	if ((value = record_walk_next(walk, "text", FIELD_TEXT)))
		claim = json_string(value->value);
	else if ((value = record_walk_next(walk, "number", FIELD_INTEGER)))
		claim = json_integer(value->integer);
	else if (walk_truth(walk, "truth", &truth))
		claim = json_boolean(truth);
	else if (walk_truth(walk, "list", &truth))
		claim = list_read(walk);
	return json_object_set_new(claims, name->value, claim) == 0;
}

static bool verdict_read(struct record_walk *walk, struct token_check_answer *answer)
{
	const bool has_valid = walk_truth(walk, "valid", &answer->valid);
	g_autofree char *reason = walk_text(walk, "reason");
	answer->reason = reason ? reason_named(reason) : REASON_UNDECIDED;
	return has_valid && walk_truth(walk, "unknown_key", &answer->unknown_key) && answer->valid == reason_allows(answer->reason) &&
		answer->valid == (answer->reason == REASON_OK);
}

/* The last check decided, and it decided what the verdict says; a good token names its issuer and somebody or a session. */
static bool answer_agrees(const struct token_check_answer *answer)
{
	if (answer->rows->len == 0)
		return false;
	for (guint i = 0; i < answer->rows->len; i++) {
		const struct token_check_row *row = answer->rows->pdata[i];
		if (row->passed != (answer->valid || i + 1 < answer->rows->len))
			return false;
	}
	return !answer->valid || (json_string_at(answer->claims, "iss") && (json_string_at(answer->claims, "sub") || json_string_at(answer->claims, "sid")));
}

static bool answer_read(const struct record *record, struct token_check_answer *answer)
{
	struct record_walk walk = { .record = record };
	answer->rows = g_ptr_array_new_with_free_func(check_row_free);
	answer->claims = json_object();
	for (const struct field *next = record_field(record, 0); next && strcmp(next->name, "check") == 0; next = record_field(record, walk.at))
		if (!row_read(&walk, answer->rows))
			return false;
	if (!verdict_read(&walk, answer))
		return false;
	while (answer->valid && walk.at < record_size(record))
		if (!claim_read(&walk, answer->claims))
			return false;
	return walk.at == record_size(record) && answer_agrees(answer);
}

/* Nothing that was half read is left to be looked at. */
static enum verifier_result nothing(enum verifier_result result, struct token_check_answer *answer)
{
	token_check_answer_clear(answer);
	answer->reason = result == VERIFIER_UNAVAILABLE ? REASON_BUSY : REASON_VERIFIER_FAILED;
	return result;
}

enum verifier_result token_check(struct verifier *verifier, const struct token_check_request *request, int64_t deadline_ms, struct token_check_answer *ret)
{
	g_autoptr(record_t) question = token_question_write(request), answer = NULL;
	*ret = (struct token_check_answer){ 0 };
	const enum verifier_result result = verifier_ask(verifier, OPERATION_TOKEN_CHECK, question, deadline_ms, &answer);
	if (result != VERIFIER_ANSWERED)
		return nothing(result, ret);
	if (!answer_read(answer, ret))
		return nothing(VERIFIER_REFUSED, ret);
	if (!ret->valid)
		g_clear_pointer(&ret->claims, json_decref);
	return result;
}

/* --- keys_check --- */

static void keys_row_free(void *data)
{
	struct keys_check_row *row = data;
	char **const texts[] = { &row->kid, &row->kty, &row->alg, &row->use, &row->crv, &row->fault };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(*texts[i]);
	g_free(row);
}

void keys_check_answer_clear(struct keys_check_answer *answer)
{
	g_clear_pointer(&answer->rows, g_ptr_array_unref);
	g_clear_pointer(&answer->fault, g_free);
	g_clear_pointer(&answer->digest, g_free);
	*answer = (struct keys_check_answer){ 0 };
}

static bool keys_row_read(struct record_walk *walk, GPtrArray *rows)
{
	const struct field *algorithms = record_walk_next(walk, "key", FIELD_INTEGER), *bits = record_walk_next(walk, "bits", FIELD_INTEGER);
	if (!algorithms || !bits || rows->len >= TOKEN_KEYS_MAX)
		return false;
	struct keys_check_row *row = g_new0(struct keys_check_row, 1);
	g_ptr_array_add(rows, row);
	row->algorithms = (unsigned)algorithms->integer & TOKEN_ALGORITHMS_ALL;
	row->bits = bits->integer;
	row->kid = walk_text(walk, "kid");
	row->kty = walk_text(walk, "kty");
	row->alg = walk_text(walk, "alg");
	row->use = walk_text(walk, "use");
	row->crv = walk_text(walk, "crv");
	row->fault = walk_text(walk, "fault");
	return (row->algorithms == 0) == (row->fault != NULL);
}

static bool keys_read(const struct record *record, struct keys_check_answer *answer)
{
	struct record_walk walk = { .record = record };
	answer->rows = g_ptr_array_new_with_free_func(keys_row_free);
	if (!walk_truth(&walk, "valid", &answer->valid))
		return false;
	answer->fault = walk_text(&walk, "why");
	answer->digest = walk_text(&walk, "digest");
	while (walk.at < record_size(record))
		if (!keys_row_read(&walk, answer->rows))
			return false;
	return answer->valid == !answer->fault && (!answer->valid || answer->digest);
}

enum verifier_result keys_check(struct verifier *verifier, const char *keys, size_t length, unsigned algorithms, int64_t deadline_ms,
                                struct keys_check_answer *ret)
{
	g_autoptr(record_t) question = record_new(), answer = NULL;
	*ret = (struct keys_check_answer){ 0 };
	record_put_bytes(question, "keys", keys, length);
	record_put_integer(question, "algorithms", algorithms);
	enum verifier_result result = verifier_ask(verifier, OPERATION_KEYS_CHECK, question, deadline_ms, &answer);
	if (result == VERIFIER_ANSWERED && !keys_read(answer, ret))
		result = VERIFIER_REFUSED;
	if (result != VERIFIER_ANSWERED)
		keys_check_answer_clear(ret);
	return result;
}
