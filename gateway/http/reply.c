/* The reply while it is being made, and its passage to libmicrohttpd. Headers and short bodies lie in the request's arena, which outlives the
 * sending, so that libmicrohttpd sends from there without a copy. */
#include "gateway/http/internal.h"
#include <string.h>

static const struct { const char *name, *value; } DEFAULTS[] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cache-Control", "no-store" },
};

void reply_init(struct reply *reply, struct arena *arena)
{
	*reply = (struct reply){ .arena = arena };
}

static void body_clear(struct reply *reply)
{
	g_free(reply->owned);
	g_clear_pointer(&reply->shared, g_bytes_unref);
	reply->owned = NULL;
	reply->body = NULL;
	reply->body_length = 0;
}

void reply_clear(struct reply *reply)
{
	body_clear(reply);
	reply->status = 0;
	reply->header_count = reply->head_bytes = 0;
}

void reply_status(struct reply *reply, unsigned status)
{
	reply->status = status;
}

unsigned reply_get_status(const struct reply *reply)
{
	return reply->status;
}

bool reply_has_header(const struct reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->header_count; i++)
		if (!g_ascii_strcasecmp(reply->headers[i].name, name))
			return true;
	return false;
}

static void header_remove(struct reply *reply, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < reply->header_count; i++)
		if (g_ascii_strcasecmp(reply->headers[i].name, name))
			reply->headers[kept++] = reply->headers[i];
	reply->header_count = kept;
}

/* Response splitting: a value with a line end in it would let whoever chose it write headers, or a second reply. */
static bool header_is_safe(const char *value)
{
	for (const char *at = value; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return false;
	return true;
}

void reply_header_add(struct reply *reply, const char *name, const char *value)
{
	bool possible = header_is_safe(value) && reply->header_count < REPLY_HEADERS_MAX;
#ifdef PASSERELLE_TEST_BUILD
	g_assert(possible);
#endif
	if (!possible)
		return;
	size_t name_length = strlen(name), value_length = strlen(value);
	reply->headers[reply->header_count].name = arena_text(reply->arena, name, name_length);
	reply->headers[reply->header_count++].value = arena_text(reply->arena, value, value_length);
	reply->head_bytes += name_length + value_length + sizeof ": \r\n" - 1;
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
	header_remove(reply, name);
	reply_header_add(reply, name, value);
}

static void body_set(struct reply *reply, const char *content_type, const void *bytes, size_t length)
{
	reply->body = bytes;
	reply->body_length = length;
	reply_header(reply, "Content-Type", content_type);
}

void reply_body(struct reply *reply, const char *content_type, const void *bytes, size_t length)
{
	body_clear(reply);
	body_set(reply, content_type, length ? arena_text(reply->arena, bytes, length) : "", length);
}

void reply_body_take(struct reply *reply, const char *content_type, char *text, size_t length)
{
	body_clear(reply);
	reply->owned = text;
	body_set(reply, content_type, text, length);
}

void reply_body_shared(struct reply *reply, const char *content_type, GBytes *bytes)
{
	body_clear(reply);
	reply->shared = g_bytes_ref(bytes);
	gsize length = 0;
	const void *data = g_bytes_get_data(bytes, &length);
	body_set(reply, content_type, data, length);
}

void reply_json(struct reply *reply, unsigned status, const json_t *value)
{
	char *text = json_text(value);
	reply_status(reply, status);
	reply_body_take(reply, "application/json", text, strlen(text));
}

void reply_redirect(struct reply *reply, unsigned status, const char *url)
{
	body_clear(reply);
	reply_status(reply, status);
	reply_header(reply, "Location", url);
}

/* Never with Allow-Credentials: a script of another origin gets what anybody could ask for, and nothing of this browser's. */
static void open_to_all(struct MHD_Response *response, const struct reply *reply)
{
	MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
	if (reply_has_header(reply, "WWW-Authenticate"))
		MHD_add_response_header(response, "Access-Control-Expose-Headers", "WWW-Authenticate");
}

struct MHD_Response *reply_response(struct reply *reply, bool close, bool cross_origin)
{
	/* The library's type is not const, but it only reads a PERSISTENT buffer. */
	union { const void *read_only; void *any; } body = { reply->body ? reply->body : "" };
	struct MHD_Response *response = MHD_create_response_from_buffer(reply->body_length, body.any, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return NULL;
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	for (size_t i = 0; i < G_N_ELEMENTS(DEFAULTS); i++)
		if (!reply_has_header(reply, DEFAULTS[i].name))
			MHD_add_response_header(response, DEFAULTS[i].name, DEFAULTS[i].value);
	if (cross_origin)
		open_to_all(response, reply);
	if (close)
		MHD_add_response_header(response, "Connection", "close");
	return response;
}
