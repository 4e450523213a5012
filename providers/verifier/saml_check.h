/* Reading what a SAML identity provider sent: a question in, a flat answer out. Runs in the verifier's child, which knows nothing but the question.
 *
 *   bytes → pre-filter → tree → signature of the Response (if it has one) → decryption → pre-filter → signature of the Assertion
 *         → the digested bytes parsed again → Lasso on the same message → the claim table
 *
 * A step is reached only when all before it passed. Every one is recorded (base/checks.h), with what was seen and what was expected. */
#pragma once
#include "base/secret.h"
#include "base/checks.h"

/* In the child, before it shuts itself in and reads the first byte: xmlsec and Lasso read the environment and load what they need. Again: nothing. */
bool saml_library_start(void);

struct saml_trust {
	const char *provider;             /* tenant and provider, by internal identifier: whose cache entry this is */
	const char *idp_entity_id;
	const char *const *certificates;  /* the IdP's signing certificates, base64 of DER, NULL-closed */
	const char *entity_id;            /* ours */
	int64_t now_ms;
	int64_t skew_ms;                  /* at most 5 minutes */
};

struct saml_response_question {
	struct saml_trust trust;
	const char *bytes;                /* the XML, base64 undone */
	size_t length;
	/* An answer of some other time that is to be explained, and signs nobody in. Every check is made that can be, whatever failed before it. The times are judged at the
	 * answer's own IssueInstant, and which request it answers is not: now_ms only says how old it is, and request_id is not looked at. */
	bool recorded;
	const char *acs_url;
	const char *request_id;           /* NULL: unsolicited, and then the answer says so and InResponseTo must be absent */
	int64_t authenticated_after_ms;   /* 0: any AuthnInstant; else a fresh sign-in was asked for */
	const char *const *contexts;      /* AuthnContextClassRefs, one of which was asked for; NULL: any */
	const char *subject_attribute;    /* NULL: the NameID is the subject */
	const char *name_id_format;       /* NULL: any that may be a subject */
	bool allow_mutable_names;         /* emailAddress and unspecified: SECURITY 4.3(5) */
	bool allow_cbc;
	struct secret *const *decryption_keys; /* PKCS#8 in DER; NULL: none */
	size_t decryption_key_count;
};

/* {"result": "ok" | "refused" | "violation", "checks": […]}, and when ok: issuer, response_id, assertion_id, expires_ms (until when the assertion must not be taken
 * again), subject, mutable, name_id {value, format, name_qualifier, sp_name_qualifier}, session_index, session_ends_ms, authenticated_ms, context,
 * attributes [{name, friendly_name, values}]. "refused": the provider says no by its status. Of a recorded one all that stands in it, wherever its signature is good.
 * Caller owns. */
json_t *saml_response_check(const struct saml_response_question *question);

#define SAML_BINDING_POST "post"
#define SAML_BINDING_REDIRECT "redirect"
#define SAML_BINDING_SOAP "soap"

struct saml_logout_question {
	struct saml_trust trust;
	const char *binding;
	const char *bytes;                /* the XML: inflated, or base64 undone, or the SOAP envelope */
	size_t length;
	/* Redirect: the query's "SAMLRequest=…&RelayState=…&SigAlg=…" exactly as it came, the algorithm decoded, and the signature. NULL otherwise. */
	const char *signed_query;
	const char *algorithm;
	const uint8_t *signature;
	size_t signature_length;
	const char *destination;          /* our SLO address */
	const char *request_id;           /* for a LogoutResponse: whose answer it must be */
	struct secret *const *decryption_keys;
	size_t decryption_key_count;
};
/* {"result", "checks", "kind": "request" | "response"} and when ok: id, issuer, for a request name_id, session_indexes and expires_ms, for a response status.
 * Signed always. */
json_t *saml_logout_check(const struct saml_logout_question *question);

/* {"result", "checks"} and when ok: entity_id, valid_until_ms, cache_s, wants_signed_requests, signing and encryption [{certificate, subject, key, from_ms, to_ms,
 * fit}], sso, slo, artifact [{binding, location, response_location}], name_id_formats. `entity_id`: which one of a federation's document; NULL: the only identity
 * provider in it. */
json_t *saml_metadata_read(const char *bytes, size_t length, const char *entity_id, int64_t now_ms);
