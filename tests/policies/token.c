/* Tokens: alive or not, who may look, and what a refresh token shown again means (CONTRACT section 5). */
#include "policies/token.h"

#include "lists.h"

static void alive_table(void **state)
{
	static const struct {
		const char *story;
		struct token_facts facts;
		enum reason reason;
	} rows[] = {
		{"zero", {0}, REASON_TOKEN_EXPIRED},
		{"alive", {.now_s = 100, .expires_s = 200}, REASON_OK},
		{"last second", {.now_s = 199, .expires_s = 200}, REASON_OK},
		{"expired", {.now_s = 200, .expires_s = 200}, REASON_TOKEN_EXPIRED},
		{"not yet", {.now_s = 100, .expires_s = 200, .not_before_s = 101}, REASON_TOKEN_INVALID},
		{"just now", {.now_s = 100, .expires_s = 200, .not_before_s = 100}, REASON_OK},
		{"revoked", {.now_s = 100, .expires_s = 200, .token_revoked = true}, REASON_TOKEN_REVOKED},
		{"grant revoked", {.now_s = 100, .expires_s = 200, .grant_revoked = true}, REASON_GRANT_REVOKED},
		{"client gone", {.now_s = 100, .expires_s = 200, .client_gone = true}, REASON_CLIENT_UNKNOWN},
		{"account disabled", {.now_s = 100, .expires_s = 200, .account_disabled = true}, REASON_ACCOUNT_DISABLED},
		{"account disabled, offline", {.now_s = 100, .expires_s = 200, .account_disabled = true, .offline = true}, REASON_ACCOUNT_DISABLED},
		{"signed out", {.now_s = 100, .expires_s = 200, .session_ended = true}, REASON_SESSION_ENDED},
		{"signed out, offline", {.now_s = 100, .expires_s = 200, .session_ended = true, .offline = true}, REASON_OK},
		{"offline, expired", {.now_s = 300, .expires_s = 200, .offline = true}, REASON_TOKEN_EXPIRED},
		{"offline, grant revoked", {.now_s = 100, .expires_s = 200, .offline = true, .grant_revoked = true}, REASON_GRANT_REVOKED},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (token_decide(&rows[i].facts) != rows[i].reason)
			fail_msg("%s: %s", rows[i].story, reason_name(token_decide(&rows[i].facts)));
}

static void introspection_table(void **state)
{
	static const struct {
		struct introspection_facts facts;
		enum reason reason;
	} rows[] = {
		{{0}, REASON_TOKEN_NOT_YOURS},
		{{INTROSPECTS_RESOURCE, true, false}, REASON_OK},
		{{INTROSPECTS_RESOURCE, false, true}, REASON_OK},
		{{INTROSPECTS_OWN, false, false}, REASON_TOKEN_NOT_YOURS},
		{{INTROSPECTS_OWN, false, true}, REASON_TOKEN_NOT_YOURS},
		{{INTROSPECTS_OWN, true, false}, REASON_OK},
		{{INTROSPECTS_TENANT, false, false}, REASON_OK},
		{{INTROSPECTS_TENANT, true, true}, REASON_OK},
		{{(enum introspects)7, false, true}, REASON_UNDECIDED},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		assert_int_equal(introspection_decide(&rows[i].facts), rows[i].reason);
}

#define SECOND INT64_C(1000)
#define NOW (1000 * SECOND)
#define LIVE .now_ms = NOW, .grace_ms = 30 * SECOND, .idle_expires_ms = NOW + SECOND, .absolute_expires_ms = NOW + SECOND

static void refresh_table(void **state)
{
	static const struct {
		const char *story;
		struct refresh_facts facts;
		enum refresh_use use;
		enum reason reason;
	} rows[] = {
		{"zero", {0}, REFRESH_REFUSE, REASON_REFRESH_EXPIRED},
		{"does not rotate", {LIVE}, REFRESH_KEEP, REASON_OK},
		{"rotates", {LIVE, .rotates = true}, REFRESH_ROTATE, REASON_OK},
		{"grant revoked", {LIVE, .rotates = true, .grant_revoked = true}, REFRESH_REFUSE, REASON_GRANT_REVOKED},
		{"grant revoked, does not rotate", {LIVE, .grant_revoked = true}, REFRESH_REFUSE, REASON_GRANT_REVOKED},
		{"grant revoked, old", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW, .grant_revoked = true}, REFRESH_REFUSE, REASON_GRANT_REVOKED},
		{"idle too long", {.now_ms = NOW, .idle_expires_ms = NOW, .absolute_expires_ms = NOW + 1}, REFRESH_REFUSE, REASON_REFRESH_EXPIRED},
		{"absolute life over", {.now_ms = NOW, .idle_expires_ms = NOW + 1, .absolute_expires_ms = NOW}, REFRESH_REFUSE, REASON_REFRESH_EXPIRED},
		{"retry at once", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW}, REFRESH_RETRY, REASON_OK},
		{"retry in the last moment", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW - 30 * SECOND + 1}, REFRESH_RETRY, REASON_OK},
		{"retry too late", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW - 30 * SECOND}, REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED},
		{"retry, another node's clock is ahead", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW + 50}, REFRESH_RETRY, REASON_OK},
		{"retry, the clock was set back meanwhile", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW + 30 * SECOND}, REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED},
		{"successor used", {LIVE, .rotates = true, .rotated = true, .rotated_ms = NOW, .successor_used = true}, REFRESH_REVOKE_FAMILY,
	         REASON_REFRESH_REPLAYED},
		{"successor used, too late", {LIVE, .rotates = true, .rotated = true, .rotated_ms = 1, .successor_used = true}, REFRESH_REVOKE_FAMILY,
	         REASON_REFRESH_REPLAYED},
		{"replay after the idle limit still ends the family",
	         {.now_ms = NOW, .grace_ms = 30 * SECOND, .rotates = true, .rotated = true, .rotated_ms = 1, .idle_expires_ms = 2, .absolute_expires_ms = NOW + 1},
	         REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED},
		{"replay after the client stopped rotating", {LIVE, .rotated = true, .rotated_ms = 1}, REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED},
		{"replay after the family's life", {.now_ms = NOW, .rotated = true, .rotated_ms = 1, .absolute_expires_ms = NOW}, REFRESH_REFUSE,
	         REASON_REFRESH_EXPIRED},
		{"no grace at all", {.now_ms = NOW, .rotated = true, .rotated_ms = NOW, .idle_expires_ms = NOW + 1, .absolute_expires_ms = NOW + 1},
	         REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct refresh_decision decision = refresh_decide(&rows[i].facts);
		if (decision.use != rows[i].use || decision.reason != rows[i].reason)
			fail_msg("%s: %d, %s", rows[i].story, decision.use, reason_name(decision.reason));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(alive_table),
	cmocka_unit_test(introspection_table),
	cmocka_unit_test(refresh_table),
};
const struct test_list token_list = {tests, TEST_COUNT(tests)};
