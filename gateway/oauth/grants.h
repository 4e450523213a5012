/* The grant types of the token endpoint, one file each. Each answers the call: tokens or an error. */
#pragma once
#include "gateway/call/call.h"
#include "gateway/oauth/issue.h"

void grant_authorization_code(struct call *call, const struct client *client, const struct form *form); /* RFC 6749 section 4.1.3 */
void grant_refresh_token(struct call *call, const struct client *client, const struct form *form);      /* section 6 */
void grant_client_credentials(struct call *call, const struct client *client, const struct form *form); /* section 4.4 */

/* Shared by the three: refuses with a record in the connection log, whose reason is for administrators only. */
void grant_refuse(struct call *call, enum error_code code, enum reason reason, const char *description);
/* What the client is told of a reason: invalid_scope, invalid_target, else invalid_grant. */
enum error_code grant_error(enum reason reason);
/* As call_fail_error, for errors that may be the client's (ERROR_INVALID_TARGET). */
void grant_fail(struct call *call, GError *error);
