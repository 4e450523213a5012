/* See entering.h. */
#include "tests/call/entering.h"

const struct provider_driver upstream_driver = { .name = "upstream", .capabilities = CAPABILITY_REDIRECTS };

struct entering_work {
	struct entering *entering;
	struct identity *identity;
	int64_t now_ms;
};

static bool enter_in_unit(struct unit *unit, void *data, GError **error)
{
	struct entering_work *work = data;
	struct entering *entering = work->entering;
	struct link link = { 0 };

	const struct provider_answer answer = { .verdict = VERDICT_OK, .identity = work->identity };
	entering->done = provision(unit, entering->tenant, entering->source, &answer, work->now_ms, &entering->account, &entering->reason, error);
	if (!entering->done)
		return false;
	if (link_find(unit, entering->tenant->id, entering->source->name, entering->subject, &link, NULL) == FOUND)
		g_strlcpy(entering->linked, link.account, sizeof entering->linked);
	link_clear(&link);
	return !entering->undo || fail(error, ERROR_ACCESS_DENIED, "the test undoes this");
}

void enter(const struct bench *bench, struct entering *entering, int64_t later_ms)
{
	static const char *const amr[] = { "pwd", NULL };
	g_autoptr(identity_t) identity = identity_new(entering->source->name, entering->subject, amr, json_of(entering->claims));
	struct entering_work work = { entering, identity, NOW_MS + later_ms };
	g_autoptr(GError) error = NULL;

	assert_non_null(identity);
	bool kept = store_write(bench->store, enter_in_unit, &work, &error);
	assert_int_equal(kept, entering->done && !entering->undo);
}

void enter_as(const struct bench *bench, const struct tenant *tenant, const struct source *source, const char *subject, const char *claims,
	char ret_account[IDENTIFIER_SIZE])
{
	struct entering entering = { .tenant = tenant, .source = source, .subject = subject, .claims = claims };

	enter(bench, &entering, 0);
	assert_true(entering.done);
	if (entering.reason != REASON_OK)
		fail_msg("%s was refused: %s", subject, reason_name(entering.reason));
	assert_string_equal(entering.linked, entering.account.id);
	g_strlcpy(ret_account, entering.account.id, IDENTIFIER_SIZE);
	account_clear(&entering.account);
}
