/* What a handler may ask about its request. The guard has put the headers into a table; everything that costs (forms, reference, addresses as
 * text) is worked out when first asked for. */
#include "gateway/http/internal.h"
#include "base/secret.h"
#include <string.h>

#define BODY_SHORT 1024
#define BODY_FIRST (16 * 1024)
#define USER_AGENT_MAX 512

static void request_clear(struct request *request)
{
	request->connection = NULL;
	request->stage = STAGE_HEAD;
	request->close = request->chunked = request->body_heap = false;
	request->method = METHOD_OTHER;
	request->sent_uri = NULL;
	request->uri = request->path = request->query_text = request->host = "";
	request->uri_length = request->header_count = 0;
	request->time_ms = request->deadline_ms = request->queue_deadline_ms = request->begun_ns = 0;
	request->endpoint = NULL;
	request->context = NULL;
	request->body = NULL;
	request->body_length = request->body_room = request->body_max = request->body_dropped = 0;
	request->derived_storage = (struct derived){ 0 };
}

void request_init(struct request *request, struct peer *peer)
{
	request->peer = peer;
	request->derived = &request->derived_storage;
	request->arena = &request->arena_storage;
	arena_init(request->arena);
	reply_init(&request->reply, request->arena);
	request_clear(request);
}

void request_reset(struct request *request)
{
	if (request->body_heap) {
		wipe(request->body, request->body_length);
		g_free(request->body);
	}
	form_free(request->derived->query);
	form_free(request->derived->form);
	reply_clear(&request->reply);
	arena_reset(request->arena);
	request_clear(request);
}

/* Grows by doubling, so that a client pays with bytes for the memory it gets, and wipes what it leaves behind. */
static void body_grow(struct request *request, size_t needed)
{
	size_t room = MIN(MAX(MAX(needed, request->body_room * 2), (size_t)BODY_FIRST), MAX(request->body_max, needed)) + 1;
	char *body = g_malloc(room);
	if (request->body_length)
		memcpy(body, request->body, request->body_length);
	if (request->body_heap) {
		wipe(request->body, request->body_length);
		g_free(request->body);
	}
	request->body = body;
	request->body_room = room;
	request->body_heap = true;
}

bool request_body_add(struct request *request, const char *bytes, size_t length)
{
	if (length > request->body_max - request->body_length)
		return false;
	size_t needed = request->body_length + length;
	if (!request->body && needed < BODY_SHORT) {
		request->body = arena_take(request->arena, BODY_SHORT);
		request->body_room = BODY_SHORT;
	} else if (needed >= request->body_room)
		body_grow(request, needed);
	memcpy(request->body + request->body_length, bytes, length);
	request->body_length = needed;
	request->body[needed] = '\0';
	return true;
}

const struct header *request_find(const struct request *request, const char *name, size_t *ret_count)
{
	const struct header *found = NULL;
	size_t length = strlen(name), times = 0;
	for (size_t i = 0; i < request->header_count; i++) {
		const struct header *header = &request->headers[i];
		if (header->name_length != length || g_ascii_strcasecmp(header->name, name))
			continue;
		found = found ? found : header;
		times++;
	}
	*ret_count = times;
	return found;
}

bool request_has_body(const struct request *request)
{
	const char *length = request_header(request, "Content-Length", NULL);
	return request->chunked || (length && strspn(length, "0") != strlen(length));
}

enum http_method request_method(const struct request *request)
{
	return request->method;
}

const char *request_path(const struct request *request)
{
	return request->path;
}

const char *request_host(const struct request *request)
{
	return request->host;
}

const char *request_query_text(const struct request *request)
{
	return request->query_text;
}

const struct form *request_query(const struct request *request)
{
	struct derived *derived = request->derived;
	if (!derived->query_tried) {
		derived->query_tried = true;
		derived->query = form_parse(request->query_text, strlen(request->query_text), NULL);
	}
	return derived->query;
}

const struct form *request_form(const struct request *request)
{
	return request->derived->form;
}

const char *request_body(const struct request *request, size_t *ret_length)
{
	*ret_length = request->body_length;
	return request->body ? request->body : "";
}

const char *request_header(const struct request *request, const char *name, bool *ret_repeated)
{
	size_t times;
	const struct header *header = request_find(request, name, &times);
	if (ret_repeated)
		*ret_repeated = times > 1;
	return header ? header->value : NULL;
}

const char *peer_address(struct peer *peer)
{
	struct in6_addr address;
	if (!peer->address_text[0] && address_from_socket(&peer->address.any, &address))
		address_format(&address, peer->address_text);
	return peer->address_text;
}

const char *request_address(const struct request *request)
{
	struct derived *derived = request->derived;
	if (!derived->address)
		derived->address = forwarded_address(request);
	if (!derived->address)
		derived->address = peer_address(request->peer);
	return derived->address;
}

/* Cut at a character's start, so that valid UTF-8 stays valid. */
static size_t cut_length(const char *text, size_t length, size_t max)
{
	if (length <= max)
		return length;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

const char *request_user_agent(const struct request *request)
{
	struct derived *derived = request->derived;
	if (derived->user_agent)
		return derived->user_agent;
	size_t times;
	const struct header *header = request_find(request, "User-Agent", &times);
	if (!header)
		return derived->user_agent = "";
	char *text = arena_text(request->arena, header->value, cut_length(header->value, header->value_length, USER_AGENT_MAX));
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	return derived->user_agent = text;
}

const char *request_reference(const struct request *request)
{
	struct derived *derived = request->derived;
	if (!derived->reference[0])
		timed_reference(request->time_ms, derived->reference);
	return derived->reference;
}

int64_t request_time_ms(const struct request *request)
{
	return request->time_ms;
}

int64_t request_deadline_ms(const struct request *request)
{
	return request->deadline_ms;
}
