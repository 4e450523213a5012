/* One use of a refresh token, shared by grant_refresh_token.c (what it takes) and refresh_rotation.c (what becomes of the token). */
#pragma once
#include "crypto/opaque_token.h"
#include "gateway/call/sources.h"
#include "gateway/oauth/grants.h"
#include "gateway/oauth/width.h"

struct refresh {
	struct call *call;
	const struct client *client;
	struct refresh_token token;        /* as read before the transaction */
	struct grant grant;
	struct account account;
	struct source_list *sources;
	const struct source *source;       /* that the person came from; NULL: none that can be asked */
	struct provider_answer upstream;
	enum reason upstream_reason;       /* REASON_OK: still there, or nobody to ask */
	struct width width;
	struct access access;
	char *id_token;
	char successor[OPAQUE_TOKEN_SIZE]; /* "" when the token stays */
	enum reason outcome;               /* of the transaction */
};

/* For store_write; `data` is a struct refresh with its tokens signed. Decides, acts, stores and records; sets outcome and successor. */
bool refresh_in_unit(struct unit *unit, void *data, GError **error);
