/* The steps the hub calls. Each shows a page or ends the flow; none calls another. */
#pragma once
#include "gateway/login/flow.h"

/* The sign-in page; `problem` as page_sign_in's, NULL the first time. */
void signin_show(struct login *login, const char *problem, const char *username);
void consent_show(struct login *login);
/* Ends the flow with a code for the application, or at /account where no application asked. */
void login_grant(struct login *login);
/* Whether the account has consented to this before: same client, scopes that cover these. FOUND, MISSING, BROKEN. */
enum found consent_remembered(struct login *login, GError **error);
