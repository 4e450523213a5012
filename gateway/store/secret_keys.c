/* Root keys and what stands under them.
 *
 *   a line is added ─→ newest: its fingerprint is kept, what is written from now on names it
 *   store_reseal    ─→ what names an older one is opened and sealed under the newest, slice by slice; flows end by themselves, passwords turn at the next sign-in
 *   a line is gone  ─→ the store is searched for its id: nothing there, its fingerprint goes; something, nobody opens this store without it
 *
 * The search is what decides, and not a note that all was re-sealed: a server that has not seen the new line yet may have sealed something since.
 */
#include "gateway/store/secret_keys.h"
#include <string.h>

#define SLICE 100 /* rows re-sealed in one transaction, which the running server's wait behind */

/* --- fingerprints, in `meta` --- */

#define FINGERPRINT "root-key:"
static const char fingerprints_list[] = "SELECT name, text, COALESCE(number, 0) FROM meta WHERE name LIKE 'root-key:%'";
static const char fingerprint_put[] =
	"INSERT INTO meta (name, text, number) VALUES ($1, $2, (SELECT COALESCE(MAX(number), 0) + 1 FROM meta WHERE name LIKE 'root-key:%')) "
	"ON CONFLICT (name) DO NOTHING";
static const char fingerprint_delete[] = "DELETE FROM meta WHERE name = $1";

struct known_key {
	char *id, *fingerprint;
	int64_t number; /* in the order in which they came */
};

static void known_key_free(void *data)
{
	struct known_key *key = data;
	g_free(key->id);
	g_free(key->fingerprint);
	g_free(key);
}

static GPtrArray *known_keys(struct unit *unit, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, fingerprints_list, NULL, 0);
	g_autoptr(GPtrArray) known = g_ptr_array_new_with_free_func(known_key_free);
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		struct known_key *key = g_new0(struct known_key, 1);
		key->id = g_strdup(strchr(column_text(&cursor, 0), ':') + 1);
		key->fingerprint = column_copy(&cursor, 1);
		key->number = column_integer(&cursor, 2);
		g_ptr_array_add(known, key);
	}
	return result == STEP_DONE ? g_steal_pointer(&known) : NULL;
}

bool store_key_ids(struct unit *unit, GPtrArray *ids, GError **error)
{
	g_autoptr(GPtrArray) known = known_keys(unit, error);
	for (guint i = 0; known && i < known->len; i++)
		g_ptr_array_add(ids, g_strdup(((const struct known_key *)known->pdata[i])->id));
	return known;
}

/* --- what is sealed --- */

/* A table whose rows are found by tenant and `key`, and by `second` where that is a column. */
static const struct sealed_place {
	const char *table, *column;
	size_t offset; /* of its count in struct key_uses */
	const char *count, *left, *slice, *update;
} places[] = {
#define UNDER(column) "substr(" column ", 1, length($1)) = $1"
#define OTHERS(column) column " IS NOT NULL AND substr(" column ", 1, length($1)) <> $1"
#define PLACE(field, table, column, key, second) { table, column, offsetof(struct key_uses, field), \
	"SELECT count(*) FROM " table " WHERE " UNDER(column), "SELECT count(*) FROM " table " WHERE " OTHERS(column), \
	"SELECT tenant, " key ", " second ", " column " FROM " table " WHERE (tenant, " key ", " second ") > ($2, $3, $4) AND " OTHERS(column) \
		" ORDER BY tenant, " key ", " second " LIMIT $5", \
	"UPDATE " table " SET " column " = $1 WHERE tenant = $2 AND " key " = $3 AND " second " = $4 AND " column " = $5" }
	PLACE(providers, "provider", "settings_sealed", "name", "''"),
	PLACE(signing_keys, "signing_key", "pkcs8_sealed", "kid", "''"),
	PLACE(saml_keys, "saml_key", "pkcs8_sealed", "kid", "''"),
	PLACE(links, "link", "keep_sealed", "provider", "subject"),
	PLACE(sessions, "session", "keep_sealed", "session", "''"),
	PLACE(log_anchors, "log_anchor", "tip_sealed", "node", "''"),
};
/* Lives minutes, and its rows are of several columns' context: it is waited for, not re-sealed. */
static const char flows_count[] = "SELECT count(*) FROM flow WHERE " UNDER("sealed");
static const char passwords_count[] = "SELECT count(*) FROM credential WHERE stored LIKE $1";

