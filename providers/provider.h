/* The provider interface: one const struct a driver.
 *
 * A driver's duties, which the conformance suite (tests/providers/conformance.c) asks of every one:
 *  - an unknown person costs what a known one costs: the same hashes, look-ups and round trips;
 *  - the zero verdict is a violation; `ok` always comes with an identity, and nothing else does;
 *  - nothing of a sign-in is logged; what was checked goes to the `checks` recorder, secrets never do;
 *  - time and deadline come as arguments; there is no clock below;
 *  - all network goes through providers/fetch or libldap, with the deadline;
 *  - the subject is the provider's immutable identifier, never a name or an address;
 *  - an empty password, or one with a NUL, is refused before any work that differs.
 */
#pragma once
#include "base/form.h"
#include "base/schema.h"
#include "base/secret.h"
#include "crypto/password.h"
#include "policies/decision.h"
#include "base/checks.h"
#include "providers/identity.h"

enum verdict {
	VERDICT_VIOLATION = 0, /* the answer broke a rule */
	VERDICT_OK,
	VERDICT_MORE,          /* another step is needed */
	VERDICT_UNKNOWN,       /* nobody there has that name */
	VERDICT_MISMATCH,      /* the secret is wrong */
	VERDICT_DISABLED,
	VERDICT_EXPIRED,       /* the password must be changed first */
	VERDICT_REFUSED,       /* the upstream or the person said no */
	VERDICT_UNAVAILABLE,   /* no answer in time */
};
const char *verdict_name(enum verdict verdict);

enum capability {
	CAPABILITY_ASKS_PASSWORD = 1 << 0,
	CAPABILITY_REDIRECTS = 1 << 1,
	CAPABILITY_POSTS = 1 << 2, /* its answers may come by POST from another site */
	CAPABILITY_REFRESHES = 1 << 3,
	CAPABILITY_LOGS_OUT = 1 << 4,
	CAPABILITY_PROBES = 1 << 5,
	CAPABILITY_MAY_BLOCK = 1 << 6, /* runs on a worker, with provider slots */
	CAPABILITY_WEAK_BINDING = 1 << 8, /* its answers are bound to the question less well than the standard asks: nothing is linked by them (SECURITY OP-5) */
	CAPABILITY_REFRESH_BY_KEEP = 1 << 7, /* `refresh` asks with what the sign-in left: a link without it cannot be asked about */
};

/* What to show, or where to send the browser next. */
enum step_kind { STEP_NONE = 0, STEP_PASSWORD_FORM, STEP_REDIRECT, STEP_POST_FORM };
struct step {
	enum step_kind kind;
	char *url;           /* STEP_REDIRECT, STEP_POST_FORM */
	bool posts_back;     /* the answer will come as a POST from another site: the flow cookie must be SameSite=None */
	json_t *fields;      /* STEP_POST_FORM: name -> value */
};
void step_clear(struct step *step);

/* What the gateway knows of a local account's password; lent, so that drivers need no store. */
struct credential {
	char account[27];
	char *stored;  /* PHC string; NULL: no password here */
	bool disabled;
};
void credential_clear(struct credential *credential);
typedef struct credential credential_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(credential_t, credential_clear)

struct provider_loan {
	void *data;
	/* False: broken (the store failed), *ret untouched. True with ret->account "" for nobody. */
	bool (*find_credential)(void *data, const char *login_key, struct credential *ret, GError **error);
	struct password_hasher *hasher;
};

struct certified_key;
struct fetcher;
struct document_cache;
struct verifier;

/* Where a driver stands: whose it is, and the ways out it may use. The ways are borrowed for the state's life; NULL where there is to be no network, as when a
 * declaration is checked. */
struct provider_place {
	const char *tenant;       /* internal id: nothing kept in memory is shared between two */
	const char *name;
	struct fetcher *fetcher;         /* providers/fetch.h */
	struct document_cache *documents; /* providers/fetch_cache.h */
	struct verifier *verifier;       /* providers/verifier/verifier.h */
	/* The tenant's own keys for SAML, NULL-closed, the one that signs first. Those to sign with and to encrypt to are published; those to decrypt with are more
	 * during a rollover. NULL: requests go unsigned, and what is encrypted cannot be read. */
	const struct certified_key *const *saml_signing, *const *saml_encryption, *const *saml_decryption;
};

