/* The LDAP driver's tests, one subject a file. */
#pragma once
#include "conformance.h"
#include "rig.h"

extern const struct test_list ldap_password_list, ldap_directory_list, ldap_tls_list, ldap_failure_list, ldap_groups_list, ldap_text_list, ldap_probe_list;
extern struct conformance_fixture ldap_fixture;

void ldap_rig_open(void);
void ldap_rig_close(void);

/* JSON settings for the rig's directory with `more` ("key":value,…) added or, as they come last, in the place of what is there. Caller frees. */
char *ldap_settings(const char *more);
/* An opened driver; fails the test where it does not open. */
void *ldap_opened(const char *more);
struct tried {
	struct provider_answer answer;
	json_t *checks;
	int64_t took_ms, cpu_ms; /* CPU of this thread */
};
void tried_clear(struct tried *tried);
typedef struct tried tried_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(tried_t, tried_clear)
/* One sign-in on an opened driver, to be over by `within_ms`. */
struct tried ldap_try(void *opened, const char *username, const char *password, int64_t within_ms);
/* One change of a password, with 8 seconds. */
struct tried ldap_change(void *opened, const char *username, const char *password, const char *new_password);
/* Opens, tries once with 8 seconds, closes. */
struct tried ldap_try_once(const char *more, const char *username, const char *password);
struct tried ldap_refreshed(void *opened, const char *subject);
/* The "seen" of the first check of that name that failed; NULL: none. Borrowed. */
const char *failed_check(const struct tried *tried, const char *name);
void verdict_is(const struct tried *tried, enum verdict verdict);
