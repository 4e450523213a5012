/* The scripts: see scripts.h. */
#include "scripts.h"
#include <string.h>

static const struct scene *scene_of(const struct visitor *visitor)
{
	return visitor->stream->data;
}

static enum turn done_or_failed(const struct answer *answer, unsigned expected)
{
	return answer->status == expected ? TURN_DONE : answer->status == 503 ? TURN_SHED : TURN_FAILED;
}

/* --- one prepared request --- */

static bool same_ask(struct visitor *visitor, GString *request)
{
	const GString *prepared = scene_of(visitor)->request;
	g_string_append_len(request, prepared->str, (gssize)prepared->len);
	return true;
}

static enum turn same_hear(struct visitor *visitor, const struct answer *answer)
{
	return done_or_failed(answer, scene_of(visitor)->expected);
}

const struct script script_same = { same_ask, same_hear };

/* --- codes --- */

static bool authorize_ask(struct visitor *visitor, GString *request)
{
	const struct scene *scene = scene_of(visitor);
	put_get(request, scene->subject, scene->path, scene->cookie);
	return true;
}

static enum turn collect_hear(struct visitor *visitor, const struct answer *answer)
{
	char *code = location_code(answer);
	if (code)
		g_ptr_array_add(scene_of(visitor)->pool, code);
	return code ? TURN_DONE : TURN_FAILED;
}

const struct script script_collect = { authorize_ask, collect_hear };

static void put_exchange(const struct scene *scene, GString *request, const char *code)
{
	g_autofree char *callback = g_uri_escape_string(CALLBACK, NULL, FALSE);
	g_autofree char *form = g_strdup_printf("grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s", code, callback, code_verifier);
	put_form(request, scene->subject, TENANT "/token", scene->client, NULL, form);
}

static bool exchange_ask(struct visitor *visitor, GString *request)
{
	const struct scene *scene = scene_of(visitor);
	if (!scene->pool->len)
		return false;
	g_autofree char *code = g_ptr_array_steal_index_fast(scene->pool, scene->pool->len - 1);
	put_exchange(scene, request, code);
	return true;
}

static enum turn exchange_hear(struct visitor *visitor, const struct answer *answer)
{
	(void)visitor;
	return done_or_failed(answer, 200);
}

const struct script script_exchange = { exchange_ask, exchange_hear };

static bool code_flow_ask(struct visitor *visitor, GString *request)
{
	if (visitor->step == 0)
		return authorize_ask(visitor, request);
	put_exchange(scene_of(visitor), request, visitor->note->str);
	return true;
}

static enum turn code_flow_hear(struct visitor *visitor, const struct answer *answer)
{
	if (visitor->step == 1)
		return done_or_failed(answer, 200);
	g_autofree char *code = location_code(answer);
	g_string_assign(visitor->note, code ? code : "");
	return code ? TURN_AGAIN : answer->status == 503 ? TURN_SHED : TURN_FAILED;
}

const struct script script_code_flow = { code_flow_ask, code_flow_hear };

/* --- refresh: the first operation of a visitor gets its token by a code flow --- */

static bool refresh_ask(struct visitor *visitor, GString *request)
{
	if (!g_str_has_prefix(visitor->note->str, "pas_rt_"))
		return code_flow_ask(visitor, request);
	g_autofree char *form = g_strconcat("grant_type=refresh_token&refresh_token=", visitor->note->str, NULL);
	put_form(request, scene_of(visitor)->subject, TENANT "/token", scene_of(visitor)->client, NULL, form);
	return true;
}

static enum turn refresh_hear(struct visitor *visitor, const struct answer *answer)
{
	if (!g_str_has_prefix(visitor->note->str, "pas_rt_") && visitor->step == 0)
		return code_flow_hear(visitor, answer);
	g_autofree char *token = json_member(answer, "refresh_token");
	g_string_assign(visitor->note, token ? token : "");
	return token ? TURN_DONE : done_or_failed(answer, 200) == TURN_SHED ? TURN_SHED : TURN_FAILED;
}

const struct script script_refresh = { refresh_ask, refresh_hear };

/* --- signing in --- */

static bool sign_in_ask(struct visitor *visitor, GString *request)
{
	const struct scene *scene = scene_of(visitor);
	if (visitor->step == 0)
		put_get(request, scene->subject, scene->path, NULL);
	else if (visitor->step == 1)
		put_get(request, scene->subject, visitor->note->str, visitor->cookie->str);
	else {
		/* note: path, a space, form token */
		g_auto(GStrv) parts = g_strsplit(visitor->note->str, " ", 2);
		g_autofree char *form = g_strdup_printf("form_token=%s&username=%s&password=%s", parts[1], scene->username ? scene->username : USERNAME, PASSWORD);
		g_strdelimit(form, " ", '+');
		put_form(request, scene->subject, parts[0], NULL, visitor->cookie->str, form);
	}
	return true;
}

static enum turn sign_in_hear(struct visitor *visitor, const struct answer *answer)
{
	if (visitor->step == 0 && answer->status == 303) {
		g_autofree char *path = location_path(answer), *cookie = cookie_pair(answer);
		g_string_assign(visitor->note, path);
		g_string_assign(visitor->cookie, cookie);
		return TURN_AGAIN;
	}
	if (visitor->step == 1 && answer->status == 200) {
		g_autofree char *token = form_token(answer);
		g_string_append_printf(visitor->note, " %s", token);
		return TURN_AGAIN;
	}
	return visitor->step == 2 && answer->status == 303 ? TURN_DONE : answer->status == 503 ? TURN_SHED : TURN_FAILED;
}

const struct script script_sign_in = { sign_in_ask, sign_in_hear };

static bool flood_ask(struct visitor *visitor, GString *request)
{
	const GString *prepared = g_ptr_array_index(scene_of(visitor)->pages, visitor->index % scene_of(visitor)->pages->len);
	g_string_append_len(request, prepared->str, (gssize)prepared->len);
	return true;
}

/* Who is turned away must be told when to come again. */
static enum turn flood_hear(struct visitor *visitor, const struct answer *answer)
{
	(void)visitor;
	g_autofree char *again = answer_header(answer, "Retry-After");
	return answer->status == 503 && !again ? TURN_FAILED : done_or_failed(answer, 200);
}

const struct script script_flood = { flood_ask, flood_hear };
