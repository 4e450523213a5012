/* passerelle.yaml: the table of keys, their defaults and their sentences, and the snapshot made of them.
 *
 * What CONTRACT section 2 declares and this version cannot do (PostgreSQL, mail) is accepted where it says "none" and is an
 * error anywhere else: a setting that is silently ignored is worse than one that is missing. */
#include "gateway/config.h"

#include "base/network.h"
#include "base/schema.h"
#include "base/url.h"
#include "providers/fetch_guard.h"

#include <arpa/inet.h>
#include <string.h>

#ifdef PASSERELLE_TEST_BUILD
#define HASH_MEMORY_FLOOR_KIB 8
#else
#define HASH_MEMORY_FLOOR_KIB 19456
#endif

/* "host:port" with host and port apart; false for anything else. A bracketed host loses its brackets. */
static bool address_split(const char *text, char **ret_host, unsigned *ret_port)
{
	const char *colon = strrchr(text, ':');
	guint64 port = 0;
	if (!colon || colon == text || !g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
		return false;
	g_autofree char *host = g_strndup(text, (gsize)(colon - text));
	gsize length = strlen(host);
	if (host[0] == '[') {
		if (length < 3 || host[length - 1] != ']')
			return false;
		host[length - 1] = '\0';
		*ret_host = g_strdup(host + 1);
	} else {
		if (strchr(host, ':'))
			return false;
		*ret_host = g_steal_pointer(&host);
	}
	*ret_port = (unsigned)port;
	return true;
}

/* Literals, and the one name that RFC 6761 ties to them: any other could mean another address tomorrow, and "127.evil.example" begins like one. */
static bool host_is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	if (strcmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool config_listens_locally(const char *where)
{
	/* What an inherited socket is bound to is known once it is there: serve.c looks. */
	if (g_str_has_prefix(where, "unix:") || g_str_has_prefix(where, "fd:"))
		return true;
	g_autofree char *host = NULL;
	unsigned port;
	return address_split(where, &host, &port) && host_is_loopback(host);
}

/* One item of the list. Whether it may leave the machine is for listen_is_allowed to say, which sees trusted_proxies too. */
static bool listen_fits(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	g_autofree char *host = NULL;
	unsigned port = 0;
	guint64 descriptor = 0;
	if (g_str_has_prefix(text, "unix:")) {
		*ret_expected = "unix:/path, an absolute one of at most 107 bytes";
		return text[strlen("unix:")] == '/' && strlen(text) - strlen("unix:") <= 107;
	}
	if (g_str_has_prefix(text, "fd:")) {
		*ret_expected = "fd: and the number of a socket that a supervisor leaves open, from 3";
		return g_ascii_string_to_unsigned(text + strlen("fd:"), 10, 3, 65535, &descriptor, NULL);
	}
	struct in6_addr address;
	*ret_expected = "host:port or [::1]:port, with the host's address and not its name";
	return address_split(text, &host, &port) && (host_is_loopback(host) || address_parse(host, strlen(host), &address));
}

/* No secret is among them, and no person: they may leave the machine. */
static bool metrics_fit(const json_t *value, const char **ret_expected)
{
	return strcmp(json_string_value(value), "none") == 0 || listen_fits(value, ret_expected);
}

/* One item of the list. */
static bool proxy_fits(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	struct network network;
	if (strcmp(text, "unix") == 0 || network_parse(text, &network, ret_expected))
		return true;
	if (!strchr(text, '/'))
		*ret_expected = "unix, or address/prefix, such as 127.0.0.1/32 or ::1/128";
	return false;
}

static bool base_url_fits(const json_t *value, const char **ret_expected)
{
	g_autoptr(url_t) url = url_parse(json_string_value(value), NULL);
	*ret_expected = "https://host[:port], or http:// on loopback, with nothing after it";
	return url && !url->has_userinfo && !url->query && !url->fragment && url->path[0] == '\0' && url->host[0] != '\0' &&
	       (g_ascii_strcasecmp(url->scheme, "https") == 0 || url_is_loopback(url));
}

static bool store_fits(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = g_str_has_prefix(text, "postgresql:") ? "sqlite:PATH (postgresql: is not built yet)" : "sqlite:PATH";
	return g_str_has_prefix(text, "sqlite:") && text[strlen("sqlite:")] != '\0';
}

static const struct key_rule limits_keys[] = {
	{ .name = "connections", .type = KEY_INTEGER, .standard = "960", .min = 8, .max = 100000, .description = "Connections open at one time." },
	{ .name = "per_address", .type = KEY_INTEGER, .standard = "240", .min = 1, .max = 100000, .description = "Connections open at one time from one address." },
	{ .name = "header", .type = KEY_SIZE, .standard = "32KiB", .min = 4096, .max = 1 << 20, .description = "Bytes of a request's head." },
	{ .name = "body", .type = KEY_SIZE, .standard = "1MiB", .min = 4096, .max = 64 << 20, .description = "Bytes of a request's body." },
	{ 0 },
};
static const struct key_rule workers_keys[] = {
	{ .name = "threads", .type = KEY_INTEGER, .standard = "32", .min = 1, .max = 1024, .description = "Threads for requests that wait." },
	{ .name = "hash_slots", .type = KEY_INTEGER, .choices = "auto", .standard = "auto", .min = 1, .max = 256,
	  .description = "Password hashes computed at one time; auto: one a core." },
	{ .name = "provider_slots", .type = KEY_INTEGER, .standard = "16", .min = 1, .max = 1024, .description = "Requests under way to one provider." },
	{ 0 },
};
static const struct key_rule password_hash_keys[] = {
	{ .name = "memory_kib", .type = KEY_INTEGER, .standard = "19456", .min = HASH_MEMORY_FLOOR_KIB, .max = 1 << 20, .description = "Argon2id memory." },
	{ .name = "iterations", .type = KEY_INTEGER, .standard = "2", .min = 1, .max = 16, .description = "Argon2id passes." },
	{ .name = "parallelism", .type = KEY_INTEGER, .standard = "1", .min = 1, .max = 4, .description = "Argon2id lanes." },
	{ 0 },
};
static const struct key_rule log_keys[] = {
	{ .name = "level", .type = KEY_CHOICE, .choices = "error|warning|info|debug", .standard = "info", .description = "How much the process log says." },
	{ .name = "format", .type = KEY_CHOICE, .choices = "json|text", .standard = "json", .description = "One JSON object a line, or text." },
	{ 0 },
};
static bool allow_fits(const json_t *value, const char **ret_expected)
{
	return fetch_allow_fits(json_string_value(value), ret_expected);
}

static bool proxy_address_fits(const json_t *value, const char **ret_expected)
{
	*ret_expected = "none, or http://host:port with nothing after it";
	return strcmp(json_string_value(value), "none") == 0 || fetch_proxy_fits(json_string_value(value));
}

static const struct key_rule outbound_keys[] = {
	{ .name = "allow", .type = KEY_STRINGS, .standard = "[]", .max = 256, .check = allow_fits,
	  .description = "Addresses, networks and host names that may be reached though they are private, and by plain http." },
	{ .name = "connect_timeout", .type = KEY_DURATION, .standard = "3s", .min = 1, .max = 60, .description = "For name, connection and TLS." },
	{ .name = "timeout", .type = KEY_DURATION, .standard = "8s", .min = 1, .max = 300, .description = "For one request in all." },
	{ .name = "ca_file", .type = KEY_STRING, .standard = "system", .description = "Certificates that are trusted, PEM; system: the machine's." },
	{ .name = "proxy", .type = KEY_STRING, .standard = "none", .check = proxy_address_fits, .description = "Through which proxy; it then resolves the names." },
	{ 0 },
};
static const struct key_rule tls_keys[] = {
	{ .name = "certificate", .type = KEY_FILE, .required = true, .description = "A PEM file: the certificate, then those that lead to its root." },
	{ .name = "key", .type = KEY_FILE, .required = true, .description = "A PEM file that not everybody may read: its key." },
	{ 0 },
};
const struct key_rule config_keys[] = {
	{ .name = "listen", .type = KEY_STRINGS, .standard = "127.0.0.1:8080", .min = 1, .max = 64, .check = listen_fits, .description = "Addresses to listen on." },
	{ .name = "base_url", .type = KEY_URL, .check = base_url_fits, .description = "What addresses are built from; default: from listen." },
	{ .name = "tls", .type = KEY_OBJECTS, .standard = "[]", .max = 64, .keys = tls_keys, .description = "Certificates and keys, chosen by the name that a client asks for; without, plain HTTP." },
	{ .name = "trusted_proxies", .type = KEY_STRINGS, .standard = "[]", .max = 256, .check = proxy_fits,
	  .description = "Whose X-Forwarded-For or Forwarded is believed." },
	{ .name = "store", .type = KEY_STRING, .standard = "sqlite:var/passerelle.db", .check = store_fits, .description = "Where everything is kept." },
	{ .name = "secret_key_file", .type = KEY_STRING, .standard = "var/secret.key", .description = "The root of every key; made at first start." },
	{ .name = "limits", .type = KEY_OBJECT, .standard = "{}", .keys = limits_keys, .description = "Bounds of the HTTP server." },
	{ .name = "workers", .type = KEY_OBJECT, .standard = "{}", .keys = workers_keys, .description = "Threads and slots." },
	{ .name = "password_hash", .type = KEY_OBJECT, .standard = "{}", .keys = password_hash_keys, .description = "Cost of a password hash." },
	{ .name = "mail", .type = KEY_NOT_YET, .standard = "none", .description = "Where mail is handed in." },
	{ .name = "log", .type = KEY_OBJECT, .standard = "{}", .keys = log_keys, .description = "The process log." },
	{ .name = "metrics_listen", .type = KEY_STRING, .standard = "none", .check = metrics_fit, .description = "Where metrics are read, or none." },
	{ .name = "outbound", .type = KEY_OBJECT, .standard = "{}", .keys = outbound_keys, .description = "What outgoing connections may reach." },
	{ 0 },
};

static int64_t number_at(const json_t *values, const char *group, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(values, group), key));
}

