/* Bare libldap: each thread searches on a connection of the service account's that stays, then binds as the person on a new one, under the same TLS as the
 * gateway's, whose context all connections share as the gateway's do. */
#include "ceilings.h"
#include "directory.h"
#include <ldap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_uint_fast64_t done;
static const struct ceiling_time *subject;
static void *context;

static void check(int code, const char *what)
{
	if (code != LDAP_SUCCESS)
		g_error("%s: %s", what, ldap_err2string(code));
}

static LDAP *open_directory(void)
{
	LDAP *handle = NULL;
	int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
	check(ldap_initialize(&handle, subject->url), "ldap_initialize");
	ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(handle, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	if (context) {
		check(ldap_set_option(handle, LDAP_OPT_X_TLS_CTX, context), "the TLS context");
	} else {
		ldap_set_option(handle, LDAP_OPT_X_TLS_CACERTFILE, subject->certificate);
		check(ldap_set_option(handle, LDAP_OPT_X_TLS_NEWCTX, &client), "the TLS context");
	}
	return handle;
}

static LDAP *bind_as(const char *name, const char *password)
{
	LDAP *handle = open_directory();
	struct berval secret = { .bv_len = strlen(password), .bv_val = (char *)(uintptr_t)password };
	check(ldap_start_tls_s(handle, NULL, NULL), "StartTLS");
	check(ldap_sasl_bind_s(handle, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL), "bind");
	return handle;
}

static char *find_person(LDAP *service)
{
	static const char *const attributes[] = { "entryUUID", "uid", "displayName", "cn", "mail", "memberOf", "userAccountControl", "accountExpires", "nsAccountLock",
		"pwdAccountLockedTime", NULL };
	g_autofree char *filter = g_strdup_printf("(&(objectClass=person)(|(uid=%s@corp.example)(mail=%s@corp.example)))", subject->person, subject->person);
	LDAPMessage *found = NULL;
	check(ldap_search_ext_s(service, DIRECTORY_BASE, LDAP_SCOPE_SUBTREE, filter,
		(char **)(uintptr_t)attributes, 0, NULL, NULL, NULL, 2, &found), "search");
	char *name = ldap_get_dn(service, ldap_first_entry(service, found));
	ldap_msgfree(found);
	return name;
}

static void *sign_people_in(void *data)
{
	LDAP *service = bind_as(DIRECTORY_SERVICE, DIRECTORY_SERVICE_PASSWORD);
	(void)data;
	for (;;) {
		char *name = find_person(service);
		ldap_unbind_ext(bind_as(name, subject->password), NULL, NULL);
		ldap_memfree(name);
		atomic_fetch_add(&done, 1);
	}
	return NULL;
}

/* The process ends when this returns, and its threads with it. */
void ceiling_ldap(const void *data, struct work *ret)
{
	pthread_t thread;
	subject = data;
	setenv("LDAPNOINIT", "1", 1);
	LDAP *first = open_directory();
	check(ldap_get_option(first, LDAP_OPT_X_TLS_CTX, &context), "the TLS context");
	for (unsigned i = 0; i < subject->writers; i++)
		pthread_create(&thread, NULL, sign_people_in, NULL);
	g_usleep(300000);
	int64_t began = now_ns(), cpu = cpu_ns(getpid());
	uint64_t before = atomic_load(&done);
	g_usleep((gulong)subject->measure_ms * 1000);
	*ret = (struct work){ .operations = atomic_load(&done) - before, .cpu_ns = cpu_ns(getpid()) - cpu, .wall_ns = now_ns() - began };
}
