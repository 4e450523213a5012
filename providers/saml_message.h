/* The SAML messages that we send (SECURITY 4.3(6), SM-12): strings in exclusive canonical form from the start, so that the gateway signs them with OpenSSL
 * and no XML library, and no signing key, is anywhere near the verifier. And the wrappings of the bindings, both ways.
 *
 * Everything that goes in is plain text; it is escaped here. What is made is the caller's (g_free). */
#pragma once
#include "crypto/certified_key.h"
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SAML_MESSAGE_MAX (256 * 1024)

struct saml_authn_request {
	const char *id, *destination, *issuer, *acs_url;
	int64_t now_ms;
	bool force, passive;
	const char *name_id_format;   /* NULL: no NameIDPolicy */
	const char *const *contexts;  /* AuthnContextClassRefs, one of which is wanted; NULL: none */
};
char *saml_authn_request(const struct saml_authn_request *request);

struct saml_name {
	const char *value, *format, *name_qualifier, *sp_name_qualifier; /* all but value may be NULL */
};
struct saml_logout_request {
	const char *id, *destination, *issuer;
	int64_t now_ms, expires_ms;
	struct saml_name name;
	const char *const *session_indexes; /* NULL-closed; NULL: none */
};
char *saml_logout_request(const struct saml_logout_request *request);

struct saml_logout_response {
	const char *id, *destination, *issuer, *in_response_to;
	int64_t now_ms;
	bool success, partial; /* partial: some session could not be ended */
};
char *saml_logout_response(const struct saml_logout_response *response);

/* Our own metadata, SAML metadata 2.4.4. */
struct saml_sp_metadata {
	const char *entity_id, *acs_url, *slo_url, *name_id_format;
	bool signs_requests;
	const char *const *signing, *const *encryption; /* certificates, base64 of DER, NULL-closed: two of each during a rollover */
};
char *saml_sp_metadata(const struct saml_sp_metadata *metadata);

/* The same message with an enveloped RSA-SHA256 signature behind its Issuer. `message` must come from a function above and hold that ID on its root. */
char *saml_sign(const char *message, const char *id, const struct certified_key *key);
/* {location}?SAMLRequest=…&RelayState=…[&SigAlg=…&Signature=…] (SAML bindings 3.4.4). `parameter`: "SAMLRequest" or "SAMLResponse". Without a key, unsigned. */
char *saml_redirect_url(const char *location, const char *parameter, const char *message, const char *relay_state, const struct certified_key *key);
/* A SOAP 1.1 envelope around it. */
char *saml_soap(const char *message);

/* A message from a posted form field: base64, white space let through. NULL with *error (ERROR_INVALID_REQUEST) where it is none, or over SAML_MESSAGE_MAX. */
char *saml_posted(const char *field, size_t *ret_length, GError **error);
/* From a query parameter: base64 of DEFLATE. A stream that grows over SAML_MESSAGE_MAX is not read to its end (SECURITY SM-6). */
char *saml_inflated(const char *parameter, size_t *ret_length, GError **error);

/* What the signature of the redirect binding covers, cut out of the raw query as it came (SAML bindings 3.4.4.1): re-encoding would not always give the
 * same bytes. *ret_algorithm decoded, *ret_signature as bytes. False where anything of it is missing, malformed or there twice. */
bool saml_signed_query(const char *query, const char *parameter, char **ret_covered, char **ret_algorithm, GByteArray **ret_signature);
