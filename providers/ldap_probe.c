/* `provider test`: the way of a sign-in, one step at a time, each with what was seen, what was expected, and where it failed what to change on which side.
 *
 *	for each server:  resolve ─> connect ─> StartTLS/TLS ─> certificate ─> service bind
 *	on the first good one:  base ─> person ─> subject, account fields, account ─> groups ─> bind as the person
 *
 * The person's steps need a `username`, the last one a `password` too. Here the checks may hold the directory's own words and the person's name, because whoever
 * may test a provider may read them (SECURITY LD-7); never a password. No account is touched, but for what the directory itself counts of a wrong password. */
#include "providers/ldap_internal.h"

#include "base/clock.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "policies/password_rules.h"

#include <arpa/inet.h>
#include <ldap.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

struct probe {
	struct directory *directory;
	struct checks *checks;
	int64_t deadline_ms;
	struct connection *connection; /* of the first good server, bound as the service account */
};

static int64_t step_until(const struct probe *probe, int64_t length_ms)
{
	return MIN(probe->deadline_ms, clock_monotonic_ms() + length_ms);
}

static bool code_check(const struct probe *probe, const char *name, int code, const char *diagnostic, bool passed, const char *advice)
{
	g_autofree char *seen = code == BIND_NO_ANSWER ? g_strdup("no answer, or a broken one")
	                                               : g_strdup_printf("%d %s%s%s", code, ldap_code_text(code), diagnostic && *diagnostic ? ": " : "", diagnostic ? diagnostic : "");

	return check_advised(probe->checks, name, seen, "0 Success", passed, advice);
}

/* The steps of connection_open, in their order, up to the one that failed. */
static const struct {
	const char *step, *expected, *advice;
} connection_steps[] = {
	{"resolve", "an address", "Here: correct the host in url. Or correct the name in DNS."},
	{"connect", "a connection in time", "There: start the directory, or open the firewall between this machine and it. Here: correct host and port in url."},
	{"StartTLS", "granted", "There: give the directory a certificate, so that it offers StartTLS. Here: use ldaps:// in url, if it listens there."},
	{"TLS", "a handshake, with a certificate that leads to the CA, names the host and is not over",
	 "See the certificate below; if there is none, the port may not speak TLS: use ldap:// with start_tls."},
};

