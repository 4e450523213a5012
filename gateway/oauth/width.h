/* How wide a token may be now: the grant's scope and resources, as far as the client still has them, narrowed to what this request asks. */
#pragma once
#include "gateway/oauth/issue.h"

struct width {
	char *scope;
	char **resources; /* NULL-closed */
};
void width_clear(struct width *width);

/* REASON_OK and *ret filled; or SCOPE_REFUSED, TARGET_REFUSED for what was asked and cannot be had; GRANT_REVOKED where nothing of the grant's resources is left;
 * or what entitlement says of the person. `scope` is the request's, NULL: none. */
enum reason width_find(const struct client *client, const struct grant *grant, const struct account *account, const struct form *form, const char *scope,
	struct width *ret);
