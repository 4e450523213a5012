/* Reading the `claims` parameter. "essential" binds nobody but for acr: a claim we do not have is left out either way (Core section 5.5.1); so do values, but for acr
 * and sub. */
#include "policies/claims_request.h"
#include "policies/claims.h"

#include <string.h>

void claims_request_clear(struct claims_request *request)
{
	json_decref(request->id_token);
	json_decref(request->userinfo);
	json_decref(request->acr);
	g_free(request->subject);
	*request = (struct claims_request){ 0 };
}

/* null, or { essential, value, values } with the types of section 5.5.1. */
static bool is_request(const json_t *asked)
{
	const json_t *essential = json_object_get(asked, "essential"), *values = json_object_get(asked, "values");
	if (json_is_null(asked))
		return true;
	return json_is_object(asked) && (!essential || json_is_boolean(essential)) && (!values || json_is_array(values))
		&& !(values && json_object_get(asked, "value"));
}

/* The texts asked for by value or values; NULL: none. */
static json_t *texts_asked(const json_t *asked)
{
	const json_t *value = json_object_get(asked, "value"), *values = json_object_get(asked, "values");
	json_t *texts = json_array();
	if (json_is_string(value))
		json_array_append(texts, (json_t *)(uintptr_t)value);
	for (size_t i = 0; i < json_array_size(values); i++)
		if (json_is_string(json_array_get(values, i)))
			json_array_append(texts, json_array_get(values, i));
	if (json_array_size(texts) == 0)
		g_clear_pointer(&texts, json_decref);
	return texts;
}

static const char *read_member(const json_t *member, json_t *ret_names)
{
	const char *name;
	json_t *asked;
	if (member && !json_is_null(member) && !json_is_object(member))
		return "claims: id_token and userinfo are objects.";
	json_object_foreach((json_t *)(uintptr_t)member, name, asked) {
		if (!is_request(asked))
			return "claims: a claim is asked for by null or by { essential, value or values }.";
		if (claims_scope_of(name) && !json_array_has(ret_names, name))
			json_array_append_new(ret_names, json_string(name));
	}
	return NULL;
}

/* Several subjects would be a choice that nobody offers: one account is meant, or any. */
static const char *read_subject(const json_t *asked, struct claims_request *request)
{
	g_autoptr(json_t) texts = texts_asked(asked);
	if (json_array_size(texts) > 1)
		return "claims: sub is asked for by one value.";
	request->subject = g_strdup(json_string_value(json_array_get(texts, 0)));
	return NULL;
}

static const char *read_request(const json_t *claims, struct claims_request *request)
{
	const json_t *id_token = json_object_get(claims, "id_token");
	if (!json_is_object(claims))
		return "claims is not a JSON object of at most 4096 bytes.";
	const char *wrong = read_member(id_token, request->id_token);
	if (!wrong)
		wrong = read_member(json_object_get(claims, "userinfo"), request->userinfo);
	if (!wrong)
		wrong = read_subject(json_object_get(id_token, "sub"), request);
	const json_t *acr = json_object_get(id_token, "acr");
	request->acr = texts_asked(acr);
	request->acr_essential = request->acr && json_is_true(json_object_get(acr, "essential"));
	return wrong;
}

bool claims_request_read(const char *text, struct claims_request *ret, const char **ret_wrong)
{
	g_autoptr(json_t) claims = json_parse(text, strlen(text), CLAIMS_REQUEST_MAX, NULL);
	g_auto(claims_request_t) request = { .id_token = json_array(), .userinfo = json_array() };
	*ret = (struct claims_request){ 0 };
	*ret_wrong = read_request(claims, &request);
	if (*ret_wrong)
		return false;
	*ret = request;
	request = (struct claims_request){ 0 };
	return true;
}