bool store_key_uses(struct unit *unit, const char *id, struct key_uses *ret, GError **error)
{
	g_autofree char *prefix = seal_prefix(id), *pepper = g_strdup_printf("%%,keyid=%s$%%", id);
	struct key_uses uses = { 0 };
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (unit_integer(unit, (int64_t *)((char *)&uses + places[i].offset), error, places[i].count, VALUES(value_text(prefix))) != FOUND)
			return false;
	if (unit_integer(unit, &uses.flows, error, flows_count, VALUES(value_text(prefix))) != FOUND ||
	    unit_integer(unit, &uses.passwords, error, passwords_count, VALUES(value_text(pepper))) != FOUND)
		return false;
	*ret = uses;
	return true;
}

static void words_add(GString *words, int64_t count, const char *what)
{
	if (count > 0)
		g_string_append_printf(words, "%s%s (%" G_GINT64_FORMAT ")", words->len ? ", " : "", what, count);
}

char *key_uses_words(const struct key_uses *uses)
{
	GString *words = g_string_new(NULL);
	words_add(words, uses->providers, "providers");
	words_add(words, uses->signing_keys, "signing keys");
	words_add(words, uses->saml_keys, "keys for SAML");
	words_add(words, uses->links, "links");
	words_add(words, uses->sessions, "sessions");
	words_add(words, uses->log_anchors, "log anchors");
	words_add(words, uses->flows, "sign-ins under way");
	words_add(words, uses->passwords, "passwords");
	return g_string_free(words, words->len == 0);
}

/* --- another key file --- */

/* A line that was lost at the top is another mistake than one taken away at the bottom: only a key older than the file's newest may be gone. */
static bool absence_is_fine(struct unit *unit, const struct known_key *key, int64_t newest, GError **error)
{
	struct key_uses uses;
	if (key->number >= newest)
		return fail(error, ERROR_FORBIDDEN, "the secret key file has no key \"%s\", and this store is sealed with it: it is another store's file, or a line was lost",
		            key->id);
	if (!store_key_uses(unit, key->id, &uses, error))
		return false;
	g_autofree char *words = key_uses_words(&uses);
	return !words || fail(error, ERROR_FORBIDDEN, "the secret key file has no key \"%s\" any more, and this store still needs it for %s: put its line back behind the "
	                      "others; `passerelle secret-key reseal` frees most of it, and `passerelle secret-key list` says when all of it is", key->id, words);
}

static int64_t number_of(const GPtrArray *known, const char *id)
{
	for (guint i = 0; i < known->len; i++) {
		const struct known_key *key = known->pdata[i];
		if (strcmp(key->id, id) == 0)
			return key->number;
	}
	return 0;
}

/* Every key that something here needs must be in the file, and be the same key. */
static bool known_key_settle(struct unit *unit, const struct root_keys *keys, const struct known_key *key, int64_t newest, GError **error)
{
	char seen[17];
	if (root_keys_fingerprint(keys, key->id, seen))
		return g_strcmp0(seen, key->fingerprint) == 0 ||
		       fail(error, ERROR_FORBIDDEN, "the key \"%s\" of the secret key file is not the one this store is sealed with: it is another store's file", key->id);
	g_autofree char *name = g_strconcat(FINGERPRINT, key->id, NULL);
	return absence_is_fine(unit, key, newest, error) && unit_run(unit, NULL, error, fingerprint_delete, VALUES(value_text(name)));
}

bool root_keys_settle(struct unit *unit, const struct root_keys *keys, GError **error)
{
	const char *id = root_keys_current(keys);
	char fingerprint[17];
	g_autoptr(GPtrArray) known = known_keys(unit, error);
	int64_t newest = known ? number_of(known, id) : 0;
	for (guint i = 0; known && i < known->len; i++)
		if (!known_key_settle(unit, keys, known->pdata[i], newest, error))
			return false;
	if (known && !root_keys_fingerprint(keys, id, fingerprint))
		return fail(error, ERROR_INTERNAL, "the newest root key has no fingerprint");
	g_autofree char *name = g_strconcat(FINGERPRINT, id, NULL);
	return known && unit_run(unit, NULL, error, fingerprint_put, VALUES(value_text(name), value_text(fingerprint)));
}

static bool settle_in_unit(struct unit *unit, void *data, GError **error)
{
	return root_keys_settle(unit, data, error);
}

bool store_keys_settle(struct store *store, struct root_keys *fresh, GError **error)
{
	return store_write(store, settle_in_unit, fresh, error);
}

