/* A flow: one authorization request on its way, and the hub that decides what it needs next.
 *
 *   stored under the digest of its handle (the `flow` parameter of our own addresses), bound to the browser by the digest of the flow cookie:
 *   whoever has one without the other has nothing.
 *
 *   requested ──sign in──→ signed in ──consent──→ consented ──grant──→ consumed (gone)
 *        └────────────────────┴───────────────────────┴──cancel, refuse, 10 min──→ gone
 */
#pragma once
#include "gateway/call/call.h"

#define FLOW_LIFE_MS 600000
/* In the request of a flow that no application began: the client_id of the one to begin with afterwards, at its initiate_login_uri. */
#define FLOW_INITIATES "initiates"

/* A call of the browser half: the flow it belongs to and who is signed in. */
struct login {
	struct call *call;
	struct client *client;      /* NULL: nobody asked; the person came by himself and ends at /account */
	struct flow flow;
	char *handle;               /* what stands in our addresses; NULL while the flow is not stored */
	bool has_session;
	struct session session;
	struct account account;
};
void login_clear(struct login *login);
typedef struct login login_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(login_t, login_clear)

/* Where the hub is called from: which page may be shown here, and which needs a redirect first. */
enum login_place { PLACE_AUTHORIZE, PLACE_SIGN_IN, PLACE_CHANGE_PASSWORD, PLACE_CONSENT };

/* The `flow` parameter of one of our own addresses; NULL when absent. Borrowed. */
const char *flow_handle(const struct call *call);
/* Loads the flow of that handle (NULL: none was given), its client and the browser's session. False: the reply says what is wrong, the log too. */
bool login_load(struct login *login, struct call *call, const char *handle);
/* The same, and a trial of a provider too (gateway/call/trial.h): for the way there and back only. */
bool login_load_or_trial(struct login *login, struct call *call, const char *handle);
/* A sign-out on its way (logout_errand.h), and nothing else. */
bool login_load_logout(struct login *login, struct call *call, const char *handle);
/* Fills a flow of somebody who comes by himself: no application waits, it ends at /account. */
void flow_new_alone(struct login *login);
/* Loads the session only. False: the store is broken, the reply says so. */
bool login_load_session(struct login *login);
/* Stores a new flow and sets the flow cookie. False: the reply is an error. */
bool flow_start(struct login *login);
/* Stores a new flow for whichever browser comes with its handle first: a request that another site posted carries no cookie by which its browser could be known. */
bool flow_park(struct login *login);
/* The browser that came: the flow is bound to it, its cookie made when there is none. Only `handle` is filled in then; a flow that was bound before is loaded, as by
 * login_load. False: the reply is an error. */
bool flow_unpark(struct login *login, struct call *call, const char *handle);
/* Binds the flow to the browser's flow cookie, made when there is none: several tabs share it. `posts_back`: the cookie must come along with an answer that another
 * site posts. */
void flow_bind_browser(struct login *login, bool posts_back);
/* Writes the flow from the version that was read. False: the reply is an error; where another tab was faster, the log says `stale`. */
bool flow_save(struct login *login, enum reason stale);
/* The hub: asks policies/next and shows, redirects, refuses or grants. */
void flow_continue(struct login *login, enum login_place place);

/* Ends the flow with an error: back to the application where it is proved (RFC 6749 section 4.1.2.1), else a page. */
void flow_refuse(struct login *login, enum error_code code, enum reason reason, const char *description);

#define STEP_SIGN_IN "sign in"
#define STEP_CONSENT "consent"
/* The token of a form of this flow and step: a MAC over tenant, step, flow and browser, and for consent the session. Caller frees. */
char *flow_form_token(const struct login *login, const char *step);
/* Whether the posted form carries it. False: the reply is an error. */
bool flow_form_proved(struct login *login, const char *step);

/* What every page of a flow shares; the request's ui_locales choose the language. */
struct page_frame login_frame(const struct login *login);
/* Parameters of the request as stored. NULL when absent. */
const char *flow_parameter(const struct login *login, const char *name);
/* The origin (or private-use scheme) where the flow ends, for form-action. Caller frees; NULL without a client. */
char *flow_end_origin(const struct login *login);
/* An address of ours that goes on with this flow: /login?flow=…. Caller frees. */
char *flow_url(const struct login *login, const char *path);
/* Answers the application: a code, or an error; state and iss (RFC 9207) are added. By redirect, or with response_mode=form_post by a page that posts. */
struct flow_answer {
	const char *code;
	const char *error, *error_description;
};
void flow_answer(struct login *login, const struct flow_answer *answer);