/* What our own client asked for is passed on where the upstream has words for it. Texts are NULL, max_age_s -1, where nothing was asked. */
struct provider_begin {
	const char *callback_url; /* this provider's callback under the tenant's issuer */
	const char *state;        /* opaque, at most 80 bytes, in the alphabet of a URL: comes back with the answer (SAML calls it RelayState) */
	const char *login_hint, *prompt, *acr_values, *ui_locales;
	int64_t max_age_s;
	int64_t now_ms, deadline_ms;
	struct checks *checks;
};

struct provider_complete {
	const void *sealed;       /* the bytes `begin` gave, opened; NULL when there were none */
	size_t sealed_length;
	const char *callback_url; /* as `begin` had it */
	const struct form *reply; /* the callback's query, the posted assertion or the password form */
	const char *query;        /* the query as it came, where the answer came by GET: some signatures cover those very bytes. NULL */
	const struct provider_loan *loan;
	int64_t now_ms;           /* wall clock */
	int64_t deadline_ms;      /* monotonic */
	struct checks *checks;
	json_t **ret_claims;      /* for a test of the provider only: what was said of the person, before anything is made of it. Caller owns; NULL: not wanted */
};

/* What the upstream said of the sign-in itself, beside who it is; with VERDICT_OK only. Owned by the answer. */
struct upstream_session {
	char *sid;                    /* its name for its session, for its logout messages; NULL: none */
	char *acr;                    /* as it said it; NULL */
	int64_t auth_time_ms;         /* 0: not said */
	int64_t ends_ms;              /* when it wants the session to be over; 0: not said */
	char *once;                   /* the answer's own name (SAML: the assertion's ID), to be taken once for this provider until … ; NULL: none */
	int64_t once_until_ms;
	struct secret *logout_keep;   /* what `logout` will need, sealed with our session; NULL: nothing */
	struct secret *refresh_keep;  /* what `refresh` will need, sealed with the link; NULL: nothing new */
};

struct provider_answer {
	enum verdict verdict;
	struct identity *identity;    /* with VERDICT_OK only */
	struct upstream_session session;
	struct step step;             /* with VERDICT_MORE only */
	struct secret *keep;          /* bytes to seal into the flow and give back to complete; NULL: none */
	char *replacement_hash;       /* local: a new stored hash to keep, NULL: none */
	char account[27];             /* local: the account the name led to, for the log, whatever the verdict; "" otherwise */
	enum reason reason;           /* finer than the verdict, REASON_UNDECIDED: derive it from the verdict */
	bool password_changed;        /* change_password: it was, whatever the verdict on signing in with the new one */
	bool in_grace;                /* with VERDICT_OK: the password has expired, and this was one of the last sign-ins with it … */
	unsigned grace_left;          /* … of which so many remain */
};
void provider_answer_clear(struct provider_answer *answer);
typedef struct provider_answer provider_answer_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(provider_answer_t, provider_answer_clear)

struct provider_logout {
	const struct secret *keep;    /* the session's logout_keep; NULL: none */
	const char *return_url, *state;
	int64_t now_ms, deadline_ms;
};

/* What a test of the provider asks (`provider test`). */
struct provider_probe {
	const struct form *input;     /* callback_url; where the command was given them: username, password, response (a recorded answer, as it stands in its file) */
	int64_t now_ms;               /* wall clock */
	int64_t deadline_ms;          /* monotonic */
	struct checks *checks;
	json_t **ret_claims;          /* as provider_complete has it, of a recorded answer */
};

/* What will run out at a provider, and what has changed there. Owned by whoever asked. */
struct provider_outlook {
	json_t *facts;                /* what is known of it: an object for people; NULL: nothing could be read */
	json_t *expiries;             /* [{"what", "at_ms"}]: each of which somebody has to do something about before then */
	json_t *changes;              /* [text]: what changed since they were last told, each told once */
	char *trouble;                /* why the last look there failed, whether or not an older copy serves; NULL: it did not */
};
void provider_outlook_clear(struct provider_outlook *outlook);
typedef struct provider_outlook provider_outlook_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(provider_outlook_t, provider_outlook_clear)

