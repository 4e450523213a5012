/* Inside the child's token_check: a token taken apart, the keys of a document, signatures, and what is asked of them. Nothing of this runs in the gateway. */
#pragma once
#include "providers/verifier/operations.h"
#include "providers/verifier/token_check.h"

/* --- token_parse.c --- */

struct token {
	char *text;              /* NUL-terminated copy */
	size_t length, input_length; /* all, and header.payload */
	json_t *header, *payload;
	uint8_t *signed_bytes;   /* the third part */
	size_t signed_length;
	const char *algorithm_name, *key_id, *type; /* of the header; the last two NULL where it does not say */
	unsigned algorithm;      /* one bit of enum token_algorithm, 0: none that we know */
};
/* False with *ret_fault, a sentence for the log, and *ret_reason: TOKEN_MALFORMED, TOKEN_TYPE (a header that asks for what we do not do), TOKEN_ALGORITHM. */
bool token_parse(const char *text, size_t length, struct token *ret, enum reason *ret_reason, const char **ret_fault);
void token_clear(struct token *token);
typedef struct token token_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(token_t, token_clear)

/* --- token_keys.c --- */

struct token_key {
	const json_t *jwk;
	const char *kid, *kty, *alg, *use, *crv, *issuer; /* NULL where it does not say */
	int64_t bits;
	unsigned algorithms;     /* it can verify with these; 0: fault says why none */
	const char *fault;
};
/* The "keys" of a JWKS document, each judged for the allowed algorithms. NULL with *ret_fault where it is no such document. The keys borrow from *ret_document,
 * which is the caller's. */
GArray *token_keys_read(const char *document, size_t length, unsigned allowed, json_t **ret_document, const char **ret_fault);
/* The public members of a usable key and nothing else, as canonical JSON. */
char *token_key_public(const struct token_key *key);

/* --- token_signature.c --- */

void token_signature_start(void);
bool token_signature_holds(const struct token *token, const struct token_key *key);
/* OpenID Connect Core 3.1.3.6: the left half of the digest that goes with the algorithm, base64url. Caller frees. */
char *token_half_digest(unsigned algorithm, const char *text);

/* --- token_claims.c --- */

/* Writes the claims, flattened and bounded, into a record as "claim" and then its values; what does not fit is left out. */
void token_claims_write(const json_t *payload, struct record *answer);

/* --- token_question.c: both sides --- */

struct record *token_question_write(const struct token_check_request *request);
/* Borrows from the record; the lists are freed by token_question_clear. False: no such question. */
bool token_question_read(const struct record *record, struct token_check_request *ret);
void token_question_clear(struct token_check_request *request);
