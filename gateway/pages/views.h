/* The templates as C sees them, and the facts of those whose public function prepares something first. Each function's body is made at build time from
 * templates/NAME.html by tools/compile_templates.py. */
#pragma once
#include "gateway/pages/pages.h"
#include "gateway/pages/rendering.h"

void template_sign_in(struct rendering *out, const struct page_sign_in *facts);
void template_change_password(struct rendering *out, const struct page_change_password *facts);
void template_sign_out(struct rendering *out, const struct page_sign_out *facts);
void template_sending(struct rendering *out, const struct page_sending *facts);
void template_form_post(struct rendering *out, const struct page_form_post *facts);
void template_account(struct rendering *out, const struct page_account *facts);

struct view_consent {
	struct page_frame frame;
	const char *action, *form_token, *client_name, *account_name, *username;
	const char *const *sentences; /* messages for the scopes we know */
	const char *const *others;    /* the names of those we do not */
};
void template_consent(struct rendering *out, const struct view_consent *facts);

struct view_signed_out {
	struct page_frame frame;
	const char *return_url;
};
void template_signed_out(struct rendering *out, const struct view_signed_out *facts);

struct view_leaving {
	struct page_frame frame;
	const char *place, *url;
};
void template_leaving(struct rendering *out, const struct view_leaving *facts);

struct view_trial_end {
	struct page_frame frame;
};
void template_trial_end(struct rendering *out, const struct view_trial_end *facts);

struct view_error {
	struct page_frame frame;
	const char *title, *text, *advice; /* messages */
	const char *detail;
};
void template_error(struct rendering *out, const struct view_error *facts);

struct view_welcome {
	struct page_frame frame;
	const char *base_url;
	bool fresh;
};
void template_welcome(struct rendering *out, const struct view_welcome *facts);
