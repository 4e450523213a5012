/* SAML identity providers, from inside. Nothing of what they send is read here: the verifier does (verifier/saml_ask.h).
 *
 *   saml.c           begin and complete: the way of one sign-in
 *   saml_settings.c  the keys of a declaration, and what `open` makes of them
 *   saml_metadata.c  the provider's metadata, from a file, an address or the declaration itself
 *   saml_outlook.c   what it says, for people: how long it holds, what changed in it
 *   saml_probe.c     `provider test`
 *   saml_identity.c  from the verifier's answer to an identity
 *   saml_logout.c    signing out there, and what comes back
 *   saml_notice.c    being told that somebody was signed out there
 *   saml_message.c saml_binding.c   what we send, and how it is wrapped
 */
#pragma once
#include "policies/mapping.h"
#include "providers/drivers.h"
#include "providers/fetch_cache.h"
#include "providers/saml_message.h"
#include "providers/verifier/saml_ask.h"

#include <pthread.h>

struct saml {
	char *tenant, *name;
	char *owner;                          /* of what is kept: tenant and name */
	const json_t *settings;               /* borrowed */
	char *inline_metadata;                /* of the declaration or its file; NULL: it is fetched */
	const char *metadata_url;
	char *declared_host;
	const char *entity_id;                /* ours; NULL: made of the callback's address */
	const char *idp_entity_id;            /* theirs, where the declaration pins it; NULL: the first that was read */
	const char *subject_attribute;        /* NULL: the NameID */
	const char *name_id_format, *binding;
	char **contexts;                      /* AuthnContextClassRefs, NULL: none */
	bool sign_requests, force_authn, allow_cbc, has_domains;
	int64_t clock_skew_ms;
	struct mapping mapping;
	json_t *claims;
	const struct certified_key *const *signing, *const *encryption, *const *decryption;
	struct fetcher *fetcher;
	struct document_cache *documents;
	struct verifier *verifier;
	pthread_mutex_t lock;
	json_t *idp;                          /* under the lock: what the verifier read of the metadata … */
	uint8_t idp_of[32];                   /* … whose digest this is */
	json_t *changes;                      /* under the lock, texts: between two of them, not yet told */
	enum reason refused;                  /* under the lock: why the last text that was fetched was not taken; REASON_UNDECIDED: it was */
	char trouble[256];                    /* the same in words */
	int64_t fetched_ms;                   /* under the lock, monotonic: when the copy in use came; 0: none */
};

/* --- saml_settings.c --- */
extern const struct key_rule saml_keys[];
bool saml_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error);
void saml_close(void *state);
/* Our name there. Caller frees. */
char *saml_entity_id(const struct saml *saml, const char *acs_url);
/* Another of our addresses under /saml/{provider}/, from any one of them. Caller frees. */
char *saml_address(const char *sibling, const char *name);

/* --- saml_metadata.c --- */
/* What the provider's metadata says (saml_metadata_read), asked of the verifier once for each text of it. NULL: `answer` says why. Caller owns. */
json_t *saml_idp(struct saml *saml, int64_t now_ms, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer);
/* The same for `provider test`: fetched anew, with every step and every row of the verifier's. Caller owns. */
json_t *saml_idp_probe(struct saml *saml, int64_t now_ms, int64_t deadline_ms, struct checks *checks);
/* Why the last look at metadata_url came to nothing, or that there has been none for too long; NULL: all is well. Caller frees. */
char *saml_trouble(struct saml *saml, int64_t monotonic_ms);
/* The first endpoint of that list with that binding, or with any of redirect and POST where `binding` has none. Borrowed; NULL: none. */
const json_t *saml_endpoint(const json_t *idp, const char *list, const char *binding);
/* With that binding and no other. */
const json_t *saml_endpoint_by(const json_t *idp, const char *list, const char *binding);
/* Its usable signing certificates, borrowed; NULL-closed, caller frees the list. */
const char **saml_certificates(const json_t *idp);

