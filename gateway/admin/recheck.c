/* Asking an account's providers at once whether the person is still there, instead of waiting for the next use of a refresh token.
 *
 *   each enabled source that is linked and can be asked ─→ its answer, on the network ─→ one transaction: taken over, or ended; recorded
 *
 * "Still there" updates the account as a refresh would. "Gone" or "shut" ends the sessions, and the tokens that came by that provider. No answer ends nothing. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "gateway/call/provision.h"

#define ASKING_MS 30000
#define REFERENCE_TEXT 10 /* as a request's */

struct asked {
	const struct source *source;
	struct provider_answer answer;
};

struct recheck {
	const struct account *account;
	GArray *asked; /* struct asked */
};

static void asked_clear(gpointer data)
{
	struct asked *asked = data;
	provider_answer_clear(&asked->answer);
}

/* No answer, and a provider that only the person himself could ask, say nothing of the person. */
static bool is_answer(const struct asked *asked)
{
	return asked->answer.verdict != VERDICT_UNAVAILABLE && asked->answer.verdict != VERDICT_MORE;
}

static bool is_gone(const struct asked *asked)
{
	return is_answer(asked) && source_reason(&asked->answer) != REASON_OK;
}

static bool source_ask(struct command *command, const struct tenant *tenant, struct recheck *recheck, const struct source *source, GError **error)
{
	struct link link = { 0 };
	struct unit *unit = command_reader(command, error);
	enum found found = unit ? link_find_account(unit, tenant->id, source->name, recheck->account->id, &link, error) : BROKEN;
	if (found == FOUND) {
		struct asked asked = { .source = source };
		found = provision_ask(command->store, tenant, source, &link, clock_now_ms(), clock_monotonic_ms() + ASKING_MS, &asked.answer, error);
		if (found == FOUND)
			g_array_append_val(recheck->asked, asked);
	}
	link_clear(&link);
	return found != BROKEN;
}

static bool sources_ask(struct command *command, const struct tenant *tenant, const struct source_list *list, struct recheck *recheck, GError **error)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->sources[i].driver->refresh && !source_ask(command, tenant, recheck, &list->sources[i], error))
			return false;
	return recheck->asked->len > 0 || fail(error, ERROR_NOT_FOUND, "user %s is linked to no provider that can be asked", recheck->account->username);
}

static json_t *asked_json(const struct recheck *recheck)
{
	json_t *rows = json_array();
	for (guint i = 0; i < recheck->asked->len; i++) {
		const struct asked *asked = &g_array_index(recheck->asked, struct asked, i);
		json_t *row = json_pack("{s:s, s:s}", "provider", asked->source->name, "reason", reason_name(source_reason(&asked->answer)));
		json_object_set_new(row, "ended", json_boolean(is_gone(asked)));
		json_object_set_new(row, "answered", json_boolean(is_answer(asked)));
		json_array_append_new(rows, row);
	}
	return rows;
}

/* The account is read again inside the transaction: what was changed while the provider was asked stays. */
static bool take_over(struct unit *unit, const struct act *act, const struct asked *asked, GError **error)
{
	const struct recheck *recheck = act->data;
	g_auto(account_t) account = { 0 };
	enum found found = account_find(unit, act->tenant->id, recheck->account->id, &account, error);
	return found == MISSING
		|| (found == FOUND && provision_update(unit, act->tenant, asked->source, &asked->answer, clock_now_ms(), &account, error));
}

static bool recheck_work(struct unit *unit, struct act *act, GError **error)
{
	const struct recheck *recheck = act->data;
	for (guint i = 0; i < recheck->asked->len; i++) {
		const struct asked *asked = &g_array_index(recheck->asked, struct asked, i);
		bool done = is_gone(asked) ? account_end_provider(unit, act->tenant->id, recheck->account->id, asked->source->name, clock_now_ms(), error)
			: !is_answer(asked) || take_over(unit, act, asked, error);
		if (!done)
			return false;
	}
	return true;
}

json_t *account_recheck(struct command *command, const struct tenant *tenant, const struct account *account, GError **error)
{
	struct recheck recheck = { .account = account, .asked = g_array_new(FALSE, FALSE, sizeof(struct asked)) };
	const struct provider_place *ways = command_ways(command, error);
	struct sources *sources = ways ? sources_new(command->store, ways, 1) : NULL;
	g_autoptr(source_list_t) list = sources ? sources_of(sources, tenant, error) : NULL;
	g_autoptr(json_t) rows = NULL;
	bool done = false;
	char reference[IDENTIFIER_SIZE];
	/* the record has a reference, so that `log show` tells what each provider said */
	random_identifier(reference);
	reference[REFERENCE_TEXT] = 0;
	g_array_set_clear_func(recheck.asked, asked_clear);
	if (list && sources_ask(command, tenant, list, &recheck, error)) {
		rows = asked_json(&recheck);
		struct act act = { .work = recheck_work, .data = &recheck, .tenant = tenant,
			.facts = { .event = EVENT_USER_RECHECK, .account = account->id, .username = account->username, .ref = reference, .detail = rows } };
		done = command_act(command, &act, error);
	}
	g_array_unref(recheck.asked);
	g_clear_pointer(&list, source_list_unref);
	sources_free(sources);
	return done ? g_steal_pointer(&rows) : NULL;
}
