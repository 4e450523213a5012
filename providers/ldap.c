/* LDAP and Active Directory: people sign in with their directory's password.
 *
 *	form ──> search, as the service account ──> bind, as the person ──0──> entry open? ──> groups ──> identity
 *	                    │ nobody, several                  ^ not 0: ldap_verdict.c
 *	                    └──> the decoy ────────────────────┘
 *
 *	form ──> bind as user_dn with the login in it ──0──> read the entry ──> … the same
 *
 * An unknown name, or one that no account could have, costs the same searches, connections and binds as a known one with a wrong password: where there is nobody to
 * bind as, the decoy is bound to, with random bytes as long as the password. What we cannot make equal is the hash inside the directory, unless decoy_dn names an
 * entry that has one. Only after a right password does an answer say more: disabled, or which groups.
 *
 * Nothing that was typed, and no name from the directory that tells it, goes into the checks. */
#include "providers/drivers.h"
#include "providers/ldap_internal.h"
#include "providers/password_form.h"

#include "base/clock.h"
#include "base/text.h"
#include "crypto/random.h"

#include <ldap.h>
#include <string.h>

void sign_in_clear(struct sign_in *sign_in)
{
	g_free(sign_in->filter);
	g_free(sign_in->dn);
	search_clear(&sign_in->search);
	json_decref(sign_in->groups);
}

static bool driver_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	struct directory *directory = directory_new(place->name, settings, error);

	if (directory)
		*ret_state = directory;
	return directory != NULL;
}

static void driver_close(void *state)
{
	directory_free(state);
}

static void driver_begin(void *state, const struct provider_begin *input, struct provider_answer *answer)
{
	(void)state, (void)input;
	password_form_ask(answer);
}

void conclude(struct provider_answer *answer, enum verdict verdict, enum reason reason)
{
	answer->verdict = verdict;
	answer->reason = reason;
}

/* A name that no account can have is looked for under one that no account has. */
static char *login_or_nobody(const char *username)
{
	g_autofree char *key = username && strlen(username) <= LOGIN_BYTES_MAX ? text_login_key(username) : NULL;
	char random[IDENTIFIER_SIZE];

	if (key)
		return g_strstrip(g_strdup(username));
	random_identifier(random);
	return g_strdup_printf("nobody-%s", random);
}

char *directory_login_filter(const struct directory *directory, const char *login)
{
	g_autofree char *filter = filter_fill(directory->user_filter, "login", login);

	return filter_and(filter, directory->people_filter);
}

static bool person_search(struct connection *connection, int64_t deadline_ms, void *data)
{
	struct sign_in *sign_in = data;

	sign_in->server = connection->server;
	return connection_search(connection, &sign_in->search, deadline_ms);
}

static void search_prepare(struct sign_in *sign_in, const char *base, bool base_only, const char *filter)
{
	sign_in->search.base = base;
	sign_in->search.base_only = base_only;
	sign_in->search.filter = filter;
	sign_in->search.attributes = sign_in->directory->attributes;
	sign_in->search.entries_max = 1;
}

static bool search_is_answered(const struct search *search)
{
	return search->code == LDAP_SUCCESS || (search->code == LDAP_SIZELIMIT_EXCEEDED && search->more);
}

/* An entry without a name would make the bind anonymous. */
static void person_choose(struct sign_in *sign_in)
{
	const struct search *search = &sign_in->search;
	const struct entry *only = search->entries->len == 1 && !search->more ? g_ptr_array_index(search->entries, 0) : NULL;

	sign_in->person = only && *only->dn ? only : NULL;
}

static bool directory_answered(struct sign_in *sign_in, struct provider_answer *answer)
{
	const struct search *search = &sign_in->search;

	if (search_is_answered(search)) {
		person_choose(sign_in);
		return true;
	}
	g_autofree char *seen = g_strdup_printf("%d %s", search->code, ldap_code_text(search->code));
	check(sign_in->checks, "search", seen, "0 Success", false);
	conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
	return false;
}

