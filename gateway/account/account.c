/* A signed-in person's own page. */
#include "gateway/account/account.h"
#include "gateway/call/browser.h"

static void show(struct call *call, const struct account *account)
{
	g_autofree char *sign_out = call_url(call, "/logout");
	struct page_account facts = { .frame = call_frame(call), .username = account->username, .name = account->name, .email = account->email,
		.sign_out_url = sign_out };
	call_page(call, 200, page_account(&facts), NULL);
}

void account_endpoint(struct call *call)
{
	GError *error = NULL;
	g_auto(session_t) session = { 0 };
	g_auto(account_t) account = { 0 };
	g_autofree char *login = call_url(call, "/login");
	switch (browser_session(call, &session, &account, &error)) {
	case FOUND:
		show(call, &account);
		break;
	case MISSING:
		reply_redirect(call->reply, 303, login);
		break;
	case BROKEN:
		call_fail_error(call, error);
		break;
	}
}
