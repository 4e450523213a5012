/* Reading the configuration again. It is checked whole before any of it is taken over, so that a bad file keeps the old one (SECURITY R17). What the running
 * server was built with (sockets, store, threads and their memory) stays; that a file asks for something else there is said, by the key's name. */
#include "gateway/reload.h"

#include "base/log.h"

#include <string.h>

static bool lists_same(char **a, char **b)
{
	return g_strv_equal((const char *const *)a, (const char *const *)b);
}

static bool outbound_same(const struct config *a, const struct config *b)
{
	return lists_same(a->outbound.allow, b->outbound.allow) && g_strcmp0(a->outbound.ca_file, b->outbound.ca_file) == 0
		&& g_strcmp0(a->outbound.proxy, b->outbound.proxy) == 0 && a->outbound.connect_timeout_ms == b->outbound.connect_timeout_ms
		&& a->outbound.timeout_ms == b->outbound.timeout_ms;
}

/* Names of keys that this file says otherwise than the one the server was started with. Caller frees; NULL: none. */
static char *kept_names(const struct config *started, const struct config *fresh, unsigned room)
{
	const struct { const char *name; bool same; } keys[] = {
		{ "listen", lists_same(started->listen, fresh->listen) },
		{ "tls", (started->tls_count > 0) == (fresh->tls_count > 0) }, /* which files, may change */
		{ "base_url", strcmp(started->base_url, fresh->base_url) == 0 },
		{ "store", strcmp(started->store, fresh->store) == 0 },
		{ "secret_key_file", strcmp(started->secret_key_file, fresh->secret_key_file) == 0 },
		{ "limits.connections", fresh->limits.connections <= room },
		{ "limits.header", started->limits.header_bytes == fresh->limits.header_bytes },
		{ "workers", memcmp(&started->workers, &fresh->workers, sizeof started->workers) == 0 },
		{ "outbound", outbound_same(started, fresh) },
		{ "metrics_listen", g_strcmp0(started->metrics_listen, fresh->metrics_listen) == 0 },
		{ "password_hash", memcmp(&started->password_hash, &fresh->password_hash, sizeof started->password_hash) == 0 },
	};
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!keys[i].same)
			g_ptr_array_add(names, (gpointer)(uintptr_t)keys[i].name);
	if (names->len == 0)
		return NULL;
	g_ptr_array_add(names, NULL);
	return g_strjoinv(", ", (char **)names->pdata);
}

static bool take_over(const struct config *fresh, struct http_server *server, GError **error)
{
	const struct http_adjustment adjustment = {
		.trusted_proxies = (const char *const *)fresh->trusted_proxies, .connections = fresh->limits.connections, .per_address = fresh->limits.per_address,
		.body_bytes = (size_t)fresh->limits.body_bytes,
		.certificates = fresh->tls, .certificate_count = fresh->tls_count };
	if (!http_server_adjust(server, &adjustment, error))
		return false;
	log_init(fresh->log_level, fresh->log_format);
	return true;
}

void config_reload(const struct config *started, struct http_server *server)
{
	g_autoptr(GError) error = NULL;
	struct config *fresh = config_load(started->file, &error);
	if (!fresh || !take_over(fresh, server, &error)) {
		log_line(LOG_LEVEL_ERROR, "config.reload", "result", "the file is wrong, everything stays as it was", "error", error->message, NULL);
		config_free(fresh);
		return;
	}
	g_autofree char *kept = kept_names(started, fresh, http_server_room(server));
	log_line(kept ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "config.reload", "result", "read", "file", fresh->file, "kept_until_restart", kept, NULL);
	config_free(fresh);
}
