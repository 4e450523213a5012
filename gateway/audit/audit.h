/* Writing and reading the connection log. */
#pragma once
#include "gateway/store/store.h"
#include "policies/decision.h"

enum audit_event {
#define EVENT(name, text, durable, sentence) EVENT_##name,
#include "gateway/audit/events.def"
#undef EVENT
};
const char *audit_event_text(enum audit_event event);
/* Whether the answer must wait for the record (sign-ins, grants to a person, administrative acts). */
bool audit_event_durable(enum audit_event event);

enum audit_result { AUDIT_ERROR = 0, AUDIT_DENIED, AUDIT_OK };
const char *audit_result_text(enum audit_result result);

/* Facts of one record; all borrowed, NULL for unknown. */
struct audit_facts {
	enum audit_event event;
	enum audit_result result;
	enum reason reason;
	const char *account, *username, *provider, *client, *session, *address, *user_agent, *acr, *amr, *ref;
	const char *actor;   /* who acted, for administrative acts: "cli:root" */
	const json_t *detail; /* checks_json, or before/after without secrets */
	int64_t time_ms;
	bool summary;        /* stands for others, each of which was counted (figures.h) when it happened */
};

/* Inside a transaction, beside what it records: chains and inserts. An unknown username is kept as a keyed hash ("h:…"), in clear only where
 * `username_known` or where its domain is one of the tenant's own. */
bool audit_append(struct unit *unit, const struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known, GError **error);
/* A transaction of its own: waits when the event is durable, else queues, refusals only while the queue has room for grants left. False: the record could
 * not be kept, so nothing may be granted (AU-7). */
bool audit_write(struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known, GError **error);
/* The row as CONTRACT's JSON. Caller owns. */
json_t *audit_row_json(const struct tenant *tenant, const struct log_row *row);
/* Recomputes the chain of one tenant and node, oldest first. False with *error naming the first row that does not fit; *ret_rows counts. */
bool audit_verify(struct unit *unit, const char *tenant, int64_t *ret_rows, GError **error);
/* The keyed hash used for unknown user names, so that an administrator can look one up. Caller frees. */
char *audit_username_hash(const struct root_keys *keys, const char *tenant, const char *login_key);
