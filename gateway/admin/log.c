/* `passerelle log`: the connection log of a tenant: listing, following, exporting, verifying; and `show REF`, which explains one request: what was asked,
 * each check in order, which one decided, and what to do. Whoever reads it is recorded in it. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"
#include "gateway/admin/declaration_keys.h"
#include "gateway/admin/log_advice.h"
#include "gateway/audit/coalesce.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define LIST_LIMIT 100
#define FOLLOW_PAUSE_MS 300
#define FOLLOW_ROWS 1000 /* at one time, of one node */

/* RFC 3339, or how long ago: "2h". */
static bool since_read(struct command *command, int64_t *ret_ms, GError **error)
{
	const char *text = command_option(command, "since");
	int64_t seconds = 0;
	if (!text)
		return true;
	if (duration_parse(text, &seconds)) {
		*ret_ms = MAX(command->now_ms - seconds * 1000, 1);
		return true;
	}
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
	if (!time)
		return command_misused(command, error, "--since takes a time such as 2026-11-24T13:00:00Z, or how long ago, such as 2h");
	*ret_ms = g_date_time_to_unix(time) * 1000;
	return true;
}

static bool event_check(struct command *command, GError **error)
{
	static const char *const known[] = {
#define EVENT(name, text, durable, sentence) text,
#include "gateway/audit/events.def"
#undef EVENT
		NULL
	};
	const char *event = command_option(command, "event");
	g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)known);
	return !event || g_strv_contains(known, event) || command_misused(command, error, "there is no event %s; there are %s", event, all);
}

struct log_query {
	struct tenant *tenant;
	struct unit *unit;
	struct account account;
	struct log_filter filter;
};

static void log_query_clear(struct log_query *query)
{
	tenant_unref(query->tenant);
	account_clear(&query->account);
}
typedef struct log_query log_query_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(log_query_t, log_query_clear)

/* --account takes what a person would say (a name, an address) or the id; the id of an account that is gone still finds its records. */
static bool account_read(struct command *command, struct log_query *query, GError **error)
{
	const char *word = command_option(command, "account");
	if (!word)
		return true;
	g_autofree char *key = text_login_key(word);
	enum found found = key ? account_find_login(query->unit, query->tenant->id, key, &query->account, error) : MISSING;
	if (found == BROKEN)
		return false;
	if (found == MISSING && !identifier_is_account(word))
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no account %s", query->tenant->name, word);
	query->filter.account = found == FOUND ? query->account.id : word;
	return true;
}

static bool query_read(struct command *command, struct log_query *query, GError **error)
{
	if (!since_read(command, &query->filter.since_ms, error) || !event_check(command, error))
		return false;
	query->filter.event = command_option(command, "event");
	query->tenant = command_tenant(command, error);
	query->unit = query->tenant ? command_reader(command, error) : NULL;
	return query->unit && account_read(command, query, error);
}

static void row_print_text(const struct log_row *row)
{
	char time[CLOCK_TEXT_SIZE];
	const struct { const char *name, *value; } words[] = {
		{ "", row->username ? row->username : row->account }, { "client=", row->client }, { "provider=", row->provider }, { "ip=", row->ip },
		{ "device=", row->device }, { "os=", row->os }, { "browser=", row->browser }, { "actor=", row->actor }, { "ref=", row->ref },
	};
	clock_format(row->time_ms, time);
	printf("%s  %-20s %-6s %-18s", time, row->event, row->result, row->reason ? row->reason : "");
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (!words[i].value)
			continue;
		printf(" %s", words[i].name);
		print_plain(stdout, words[i].value);
	}
	if (coalesced_count(row) > 0)
		printf(" count=%" PRId64, coalesced_count(row));
	putchar('\n');
}

struct row_printing {
	const struct tenant *tenant;
	bool json;
};

static bool row_print(const struct log_row *row, void *data)
{
	const struct row_printing *printing = data;
	if (!printing->json) {
		row_print_text(row);
		return true;
	}
	g_autoptr(json_t) object = audit_row_json(printing->tenant, row);
	g_autofree char *text = json_text(object);
	puts(text);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	g_auto(log_query_t) query = { .filter = { .limit = LIST_LIMIT } };
	const char *limit = command_option(command, "limit");
	if (limit && (!g_ascii_string_to_signed(limit, 10, 1, 1000000, &query.filter.limit, NULL)))
		return command_misused(command, error, "--limit takes a number from 1 to 1000000");
	if (!query_read(command, &query, error) || !command_note_read(command, query.tenant, "log list", error))
		return false;
	struct row_printing printing = { .tenant = query.tenant, .json = command->json };
	return log_list(query.unit, query.tenant->id, &query.filter, row_print, &printing, error);
}

