/* Pages. Each takes plain facts and returns HTML (NUL-terminated; caller frees). Texts come from the catalogue of the chosen language. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The languages there are: "en", "fr". Chooses by ui_locales (OpenID Connect, space-separated), then Accept-Language, then the tenant's locale, then
 * English; any argument may be NULL. Returns a static string. */
const char *page_language(const char *ui_locales, const char *accept_language, const char *tenant_locale);

/* The Content-Security-Policy for our pages: default-src 'none', the style sheet by its hash, frame-ancestors 'none', form-action 'self' and, when
 * not NULL, one further origin where the form's redirect ends (Chromium applies form-action to redirects). Caller frees. */
char *page_security_policy(const char *form_action_origin);
/* The same for page_form_post: its one fixed script, known by its hash, may run. */
char *page_form_post_policy(const char *form_action_origin);

struct page_frame {
	const char *language;
	const char *tenant_name;  /* NULL: the gateway itself */
	const char *reference;    /* shown on error pages */
};

/* An address and what stands on it. */
struct page_link { const char *text, *url; };

struct page_sign_in {
	struct page_frame frame;
	const char *action;       /* where the form posts */
	const char *form_token;   /* CSRF token, a hidden field named form_token */
	const char *client_name;  /* the application that asks, NULL: none */
	const char *username;     /* to show again, NULL */
	bool ask_name;            /* somebody can sign in with a name … */
	bool ask_password;        /* … and a password; without it only the name is asked, which decides where to go */
	const struct page_link *providers; /* buttons; closed by one without a text, NULL: none */
	const char *provider;     /* that the problem is about */
	/* NULL, or what to say above the form: "wrong" (name or password wrong: one text for unknown, wrong, disabled, locked), "busy", "again",
	 * "unavailable", "refused", "not_allowed", "failed" (at or about `provider`), "disabled",
	 * "expired" (the right password, which the directory wants changed first) */
	const char *problem;
	bool may_cancel;          /* an application waits for an answer: a button named cancel, in a form of its own */
};
char *page_sign_in(const struct page_sign_in *facts);

struct page_change_password {
	struct page_frame frame;
	const char *action, *form_token;
	const char *provider;     /* a hidden field */
	const char *username;     /* whose password; shown, and sent back as it is */
	const char *client_name;  /* the application that asks, NULL: none */
	/* What to say above the form: "expired", "grace" (expired, and let in all the same), "wrong" (the old password), "busy", "differ" (the new one and its
	 * repetition), or why the provider refused the new one: "short", "reused", "young", "rejected", "fixed" (it lets nobody change it here) */
	const char *problem;
	const char *later_url;    /* goes on without a change; NULL: there is no way on */
	bool last_time;           /* with "grace": there will not be another */
	bool may_cancel;          /* as page_sign_in's */
};
/* Fields: username, password, new_password, new_password_again. */
char *page_change_password(const struct page_change_password *facts);

struct page_consent {
	struct page_frame frame;
	const char *action, *form_token;
	const char *client_name, *account_name, *username;
	const char *const *scopes; /* NULL-closed; known ones get a sentence, others are shown as they are */
};
/* Buttons: name "approve" value "yes", name "decline" value "yes". */
char *page_consent(const struct page_consent *facts);

struct page_sign_out {
	struct page_frame frame;
	const char *action, *form_token;
	const char *account_name;
};
char *page_sign_out(const struct page_sign_out *facts);
/* After signing out; return_url may be NULL. */
char *page_signed_out(const struct page_frame *frame, const char *return_url);
/* After a trial of a provider, for whoever made it from a terminal. */
char *page_trial_end(const struct page_frame *frame);

/* The answer to an authorization request on its way to the application (OAuth 2.0 Form Post Response Mode). It sends itself; without JavaScript, by its button. */
struct page_form_post {
	struct page_frame frame;
	const char *action;       /* the redirect URI, http or https */
	const char *client_name;
	const char *code, *error, *error_description, *state, *iss; /* NULL: not sent */
};
char *page_form_post(const struct page_form_post *facts);

/* A SAML message on its way to a provider (SAML bindings 3.5). It sends itself; without JavaScript, by its button. Under page_form_post_policy. */
struct page_sending {
	struct page_frame frame;
	const char *place;        /* what people call the provider */
	const char *action;
	const char *saml_request, *saml_response, *relay_state; /* NULL: not sent */
};
char *page_sending(const struct page_sending *facts);

/* Where a posted form ends at a provider: Chromium holds a form's redirects to form-action, so the browser leaves from a page (with a Refresh header) instead. */
char *page_leaving(const struct page_frame *frame, const char *place, const char *url);

struct page_account {
	struct page_frame frame;
	const char *username, *name, *email;
	const char *sign_out_url;
};
/* A signed-in person without an application to go to. */
char *page_account(const struct page_account *facts);

/* What happened, what to do, the reference. `problem` is an error's name from err.def in lower case ("flow_expired"): texts are in the catalogue, an
 * unknown one gets the general text. `detail` (may be NULL) is a plain sentence for the application's developer: "redirect_uri is not registered". */
char *page_error(const struct page_frame *frame, const char *problem, const char *detail);

/* At `/` of base_url: what this is, where to go, what to do next. Tenant names are not listed to strangers; `fresh` says there is no tenant yet. */
char *page_welcome(const struct page_frame *frame, const char *base_url, bool fresh);
