/* Reading the configuration again. It is checked whole before any of it is taken over, so that a bad file keeps the old one (SECURITY R17). What the running
 * server was built with (sockets, store, threads and their memory) stays; that a file asks for something else there is said, by the key's name. */
#include "gateway/reload.h"

#include "base/log.h"

#include <string.h>

static bool lists_same(char **a, char **b)
{
	return g_strv_equal((const char *const *)a, (const char *const *)b);
}

/* Names of keys that this file says otherwise than the one the server was started with. Caller frees; NULL: none. */
static char *kept_names(const struct config *started, const struct config *fresh, unsigned room)
{
	const struct { const char *name; bool same; } keys[] = {
		{ "listen", lists_same(started->listen, fresh->listen) },
		{ "tls", (started->tls_count > 0) == (fresh->tls_count > 0) }, /* which files, may change */
		{ "base_url", strcmp(started->base_url, fresh->base_url) == 0 },
		{ "store", strcmp(started->store, fresh->store) == 0 },
		{ "limits.connections", fresh->limits.connections <= room },
		{ "limits.header", started->limits.header_bytes == fresh->limits.header_bytes },
		{ "workers", memcmp(&started->workers, &fresh->workers, sizeof started->workers) == 0 },
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

/* The secret key file as it is now: a line may have come, and one that nothing needs may be gone. */
static bool keys_take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	struct root_keys *keys = root_keys_read(fresh->secret_key_file, error);
	if (!keys || !store_keys_settle(running->store, keys, error)) {
		root_keys_free(keys);
		return false;
	}
	root_keys_replace(running->keys, keys);
	return true;
}

/* The new listener is there before the old one goes, unless it is the same one. */
static bool metrics_take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	struct metrics *before = *running->metrics, *after = NULL;
	if (before && g_strcmp0(fresh->metrics_listen, metrics_listens(before)) == 0)
		return true;
	if (fresh->metrics_listen && !(after = metrics_start(fresh->metrics_listen, running->gateway, running->server, error)))
		return false;
	*running->metrics = after;
	if (!metrics_stop(before))
		log_line(LOG_LEVEL_WARNING, "metrics.stop", "error", "a scrape did not end", NULL);
	return true;
}

static bool server_take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	const struct http_adjustment adjustment = {
		.trusted_proxies = (const char *const *)fresh->trusted_proxies, .connections = fresh->limits.connections, .per_address = fresh->limits.per_address,
		.body_bytes = (size_t)fresh->limits.body_bytes,
		.certificates = fresh->tls, .certificate_count = fresh->tls_count };
	return http_server_adjust(running->server, &adjustment, error);
}

static bool password_take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	return password_hasher_adjust(running->hasher, fresh->password_hash, error);
}

static bool outbound_take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	const struct fetch_options options = config_outbound(fresh);
	return fetcher_adjust(running->fetcher, &options, error);
}

/* Each part is taken over whole or not at all. What comes first is what a sound file may still be refused for (a certificate, a key, an address in use); a refusal
 * half way goes back to the file before, whose parts were good a moment ago. */
static const struct {
	const char *name;
	bool (*take_over)(const struct config *fresh, const struct reloadable *running, GError **error);
} parts[] = {
	{ "secret_key_file", keys_take_over }, { "metrics_listen", metrics_take_over }, { "tls, trusted_proxies, limits", server_take_over },
	{ "password_hash", password_take_over }, { "outbound", outbound_take_over },
};

static bool take_over(const struct config *fresh, const struct reloadable *running, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		if (parts[i].take_over(fresh, running, error))
			continue;
		g_prefix_error(error, "%s: ", parts[i].name);
		for (size_t back = 0; back < i; back++)
			parts[back].take_over(running->config, running, NULL);
		return false;
	}
	log_init(fresh->log_level, fresh->log_format);
	return true;
}

void config_reload(const struct config *started, struct reloadable *running)
{
	g_autoptr(GError) error = NULL;
	struct config *fresh = config_load(started->file, &error);
	if (!fresh || !take_over(fresh, running, &error)) {
		log_line(LOG_LEVEL_ERROR, "config.reload", "result", "the file is wrong, everything stays as it was", "error", error->message, NULL);
		config_free(fresh);
		return;
	}
	g_autofree char *kept = kept_names(started, fresh, http_server_room(running->server));
	log_line(kept ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "config.reload", "result", "read", "file", fresh->file, "kept_until_restart", kept, NULL);
	if (running->config != started)
		config_free(running->config);
	running->config = fresh;
}