static const char *text_at(const json_t *values, const char *group, const char *key)
{
	return json_string_at(json_object_get(values, group), key);
}

/* Paths in the file start from the file's folder; without a file, from where the command was started. */
static char *path_absolute(const struct document *document, const char *path)
{
	g_autofree char *folder = g_canonicalize_filename(document_folder(document) ? document_folder(document) : ".", NULL);
	return g_canonicalize_filename(path, folder);
}

static char **text_list(const json_t *value)
{
	char **list = g_new0(char *, json_array_size(value) + 1);
	for (size_t i = 0; i < json_array_size(value); i++)
		list[i] = g_strdup(json_string_value(json_array_get(value, i)));
	return list;
}

bool config_may_leave(const struct config *config)
{
	bool may = config->tls_count > 0;
	for (char **proxy = config->trusted_proxies; *proxy; proxy++)
		may |= strcmp(*proxy, "unix") != 0;
	return may;
}

/* Passwords would cross the network in clear. Plain HTTP may leave the machine only where a proxy that has an address stands in front; "unix" names
 * none that could come by the network. */
static bool listen_is_allowed(const struct config *config, const struct document *document, const json_t *listen, GError **error)
{
	for (size_t i = 0; config->listen[i] && !config_may_leave(config); i++) {
		const json_t *item = json_array_get(listen, i);
		if (!config_listens_locally(config->listen[i]))
			return schema_fail(error, document, document_line(document, item) ? item : listen, "listen",
			                   "seen \"%s\", expected a loopback address: plain HTTP leaves the machine only behind trusted_proxies; give tls",
			                   config->listen[i]);
	}
	return true;
}

