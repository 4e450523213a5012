/* The steps the hub calls. Each shows a page or ends the flow; none calls another. */
#pragma once
#include "gateway/login/flow.h"

/* The sign-in page. */
struct signin_view {
	const char *problem;  /* as page_sign_in's; NULL: none yet */
	const char *username; /* to show again; NULL */
	const char *provider; /* that the problem is about, as people know it; NULL */
};
void signin_show(struct login *login, const struct signin_view *view);
/* Sends the browser straight to a provider where the request leaves no choice: idp_hint, a login_hint of a domain that is signed in elsewhere, or nothing else to
 * sign in with. False: the page is to be shown. */
bool signin_goes_elsewhere(struct login *login);
/* The same for a name that was typed. */
bool signin_routes(struct login *login, const char *username);
struct attempt;
/* Counts the attempt, asks by attempt->ask, settles and answers. Its source list or what `ask` needs is filled in. */
void attempt_receive(struct login *login, struct attempt *attempt);
/* Shows the page that changes the password of whoever just proved it, where the source's settings let people do that. False: nothing was shown. */
bool change_password_offer(struct login *login, const struct attempt *attempt);
void consent_show(struct login *login);
/* Ends the flow with a code for the application, or at /account where no application asked. */
void login_grant(struct login *login);
/* Whether the account has consented to this before: same client, scopes that cover these. FOUND, MISSING, BROKEN. */
enum found consent_remembered(struct login *login, GError **error);