/* --- sealing anew --- */

/* One value, opened and sealed under the newest key before the transaction. */
struct resealed {
	char *tenant, *key, *second, *before, *after;
};

static void resealed_free(void *data)
{
	struct resealed *value = data;
	g_free(value->tenant);
	g_free(value->key);
	g_free(value->second);
	g_free(value->before);
	g_free(value->after);
	g_free(value);
}

struct slice {
	const struct sealed_place *place;
	GPtrArray *values; /* struct resealed, in the order of their keys */
	int64_t written;
};

/* A value that does not open stays as it is, and is counted by whoever looks for its key: `after` NULL. */
static void reseal(const struct root_keys *keys, const struct sealed_place *place, struct resealed *value)
{
	g_autofree char *row = value->second[0] ? g_strconcat(value->key, " ", value->second, NULL) : g_strdup(value->key);
	const struct seal_context context = { .tenant = value->tenant, .table = place->table, .row = row, .column = place->column };
	g_autoptr(secret_t) plain = unseal(keys, &context, value->before, NULL);
	if (plain)
		value->after = seal(keys, &context, secret_bytes(plain), secret_length(plain));
}

/* The rows behind `last` (NULL: from the first) that name another key than the newest. */
static bool slice_read(struct unit *unit, struct slice *slice, const struct resealed *last, GError **error)
{
	const struct root_keys *keys = store_keys(unit->store);
	g_autofree char *prefix = seal_prefix(root_keys_current(keys));
	g_auto(cursor_t) cursor = cursor_open(unit, slice->place->slice, VALUES(value_text(prefix), value_text(last ? last->tenant : ""), value_text(last ? last->key : ""),
	                                      value_text(last ? last->second : ""), value_integer(SLICE)));
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		struct resealed *value = g_new0(struct resealed, 1);
		value->tenant = column_copy(&cursor, 0);
		value->key = column_copy(&cursor, 1);
		value->second = column_copy(&cursor, 2);
		value->before = column_copy(&cursor, 3);
		reseal(keys, slice->place, value);
		g_ptr_array_add(slice->values, value);
	}
	return result == STEP_DONE;
}

/* Whoever wrote such a value meanwhile wrote it under a key that he had: his stands. */
static bool slice_write(struct unit *unit, void *data, GError **error)
{
	struct slice *slice = data;
	slice->written = 0;
	for (guint i = 0; i < slice->values->len; i++) {
		const struct resealed *value = slice->values->pdata[i];
		int64_t affected = 0;
		if (value->after && !unit_run(unit, &affected, error, slice->place->update, VALUES(value_text(value->after), value_text(value->tenant),
		                              value_text(value->key), value_text(value->second), value_text(value->before))))
			return false;
		slice->written += affected;
	}
	return true;
}

struct resealing {
	struct store *store;
	const struct store_progress *progress;
	int64_t seen, all, written;
};

static bool place_reseal(struct resealing *resealing, const struct sealed_place *place, GError **error)
{
	g_autoptr(GPtrArray) before = NULL;
	for (;;) {
		g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(resealed_free);
		struct slice slice = { .place = place, .values = values };
		struct unit *unit = store_reader(resealing->store, error);
		if (!unit || !slice_read(unit, &slice, before ? before->pdata[before->len - 1] : NULL, error))
			return false;
		if (values->len == 0)
			return true;
		if (!store_write(resealing->store, slice_write, &slice, error))
			return false;
		resealing->written += slice.written;
		resealing->seen += values->len;
		if (resealing->progress->step)
			resealing->progress->step(resealing->seen, MAX(resealing->all, resealing->seen), resealing->progress->data);
		g_clear_pointer(&before, g_ptr_array_unref);
		before = g_steal_pointer(&values);
	}
}

bool store_reseal(struct store *store, const struct store_progress *progress, int64_t *ret_written, GError **error)
{
	struct resealing resealing = { .store = store, .progress = progress };
	g_autofree char *prefix = seal_prefix(root_keys_current(store_keys(store)));
	struct unit *unit = store_reader(store, error);
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
		int64_t left = 0;
		if (!unit || unit_integer(unit, &left, error, places[i].left, VALUES(value_text(prefix))) != FOUND)
			return false;
		resealing.all += left;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
		if (!place_reseal(&resealing, &places[i], error))
			return false;
	*ret_written = resealing.written;
	return true;
}
