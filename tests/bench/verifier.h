/* The verifier: what it costs to ask another process. */
#pragma once
#include <stdint.h>

struct verifier_times {
	double empty_us; /* wall clock of a question that is no work */
	double token_us; /* of an ID token signed RS256, believed */
	double saml_sign_us;      /* of the signature of an AuthnRequest, RSA 3072, in the gateway itself */
	double saml_us;           /* of a response with a signed assertion, RSA 2048, believed */
	double saml_encrypted_us; /* the same, encrypted with AES-256-GCM to an RSA key of 3072 bits */
};
/* Children of `program`, which are asked for so long each. */
struct verifier_times verifier_measure(const char *program, int64_t measure_ms);
