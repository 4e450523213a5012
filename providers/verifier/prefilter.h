/* The byte pre-filter: what a SAML document may look like at all, decided before any XML library sees it (SECURITY SM-1, SM-5, SM-7).
 *
 * It is a scanner of its own for the small part of XML that identity providers really write. What it lets through has no DOCTYPE, comment, processing
 * instruction, CDATA section or entity of its own, is UTF-8 and well formed, is bounded in every number that makes Lasso's or libxml2's work grow, has unique
 * IDs in attributes without a prefix, at most one assertion, signatures only where they belong and each with one Reference, and none but known algorithms.
 * It knows no namespaces: names are compared by their local part, so that a foreign prefix evades nothing; the tree's reader checks namespaces after it.
 */
#pragma once
#include "base/checks.h"

enum prefilter_kind {
	PREFILTER_RESPONSE,  /* samlp:Response */
	PREFILTER_ASSERTION, /* what an EncryptedAssertion held */
	PREFILTER_NAME,      /* what an EncryptedID held */
	PREFILTER_LOGOUT,    /* samlp:LogoutRequest, samlp:LogoutResponse, alone or in a SOAP envelope */
	PREFILTER_METADATA,  /* md:EntityDescriptor or md:EntitiesDescriptor: larger, and comments are common there (SECURITY 4.3(5)) */
};

/* For whoever finds a message refused. */
#define PREFILTER_ADVICE "There: let the provider send plain SAML, as the expected says. If it always does, somebody has altered or forged this."

#define PREFILTER_MESSAGE_MAX (256 * 1024)
#define PREFILTER_METADATA_MAX (448 * 1024) /* has to fit into a question (RECORD_REQUEST_MAX): one provider's, not a federation's */

struct prefilter_facts {
	size_t elements, attributes, depth;
	bool message_signed;   /* a Signature is the root's child, or the SOAP body's message's */
	bool assertion_signed;
	bool encrypted;        /* anything is */
	bool cbc;              /* with AES-CBC: SECURITY 4.3(2) */
};

/* Records one check, "xml" with what passed or the rule's own name with what broke it. False: refused; *ret is then undefined. */
bool prefilter(enum prefilter_kind kind, const char *bytes, size_t length, struct checks *checks, struct prefilter_facts *ret);
