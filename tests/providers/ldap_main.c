/* Tests of the LDAP driver, against real directories that this program starts and ends. */
#include "conformance.h"
#include "ldap_tests.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define TESTS_MAX 128

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list, void *fixture)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++) {
		all[count] = list->tests[i];
		all[count++].initial_state = fixture;
	}
	return count;
}

static char *rc_file;

/* What an attacker, or a careless profile script, could leave in the environment and in rc files (SECURITY LD-4). None of it may be heard, in any test. */
static void environment_poison(void)
{
	setenv("LDAPTLS_REQCERT", "never", 1);
	setenv("LDAPTLS_REQSAN", "never", 1);
	setenv("LDAPTLS_CACERT", "/dev/null", 1);
	setenv("LDAPTLS_CIPHER_SUITE", "NULL", 1);
	setenv("LDAPREFERRALS", "on", 1);
	setenv("LDAPURI", "ldap://127.0.0.1:1", 1);
	rc_file = g_strdup("/tmp/passerelle-ldaprc-XXXXXX");
	int fd = g_mkstemp(rc_file);
	static const char rc[] = "TLS_REQCERT never\nTLS_CACERT /dev/null\nURI ldap://127.0.0.1:1\nTIMELIMIT 1\nREFERRALS on\n";
	if (write(fd, rc, sizeof rc - 1) < 0)
		abort();
	close(fd);
	setenv("LDAPCONF", rc_file, 1);
	setenv("LDAPRC", rc_file, 1);
	setenv("LDAPTIMELIMIT", "1", 1);
	setenv("LDAPSIZELIMIT", "0", 1);
	unsetenv("LDAPNOINIT");
}

int main(void)
{
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	signal(SIGPIPE, SIG_IGN); /* as serve does */
	environment_poison();
	providers_start();
	ldap_rig_open();
	count = add(all, count, &conformance_list, &ldap_fixture);
	count = add(all, count, &ldap_text_list, NULL);
	count = add(all, count, &ldap_directory_list, NULL);
	count = add(all, count, &ldap_password_list, NULL);
	count = add(all, count, &ldap_groups_list, NULL);
	count = add(all, count, &ldap_tls_list, NULL);
	count = add(all, count, &ldap_probe_list, NULL);
	count = add(all, count, &ldap_failure_list, NULL);
	int failed = _cmocka_run_group_tests("providers-ldap", all, count, NULL, NULL);
	ldap_rig_close();
	unlink(rc_file);
	g_free(rc_file);
	return failed;
}