static void address_describe(const struct connection *connection, char text[NI_MAXHOST])
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof address;
	int fd = -1;

	g_strlcpy(text, "?", NI_MAXHOST);
	if (ldap_get_option(connection->handle, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS && getpeername(fd, (struct sockaddr *)&address, &size) == 0)
		getnameinfo((struct sockaddr *)&address, size, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
}

static bool step_applies(const struct probe *probe, const struct directory_server *server, const char *step)
{
	if (strcmp(step, "StartTLS") == 0)
		return probe->directory->start_tls && !server->tls_at_once;
	return strcmp(step, "TLS") != 0 || probe->directory->start_tls || server->tls_at_once;
}

/* `trouble` NULL: all went well. */
static void connection_checks(const struct probe *probe, const struct directory_server *server, const struct connection *connection,
                              const struct connection_trouble *trouble)
{
	char address[NI_MAXHOST] = "";

	if (connection)
		address_describe(connection, address);
	for (size_t i = 0; i < G_N_ELEMENTS(connection_steps); i++) {
		const char *step = connection_steps[i].step;
		bool failed = trouble && strcmp(trouble->step, step) == 0;
		if (!step_applies(probe, server, step))
			continue;
		g_autofree char *seen = g_strdup_printf("%s: %s", server->url, failed ? trouble->text : strcmp(step, "resolve") == 0 && connection ? address : "done");
		check_advised(probe->checks, step, seen, connection_steps[i].expected, !failed, connection_steps[i].advice);
		if (failed)
			return;
	}
}

static const char *certificate_advice(bool in_time, bool named, bool self_issued)
{
	if (!in_time)
		return "There: renew the directory's certificate, or set its clock, or this machine's.";
	if (!named)
		return "Here: use one of these names in url. Or there: give the directory a certificate that has this one.";
	if (self_issued)
		return "Here: put this very certificate in a PEM file and name that in tls_ca_file. Better, there: one from your CA.";
	return "Here: put the certificate of the CA that issued it in a PEM file and name that in tls_ca_file.";
}

/* `trusted`: the handshake that checks everything took it. */
static void certificate_check(const struct probe *probe, const struct directory_server *server, const struct connection *connection, bool trusted)
{
	g_auto(certificate_facts_t) facts = {0};
	struct berval der = {0};

	if (ldap_get_option(connection->handle, LDAP_OPT_X_TLS_PEERCERT, &der) != LDAP_OPT_SUCCESS || !der.bv_val)
		return;
	if (certificate_read(der.bv_val, der.bv_len, &facts)) {
		char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
		int64_t now_ms = clock_now_ms();
		bool in_time = facts.from_ms <= now_ms && now_ms <= facts.to_ms, named = certificate_is_for(der.bv_val, der.bv_len, server->host);
		clock_format(facts.from_ms, from);
		clock_format(facts.to_ms, to);
		g_autofree char *seen = g_strdup_printf("names %s; %.10s to %.10s; of %s, by %s", *facts.names ? facts.names : "none", from, to, facts.subject, facts.issuer);
		g_autofree char *expected = g_strdup_printf("names %s, valid today, issued under the CA file", server->host);
		check_advised(probe->checks, "certificate", seen, expected, trusted, certificate_advice(in_time, named, facts.self_issued));
	}
	ldap_memfree(der.bv_val);
}

/* After a handshake that failed: the certificate again, looked at without believing it. Nothing is said over that connection. */
static void refused_certificate_check(const struct probe *probe, struct directory_server *server)
{
	const struct tls_context *trusting = tls_context_for(probe->directory->tls->ca_file, probe->directory->tls->min_version, false, NULL);
	struct connection_trouble trouble = {0};
	g_autoptr(connection_t) connection = trusting ? connection_open(probe->directory, server, trusting, step_until(probe, probe->directory->connect_timeout_ms), &trouble) : NULL;

	if (connection)
		certificate_check(probe, server, connection, false);
}

static bool service_bind_check(const struct probe *probe, struct connection *connection)
{
	const struct directory *directory = probe->directory;

	if (!directory->bind_dn)
		return check(probe->checks, "service bind", "none: searches are anonymous", "none, or code 0", true);
	struct bind_answer answer = service_bind(directory, connection, step_until(probe, directory->timeout_ms));
	return code_check(probe, "service bind", answer.code, answer.diagnostic, answer.code == LDAP_SUCCESS && answer.policy_error != PP_changeAfterReset,
	                  "Here: correct bind_dn and bind_password. There: see that the service account is not locked and its password has not expired.");
}

static void server_probe(struct probe *probe, struct directory_server *server)
{
	struct connection_trouble trouble = {0};
	g_autoptr(connection_t) connection = connection_open(probe->directory, server, probe->directory->tls, step_until(probe, probe->directory->connect_timeout_ms), &trouble);

	connection_checks(probe, server, connection, connection ? NULL : &trouble);
	if (!connection) {
		if (strcmp(trouble.step, "TLS") == 0)
			refused_certificate_check(probe, server);
		return;
	}
	if (ldap_tls_inplace(connection->handle))
		certificate_check(probe, server, connection, true);
	if (service_bind_check(probe, connection) && !probe->connection)
		probe->connection = g_steal_pointer(&connection);
}

static bool base_check(const struct probe *probe)
{
	char *attributes[] = {(char *)(uintptr_t)LDAP_NO_ATTRS, NULL};
	g_auto(search_t) search = {.base = probe->directory->base_dn, .base_only = true, .filter = "(objectClass=*)", .attributes = attributes, .entries_max = 1};

	if (!connection_search(probe->connection, &search, step_until(probe, probe->directory->timeout_ms)))
		return code_check(probe, "base", BIND_NO_ANSWER, NULL, false, "There: see why the directory stopped answering.");
	if (search.code != LDAP_SUCCESS)
		return code_check(probe, "base", search.code, NULL, false, "Here: correct base_dn. There: let the service account read it.");
	return check_advised(probe->checks, "base", search.entries->len ? probe->directory->base_dn : "nothing to be seen", probe->directory->base_dn, search.entries->len == 1,
	                     "There: let the service account read base_dn and what is under it. Here: correct base_dn.");
}

static bool person_count_check(const struct probe *probe, const struct search *search)
{
	const struct entry *first = search->entries->len ? g_ptr_array_index(search->entries, 0) : NULL;
	bool one = first && search->entries->len == 1 && !search->more && *first->dn;
	g_autofree char *expected = g_strdup_printf("exactly one entry for %s", search->filter);

	if (search->code != LDAP_SUCCESS && !(search->code == LDAP_SIZELIMIT_EXCEEDED && search->more))
		return code_check(probe, "person", search->code, NULL, false, "Here: correct user_filter. There: let the service account search under base_dn.");
	return check_advised(probe->checks, "person", !first ? "none" : search->more ? "several" : first->dn, expected, one,
	                     first ? "Here: make user_filter match one entry for a name. There: see who else has that name."
	                           : "Here: correct user_filter, people_filter or base_dn. There: let the service account read that entry and the attributes in the filter.");
}

static void fields_check(const struct probe *probe, const struct entry *person)
{
	static const char *const fields[] = {"username", "name", "email"};
	g_autoptr(json_t) groups = json_array(), claims = entry_claims(probe->directory, person, groups);
	const char *subject = entry_subject(probe->directory, person), *shut = entry_is_shut(person, clock_now_ms());

	check_advised(probe->checks, probe->directory->subject_attribute, subject ? subject : "none, several, or no text", "one value", subject != NULL,
	              "Here: correct subject_attribute: entryUUID, with Active Directory objectGUID. There: let the service account read it.");
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		const char *value = json_string_at(claims, fields[i]);
		g_autofree char *advice = g_strdup_printf("Here: name the attribute that holds it in claims: { %s: … }. There: fill it in, or let the service account read it.", fields[i]);
		check_advised(probe->checks, fields[i], value ? value : "none", i == 0 ? "a name" : "a value, or none", value || i > 0, advice);
	}
	check_advised(probe->checks, "account", shut ? shut : "open", "open", !shut, "There: open the account again, if it was not meant.");
}

