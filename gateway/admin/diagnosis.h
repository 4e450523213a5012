/* Asking a provider, step by step, why people can or cannot sign in with it. For `passerelle provider test`, the API and the console. It touches no account of
 * ours; at the provider, a wrong password is counted as at any sign-in. Whoever may run it may read what the directory says (SECURITY LD-7). */
#pragma once
#include "gateway/store/store.h"

struct diagnosis {
	const struct provider_place *ways; /* with the tenant's keys for SAML lent */
	const struct tenant *tenant;
	const struct provider_record *provider;
	const char *login;             /* NULL: only what needs no person */
	const struct secret *password; /* with a login only; NULL: the person is looked up, not signed in. As text_password gives it */
	const char *response;          /* a recorded answer of the provider, as it stands in its file: only that is looked at. NULL: none */
	int64_t deadline_ms;           /* monotonic, for all of it together */
};

/* {"provider":…, "type":…, "passed":…, "checks": [{"check", "seen", "expected", "passed", "advice"?, "warning"?, "skipped"?}, …], "claims"?}: each step in order,
 * `advice` where it failed says what to change and on which side, as `warning` does where it will fail some day; `skipped` says why it was not judged. "claims" is what
 * a recorded answer says of the person. "passed" is true only where something was checked and all of it passed. Blocks; no secret is in it. Caller owns. */
json_t *provider_diagnose(const struct diagnosis *diagnosis);
