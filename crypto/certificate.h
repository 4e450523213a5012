/* What an X.509 certificate says of itself, for diagnosis. Nothing is verified here: TLS does that. */
#pragma once
#include "crypto/digest.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct certificate_facts {
	char *subject, *issuer; /* RFC 2253 text */
	char *key;              /* "RSA 2048 bits", "EC 256 bits" */
	char *names;            /* DNS names and addresses, ", " between; "" where there are none */
	int64_t from_ms, to_ms; /* Unix milliseconds */
	bool self_issued;
};

/* False for what is no DER certificate. */
bool certificate_read(const void *der, size_t length, struct certificate_facts *ret);
void certificate_facts_clear(struct certificate_facts *facts);
typedef struct certificate_facts certificate_facts_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(certificate_facts_t, certificate_facts_clear)
/* The SHA-256 of the DER of the first certificate in PEM text (RFC 7468). False where there is none. */
bool certificate_thumbprint(const char *pem, size_t length, uint8_t digest[DIGEST_SIZE]);
/* Whether it names this host, or this address. */
bool certificate_is_for(const void *der, size_t length, const char *host);
