/* The tenant's own accounts, as one driver among the others.
 *
 *	begin ──> the password form ──(username, password)──> complete ──> look-up ──> one hash ──> verdict
 *
 * What may be told apart from outside is what the person sent, never what we hold (LG-1). A form that no account could have accepted is refused
 * before the look-up and the hash. Every other one costs one look-up and one hash, whether the name is unknown, has no password here, is disabled
 * or is right; a malformed name is nobody's, so it is not looked up, and costs the hash all the same. */
#include "providers/drivers.h"
#include "providers/password_form.h"

#include "base/errors.h"
#include "base/text.h"

#include <string.h>

static const struct key_rule local_keys[] = {{0}};

static bool local_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	(void)place, (void)settings, (void)error;
	*ret_state = NULL;
	return true;
}

static void local_close(void *state)
{
	(void)state;
}

static void local_begin(void *state, const struct provider_begin *input, struct provider_answer *answer)
{
	(void)state, (void)input;
	password_form_ask(answer);
}

static void conclude(struct provider_answer *answer, enum verdict verdict, enum reason reason)
{
	answer->verdict = verdict;
	answer->reason = reason;
}

/* What was typed as a name stays out of the checks: people type their password there. */
static bool credential_found(const struct provider_complete *input, const char *username, struct credential *credential, GError **error)
{
	g_autofree char *key = text_login_key(username);

	if (!check(input->checks, "login name", key ? "well formed" : "malformed", "well formed", key != NULL))
		return true;
	return input->loan->find_credential(input->loan->data, key, credential, error);
}

static void grant(const struct credential *credential, struct provider_answer *answer)
{
	static const char *const amr[] = {"pwd", NULL};

	answer->identity = identity_new(provider_local.name, credential->account, amr, NULL);
	if (answer->identity)
		conclude(answer, VERDICT_OK, REASON_OK);
}

/* The disabled account is named only to who knows its password; to others it is a wrong password like any. */
static void conclude_match(const struct provider_complete *input, const struct credential *credential, struct provider_answer *answer)
{
	check(input->checks, "password", "right", "right", true);
	if (!check(input->checks, "account state", credential->disabled ? "disabled" : "enabled", "enabled", !credential->disabled))
		conclude(answer, VERDICT_DISABLED, REASON_ACCOUNT_DISABLED);
	else
		grant(credential, answer);
}

static void conclude_mismatch(const struct provider_complete *input, const struct credential *credential, struct provider_answer *answer)
{
	if (credential->account[0] == '\0') {
		check(input->checks, "account", "none", "an account of this tenant", false);
		conclude(answer, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT);
	} else if (!credential->stored) {
		check(input->checks, "stored password", "none", "one", false);
		conclude(answer, VERDICT_MISMATCH, REASON_NO_PASSWORD);
	} else {
		check(input->checks, "password", "wrong", "right", false);
		conclude(answer, VERDICT_MISMATCH, REASON_WRONG_PASSWORD);
	}
}

/* The one hash: where there is no stored one, of a decoy's kind and cost. A disabled account gets no replacement: nobody is to sign in with it. */
static void verify(const struct provider_complete *input, const struct credential *credential, const struct secret *password,
                   struct provider_answer *answer)
{
	char **replacement = credential->disabled ? NULL : &answer->replacement_hash;
	struct password_hasher *hasher = input->loan->hasher;

	switch (credential->stored ? password_verify(hasher, credential->stored, password, input->deadline_ms, replacement)
	                           : password_pretend(hasher, credential->decoy, password, input->deadline_ms)) {
	case PASSWORD_BUSY:
		check(input->checks, "hash slot", "none in time", "one", false);
		conclude(answer, VERDICT_UNAVAILABLE, REASON_BUSY);
		return;
	case PASSWORD_MATCH:
	case PASSWORD_MATCH_REHASH:
		/* Nothing matches a decoy, and nobody has no account; should it ever be so, the zero verdict stands. */
		if (credential->stored && credential->account[0] != '\0')
			conclude_match(input, credential, answer);
		return;
	case PASSWORD_UNUSABLE:
		check(input->checks, "stored password", "unusable", "usable", false);
		conclude(answer, VERDICT_MISMATCH, REASON_PASSWORD_UNUSABLE);
		return;
	case PASSWORD_MISMATCH:
		conclude_mismatch(input, credential, answer);
		return;
	}
}

static void local_complete(void *state, const struct provider_complete *input, struct provider_answer *answer)
{
	g_autoptr(secret_t) password = NULL;
	g_auto(credential_t) credential = {0};
	g_autoptr(GError) broken = NULL;
	const char *username = NULL;

	(void)state;
	if (!password_form_read(input, &username, &password, answer))
		return;
	if (!credential_found(input, username, &credential, &broken)) {
		check(input->checks, "store", broken ? error_name(error_code_of(broken)) : "broken", "an answer", false);
		conclude(answer, VERDICT_UNAVAILABLE, REASON_STORE_BROKEN);
		return;
	}
	g_strlcpy(answer->account, credential.account, sizeof answer->account);
	verify(input, &credential, password, answer);
}

const struct provider_driver provider_local = {
	.name = "local",
	.capabilities = CAPABILITY_ASKS_PASSWORD | CAPABILITY_MAY_BLOCK,
	.keys = local_keys,
	.open = local_open,
	.close = local_close,
	.begin = local_begin,
	.complete = local_complete,
};