static void groups_check(const struct probe *probe, const struct entry *person, struct connection *connection)
{
	json_t *found = NULL;
	int code = LDAP_SUCCESS;

	if (!groups_of(probe->directory, connection, person, step_until(probe, probe->directory->timeout_ms), &found, &code)) {
		code_check(probe, "groups", BIND_NO_ANSWER, NULL, false, "There: see why the directory stopped answering.");
		return;
	}
	g_autoptr(json_t) groups = found, ours = mapping_groups(&probe->directory->mapping, groups);
	g_autoptr(GString) seen = g_string_new(NULL);
	for (size_t i = 0; i < json_array_size(ours); i++)
		g_string_append_printf(seen, "%s%s", i ? ", " : "", json_string_value(json_array_get(ours, i)));
	if (code == LDAP_SUCCESS)
		check(probe->checks, "groups", json_array_size(ours) ? seen->str : "none", "any, as they are after group_map", true);
	else
		code_check(probe, "groups", code, NULL, false, "Here: correct groups: base_dn and filter. There: let the service account read groups and their members.");
}

static bool person_bind_check(const struct probe *probe, const char *dn, const char *typed, struct connection **ret_connection)
{
	g_autoptr(secret_t) password = typed ? text_password(typed, strlen(typed), PASSWORD_MAX_BYTES) : NULL;

	if (!password)
		return false;
	struct bind_answer answer = directory_bind(probe->directory, probe->connection ? probe->connection->server : NULL, dn, password, probe->deadline_ms, NULL,
	                                           ret_connection);
	const struct bind_meaning meaning = bind_meaning(&answer);
	g_autofree char *seen = g_strdup_printf("%s: %d %s%s%s", meaning.words, answer.code, answer.code < 0 ? "" : ldap_code_text(answer.code), *answer.diagnostic ? ": " : "",
	                                        answer.diagnostic);
	return check_advised(probe->checks, "bind as the person", seen, "right: 0 Success", answer.code == LDAP_SUCCESS && meaning.verdict == VERDICT_OK,
	                     "Try the password again. There: see whether the account is locked, disabled or its password has expired.");
}