/* All of it, oldest first, one JSON object a line: for another system to keep. */
static bool export_log_run(struct command *command, GError **error)
{
	g_auto(log_query_t) query = { .filter = { .oldest_first = true, .limit = INT64_MAX } };
	if (!query_read(command, &query, error) || !command_note_read(command, query.tenant, "log export", error))
		return false;
	struct row_printing printing = { .tenant = query.tenant, .json = true };
	return log_list(query.unit, query.tenant->id, &query.filter, row_print, &printing, error);
}

/* Where each node's chain was read to: rows are numbered there one by one, so that none is shown twice and none is missed, however many come at once and
 * whatever their clocks say. */
struct following {
	const struct log_query *query;
	struct row_printing printing;
	GHashTable *tips; /* node -> int64_t */
	int64_t *tip;     /* of the node that is being read */
	int64_t rows;     /* since the last pause */
};

static bool row_follow(const struct log_row *row, void *data)
{
	struct following *following = data;
	const struct log_filter *filter = &following->query->filter;
	*following->tip = row->seq;
	following->rows++;
	if (row->time_ms < filter->since_ms || (filter->event && g_strcmp0(row->event, filter->event) != 0) || (filter->account && g_strcmp0(row->account, filter->account) != 0))
		return true;
	return row_print(row, &following->printing);
}

/* Calls `visit` for every node that has written anything for the tenant. */
static bool nodes_visit(struct following *following, bool (*visit)(struct following *following, const char *node, GError **error), GError **error)
{
	g_autofree char *node = g_strdup("");
	for (;;) {
		g_autofree char *before = g_steal_pointer(&node);
		enum found found = log_node_after(following->query->unit, following->query->tenant->id, before, &node, error);
		if (found != FOUND)
			return found == MISSING;
		if (!visit(following, node, error))
			return false;
	}
}

static int64_t *tip_of(struct following *following, const char *node, int64_t first)
{
	int64_t *tip = g_hash_table_lookup(following->tips, node);
	if (!tip) {
		tip = g_new(int64_t, 1);
		*tip = first;
		g_hash_table_insert(following->tips, g_strdup(node), tip);
	}
	return tip;
}

static bool tip_note(struct following *following, const char *node, GError **error)
{
	struct log_tip tip = { 0 };
	/* With --since, what is in the chain already is read too, and what is older left out. */
	if (following->query->filter.since_ms == 0 && !log_last(following->query->unit, following->query->tenant->id, node, &tip, error))
		return false;
	tip_of(following, node, tip.seq);
	return true;
}

/* A node that was not there when following began is read from its first row. */
static bool rows_follow(struct following *following, const char *node, GError **error)
{
	following->tip = tip_of(following, node, 0);
	return log_list_after(following->query->unit, following->query->tenant->id, node, *following->tip, FOLLOW_ROWS, row_follow, following, error);
}

static bool follow_on(struct following *following, GError **error)
{
	while (nodes_visit(following, rows_follow, error)) {
		if (fflush(stdout) != 0)
			return fail(error, ERROR_INTERNAL, "the output could not be written");
		if (following->rows < FOLLOW_ROWS)
			nanosleep(&(struct timespec){ .tv_nsec = FOLLOW_PAUSE_MS * 1000000L }, NULL);
		following->rows = 0;
	}
	return false;
}

static bool follow_run(struct command *command, GError **error)
{
	g_auto(log_query_t) query = { 0 };
	g_autoptr(GHashTable) tips = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct following following = { .query = &query, .tips = tips };
	/* The ends of the chains first, then the record of this reading: it is the first row that is shown, and says that following has begun. */
	if (!query_read(command, &query, error) || !nodes_visit(&following, tip_note, error) || !command_note_read(command, query.tenant, "log follow", error))
		return false;
	following.printing = (struct row_printing){ .tenant = query.tenant, .json = command->json };
	return follow_on(&following, error);
}

static bool verify_run(struct command *command, GError **error)
{
	int64_t rows = 0;
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !audit_verify(unit, tenant->id, &rows, error))
		return false;
	g_autoptr(json_t) object = json_pack("{s:s, s:b, s:I}", "tenant", tenant->name, "intact", 1, "rows", (json_int_t)rows);
	if (command->json)
		print_object(command, object);
	else
		printf("%" PRId64 " records, the chain is intact\n", rows);
	return true;
}

struct explanation {
	const struct tenant *tenant;
	json_t *list;
};

