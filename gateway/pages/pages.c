/* The pages: facts in, HTML out. What varies with a name (an error, a scope) is looked up in texts.def; all else is in the templates. */
#include "gateway/pages/pages.h"
#include "gateway/pages/views.h"
#include <string.h>

#define T(text) text

struct problem { const char *name, *title, *text, *advice; };

static const struct problem problems[] = {
#define PROBLEM(name, title, text, advice) { name, title, text, advice },
#include "gateway/pages/texts.def"
#undef PROBLEM
};

static const struct { const char *name, *sentence; } scopes[] = {
#define SCOPE(name, sentence) { name, sentence },
#include "gateway/pages/texts.def"
#undef SCOPE
};

char *page_sign_in(const struct page_sign_in *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_sign_in(&out, facts);
	return rendering_end(&out);
}

char *page_change_password(const struct page_change_password *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_change_password(&out, facts);
	return rendering_end(&out);
}

static const char *scope_sentence(const char *scope)
{
	for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++)
		if (!strcmp(scopes[i].name, scope))
			return scopes[i].sentence;
	return NULL;
}

/* Sorts the scopes into those with a sentence and those shown by name. Both lists are NULL-closed and borrow their texts. */
static void scopes_sort(const char *const *asked, GPtrArray *sentences, GPtrArray *others)
{
	for (; asked && *asked; asked++) {
		const char *sentence = scope_sentence(*asked);
		g_ptr_array_add(sentence ? sentences : others, g_strdup(sentence ? sentence : *asked));
	}
	g_ptr_array_add(sentences, NULL);
	g_ptr_array_add(others, NULL);
}

char *page_consent(const struct page_consent *facts)
{
	g_autoptr(GPtrArray) sentences = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func(g_free);
	struct rendering out;

	scopes_sort(facts->scopes, sentences, others);
	rendering_begin(&out, facts->frame.language);
	template_consent(&out, &(struct view_consent) {
		.frame = facts->frame, .action = facts->action, .form_token = facts->form_token, .client_name = facts->client_name,
		.account_name = facts->account_name ? facts->account_name : facts->username, .username = facts->username,
		.sentences = (const char *const *)sentences->pdata, .others = (const char *const *)others->pdata });
	return rendering_end(&out);
}

char *page_sign_out(const struct page_sign_out *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_sign_out(&out, facts);
	return rendering_end(&out);
}

char *page_signed_out(const struct page_frame *frame, const char *return_url)
{
	struct rendering out;

	rendering_begin(&out, frame->language);
	template_signed_out(&out, &(struct view_signed_out) { .frame = *frame, .return_url = return_url });
	return rendering_end(&out);
}

char *page_trial_end(const struct page_frame *frame)
{
	struct rendering out;

	rendering_begin(&out, frame->language);
	template_trial_end(&out, &(struct view_trial_end) { .frame = *frame });
	return rendering_end(&out);
}

char *page_form_post(const struct page_form_post *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_form_post(&out, facts);
	return rendering_end(&out);
}

char *page_sending(const struct page_sending *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_sending(&out, facts);
	return rendering_end(&out);
}

char *page_leaving(const struct page_frame *frame, const char *place, const char *url)
{
	struct rendering out;

	rendering_begin(&out, frame->language);
	template_leaving(&out, &(struct view_leaving) { .frame = *frame, .place = place, .url = url });
	return rendering_end(&out);
}

char *page_account(const struct page_account *facts)
{
	struct rendering out;

	rendering_begin(&out, facts->frame.language);
	template_account(&out, facts);
	return rendering_end(&out);
}

static const struct problem *problem_named(const char *name)
{
	for (size_t i = 1; name && i < G_N_ELEMENTS(problems); i++)
		if (!strcmp(problems[i].name, name))
			return &problems[i];
	return &problems[0];
}

char *page_error(const struct page_frame *frame, const char *problem, const char *detail)
{
	const struct problem *found = problem_named(problem);
	struct rendering out;

	rendering_begin(&out, frame->language);
	template_error(&out, &(struct view_error) { .frame = *frame, .title = found->title, .text = found->text, .advice = found->advice, .detail = detail });
	return rendering_end(&out);
}

char *page_welcome(const struct page_frame *frame, const char *base_url, bool fresh)
{
	struct rendering out;

	rendering_begin(&out, frame->language);
	template_welcome(&out, &(struct view_welcome) { .frame = *frame, .base_url = base_url, .fresh = fresh });
	return rendering_end(&out);
}
