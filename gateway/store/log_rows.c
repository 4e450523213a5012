/* The connection log's rows. They are inserted and read; only retention removes them, from the old end of a chain, and leaves an anchor. */
#include "gateway/store/unit.h"
#include <string.h>

#define COLUMNS \
	"id, node, seq, time_ms, event, result, reason, account, username, provider, client, session, ip, user_agent, device, os, browser, acr, amr, ref, " \
	"actor, personal_salt, personal, prev_hash, hash, detail"

static const char tenant_sql[] = "SELECT count(*) FROM tenant WHERE tenant = $1";
static const char insert_sql[] =
	"INSERT INTO log_row (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, "
	"$22, $23, $24, $25, $26, $27)";
static const char last_sql[] = "SELECT seq, hash FROM log_row WHERE tenant = $1 AND node = $2 ORDER BY seq DESC LIMIT 1";

#define ANY_ACCOUNT "(CAST($5 AS TEXT) IS NULL OR account = $5)"
#define ANY_REF "(CAST($6 AS TEXT) IS NULL OR ref = $6)"
#define LIST(condition, order) \
	"SELECT " COLUMNS " FROM log_row WHERE tenant = $1 AND (CAST($2 AS TEXT) IS NULL OR event = $2) AND time_ms >= $3 AND " condition \
	" ORDER BY " order " LIMIT $4"
#define NEWEST "time_ms DESC, node, seq DESC"
#define OLDEST "time_ms, node, seq"
static const char list_ref[] = LIST("ref = $6 AND " ANY_ACCOUNT, NEWEST), list_ref_oldest[] = LIST("ref = $6 AND " ANY_ACCOUNT, OLDEST);
static const char list_account[] = LIST("account = $5 AND " ANY_REF, NEWEST), list_account_oldest[] = LIST("account = $5 AND " ANY_REF, OLDEST);
static const char list_time[] = LIST(ANY_ACCOUNT " AND " ANY_REF, NEWEST), list_time_oldest[] = LIST(ANY_ACCOUNT " AND " ANY_REF, OLDEST);
static const char list_chain[] = LIST(ANY_ACCOUNT " AND " ANY_REF, "node, seq");

static const char list_after[] = "SELECT " COLUMNS " FROM log_row WHERE tenant = $1 AND node = $2 AND seq > $3 ORDER BY seq LIMIT $4";
static const char node_after[] = "SELECT node FROM log_row WHERE tenant = $1 AND node > $2 ORDER BY node LIMIT 1";

static const char anchor_find[] = "SELECT tip_sealed FROM log_anchor WHERE tenant = $1 AND node = $2";
static const char anchor_put[] =
	"INSERT INTO log_anchor (tenant, node, tip_sealed) VALUES ($1, $2, $3) ON CONFLICT (tenant, node) DO UPDATE SET tip_sealed = excluded.tip_sealed";
/* Chains that hold a row over retention. A few at a time are enough: what is left is found next time. */
static const char overdue_sql[] =
	"SELECT DISTINCT tenant, node, before_ms FROM (SELECT l.tenant, l.node, $1 - t.log_retention_ms AS before_ms FROM tenant AS t "
	"JOIN log_row AS l ON l.tenant = t.tenant AND l.time_ms < $1 - t.log_retention_ms LIMIT 256) AS overdue";
static const char chain_start[] = "SELECT seq, hash, time_ms FROM log_row WHERE tenant = $1 AND node = $2 ORDER BY seq LIMIT $3";
static const char chain_cut[] = "DELETE FROM log_row WHERE tenant = $1 AND node = $2 AND seq <= $3";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct log_row *row = record;
	column_identifier(cursor, 0, row->id);
	row->node = column_copy(cursor, 1);
	row->seq = column_integer(cursor, 2);
	row->time_ms = column_integer(cursor, 3);
	char **const texts[] = { &row->event, &row->result, &row->reason, &row->account, &row->username, &row->provider, &row->client, &row->session, &row->ip,
	                         &row->user_agent, &row->device, &row->os, &row->browser, &row->acr, &row->amr, &row->ref, &row->actor };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		*texts[i] = column_copy(cursor, 4 + (int)i);
	if (!column_bytes(cursor, 21, row->personal_salt, sizeof(row->personal_salt)) || !column_bytes(cursor, 22, row->personal, DIGEST_SIZE) ||
	    !column_bytes(cursor, 23, row->prev_hash, DIGEST_SIZE) || !column_bytes(cursor, 24, row->hash, DIGEST_SIZE))
		return fail(error, ERROR_INTERNAL, "a row of the connection log is damaged");
	return column_json(cursor, 25, &row->detail, error);
}

