/* The `claims` parameter of an authorization request (OpenID Connect Core section 5.5), reduced to what can be acted upon. */
#pragma once
#include "base/json.h"

#define CLAIMS_REQUEST_MAX 4096 /* bytes */

struct claims_request {
	json_t *id_token, *userinfo; /* arrays: the names of claims we may have, each once */
	char *subject;               /* the person who is meant, NULL: whoever comes (section 5.5.1) */
	json_t *acr;                 /* array of wanted classes, in order; NULL: none asked for */
	bool acr_essential;          /* none of them met is a failure (section 5.5.1.1) */
};

/* Members and claims we do not know are ignored, as the section asks. False: malformed, and *ret_wrong says how; *ret is empty then. */
bool claims_request_read(const char *text, struct claims_request *ret, const char **ret_wrong);
/* Frees what it holds and zeroes it. */
void claims_request_clear(struct claims_request *request);
typedef struct claims_request claims_request_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(claims_request_t, claims_request_clear)
