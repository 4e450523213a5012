/* What compiled templates call: text into HTML, escaped for the place it lands in. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

enum language { LANGUAGE_ENGLISH = 0, LANGUAGE_FRENCH };

struct rendering {
	GString *html;
	enum language language;
};

/* Where a value lands. Text and title differ in that running text can isolate a value's direction by <bdi>, and a title holds no elements. */
enum context { CONTEXT_TEXT, CONTEXT_TITLE, CONTEXT_ATTRIBUTE, CONTEXT_URL };

struct placeholder { const char *name, *value; };
struct message { const char *english, *french; };

/* The catalogue, sorted by the English text; made at build time from the templates, problems.def, scopes.def and po/fr.po. */
extern const struct message messages[];
extern const size_t message_count;
/* The style sheet, and its source expression for the Content-Security-Policy: 'sha256-…'. */
extern const char style_sheet[];
extern const char style_source[];
/* The same of the script that sends a form_post page's form. */
extern const char submit_source[];

/* A language's name ("fr", "fr-CA", anything, NULL) as one we have. */
enum language language_named(const char *name);
void rendering_begin(struct rendering *out, const char *language);
/* The finished page; caller frees. */
char *rendering_end(struct rendering *out);
const char *rendering_language(const struct rendering *out);

/* Markup of ours, as it is. */
void put_html(struct rendering *out, const char *html);
/* A value of anybody's, escaped; NULL is nothing. In CONTEXT_URL what is neither an http(s) address nor a path becomes "#". */
void put_value(struct rendering *out, enum context context, const char *text);
/* A message in the page's language, with its {placeholders} (closed by a NULL name; NULL: none) escaped. One that is not in the catalogue is shown as it is. */
void put_message(struct rendering *out, enum context context, const char *english, const struct placeholder *placeholders);

bool text_is_set(const char *text);
bool list_is_set(const char *const *list);
bool flag_is_set(bool flag);
struct page_link;
bool links_are_set(const struct page_link *links);
#define is_set(value) _Generic((value), const char *: text_is_set, const char *const *: list_is_set, bool: flag_is_set, const struct page_link *: links_are_set)(value)
bool is_word(const char *text, const char *word);