struct logout_notice {
	char *subject;                /* whose sessions; NULL where … */
	char **sids;                  /* … it names them by the upstream's own names for them; NULL: all of that subject's */
	char *id;                     /* used once, until … */
	int64_t expires_ms;
	enum reason reason;           /* why it was refused */
	struct secret *keep;          /* what `logout_respond` needs; NULL: nothing is to be answered but a status */
};
void logout_notice_clear(struct logout_notice *notice);

struct provider_driver {
	const char *name;             /* the `type` in declarations; "local" for the tenant's own accounts */
	unsigned capabilities;
	const struct key_rule *keys;  /* its own settings, beside those every provider takes */
	/* No network. `settings` is the object schema_apply made, borrowed for the state's life; the texts of `place` are copied. */
	bool (*open)(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error);
	void (*close)(void *state);
	void (*begin)(void *state, const struct provider_begin *input, struct provider_answer *answer);
	void (*complete)(void *state, const struct provider_complete *input, struct provider_answer *answer);
	/* Optional. Is the person of that subject still there? MORE, without a step: only the person could be asked. `keep` is the link's refresh_keep, NULL: none. */
	void (*refresh)(void *state, const char *subject, const struct secret *keep, int64_t now_ms, int64_t deadline_ms, struct provider_answer *answer);
	/* The step that signs the person out upstream, back to `return_url` with `state` where the upstream can: VERDICT_MORE, or VERDICT_OK: there is nothing to do. */
	void (*logout)(void *state, const struct provider_logout *input, struct provider_answer *answer);
	/* What came back after `logout`, whose answer's `keep` is the input's `sealed`. OK: the person is signed out there too. */
	enum verdict (*logout_complete)(void *state, const struct provider_complete *input, enum reason *ret_reason);
	/* A logout that the upstream told us of (OpenID Connect Back-Channel Logout 1.0, SAML profiles 4.4.3.1): *ret says whom it is about. */
	enum verdict (*logout_notice)(void *state, const struct provider_complete *input, struct logout_notice *ret);
	/* The step that tells the upstream how that went; `input->keep` is the notice's, `return_url` as the notice's callback_url. VERDICT_OK: there is no way. */
	void (*logout_respond)(void *state, const struct provider_logout *input, bool ended, struct provider_answer *answer);
	/* What the other side reads of us, in its standard's form (SAML metadata 2.0). `callback_url` as `begin` has it. Caller owns; *ret_type is a constant. */
	char *(*describe)(void *state, const char *callback_url, const char **ret_type);
	/* Replaces the password of whoever signs in with `username` and `password` by `new_password` (each once in the reply), then signs in with the new one: an
	 * answer as complete's. The same duties, and two more: nothing is changed unless the old password was found right in this call, also where it has
	 * expired, and neither password goes anywhere without TLS but to this machine. Only where the settings say password_change: true. */
	void (*change_password)(void *state, const struct provider_complete *input, struct provider_answer *answer);
	void (*probe)(void *state, const struct provider_probe *input);
	/* Optional, now and then, of a provider whose papers run out: renews what is no longer fresh, and tells how long it all holds. Nobody waits for it. The gateway
	 * says in the process log what comes of it, since a driver does not know whom it concerns. */
	void (*watch)(void *state, int64_t now_ms, int64_t deadline_ms, struct provider_outlook *ret);
};

/* registry.c. To be called from main before threads start: libraries below that read the environment at their first use are started in order. A driver that
 * is opened without it does the same, in a process that may then have threads. SIGPIPE must be ignored in a process that uses drivers: libldap writes to
 * sockets that may be closed at the other end. */
void providers_start(void);
/* NULL-closed list, and look-up by type. */
extern const struct provider_driver *const provider_drivers[];
const struct provider_driver *provider_driver_named(const char *type);