/* What is bound when there is nobody: as many bytes as were typed, none of them those that were. */
static struct secret *decoy_password(const struct secret *typed)
{
	struct secret *decoy = secret_new_empty(secret_length(typed));
	uint8_t *bytes = secret_writable(decoy);

	random_bytes(bytes, secret_length(decoy));
	for (size_t i = 0; i < secret_length(decoy); i++)
		bytes[i] = (uint8_t)('a' + bytes[i] % 26);
	return decoy;
}

/* Whatever the directory says to a decoy, it never opens. */
static void nobody_conclude(struct sign_in *sign_in, const struct bind_answer *bound, struct provider_answer *answer)
{
	const struct search *search = &sign_in->search;
	bool several = search->more || search->entries->len > 0;

	check(sign_in->checks, "person", several ? "several entries, or one without a name" : "no entry", "exactly one entry", false);
	if (bound->code == BIND_NO_ANSWER)
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
	else if (several)
		conclude(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	else
		conclude(answer, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT);
}

const char *entry_subject(const struct directory *directory, const struct entry *entry)
{
	const json_t *values = json_object_get(entry->attributes, directory->subject_attribute);
	const char *subject = json_array_size(values) == 1 ? json_string_value(json_array_get(values, 0)) : NULL;

	return subject && text_is_plain(subject, 255) ? subject : NULL;
}

json_t *entry_claims(const struct directory *directory, const struct entry *entry, const json_t *groups)
{
	g_autoptr(json_t) upstream = json_copy(entry->attributes);
	const char *name = json_string_at(directory->claims, "groups");

	json_object_set(upstream, name, (json_t *)(uintptr_t)groups);
	return mapping_apply(&directory->mapping, upstream);
}

static bool groups_search(struct connection *connection, int64_t deadline_ms, void *data)
{
	struct sign_in *sign_in = data;

	json_decref(g_steal_pointer(&sign_in->groups));
	return groups_of(sign_in->directory, connection, sign_in->person, deadline_ms, &sign_in->groups, &sign_in->groups_code);
}

/* memberOf came with the entry; only where it is all, no connection is needed. On `own`, where the person's own rights read the directory. */
static bool groups_find(struct sign_in *sign_in, struct connection *own)
{
	const struct directory *directory = sign_in->directory;
	bool asks = directory->groups_way == GROUPS_BY_SEARCH || directory->groups_way == GROUPS_IN_CHAIN ||
	            (directory->groups_way == GROUPS_BY_ATTRIBUTE && directory->groups_nested);
	bool well;

	if (!asks)
		well = groups_search(NULL, sign_in->deadline_ms, sign_in);
	else if (own)
		well = groups_search(own, MIN(sign_in->deadline_ms, clock_monotonic_ms() + directory->timeout_ms), sign_in);
	else
		well = directory_run(sign_in->directory, sign_in->deadline_ms, groups_search, sign_in, sign_in->checks);
	if (well && sign_in->groups_code == LDAP_SUCCESS)
		return true;
	g_autofree char *seen = well ? g_strdup_printf("%d %s", sign_in->groups_code, ldap_code_text(sign_in->groups_code)) : g_strdup("no answer");
	return check(sign_in->checks, "groups", seen, "0 Success", false);
}

/* The entry of somebody who has proved to be that person, or whom a live grant speaks for. `amr` as in identity_new. */
static void person_conclude(struct sign_in *sign_in, struct connection *own, const char *const *amr, struct provider_answer *answer)
{
	const char *shut = entry_is_shut(sign_in->person, sign_in->now_ms), *subject = entry_subject(sign_in->directory, sign_in->person);

	if (!check(sign_in->checks, "account", shut ? shut : "open", "open", !shut)) {
		conclude(answer, VERDICT_DISABLED, REASON_ACCOUNT_DISABLED);
		return;
	}
	if (!check(sign_in->checks, sign_in->directory->subject_attribute, subject ? "one value" : "none, several, or no text", "one value", subject != NULL)) {
		conclude(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return;
	}
	if (!groups_find(sign_in, own)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return;
	}
	answer->identity = identity_new(sign_in->directory->provider, subject, amr, entry_claims(sign_in->directory, sign_in->person, sign_in->groups));
	conclude(answer, answer->identity ? VERDICT_OK : VERDICT_VIOLATION, answer->identity ? REASON_OK : REASON_PROVIDER_VIOLATION);
}

static const char *const amr_password[] = {"pwd", NULL};

bool bind_judge(struct sign_in *sign_in, const struct bind_answer *bound, struct provider_answer *answer)
{
	const struct bind_meaning meaning = bind_meaning(bound);
	bool right = bound->code == LDAP_SUCCESS && meaning.verdict == VERDICT_OK;
	g_autofree char *seen = bound->data ? g_strdup_printf("%s (%d, data %x)", meaning.words, bound->code, bound->data)
	                                    : g_strdup_printf("%s (%d)", meaning.words, bound->code);

	if (bound->code == BIND_NO_ANSWER)
		check(sign_in->checks, "password", "no answer", "right", false);
	else
		check(sign_in->checks, "password", right ? "right" : seen, "right", right);
	if (!right)
		conclude(answer, meaning.verdict, meaning.reason);
	return right;
}

static bool search_then_bind(struct sign_in *sign_in, const char *login, const struct secret *password, struct bind_answer *ret_bound,
                             struct connection **ret_own, struct provider_answer *answer)
{
	struct directory *directory = sign_in->directory;

	sign_in->filter = directory_login_filter(directory, login);
	search_prepare(sign_in, directory->base_dn, false, sign_in->filter);
	if (!directory_run(directory, sign_in->deadline_ms, person_search, sign_in, sign_in->checks)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return false;
	}
	if (!directory_answered(sign_in, answer))
		return false;
	g_autoptr(secret_t) decoy = decoy_password(password);
	sign_in->dn = g_strdup(sign_in->person ? sign_in->person->dn : directory->decoy_dn);
	*ret_bound = directory_bind(directory, sign_in->server, sign_in->dn, sign_in->person ? password : decoy, sign_in->deadline_ms, sign_in->checks,
	                            sign_in->person ? ret_own : NULL);
	if (!sign_in->person) {
		nobody_conclude(sign_in, ret_bound, answer);
		return false;
	}
	return check(sign_in->checks, "person", "one entry", "exactly one entry", true);
}

/* Here the directory does not tell an unknown person from a wrong password, and neither do we. */
static bool bind_by_name(struct sign_in *sign_in, const char *login, const struct secret *password, struct bind_answer *ret_bound, struct connection **ret_own)
{
	sign_in->dn = dn_fill(sign_in->directory->user_dn, login);
	if (sign_in->dn)
		*ret_bound = directory_bind(sign_in->directory, NULL, sign_in->dn, password, sign_in->deadline_ms, sign_in->checks, ret_own);
	return sign_in->dn != NULL;
}

bool login_bind(struct sign_in *sign_in, const char *username, const struct secret *password, struct bind_answer *ret_bound, struct connection **ret_own,
                struct provider_answer *answer)
{
	g_autofree char *login = login_or_nobody(username);

	return sign_in->directory->user_dn ? bind_by_name(sign_in, login, password, ret_bound, ret_own)
	                                   : search_then_bind(sign_in, login, password, ret_bound, ret_own, answer);
}

/* The entry is read by the service account where there is one, else by the person. */
static bool own_entry_read(struct sign_in *sign_in, struct connection *own)
{
	struct directory *directory = sign_in->directory;

	if (own)
		return person_search(own, MIN(sign_in->deadline_ms, clock_monotonic_ms() + directory->timeout_ms), sign_in);
	return directory_run(directory, sign_in->deadline_ms, person_search, sign_in, sign_in->checks);
}

static void own_entry_conclude(struct sign_in *sign_in, struct connection *own, struct provider_answer *answer)
{
	if (!own_entry_read(sign_in, own)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return;
	}
	if (sign_in->search.code != LDAP_NO_SUCH_OBJECT && !directory_answered(sign_in, answer))
		return;
	if (!check(sign_in->checks, "person", sign_in->person ? "one entry" : "no entry that may sign in", "exactly one entry", sign_in->person != NULL)) {
		conclude(answer, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT);
		return;
	}
	person_conclude(sign_in, own, amr_password, answer);
}

/* The last sign-ins that an expired password has, where the directory counts them. */
static void grace_note(const struct bind_answer *bound, struct provider_answer *answer)
{
	answer->in_grace = answer->verdict == VERDICT_OK && bound->grace_logins >= 0;
	answer->grace_left = answer->in_grace ? (unsigned)bound->grace_logins : 0;
}

void login_conclude(struct sign_in *sign_in, struct connection *own, const struct bind_answer *bound, struct provider_answer *answer)
{
	const struct directory *directory = sign_in->directory;

	if (directory->user_dn) {
		g_free(sign_in->filter);
		sign_in->filter = filter_and("(objectClass=*)", directory->people_filter);
		search_prepare(sign_in, sign_in->dn, true, sign_in->filter);
		own_entry_conclude(sign_in, directory->bind_dn ? NULL : own, answer);
	} else {
		person_conclude(sign_in, NULL, amr_password, answer);
	}
	grace_note(bound, answer);
}

static void driver_complete(void *state, const struct provider_complete *input, struct provider_answer *answer)
{
	struct directory *directory = state;
	g_auto(sign_in_t) sign_in = {.directory = directory, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms, .checks = input->checks};
	g_autoptr(secret_t) password = NULL;
	g_autoptr(connection_t) own = NULL;
	struct bind_answer bound;
	const char *username = NULL;

	if (!password_form_read(input, &username, &password, answer))
		return;
	if (!directory_slot_take(directory, input->deadline_ms)) {
		check(input->checks, "connection", "none free in time", "one", false);
		conclude(answer, VERDICT_UNAVAILABLE, REASON_BUSY);
		return;
	}
	bool keeps = directory->user_dn && !directory->bind_dn;
	if (login_bind(&sign_in, username, password, &bound, keeps ? &own : NULL, answer) && bind_judge(&sign_in, &bound, answer))
		login_conclude(&sign_in, own, &bound, answer);
	directory_slot_give_back(directory);
}

static void subject_search(struct sign_in *sign_in, const char *subject, struct provider_answer *answer)
{
	struct directory *directory = sign_in->directory;
	g_autofree char *filter = filter_of_subject(directory->subject_attribute, subject);

	if (!filter) {
		conclude(answer, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT);
		return;
	}
	sign_in->filter = filter_and(filter, directory->people_filter);
	search_prepare(sign_in, directory->base_dn, false, sign_in->filter);
	if (!directory_run(directory, sign_in->deadline_ms, person_search, sign_in, NULL)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return;
	}
	if (!directory_answered(sign_in, answer))
		return;
	if (sign_in->person)
		person_conclude(sign_in, NULL, NULL, answer);
	else if (sign_in->search.more)
		conclude(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	else
		conclude(answer, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT);
}

/* Is this person still there, still open, and in which groups? Where nobody but the person may read the directory, only he could be asked. */
static void driver_refresh(void *state, const char *subject, const struct secret *keep, int64_t now_ms, int64_t deadline_ms, struct provider_answer *answer)
{
	struct directory *directory = state;
	g_auto(sign_in_t) sign_in = {.directory = directory, .now_ms = now_ms, .deadline_ms = deadline_ms};

	(void)keep;
	if (directory->user_dn && !directory->bind_dn) {
		conclude(answer, VERDICT_MORE, REASON_PROVIDER_UNASKED);
		return;
	}
	if (!directory_slot_take(directory, deadline_ms)) {
		conclude(answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
		return;
	}
	subject_search(&sign_in, subject, answer);
	directory_slot_give_back(directory);
}

const struct provider_driver provider_ldap = {
	.name = "ldap",
	.capabilities = CAPABILITY_ASKS_PASSWORD | CAPABILITY_REFRESHES | CAPABILITY_PROBES | CAPABILITY_MAY_BLOCK,
	.keys = ldap_keys,
	.open = driver_open,
	.close = driver_close,
	.begin = driver_begin,
	.complete = driver_complete,
	.refresh = driver_refresh,
	.change_password = ldap_change_password,
	.probe = ldap_probe,
};
