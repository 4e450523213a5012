/* A small protected service: GET /hello answers who the access token is for, as JSON.
 *
 *   GET /hello                    token judged by the issuer's published keys (JWKS)
 *   GET /hello?by=introspection   token judged by asking the issuer
 *   GET /healthz                  200, without a token
 *
 * Settings come from the command line or the environment (--help lists them); the client's secret from the environment only, where other users'
 * `ps` does not see it. It is an example of what any service behind the gateway has to do, written in full. */
#include "examples/resource-server/tokens.h"

#include <arpa/inet.h>
#include <glib.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS 64
#define IDLE_S 10
#define HEAD_BYTES (16 * 1024)

struct setting {
	struct token_setting token;
	char *issuer, *jwks_uri, *introspection_endpoint, *client_id, *client_secret, *audience, *scope, *listen;
};

static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned status, json_t *body, const char *challenge)
{
	char *text = json_dumps(body, JSON_INDENT(2));
	json_decref(body);
	if (text == NULL)
		return MHD_NO;
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, "Content-Type", "application/json");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (challenge != NULL)
		MHD_add_response_header(response, "WWW-Authenticate", challenge);
	enum MHD_Result sent = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return sent;
}

static enum MHD_Result answer_error(struct MHD_Connection *connection, unsigned status, const char *error, const char *challenge)
{
	return answer_json(connection, status, json_pack("{s:s}", "error", error), challenge);
}

struct found {
	const char *value;
	unsigned count;
};

struct wanted {
	const char *name;
	struct found found;
};

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct wanted *wanted = context;
	if (g_ascii_strcasecmp(key, wanted->name) == 0) {
		wanted->found.value = value;
		wanted->found.count++;
	}
	(void)kind;
	return MHD_YES;
}

/* A header or parameter with the number of times it stands there: the library's own look-up silently gives one of several. */
static struct found find(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *name)
{
	struct wanted wanted = {.name = name};
	MHD_get_connection_values(connection, kind, collect, &wanted);
	return wanted.found;
}

/* The token of "Authorization: Bearer TOKEN" (RFC 6750 section 2.1); NULL when there is none, or more than one, or a character that none has. */
static const char *bearer_token(struct MHD_Connection *connection)
{
	struct found header = find(connection, MHD_HEADER_KIND, "Authorization");
	if (header.count != 1 || header.value == NULL || g_ascii_strncasecmp(header.value, "Bearer ", 7) != 0)
		return NULL;
	const char *token = header.value + 7;
	size_t length = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");
	return length > 0 && token[length] == '\0' ? token : NULL;
}

static bool way_read(struct MHD_Connection *connection, enum token_way *ret_way)
{
	struct found by = find(connection, MHD_GET_ARGUMENT_KIND, "by");
	*ret_way = BY_JWKS;
	if (by.count == 0)
		return true;
	if (by.count > 1 || by.value == NULL)
		return false;
	if (strcmp(by.value, "introspection") == 0)
		*ret_way = BY_INTROSPECTION;
	return *ret_way == BY_INTROSPECTION || strcmp(by.value, "jwks") == 0;
}

static void copy_claim(json_t *to, const json_t *claims, const char *name)
{
	json_t *value = json_object_get(claims, name);
	if (value != NULL)
		json_object_set(to, name, value);
}

static enum MHD_Result hello(struct MHD_Connection *connection, const json_t *claims, enum token_way way)
{
	const char *username = json_string_value(json_object_get(claims, "username"));
	json_t *body = json_object();
	json_object_set_new(body, "hello", json_string(username != NULL ? username : json_string_value(json_object_get(claims, "sub"))));
	json_object_set_new(body, "checked_by", json_string(way == BY_JWKS ? "jwks" : "introspection"));
	static const char *const shown[] = {"sub", "username", "client_id", "scope", "groups", "acr", "exp"};
	for (size_t i = 0; i < G_N_ELEMENTS(shown); i++)
		copy_claim(body, claims, shown[i]);
	return answer_json(connection, MHD_HTTP_OK, body, NULL);
}