static void record_clear(void *record)
{
	log_row_clear(record);
}

static const struct record_type type = { sizeof(struct log_row), record_from_row, record_clear };

static struct seal_context anchor_context(const char *tenant, const char *node)
{
	return (struct seal_context){ .tenant = tenant, .table = "log_anchor", .row = node, .column = "tip_sealed" };
}

static bool anchor_read(struct unit *unit, cursor_t *cursor, const char *tenant, const char *node, struct log_tip *ret, GError **error)
{
	struct seal_context context = anchor_context(tenant, node);
	g_autoptr(secret_t) tip = unseal(store_keys(unit->store), &context, column_text(cursor, 0), error);
	if (!tip)
		return false;
	if (secret_length(tip) != sizeof(uint64_t) + DIGEST_SIZE)
		return fail(error, ERROR_INTERNAL, "the anchor of a log chain is damaged");
	uint64_t seq;
	memcpy(&seq, secret_bytes(tip), sizeof(seq));
	ret->seq = (int64_t)GUINT64_FROM_BE(seq);
	memcpy(ret->hash, secret_bytes(tip) + sizeof(seq), DIGEST_SIZE);
	return true;
}

enum found log_anchor_find(struct unit *unit, const char *tenant, const char *node, struct log_tip *ret, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, anchor_find, VALUES(value_text(tenant), value_text(node)));
	switch (cursor_step(&cursor, error)) {
	case STEP_BROKEN:
		return BROKEN;
	case STEP_DONE:
		return MISSING;
	case STEP_ROW:
		return anchor_read(unit, &cursor, tenant, node, ret, error) ? FOUND : BROKEN;
	}
	return BROKEN;
}

bool log_last(struct unit *unit, const char *tenant, const char *node, struct log_tip *ret, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, last_sql, VALUES(value_text(tenant), value_text(node)));
	struct log_tip tip = { 0 };
	switch (cursor_step(&cursor, error)) {
	case STEP_BROKEN:
		return false;
	case STEP_DONE:
		/* All rows may be over retention: the chain goes on from the anchor, numbers are never given twice. */
		if (log_anchor_find(unit, tenant, node, &tip, error) == BROKEN)
			return false;
		break;
	case STEP_ROW:
		tip.seq = column_integer(&cursor, 0);
		if (!column_bytes(&cursor, 1, tip.hash, DIGEST_SIZE))
			return fail(error, ERROR_INTERNAL, "the last row of the connection log is damaged");
		break;
	}
	*ret = tip;
	return true;
}

bool log_insert(struct unit *unit, const char *tenant, const struct log_row *row, GError **error)
{
	/* A request that was under way while its tenant was removed must not leave people's names behind for ever: it fails as a whole. */
	int64_t there = 0;
	if (unit_integer(unit, &there, error, tenant_sql, VALUES(value_text(tenant))) == BROKEN)
		return false;
	if (!there)
		return fail(error, ERROR_NOT_FOUND, "the tenant was removed meanwhile");
	g_autofree char *detail = NULL;
	return unit_run(unit, NULL, error, insert_sql,
	                VALUES(value_text(tenant), value_text(row->id), value_text(row->node), value_integer(row->seq), value_integer(row->time_ms),
	                       value_text(row->event), value_text(row->result), value_text(row->reason), value_text(row->account), value_text(row->username),
	                       value_text(row->provider), value_text(row->client), value_text(row->session), value_text(row->ip),
	                       value_text(row->user_agent), value_text(row->device), value_text(row->os), value_text(row->browser), value_text(row->acr),
	                       value_text(row->amr), value_text(row->ref), value_text(row->actor), value_bytes(row->personal_salt, sizeof(row->personal_salt)),
	                       value_digest(row->personal), value_digest(row->prev_hash), value_digest(row->hash), value_json(row->detail, &detail)));
}

