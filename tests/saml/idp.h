/* An identity provider for the tests, on xmlsec: it says whatever it is told to, and signs or encrypts it as told. */
#pragma once
#include "providers/verifier/saml_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <libxml/tree.h>

#define IDP_ENTITY "https://idp.example/metadata"
#define SP_ENTITY "https://login.acme.example/saml/okta/metadata"
#define SP_ACS "https://login.acme.example/saml/okta/acs"
#define SP_SLO "https://login.acme.example/saml/okta/slo"
#define REQUEST_ID "_request0123456789"
#define NOW_MS 1789997600000 /* 2026-09-21T13:33:20Z */
#define AT_NOW "2026-09-21T13:33:20Z"
#define AT_PAST "2026-09-21T13:00:00Z"
#define AT_SOON "2026-09-21T13:38:20Z"

/* A key pair and its certificate. */
struct pair {
	struct secret *pkcs8;
	char *certificate; /* base64 of DER */
	char *spki;        /* base64 of the public key's DER: what an HMAC attack uses as its secret */
};
enum pair_name { PAIR_IDP, PAIR_IDP_NEXT, PAIR_FOREIGN, PAIR_SMALL, PAIR_SP, PAIR_COUNT };
extern struct pair pairs[PAIR_COUNT];
void pairs_make(void);
void pairs_free(void);

enum encryption { ENCRYPT_NOT = 0, ENCRYPT_GCM, ENCRYPT_CBC };

/* What a response says. NULL: nothing at that place, so shape_good fills what a good one has. Values are XML text, written as they are. */
struct shape {
	const char *version, *destination, *in_response_to, *response_issuer, *status, *extensions, *response_extra;
	const char *assertion_version, *assertion_id, *assertion_issuer, *issue_instant;
	const char *name_format, *name, *method, *recipient, *confirmation_not_on_or_after, *confirmation_not_before, *confirmation_in_response_to, *confirmation_extra;
	const char *not_before, *not_on_or_after, *audiences, *conditions_extra;
	const char *authn_instant, *session_not_on_or_after, *session_index, *context;
	const char *attributes, *subject_extra;
	bool no_conditions, no_authn_statement, no_subject, no_confirmation;
	bool sign_assertion, sign_response;
	enum pair_name signer;
	enum encryption encryption, name_encryption;
	enum pair_name encrypt_for;
	const char *signature_method, *digest_method, *canonicalization, *transforms, *key_info; /* NULL: the usual ones */
};
struct shape shape_good(void);
/* The whole message. Caller frees with g_free. */
char *idp_response(const struct shape *shape);
/* Only the assertion, signed as told. */
char *idp_assertion(const struct shape *shape);
/* Signs the element of that ID in `xml` (its Signature template must be there, see idp_template) and gives the text back. */
char *idp_sign(const char *xml, enum pair_name signer, const char *id);
char *idp_template(const struct shape *shape, const char *id);
/* <xenc:EncryptedData> around these bytes. */
char *idp_encrypt(const char *plain, enum encryption encryption, enum pair_name encrypt_for);

/* Every message that attacks.c tried, as GBytes. */
extern GPtrArray *corpus;
/* The provider's metadata. NULL: the usual; attributes are XML text. */
struct paper {
	const char *entity_id, *attributes, *sso, *slo, *formats;
	enum pair_name keys[2];  /* the signing keys that it shows … */
	size_t key_count;        /* … so many of them; 0: PAIR_IDP */
	bool wants_signed;
};
/* Caller frees with g_free. */
char *idp_metadata(const struct paper *paper);

/* The question a good response answers. */
struct saml_response_question question_good(const char *xml);
/* Asks, and checks what holds for every answer. Caller owns. */
json_t *ask_response(const struct saml_response_question *question);
/* True where the answer is "ok"; the last check's name otherwise in *ret_rule (borrowed from the answer). */
bool answer_is_ok(const json_t *answer, const char **ret_rule);
/* Fails with the check that decided. */
void assert_answer_ok(const json_t *answer);
/* The first `from` becomes `to`; it must be there. Caller frees with g_free. */
char *replaced(const char *text, const char *from, const char *to);