static bool row_explain(const struct log_row *row, void *data)
{
	struct explanation *explanation = data;
	json_t *object = audit_row_json(explanation->tenant, row);
	enum reason reason = reason_named(row->reason ? row->reason : "");
	if (row->detail)
		json_object_set(object, "checks", row->detail);
	json_object_set_new(object, "explanation", json_string(reason_sentence(reason)));
	if (log_advice(reason))
		json_object_set_new(object, "advice", json_string(log_advice(reason)));
	json_array_append_new(explanation->list, object);
	return true;
}

static void field_print(const json_t *row, const char *key, const char *label)
{
	const char *text = json_string_at(row, key);
	if (!text)
		return;
	printf("  %-12s ", label);
	print_plain(stdout, text);
	putchar('\n');
}

/* What was known about it where it was checked: which setting, and on which side. */
static void advice_print(const json_t *one)
{
	const char *advice = json_string_at(one, "advice");
	if (!advice)
		return;
	fputs("      change ", stdout);
	print_plain(stdout, advice);
	putchar('\n');
}

/* The first check that failed decided; everything after it was not asked, or did not matter any more. */
static void checks_print(const json_t *checks)
{
	bool decided = false;
	size_t i;
	json_t *one;
	json_array_foreach(checks, i, one) {
		bool passed = json_is_true(json_object_get(one, "passed"));
		const char *seen = json_string_at(one, "seen"), *expected = json_string_at(one, "expected"), *name = json_string_at(one, "check");
		printf("  %s %s", passed ? "✓" : "✗", name ? name : "?");
		if (seen) {
			fputs(": seen ", stdout);
			print_plain(stdout, seen);
		}
		if (expected) {
			fputs(seen ? ", expected " : ": expected ", stdout);
			print_plain(stdout, expected);
		}
		puts(!passed && !decided ? "   <- this decided" : "");
		advice_print(one);
		decided = decided || !passed;
	}
}

static void explanation_print(const json_t *row)
{
	static const struct { const char *key, *label; } fields[] = {
		{ "client", "client" }, { "username", "user" }, { "account", "account" }, { "provider", "provider" }, { "ip", "from" }, { "device", "device" },
		{ "os", "system" }, { "browser", "browser" }, { "acr", "acr" }, { "amr", "amr" }, { "actor", "by" },
	};
	const json_t *checks = json_object_get(row, "checks");
	printf("%s  %s: %s (%s)\n", json_string_at(row, "time"), json_string_at(row, "event"), json_string_at(row, "result"), json_string_at(row, "reason"));
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
		field_print(row, fields[i].key, fields[i].label);
	if (json_is_array(checks))
		checks_print(checks);
	else if (json_is_object(checks)) {
		g_autofree char *text = json_text(checks);
		fputs("  changed      ", stdout);
		print_plain(stdout, text);
		putchar('\n');
	}
	printf("  why          %s\n", json_string_at(row, "explanation"));
	field_print(row, "advice", "what to do");
}

/* One object: the last record, in which the request ended; with all of them under "records" where the reference has several. */
static void explanation_print_json(const struct command *command, const json_t *list)
{
	size_t count = json_array_size(list);
	g_autoptr(json_t) object = json_copy(json_array_get(list, count - 1));
	if (count > 1)
		json_object_set_new(object, "records", json_deep_copy(list));
	print_object(command, object);
}

static bool show_run(struct command *command, GError **error)
{
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !command_note_read(command, tenant, "log show", error))
		return false;
	struct explanation explanation = { tenant, list };
	const struct log_filter filter = { .ref = command_word(command, 0), .limit = 100, .oldest_first = true };
	if (!log_list(unit, tenant->id, &filter, row_explain, &explanation, error))
		return false;
	if (json_array_size(list) == 0)
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no record with the reference %s", tenant->name, command_word(command, 0));
	if (command->json) {
		explanation_print_json(command, list);
		return true;
	}
	size_t i;
	json_t *row;
	json_array_foreach(list, i, row)
		explanation_print(row);
	return true;
}

#define FILTERS "account= since= event="
const struct verb log_verbs[] = {
	{ .object = "log", .name = "list", .options = FILTERS " limit=", .run = list_run, .summary = "the newest records first" },
	{ .object = "log", .name = "show", .words = "REF", .words_min = 1, .words_max = 1, .run = show_run,
	  .summary = "explain one request: what was asked, each check, which one decided, what to do" },
	{ .object = "log", .name = "follow", .options = FILTERS, .run = follow_run, .summary = "print records as they are written; with --since, those from then on first" },
	{ .object = "log", .name = "verify", .run = verify_run, .summary = "recompute the chain of records" },
	{ .object = "log", .name = "export", .options = FILTERS, .run = export_log_run, .summary = "all records, oldest first, one JSON object a line" },
	{ 0 },
};