static bool base_url_choose(struct config *config, const struct document *document, const json_t *values, GError **error)
{
	const char *given = json_string_at(values, "base_url");
	if (given) {
		config->base_url = g_strdup(given);
		return !config->tls_count || g_ascii_strncasecmp(given, "https:", 6) == 0
			|| schema_fail(error, document, json_object_get(values, "base_url"), "base_url", "seen \"%s\", expected https://: tls is given", given);
	}
	g_autofree char *host = NULL;
	unsigned port = 0;
	if (g_str_has_prefix(config->listen[0], "unix:") || g_str_has_prefix(config->listen[0], "fd:"))
		return schema_fail(error, document, json_object_get(document_root(document), "listen"), "base_url",
		                   "absent, expected an address: a socket without one names none");
	if (!address_split(config->listen[0], &host, &port) || port == 0)
		return schema_fail(error, document, json_object_get(document_root(document), "listen"), "base_url",
		                   "absent, expected an address: port 0 of listen names none");
	if (!host_is_loopback(host))
		return schema_fail(error, document, json_object_get(document_root(document), "listen"), "base_url",
		                   "absent, expected the https:// address that people use: listen does not name it");
	config->base_url = g_strdup_printf("%s://%s", config->tls_count ? "https" : "http", config->listen[0]);
	return true;
}

