/* Whether a token is alive and who may look into it (RFC 7662 section 2.2, SECURITY TK-5). */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

struct token_facts {
	int64_t now_s, expires_s, not_before_s; /* not_before 0: none */
	bool grant_revoked, session_ended, account_disabled, client_gone, token_revoked;
	bool offline; /* offline_access was granted: the session's end does not end it */
};
enum reason token_decide(const struct token_facts *facts);

enum introspects { INTROSPECTS_RESOURCE = 0, INTROSPECTS_OWN, INTROSPECTS_TENANT };
struct introspection_facts {
	enum introspects introspects;  /* the caller's setting */
	bool issued_to_caller;         /* token's client_id is the caller */
	bool resource_names_caller;    /* a resource in the token's aud lists the caller in introspection_clients */
};
/* OK or TOKEN_NOT_YOURS. A caller may always look into what was issued to itself. */
enum reason introspection_decide(const struct introspection_facts *facts);

/* A refresh token shown again (CONTRACT section 5). */
enum refresh_use { REFRESH_REFUSE = 0, REFRESH_KEEP, REFRESH_ROTATE, REFRESH_RETRY, REFRESH_REVOKE_FAMILY };
struct refresh_facts {
	bool rotates;                   /* the client's setting */
	bool rotated;                   /* this token has a successor already */
	int64_t rotated_ms;             /* when */
	bool successor_used;
	int64_t now_ms, grace_ms;       /* 30 s */
	int64_t idle_expires_ms, absolute_expires_ms;
	bool grant_revoked;
};
struct refresh_decision {
	enum refresh_use use;
	enum reason reason;
};
struct refresh_decision refresh_decide(const struct refresh_facts *facts);
