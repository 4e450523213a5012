/* The provider interface: one const struct a driver.
 *
 * A driver's duties, which the conformance suite (tests/providers/conformance.c) asks of every one:
 *  - an unknown person costs what a known one costs: the same hashes, look-ups and round trips;
 *  - the zero verdict is a violation; `ok` always comes with an identity, and nothing else does;
 *  - nothing is logged; what was checked goes to the `checks` recorder, secrets never do;
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
	CAPABILITY_POSTS = 1 << 2, /* answers by a cross-site POST: the flow cookie must be SameSite=None */
	CAPABILITY_REFRESHES = 1 << 3,
	CAPABILITY_LOGS_OUT = 1 << 4,
	CAPABILITY_PROBES = 1 << 5,
	CAPABILITY_MAY_BLOCK = 1 << 6, /* runs on a worker, with provider slots */
};

/* What to show, or where to send the browser next. */
enum step_kind { STEP_NONE = 0, STEP_PASSWORD_FORM, STEP_REDIRECT, STEP_POST_FORM };
struct step {
	enum step_kind kind;
	char *url;           /* STEP_REDIRECT, STEP_POST_FORM */
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

struct provider_begin {
	const char *callback_url; /* this provider's callback under the tenant's issuer */
	const char *login_hint;   /* NULL: none */
	bool force_fresh;         /* prompt=login or max_age */
	int64_t now_ms, deadline_ms;
	struct checks *checks;
};

struct provider_complete {
	const void *sealed;       /* the bytes `begin` gave, opened; NULL when there were none */
	size_t sealed_length;
	const struct form *reply; /* the callback's query, the posted assertion or the password form */
	const struct provider_loan *loan;
	int64_t now_ms;           /* wall clock */
	int64_t deadline_ms;      /* monotonic */
	struct checks *checks;
};

struct provider_answer {
	enum verdict verdict;
	struct identity *identity;    /* with VERDICT_OK only */
	struct step step;             /* with VERDICT_MORE only */
	struct secret *keep;          /* bytes to seal into the flow and give back to complete; NULL: none */
	char *replacement_hash;       /* local: a new stored hash to keep, NULL: none */
	char account[27];             /* local: the account the name led to, for the log, whatever the verdict; "" otherwise */
	enum reason reason;           /* finer than the verdict, REASON_UNDECIDED: derive it from the verdict */
};
void provider_answer_clear(struct provider_answer *answer);
typedef struct provider_answer provider_answer_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(provider_answer_t, provider_answer_clear)

struct provider_driver {
	const char *name;             /* the `type` in declarations; "local" for the tenant's own accounts */
	unsigned capabilities;
	const struct key_rule *keys;  /* its own settings, beside those every provider takes */
	/* No network. `settings` is the object schema_apply made, borrowed for the state's life. */
	bool (*open)(const char *provider_name, const json_t *settings, void **ret_state, GError **error);
	void (*close)(void *state);
	void (*begin)(void *state, const struct provider_begin *input, struct provider_answer *answer);
	void (*complete)(void *state, const struct provider_complete *input, struct provider_answer *answer);
	/* Optional. */
	void (*refresh)(void *state, const char *subject, int64_t now_ms, int64_t deadline_ms, struct provider_answer *answer);
	void (*probe)(void *state, const struct form *input, struct checks *checks, int64_t deadline_ms);
};

/* registry.c. To be called from main before threads start: libraries below that read the environment at their first use are started in order. A driver that
 * is opened without it does the same, in a process that may then have threads. SIGPIPE must be ignored in a process that uses drivers: libldap writes to
 * sockets that may be closed at the other end. */
void providers_start(void);
/* NULL-closed list, and look-up by type. */
extern const struct provider_driver *const provider_drivers[];
const struct provider_driver *provider_driver_named(const char *type);