static enum log_level level_named(const char *name)
{
	if (strcmp(name, "error") == 0)
		return LOG_LEVEL_ERROR;
	if (strcmp(name, "warning") == 0)
		return LOG_LEVEL_WARNING;
	return strcmp(name, "debug") == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void numbers_fill(struct config *config, const json_t *values)
{
	const json_t *slots = json_object_get(json_object_get(values, "workers"), "hash_slots");
	config->limits.connections = (unsigned)number_at(values, "limits", "connections");
	config->limits.per_address = (unsigned)number_at(values, "limits", "per_address");
	config->limits.header_bytes = number_at(values, "limits", "header");
	config->limits.body_bytes = number_at(values, "limits", "body");
	config->workers.threads = (unsigned)number_at(values, "workers", "threads");
	config->workers.hash_slots = json_is_integer(slots) ? (unsigned)json_integer_value(slots) : 0;
	config->workers.provider_slots = (unsigned)number_at(values, "workers", "provider_slots");
	config->password_hash.memory_kib = (uint32_t)number_at(values, "password_hash", "memory_kib");
	config->password_hash.iterations = (uint32_t)number_at(values, "password_hash", "iterations");
	config->password_hash.parallelism = (uint32_t)number_at(values, "password_hash", "parallelism");
	config->log_level = level_named(text_at(values, "log", "level"));
	config->log_format = strcmp(text_at(values, "log", "format"), "text") == 0 ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
}

static void outbound_fill(struct config *config, const struct document *document, const json_t *outbound)
{
	const char *ca_file = json_string_at(outbound, "ca_file"), *proxy = json_string_at(outbound, "proxy");
	config->outbound.allow = text_list(json_object_get(outbound, "allow"));
	config->outbound.connect_timeout_ms = 1000 * json_integer_value(json_object_get(outbound, "connect_timeout"));
	config->outbound.timeout_ms = 1000 * json_integer_value(json_object_get(outbound, "timeout"));
	config->outbound.ca_file = strcmp(ca_file, "system") == 0 ? NULL : path_absolute(document, ca_file);
	config->outbound.proxy = strcmp(proxy, "none") == 0 ? NULL : g_strdup(proxy);
}

struct fetch_options config_outbound(const struct config *config)
{
	return (struct fetch_options){ .allow = (const char *const *)config->outbound.allow, .connect_timeout_ms = config->outbound.connect_timeout_ms,
	                               .timeout_ms = config->outbound.timeout_ms, .ca_file = config->outbound.ca_file, .proxy = config->outbound.proxy };
}

static void tls_fill(struct config *config, const json_t *tls)
{
	config->tls_count = json_array_size(tls);
	config->tls = g_new0(struct http_certificate, config->tls_count);
	for (size_t i = 0; i < config->tls_count; i++) {
		const json_t *pair = json_array_get(tls, i);
		config->tls[i].certificate = g_strdup(json_string_at(pair, "certificate"));
		config->tls[i].key = g_strdup(json_string_at(pair, "key"));
	}
}

static struct config *config_from(const struct document *document, const char *file, GError **error)
{
	g_autoptr(json_t) values = schema_apply(document, document_root(document), config_keys, "", error);
	if (!values)
		return NULL;
	struct config *config = g_new0(struct config, 1);
	config->file = g_strdup(file);
	config->listen = text_list(json_object_get(values, "listen"));
	config->trusted_proxies = text_list(json_object_get(values, "trusted_proxies"));
	g_autofree char *path = path_absolute(document, json_string_at(values, "store") + strlen("sqlite:"));
	config->store = g_strconcat("sqlite:", path, NULL);
	config->secret_key_file = path_absolute(document, json_string_at(values, "secret_key_file"));
	numbers_fill(config, values);
	tls_fill(config, json_object_get(values, "tls"));
	const char *metrics = json_string_at(values, "metrics_listen");
	config->metrics_listen = strcmp(metrics, "none") == 0 ? NULL : g_strdup(metrics);
	outbound_fill(config, document, json_object_get(values, "outbound"));
	if (!listen_is_allowed(config, document, json_object_get(values, "listen"), error) || !base_url_choose(config, document, values, error)) {
		config_free(config);
		return NULL;
	}
	return config;
}

/* The first of the places of CONTRACT section 1 that exists. A file that was asked for by name must be there; the two usual places need not. */
static const char *config_place(const char *path)
{
	static const char *const usual[] = { "passerelle.yaml", "/etc/passerelle/passerelle.yaml" };
	if (path)
		return path;
	const char *named = g_getenv("PASSERELLE_CONFIG");
	if (named && *named)
		return named;
	for (size_t i = 0; i < G_N_ELEMENTS(usual); i++)
		if (g_file_test(usual[i], G_FILE_TEST_EXISTS))
			return usual[i];
	return NULL;
}

struct config *config_load(const char *path, GError **error)
{
	const char *file = config_place(path);
	g_autoptr(document_t) document = file ? document_read(file, error) : document_parse("built-in defaults", "{}", 2, error);
	return document ? config_from(document, file, error) : NULL;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	g_free(config->file);
	g_strfreev(config->listen);
	g_strfreev(config->trusted_proxies);
	g_free(config->base_url);
	for (size_t i = 0; i < config->tls_count; i++) {
		g_free(config->tls[i].certificate);
		g_free(config->tls[i].key);
	}
	g_free(config->tls);
	g_free(config->metrics_listen);
	g_free(config->store);
	g_free(config->secret_key_file);
	g_strfreev(config->outbound.allow);
	g_free(config->outbound.ca_file);
	g_free(config->outbound.proxy);
	g_free(config);
}