static void person_checks(const struct probe *probe, const struct search *search, struct connection *connection)
{
	const struct entry *person = g_ptr_array_index(search->entries, 0);

	fields_check(probe, person);
	groups_check(probe, person, connection);
}

static void person_probe(const struct probe *probe, const char *login, const char *typed)
{
	struct directory *directory = probe->directory;
	g_autofree char *filter = directory_login_filter(directory, login);
	g_auto(search_t) search = {.base = directory->base_dn, .filter = filter, .attributes = directory->attributes, .entries_max = 1};

	if (!connection_search(probe->connection, &search, step_until(probe, directory->timeout_ms))) {
		code_check(probe, "person", BIND_NO_ANSWER, NULL, false, "There: see why the directory stopped answering.");
		return;
	}
	if (!person_count_check(probe, &search))
		return;
	person_checks(probe, &search, probe->connection);
	person_bind_check(probe, ((const struct entry *)g_ptr_array_index(search.entries, 0))->dn, typed, NULL);
}

/* With user_dn the entry is read by the service account, or after the bind by the person. */
static void named_person_probe(const struct probe *probe, const char *login, const char *typed)
{
	struct directory *directory = probe->directory;
	g_autofree char *dn = dn_fill(directory->user_dn, login), *filter = filter_and("(objectClass=*)", directory->people_filter);
	g_auto(search_t) search = {.base = dn, .base_only = true, .filter = filter, .attributes = directory->attributes, .entries_max = 1};
	g_autoptr(connection_t) own = NULL;

	if (!check(probe->checks, "user_dn", dn ? dn : "no name", directory->user_dn, dn != NULL))
		return;
	person_bind_check(probe, dn, typed, directory->bind_dn ? NULL : &own);
	struct connection *reader = directory->bind_dn ? probe->connection : own;
	if (reader && connection_search(reader, &search, step_until(probe, directory->timeout_ms)) && person_count_check(probe, &search))
		person_checks(probe, &search, reader);
}

void ldap_probe(void *state, const struct provider_probe *input)
{
	struct probe probe = {.directory = state, .checks = input->checks, .deadline_ms = input->deadline_ms};
	const char *login = input->input ? form_value(input->input, "username") : NULL, *typed = input->input ? form_value(input->input, "password") : NULL;

	for (size_t i = 0; i < probe.directory->server_count; i++)
		server_probe(&probe, &probe.directory->servers[i]);
	bool reads = probe.connection && (probe.directory->user_dn ? true : base_check(&probe));
	if (reads && login && check(probe.checks, "login name", strlen(login) <= LOGIN_BYTES_MAX ? login : "too long", "at most 256 bytes", strlen(login) <= LOGIN_BYTES_MAX)) {
		if (probe.directory->user_dn)
			named_person_probe(&probe, login, typed);
		else
			person_probe(&probe, login, typed);
	}
	connection_close(probe.connection);
}
