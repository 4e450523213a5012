/* What a directory's answer to a bind means.
 *
 * Success is code 0 and nothing else (SECURITY LD-2). Code 49 says "no" and little more; why, stands in the password policy control (OpenLDAP, 389) or, as a number,
 * in Active Directory's diagnostic message. A code that speaks of the directory and not of the person is no answer: "unavailable", never "wrong password". */
#include "providers/ldap_internal.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT_DISABLE 2 /* userAccountControl, [MS-ADTS] 2.2.16 */
#define FILETIME_EPOCH_MS 11644473600000

const char *const status_attributes[] = {"userAccountControl", "accountExpires", "nsAccountLock", "pwdAccountLockedTime", NULL};

static const struct bind_meaning meaning_ok = {VERDICT_OK, REASON_OK, "right"};
static const struct bind_meaning meaning_wrong = {VERDICT_MISMATCH, REASON_WRONG_PASSWORD, "wrong"};
static const struct bind_meaning meaning_none = {VERDICT_MISMATCH, REASON_NO_PASSWORD, "no password in the directory"};
static const struct bind_meaning meaning_disabled = {VERDICT_DISABLED, REASON_ACCOUNT_DISABLED, "disabled"};
static const struct bind_meaning meaning_locked = {VERDICT_DISABLED, REASON_LOCKED_UPSTREAM, "locked by the directory"};
static const struct bind_meaning meaning_expired = {VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED, "expired"};
static const struct bind_meaning meaning_must_change = {VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED, "must be changed first"};
static const struct bind_meaning meaning_refused = {VERDICT_REFUSED, REASON_PROVIDER_REFUSED, "refused"};
static const struct bind_meaning meaning_unavailable = {VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE, "no answer"};

/* Microsoft's codes, in the hexadecimal of the message. 533, 532, 701, 773 are said only to who knows the password. */
static const struct {
	unsigned data;
	const struct bind_meaning *meaning;
} data_meanings[] = {
	{0x525, &meaning_wrong},    {0x52e, &meaning_wrong},     {0x530, &meaning_refused},  {0x531, &meaning_refused},     {0x532, &meaning_expired},
	{0x533, &meaning_disabled}, {0x568, &meaning_refused},   {0x569, &meaning_refused},  {0x701, &meaning_disabled},    {0x773, &meaning_must_change},
	{0x775, &meaning_locked},
};

static const struct {
	int code;
	const struct bind_meaning *meaning;
} code_meanings[] = {
	{LDAP_INVALID_CREDENTIALS, &meaning_wrong},      {LDAP_INAPPROPRIATE_AUTH, &meaning_none}, {LDAP_NO_SUCH_OBJECT, &meaning_wrong},
	{LDAP_INSUFFICIENT_ACCESS, &meaning_refused},    {LDAP_UNWILLING_TO_PERFORM, &meaning_refused},
	{LDAP_CONSTRAINT_VIOLATION, &meaning_locked}, /* 389: too many failures */
};

unsigned diagnostic_data(const char *diagnostic)
{
	const char *found = diagnostic ? strstr(diagnostic, ", data ") : NULL;
	char *end = NULL;

	if (!found || !g_ascii_isxdigit(found[7]))
		return 0;
	unsigned long data = strtoul(found + 7, &end, 16);
	return (*end == ',' || *end == '\0') && data <= 0xffff ? (unsigned)data : 0;
}

static const struct bind_meaning *policy_meaning(const struct bind_answer *answer)
{
	switch (answer->policy_error) {
	case PP_passwordExpired:
		return &meaning_expired;
	case PP_accountLocked:
		return &meaning_locked;
	case PP_changeAfterReset:
		return &meaning_must_change;
	default: /* the rest of libldap's list is about changing a password */
		return NULL;
	}
}

/* A remark makes "yes" smaller, never "no" larger: with code 0, only "must change" is heard. */
static const struct bind_meaning *success_meaning(const struct bind_answer *answer)
{
	return answer->policy_error == PP_changeAfterReset ? &meaning_must_change : &meaning_ok;
}

static const struct bind_meaning *refusal_meaning(const struct bind_answer *answer)
{
	const struct bind_meaning *policy = policy_meaning(answer);

	if (policy)
		return policy;
	for (size_t i = 0; i < G_N_ELEMENTS(data_meanings); i++)
		if (answer->data == data_meanings[i].data)
			return data_meanings[i].meaning;
	return &meaning_wrong;
}

struct bind_meaning bind_meaning(const struct bind_answer *answer)
{
	if (answer->code == LDAP_SUCCESS)
		return *success_meaning(answer);
	if (answer->code == LDAP_INVALID_CREDENTIALS)
		return *refusal_meaning(answer);
	if (answer->code == LDAP_UNWILLING_TO_PERFORM && strstr(answer->diagnostic, "inactivated")) /* 389's disabled account */
		return meaning_disabled;
	for (size_t i = 0; i < G_N_ELEMENTS(code_meanings); i++)
		if (answer->code == code_meanings[i].code)
			return *code_meanings[i].meaning;
	return meaning_unavailable;
}

static bool has_expired(const char *filetime, int64_t now_ms)
{
	uint64_t ticks = 0;

	if (!filetime || !g_ascii_string_to_unsigned(filetime, 10, 1, INT64_MAX - 1, &ticks, NULL))
		return false;
	return (int64_t)(ticks / 10000) - FILETIME_EPOCH_MS <= now_ms;
}

const char *entry_is_shut(const struct entry *entry, int64_t now_ms)
{
	const char *control = entry_text(entry, "userAccountControl"), *lock = entry_text(entry, "nsAccountLock");
	const char *locked = entry_text(entry, "pwdAccountLockedTime");

	if (control && (strtol(control, NULL, 10) & ACCOUNT_DISABLE))
		return "userAccountControl: disabled";
	if (has_expired(entry_text(entry, "accountExpires"), now_ms))
		return "accountExpires: in the past";
	if (lock && g_ascii_strcasecmp(lock, "true") == 0)
		return "nsAccountLock: true";
	/* Any other value is a lock that ends by itself. */
	if (locked && strcmp(locked, "000001010000Z") == 0)
		return "pwdAccountLockedTime: for ever";
	return NULL;
}