/* --- saml_outlook.c --- */
/* SHA-256 of a certificate's DER in hex, as vendors' consoles show it. `certificate` is base64. Caller frees. */
char *saml_fingerprint(const char *certificate);
/* Appends to `changes`, up to a bound, one text for each thing that is in only one of the two. `before` NULL: nothing. */
void saml_changes_note(json_t *changes, const json_t *before, const json_t *now);
void saml_watch(void *state, int64_t now_ms, int64_t deadline_ms, struct provider_outlook *ret);

/* --- saml_probe.c --- */
void saml_probe(void *state, const struct provider_probe *input);

/* --- saml_identity.c --- */
/* The verifier's rows, in order, after our own. */
void saml_checks_take(struct checks *checks, const json_t *said);
/* The reason that goes with the check that decided: the first that failed. */
enum reason saml_reason(const json_t *said);
/* What the assertion says, as it says it, for `provider test`: NameID, format, session, and each attribute under its name with its friendly name. Caller owns. */
json_t *saml_claims_told(const json_t *said);
/* The account fields that mapping makes of it. Caller owns. */
json_t *saml_claims_mapped(const struct saml *saml, const json_t *said);
/* An identity and a session from an answer whose result is ok. */
void saml_conclude(const struct saml *saml, const json_t *said, int64_t now_ms, struct provider_answer *answer);
/* What a session there is called here: of the NameID and one SessionIndex. Caller frees; NULL: it has no name. */
char *saml_session_name(const json_t *said, const char *index);

/* --- saml.c --- */
/* A recorded response, `bytes` its XML, explained by the verifier (saml_check.h). *ret_said is the caller's. */
enum verifier_result saml_response_look(const struct saml *saml, const json_t *idp, const char *acs_url, const char *bytes, size_t length, int64_t now_ms, int64_t deadline_ms,
                                        json_t **ret_said);
bool saml_refuse(struct provider_answer *answer, enum verdict verdict, enum reason reason);
/* "_" and 128 random bits: an xs:ID. Caller frees. */
char *saml_random_id(void);
struct saml_sending {
	const char *parameter;            /* SAMLRequest or SAMLResponse */
	const char *binding, *location;
	const char *message, *id;
	const char *state;                /* RelayState; NULL: none */
	const struct certified_key *key;  /* NULL: unsigned */
};
/* The step that carries a message there. */
void saml_step(const struct saml_sending *sending, struct step *step);

/* Active, next, and those that were active lately. */
#define SAML_KEYS_MAX 4
/* Our decryption keys, for one message; wiped by the other. The count. */
size_t saml_keys_export(const struct saml *saml, struct secret *out[SAML_KEYS_MAX]);
void saml_keys_wipe(struct secret *keys[SAML_KEYS_MAX]);
/* "SAMLRequest" or "SAMLResponse" as a browser brought it. */
struct saml_brought {
	const char *binding, *parameter; /* borrowed constants */
	char *bytes;                     /* the XML; NULL: none, or no message */
	size_t length;
	char *covered, *algorithm;       /* what the redirect binding's signature covers, and how it was made; NULL: it is in the message */
	GByteArray *signature;
};
/* Of input->reply and input->query. Recorded as a check. False: there is no such message. */
bool saml_bring(const struct provider_complete *input, const char *parameter, struct saml_brought *ret);
void saml_brought_clear(struct saml_brought *brought);
typedef struct saml_brought saml_brought_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(saml_brought_t, saml_brought_clear)
/* What the verifier says of a logout message; NULL: `ret_reason` says why there is none. `request_id`: whose answer it must be, NULL for a request. */
json_t *saml_logout_read(struct saml *saml, const struct provider_complete *input, const struct saml_brought *brought, const char *request_id, enum reason *ret_reason);

/* --- saml_notice.c --- */
enum verdict saml_logout_notice(void *state, const struct provider_complete *input, struct logout_notice *ret);
void saml_logout_respond(void *state, const struct provider_logout *input, bool ended, struct provider_answer *answer);

/* --- saml_logout.c --- */
enum verdict saml_logout_complete(void *state, const struct provider_complete *input, enum reason *ret_reason);
struct secret *saml_logout_keep(const json_t *said);
void saml_logout(void *state, const struct provider_logout *input, struct provider_answer *answer);
