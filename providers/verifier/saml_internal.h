/* Inside the SAML part of the verifier.
 *
 *   saml_check.c      the order of the steps of a Response
 *   saml_claims.c     the claim table
 *   saml_attributes.c what is read out of a verified assertion
 *   saml_lasso.c      Lasso's word on the same message
 *   saml_logout.c     logout messages        saml_metadata.c   an identity provider's metadata
 *   saml_signature.c  xmlsec                 saml_xml.c        libxml2
 */
#pragma once
#include "providers/verifier/prefilter.h"
#include "providers/verifier/saml_check.h"
#include "providers/verifier/saml_signature.h"

typedef struct checks checks_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(checks_t, checks_free)

#define STATUS_SUCCESS "urn:oasis:names:tc:SAML:2.0:status:Success"
#define FORMAT_PERSISTENT "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
#define FORMAT_TRANSIENT "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
#define FORMAT_EMAIL "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
#define FORMAT_UNSPECIFIED "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#define FORMAT_ENTITY "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
#define SKEW_MAX_MS (5 * 60 * 1000)

/* {"result": …, "checks": …}; the recorder is read, not kept. */
json_t *saml_answer(const char *result, const struct checks *checks);
int64_t saml_skew_ms(const struct saml_trust *trust);
/* Equal texts, of which neither is absent, recorded. */
bool saml_check_equal(struct checks *checks, const char *name, const char *seen, const char *expected, const char *advice);
/* The Issuer child of an assertion or message. */
bool saml_check_issuer(const xmlNode *node, const char *name, const struct saml_trust *trust, struct checks *checks);
/* The StatusCodes of a response, outer and inner, " / " between; NULL where there is none. */
char *saml_status_text(const xmlNode *response, bool *ret_success);
bool saml_check_version(const xmlNode *node, const char *name, struct checks *checks);
/* Some time attribute that is `before` or not after now: "2026-…" against now and the skew. */
enum time_rule { TIME_IN_FUTURE, TIME_IN_PAST };
bool saml_check_time(const xmlNode *node, const char *attribute, const char *name, enum time_rule rule, bool required, const struct saml_trust *trust,
                     struct checks *checks);

/* The NameID below `holder` (a Subject or LogoutRequest), decrypted where it is encrypted. False: recorded. `*ret_document` owns a decrypted one, or is NULL. */
bool saml_name_find(const xmlNode *holder, struct secret *const *keys, size_t key_count, struct checks *checks, xmlDoc **ret_document, xmlNode **ret_name);
/* {value, format, name_qualifier, sp_name_qualifier}; NULL where the value is empty or too long. */
json_t *saml_name_json(const xmlNode *name);
json_t *saml_attributes_json(const xmlNode *assertion);
/* The first value of the attribute of that name or friendly name; NULL: none, or several. Borrowed. */
const char *saml_attribute_single(const json_t *attributes, const char *name);

/* The claim table of SECURITY SM-9 on a verified assertion. */
bool saml_claims_hold(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks);
/* What a verified and valid assertion says, put into `answer`. False: no subject, recorded. */
bool saml_assertion_read(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks, json_t *answer);

/* Lasso processes the same Response, with the asked request restored. `decrypted`: the assertion in clear
 * where it came encrypted, else NULL. */
bool saml_lasso_agrees(const xmlNode *decrypted, bool both_signed, const struct saml_response_question *question, struct checks *checks);
