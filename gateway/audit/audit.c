/* Writing the connection log: one row for each attempt, inside the transaction of what it records or in one of its own. When a row cannot be kept the
 * caller is told so and must not grant anything (SECURITY AU-2, AU-7). */
#include "gateway/audit/audit.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "gateway/audit/chain.h"
#include "gateway/audit/figures.h"
#include "gateway/audit/row.h"

static const struct {
	const char *text;
	bool durable;
} events[] = {
#define EVENT(name, text, durable, sentence) [EVENT_##name] = { text, durable },
#include "gateway/audit/events.def"
#undef EVENT
};

const char *audit_event_text(enum audit_event event)
{
	return (size_t)event < G_N_ELEMENTS(events) ? events[event].text : "unknown";
}

bool audit_event_durable(enum audit_event event)
{
	return (size_t)event >= G_N_ELEMENTS(events) || events[event].durable;
}

bool audit_append(struct unit *unit, const struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known, GError **error)
{
	g_auto(log_row_t) row = { 0 };

	if (!facts->summary && !unit_runs_again(unit))
		figures_note(facts);
	row_fill(&row, store, tenant, facts, username_known);
	row.detail = json_incref((json_t *)(uintptr_t)facts->detail); /* counted, never changed: the caller waits until it is written */
	return chain_append(unit, tenant->id, &row, error);
}

/* A row on its way to the writer. It owns its tenant's id, since the tenant may be dropped from memory meanwhile. */
struct entry {
	char tenant[IDENTIFIER_SIZE];
	struct log_row row;
};

static bool entry_write(struct unit *unit, void *data, GError **error)
{
	struct entry *entry = data;

	return chain_append(unit, entry->tenant, &entry->row, error);
}

static void entry_free(void *data)
{
	struct entry *entry = data;

	log_row_clear(&entry->row);
	g_free(entry);
}

bool audit_write(struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known, GError **error)
{
	struct entry *entry = g_new0(struct entry, 1);

	g_strlcpy(entry->tenant, tenant->id, sizeof entry->tenant);
	row_fill(&entry->row, store, tenant, facts, username_known);
	/* A copy, not a reference: the row may be written after the caller has gone on. */
	entry->row.detail = json_deep_copy(facts->detail);
	if (audit_event_durable(facts->event)) {
		bool written = store_write(store, entry_write, entry, error);
		entry_free(entry);
		return written;
	}
	if (!(facts->result == AUDIT_OK ? store_write_later : store_write_spare)(store, entry_write, entry, entry_free))
		return fail(error, ERROR_UNAVAILABLE, "the queue of log records is full: %s of tenant %s is not recorded", audit_event_text(facts->event),
		            tenant->name);
	return true;
}

static json_t *text_or_null(const char *text)
{
	/* A row somebody tampered with may hold bytes that are not UTF-8: the name must stay in its place all the same. */
	json_t *value = text && text[0] ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *hash_json(const uint8_t hash[DIGEST_SIZE])
{
	char text[DIGEST_SIZE * 2 + 1];

	hex_encode(hash, DIGEST_SIZE, text);
	return json_string(text);
}

json_t *audit_row_json(const struct tenant *tenant, const struct log_row *row)
{
	json_t *object = json_object();
	char time[CLOCK_TEXT_SIZE];
	const struct { const char *name, *value; } words[] = {
		{ "tenant", tenant->name }, { "event", row->event }, { "result", row->result }, { "reason", row->reason }, { "account", row->account },
		{ "username", row->username }, { "provider", row->provider }, { "client", row->client }, { "session", row->session }, { "ip", row->ip },
		{ "user_agent", row->user_agent }, { "device", row->device }, { "os", row->os }, { "browser", row->browser }, { "acr", row->acr },
		{ "amr", row->amr }, { "ref", row->ref }, { "actor", row->actor },
	};

	clock_format(row->time_ms, time);
	json_object_set_new(object, "id", text_or_null(row->id));
	json_object_set_new(object, "node", text_or_null(row->node));
	json_object_set_new(object, "seq", json_integer(row->seq));
	json_object_set_new(object, "time", json_string(time));
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		json_object_set_new(object, words[i].name, text_or_null(words[i].value));
	json_object_set_new(object, "prev_hash", hash_json(row->prev_hash));
	json_object_set_new(object, "hash", hash_json(row->hash));
	return object;
}