struct listing {
	bool (*each)(const struct log_row *row, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(record, listing->data);
}

/* The text whose plain equality lets the best index serve. */
static const char *list_sql(const struct log_filter *filter)
{
	if (filter->ref)
		return filter->oldest_first ? list_ref_oldest : list_ref;
	if (filter->account)
		return filter->oldest_first ? list_account_oldest : list_account;
	if (!filter->oldest_first)
		return list_time;
	return filter->since_ms > 0 ? list_time_oldest : list_chain;
}

bool log_list(struct unit *unit, const char *tenant, const struct log_filter *filter, bool (*each)(const struct log_row *row, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql(filter),
	                   VALUES(value_text(tenant), value_text(filter->event), value_integer(filter->since_ms),
	                          value_integer(filter->limit > 0 ? filter->limit : INT64_MAX), value_text(filter->account), value_text(filter->ref)));
}

bool log_list_after(struct unit *unit, const char *tenant, const char *node, int64_t seq, int64_t limit, bool (*each)(const struct log_row *row, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_after,
	                   VALUES(value_text(tenant), value_text(node), value_integer(seq), value_integer(limit)));
}

enum found log_node_after(struct unit *unit, const char *tenant, const char *after, char **ret_node, GError **error)
{
	return unit_text(unit, ret_node, error, node_after, VALUES(value_text(tenant), value_text(after)));
}

struct chain {
	char tenant[IDENTIFIER_SIZE];
	char *node;
	int64_t before_ms;
};

static void chain_clear(void *data)
{
	struct chain *chain = data;
	g_free(chain->node);
}

static bool overdue_list(struct unit *unit, int64_t now_ms, GArray *chains, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, overdue_sql, VALUES(value_integer(now_ms)));
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		struct chain chain = { .node = column_copy(&cursor, 1), .before_ms = column_integer(&cursor, 2) };
		column_identifier(&cursor, 0, chain.tenant);
		g_array_append_val(chains, chain);
	}
	return result == STEP_DONE;
}

/* The last row of the chain's old end that is over retention, within `limit` rows. seq 0: none. A row stamped by a clock that was wrong stops it. */
static bool chain_end(struct unit *unit, const struct chain *chain, int64_t limit, struct log_tip *ret, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, chain_start, VALUES(value_text(chain->tenant), value_text(chain->node), value_integer(limit)));
	enum step_result result;
	*ret = (struct log_tip){ 0 };
	while ((result = cursor_step(&cursor, error)) == STEP_ROW && column_integer(&cursor, 2) < chain->before_ms) {
		ret->seq = column_integer(&cursor, 0);
		if (!column_bytes(&cursor, 1, ret->hash, DIGEST_SIZE))
			return fail(error, ERROR_INTERNAL, "a row of the connection log is damaged");
	}
	return result != STEP_BROKEN;
}

static bool chain_sweep(struct unit *unit, const struct chain *chain, int64_t *limit, GError **error)
{
	struct log_tip tip;
	if (!chain_end(unit, chain, *limit, &tip, error))
		return false;
	if (tip.seq == 0)
		return true;
	uint8_t plain[sizeof(uint64_t) + DIGEST_SIZE];
	uint64_t seq = GUINT64_TO_BE((uint64_t)tip.seq);
	memcpy(plain, &seq, sizeof(seq));
	memcpy(plain + sizeof(seq), tip.hash, DIGEST_SIZE);
	struct seal_context context = anchor_context(chain->tenant, chain->node);
	g_autofree char *sealed = column_seal(unit, &context, plain, sizeof(plain));
	int64_t affected = 0;
	if (!unit_run(unit, NULL, error, anchor_put, VALUES(value_text(chain->tenant), value_text(chain->node), value_text(sealed))) ||
	    !unit_run(unit, &affected, error, chain_cut, VALUES(value_text(chain->tenant), value_text(chain->node), value_integer(tip.seq))))
		return false;
	*limit -= affected;
	return true;
}

bool log_sweep(struct unit *unit, int64_t now_ms, int64_t *limit, GError **error)
{
	g_autoptr(GArray) chains = g_array_new(FALSE, FALSE, sizeof(struct chain));
	g_array_set_clear_func(chains, chain_clear);
	if (!overdue_list(unit, now_ms, chains, error))
		return false;
	for (guint i = 0; i < chains->len && *limit > 0; i++)
		if (!chain_sweep(unit, &g_array_index(chains, struct chain, i), limit, error))
			return false;
	return true;
}