static enum MHD_Result handle_hello(struct MHD_Connection *connection, struct tokens *tokens)
{
	enum token_way way;
	if (!way_read(connection, &way))
		return answer_error(connection, MHD_HTTP_BAD_REQUEST, "invalid_request", NULL);
	const char *token = bearer_token(connection);
	if (token == NULL)
		return answer_error(connection, MHD_HTTP_UNAUTHORIZED, "token_missing", "Bearer realm=\"resource-server\"");
	json_t *claims = NULL;
	const char *why = "";
	switch (token_check(tokens, way, token, time(NULL), &claims, &why)) {
	case TOKEN_GOOD: {
		enum MHD_Result sent = hello(connection, claims, way);
		json_decref(claims);
		return sent;
	}
	case TOKEN_SCOPE_MISSING:
		return answer_error(connection, MHD_HTTP_FORBIDDEN, "insufficient_scope", "Bearer realm=\"resource-server\", error=\"insufficient_scope\"");
	case TOKEN_UNAVAILABLE:
		fprintf(stderr, "resource-server: unavailable: %s\n", why);
		return answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "temporarily_unavailable", NULL);
	case TOKEN_REFUSED:
		break;
	}
	/* Why is for our log; the caller learns that the token is not good, no more. */
	fprintf(stderr, "resource-server: refused: %s\n", why);
	return answer_error(connection, MHD_HTTP_UNAUTHORIZED, "invalid_token", "Bearer realm=\"resource-server\", error=\"invalid_token\"");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method, const char *version,
	const char *upload, size_t *upload_size, void **state)
{
	(void)version, (void)upload, (void)state;
	*upload_size = 0;
	if (strcmp(method, "GET") != 0)
		return answer_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed", NULL);
	if (strcmp(path, "/healthz") == 0)
		return answer_json(connection, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"), NULL);
	if (strcmp(path, "/hello") == 0)
		return handle_hello(connection, context);
	return answer_error(connection, MHD_HTTP_NOT_FOUND, "not_found", NULL);
}

static void from_environment(char **value, const char *name)
{
	if (*value == NULL)
		*value = g_strdup(g_getenv(name));
}

static bool setting_read(struct setting *setting, int argc, char **argv)
{
	const GOptionEntry entries[] = {
		{"issuer", 0, 0, G_OPTION_ARG_STRING, &setting->issuer, "the tokens' issuer (RS_ISSUER)", "URL"},
		{"jwks-uri", 0, 0, G_OPTION_ARG_STRING, &setting->jwks_uri, "its keys (RS_JWKS_URI; default ISSUER/jwks)", "URL"},
		{"introspection-endpoint", 0, 0, G_OPTION_ARG_STRING, &setting->introspection_endpoint,
			"where to ask (RS_INTROSPECTION_ENDPOINT; default ISSUER/introspect)", "URL"},
		{"client-id", 0, 0, G_OPTION_ARG_STRING, &setting->client_id, "who asks (RS_CLIENT_ID); its secret is RS_CLIENT_SECRET", "ID"},
		{"audience", 0, 0, G_OPTION_ARG_STRING, &setting->audience, "what a token's aud must hold (RS_AUDIENCE)", "URI"},
		{"scope", 0, 0, G_OPTION_ARG_STRING, &setting->scope, "a scope it must hold (RS_SCOPE; default any)", "SCOPE"},
		{"listen", 0, 0, G_OPTION_ARG_STRING, &setting->listen, "IPv4 address and port (RS_LISTEN; default 127.0.0.1:8081)", "HOST:PORT"},
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- a protected service, as an example");
	g_option_context_add_main_entries(context, entries, NULL);
	g_autoptr(GError) error = NULL;
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "resource-server: %s\n", error->message);
		return false;
	}
	from_environment(&setting->issuer, "RS_ISSUER");
	from_environment(&setting->jwks_uri, "RS_JWKS_URI");
	from_environment(&setting->introspection_endpoint, "RS_INTROSPECTION_ENDPOINT");
	from_environment(&setting->client_id, "RS_CLIENT_ID");
	from_environment(&setting->client_secret, "RS_CLIENT_SECRET");
	from_environment(&setting->audience, "RS_AUDIENCE");
	from_environment(&setting->scope, "RS_SCOPE");
	from_environment(&setting->listen, "RS_LISTEN");
	if (setting->issuer == NULL || setting->client_id == NULL || setting->client_secret == NULL || setting->audience == NULL || argc > 1) {
		fprintf(stderr, "resource-server: --issuer, --client-id, --audience and RS_CLIENT_SECRET are needed; --help tells more\n");
		return false;
	}
	if (setting->jwks_uri == NULL)
		setting->jwks_uri = g_strconcat(setting->issuer, "/jwks", NULL);
	if (setting->introspection_endpoint == NULL)
		setting->introspection_endpoint = g_strconcat(setting->issuer, "/introspect", NULL);
	if (setting->listen == NULL)
		setting->listen = g_strdup("127.0.0.1:8081");
	setting->token = (struct token_setting){setting->issuer, setting->jwks_uri, setting->introspection_endpoint, setting->client_id,
		setting->client_secret, setting->audience, setting->scope};
	return true;
}

static void setting_clear(struct setting *setting)
{
	char *texts[] = {setting->issuer, setting->jwks_uri, setting->introspection_endpoint, setting->client_id, setting->client_secret,
		setting->audience, setting->scope, setting->listen};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
}

static bool address_read(const char *text, struct sockaddr_in *ret_address)
{
	g_auto(GStrv) parts = g_strsplit(text, ":", 3);
	guint64 port = 0;
	if (g_strv_length(parts) != 2 || !g_ascii_string_to_unsigned(parts[1], 10, 0, 65535, &port, NULL))
		return false;
	*ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return inet_pton(AF_INET, parts[0], &ret_address->sin_addr) == 1;
}

/* A thread a connection: both ways may wait for the issuer, and 64 at once are plenty for an example. */
static struct MHD_Daemon *listen_on(const struct sockaddr_in *address, struct tokens *tokens)
{
	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, handle, tokens, MHD_OPTION_SOCK_ADDR, address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HEAD_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

static int serve(const struct setting *setting, struct tokens *tokens)
{
	struct sockaddr_in address;
	if (!address_read(setting->listen, &address)) {
		fprintf(stderr, "resource-server: %s is no address and port\n", setting->listen);
		return 2;
	}
	struct MHD_Daemon *daemon = listen_on(&address, tokens);
	if (daemon == NULL) {
		fprintf(stderr, "resource-server: cannot listen on %s\n", setting->listen);
		return 1;
	}
	char host[INET_ADDRSTRLEN];
	printf("resource-server: listening on http://%s:%u\n", inet_ntop(AF_INET, &address.sin_addr, host, sizeof host),
		(unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigset_t signals;
	int received = 0;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigwait(&signals, &received);
	MHD_stop_daemon(daemon);
	return 0;
}

int main(int argc, char **argv)
{
	/* Blocked before any thread is made, so that only sigwait sees them. */
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);

	struct setting setting = {0};
	int status = 2;
	if (setting_read(&setting, argc, argv)) {
		struct tokens *tokens = tokens_new(&setting.token);
		status = tokens != NULL ? serve(&setting, tokens) : 1;
		tokens_free(tokens);
	}
	setting_clear(&setting);
	return status;
}
