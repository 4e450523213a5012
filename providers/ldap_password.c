/* Changing a password of the directory's, by whoever knows the old one.
 *
 *	form ──> find and bind, with the old one ──right────────> change, as the person ────┐
 *	                                         ├─expired───────> change, as the service ──┼──done──> bind with the new one ──> … as any sign-in
 *	                                         └─anything else: as at a sign-in           └──no: whose rule, as far as the directory says
 *
 * A directory says "expired" only to a right password, which is what lets the service account act for somebody who can no longer bind. It sends the old password
 * with the new one all the same, so that the directory judges it as a change and not as a reset: history and age hold.
 *
 * OpenLDAP and 389 take RFC 3062's operation; Active Directory one modification that takes the old value of unicodePwd away and adds the new one. */
#include "providers/ldap_internal.h"
#include "providers/password_form.h"

#include "base/clock.h"
#include "crypto/compare.h"

#include <ldap.h>
#include <string.h>

struct change {
	struct sign_in *sign_in;
	const struct secret *old, *fresh;
	struct directory_server *server; /* that was asked to make it */
	bool sent;
	int code;         /* the directory's result; BIND_NO_ANSWER: none, and nobody knows whether it was made */
	int policy_error; /* as in bind_answer */
};

struct secret *unicode_password(const struct secret *password)
{
	glong units = 0;
	g_autofree gunichar2 *text = g_utf8_to_utf16((const char *)secret_bytes(password), (glong)secret_length(password), NULL, &units, NULL);

	if (!text)
		return NULL;
	struct secret *quoted = secret_new_empty(((size_t)units + 2) * 2);
	uint8_t *out = secret_writable(quoted);
	for (glong i = -1; i <= units; i++) {
		gunichar2 unit = i < 0 || i == units ? '"' : text[i];
		*out++ = (uint8_t)unit;
		*out++ = (uint8_t)(unit >> 8);
	}
	wipe(text, (size_t)units * sizeof *text);
	return quoted;
}

static struct berval lent(const struct secret *secret)
{
	return (struct berval){.bv_len = secret_length(secret), .bv_val = (char *)(uintptr_t)secret_bytes(secret)};
}

static bool modify_send(LDAP *handle, const struct change *change, int *ret_id)
{
	g_autoptr(secret_t) old = unicode_password(change->old), fresh = unicode_password(change->fresh);

	/* [MS-ADTS] 3.1.1.3.1.5: the server wants an encrypted connection; so do we, whatever it thinks. */
	if (!old || !fresh || !ldap_tls_inplace(handle))
		return false;
	struct berval taken = lent(old), given = lent(fresh), *taken_values[] = {&taken, NULL}, *given_values[] = {&given, NULL};
	char *attribute = (char *)(uintptr_t)"unicodePwd";
	LDAPMod take = {.mod_op = LDAP_MOD_DELETE | LDAP_MOD_BVALUES, .mod_type = attribute, .mod_bvalues = taken_values};
	LDAPMod give = {.mod_op = LDAP_MOD_ADD | LDAP_MOD_BVALUES, .mod_type = attribute, .mod_bvalues = given_values};
	LDAPMod *both[] = {&take, &give, NULL};
	return ldap_modify_ext(handle, change->sign_in->dn, both, NULL, NULL, ret_id) == LDAP_SUCCESS;
}

static bool operation_send(LDAP *handle, const struct change *change, int *ret_id)
{
	struct berval who = {.bv_len = strlen(change->sign_in->dn), .bv_val = change->sign_in->dn}, old = lent(change->old), fresh = lent(change->fresh);
	LDAPControl *policy = NULL;

	if (ldap_create_passwordpolicy_control(handle, &policy) != LDAP_SUCCESS)
		return false;
	LDAPControl *controls[] = {policy, NULL};
	int code = ldap_passwd(handle, &who, &old, &fresh, controls, NULL, ret_id);
	ldap_control_free(policy);
	return code == LDAP_SUCCESS;
}

static bool answer_read(LDAP *handle, LDAPMessage *message, struct change *change)
{
	LDAPControl **controls = NULL;
	int code = LDAP_OTHER, grace = -1;

	if (ldap_parse_result(handle, message, &code, NULL, NULL, NULL, &controls, 0) != LDAP_SUCCESS)
		return false;
	change->code = code;
	policy_control_read(handle, controls, &change->policy_error, &grace);
	ldap_controls_free(controls);
	return true;
}

/* False when the connection broke. Once it was sent it is not sent again, to this server or another: a change that was made cannot be made twice. */
static bool change_work(struct connection *connection, int64_t deadline_ms, void *data)
{
	struct change *change = data;
	int id = 0;

	if (change->sent)
		return true;
	change->server = connection->server;
	if (!(change->sign_in->directory->is_active_directory ? modify_send : operation_send)(connection->handle, change, &id))
		return false;
	change->sent = true;
	LDAPMessage *message = connection_await(connection, id, true, deadline_ms);
	bool well = message && answer_read(connection->handle, message, change);
	ldap_msgfree(message);
	return well;
}

/* As the person where he may still bind, for then his own rights do; as the service account where the password has expired. */
static bool change_ask(struct change *change, struct connection *own)
{
	const struct sign_in *sign_in = change->sign_in;
	struct directory *directory = sign_in->directory;

	if (own)
		return change_work(own, MIN(sign_in->deadline_ms, clock_monotonic_ms() + directory->timeout_ms), change);
	return directory_run(directory, sign_in->deadline_ms, change_work, change, sign_in->checks) && change->code != BIND_NO_ANSWER;
}

static enum reason policy_reason(int policy_error)
{
	switch (policy_error) {
	case PP_passwordTooShort:
		return REASON_PASSWORD_TOO_SHORT;
	case PP_passwordTooYoung:
		return REASON_PASSWORD_TOO_YOUNG;
	case PP_passwordInHistory:
		return REASON_PASSWORD_REUSED;
	case PP_passwordModNotAllowed:
		return REASON_PASSWORD_FIXED;
	default: /* libldap's list: quality, and what is about binding */
		return REASON_PASSWORD_REJECTED;
	}
}

/* Where the directory names no rule: constraintViolation is one of them. The rest is about who may do what. */
static enum reason refusal_reason(const struct change *change)
{
	if (change->policy_error >= 0)
		return policy_reason(change->policy_error);
	return change->code == LDAP_CONSTRAINT_VIOLATION ? REASON_PASSWORD_REJECTED : REASON_PASSWORD_FIXED;
}

static bool change_judge(const struct change *change, bool asked, struct provider_answer *answer)
{
	struct checks *checks = change->sign_in->checks;

	if (!asked || change->code == LDAP_BUSY || change->code == LDAP_UNAVAILABLE) {
		check(checks, "change", "no answer", "0 Success", false);
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return false;
	}
	g_autofree char *seen = g_strdup_printf("%d %s", change->code, ldap_code_text(change->code));
	answer->password_changed = check(checks, "change", seen, "0 Success", change->code == LDAP_SUCCESS);
	if (!answer->password_changed)
		conclude(answer, VERDICT_REFUSED, refusal_reason(change));
	return answer->password_changed;
}

/* Whether the old password was right, be it that it has expired or must be changed: nothing else lets a change follow. */
static bool old_is_right(struct sign_in *sign_in, const struct bind_answer *bound, struct provider_answer *answer)
{
	const struct bind_meaning meaning = bind_meaning(bound);

	if (meaning.verdict != VERDICT_EXPIRED)
		return bind_judge(sign_in, bound, answer);
	return check(sign_in->checks, "password", meaning.words, "right", true);
}

static bool passwords_differ(struct sign_in *sign_in, const struct secret *old, const struct secret *fresh, struct provider_answer *answer)
{
	if (!secrets_equal(secret_bytes(old), secret_length(old), secret_bytes(fresh), secret_length(fresh)))
		return true;
	conclude(answer, VERDICT_REFUSED, REASON_PASSWORD_REUSED);
	return check(sign_in->checks, "new password", "the old one", "another one", false);
}

/* The server that made the change is the one that knows of it already. */
static void sign_in_again(struct change *change, struct provider_answer *answer)
{
	struct sign_in *sign_in = change->sign_in;
	g_autoptr(connection_t) own = NULL;
	struct bind_answer bound = directory_bind(sign_in->directory, change->server, sign_in->dn, change->fresh, sign_in->deadline_ms, sign_in->checks, &own);

	if (bind_judge(sign_in, &bound, answer))
		login_conclude(sign_in, own, &bound, answer);
}

static void change_and_sign_in(struct change *change, const char *username, struct provider_answer *answer)
{
	struct sign_in *sign_in = change->sign_in;
	g_autoptr(connection_t) own = NULL;
	struct bind_answer bound;

	if (!login_bind(sign_in, username, change->old, &bound, &own, answer) || !old_is_right(sign_in, &bound, answer) ||
	    !passwords_differ(sign_in, change->old, change->fresh, answer))
		return;
	if (change_judge(change, change_ask(change, own), answer))
		sign_in_again(change, answer);
}

void ldap_change_password(void *state, const struct provider_complete *input, struct provider_answer *answer)
{
	struct directory *directory = state;
	g_auto(sign_in_t) sign_in = {.directory = directory, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms, .checks = input->checks};
	g_autoptr(secret_t) old = NULL, fresh = NULL;
	const char *username = NULL;

	if (!check(input->checks, "password_change", directory->password_change ? "true" : "false", "true", directory->password_change)) {
		conclude(answer, VERDICT_REFUSED, REASON_PASSWORD_FIXED);
		return;
	}
	if (!password_change_read(input, &username, &old, &fresh, answer))
		return;
	if (!directory_slot_take(directory, input->deadline_ms)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_BUSY);
		return;
	}
	struct change change = {.sign_in = &sign_in, .old = old, .fresh = fresh, .code = BIND_NO_ANSWER, .policy_error = -1};
	change_and_sign_in(&change, username, answer);
	directory_slot_give_back(directory);
}
