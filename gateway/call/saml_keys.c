/* Keys for SAML, from the store's rows to what drivers are lent. */
#include "gateway/call/saml_keys.h"

#include "base/encoding.h"
#include "crypto/certified_key.h"

/* Long, since a certificate that runs out stops every sign-in until each provider has the next one; the key is replaced by rotation, not by its date. */
#define YEARS 10
#define CERTIFICATE_MAX 16384

struct saml_keys {
	GPtrArray *all;                                /* owns */
	GPtrArray *signing, *encryption, *decryption;  /* borrow, NULL-closed */
};

static void key_free(gpointer data)
{
	certified_key_free(data);
}

void saml_keys_free(struct saml_keys *keys)
{
	if (!keys)
		return;
	g_ptr_array_unref(keys->signing);
	g_ptr_array_unref(keys->encryption);
	g_ptr_array_unref(keys->decryption);
	g_ptr_array_unref(keys->all);
	g_free(keys);
}

struct loading {
	struct saml_keys *keys;
	GError *error;
};

/* What was active lately is asked by providers that have not read our metadata since: it decrypts, and is shown to nobody. */
static bool key_add(const struct saml_key *stored, void *data)
{
	struct loading *loading = data;
	struct saml_keys *keys = loading->keys;
	if (stored->state == KEY_STATE_REVOKED || (stored->state == KEY_STATE_RETIRED && stored->purpose == SAML_KEY_SIGNING))
		return true;
	struct certified_key *key = certified_key_import(stored->pkcs8, stored->certificate, &loading->error);
	if (!key)
		return false;
	g_ptr_array_add(keys->all, key);
	if (stored->purpose == SAML_KEY_SIGNING)
		g_ptr_array_add(keys->signing, key);
	else
		g_ptr_array_add(keys->decryption, key);
	if (stored->purpose == SAML_KEY_ENCRYPTION && stored->state != KEY_STATE_RETIRED)
		g_ptr_array_add(keys->encryption, key);
	return true;
}

bool saml_keys_load(struct unit *unit, const char *tenant, struct saml_keys **ret, GError **error)
{
	g_autoptr(saml_keys_t) keys = g_new0(struct saml_keys, 1);
	struct loading loading = { .keys = keys };
	keys->all = g_ptr_array_new_with_free_func(key_free);
	keys->signing = g_ptr_array_new();
	keys->encryption = g_ptr_array_new();
	keys->decryption = g_ptr_array_new();
	if (!saml_key_list(unit, tenant, key_add, &loading, error))
		return false;
	if (loading.error) {
		g_propagate_error(error, loading.error);
		return false;
	}
	g_ptr_array_add(keys->signing, NULL);
	g_ptr_array_add(keys->encryption, NULL);
	g_ptr_array_add(keys->decryption, NULL);
	*ret = g_steal_pointer(&keys);
	return true;
}

static const struct certified_key *const *list_of(const GPtrArray *list)
{
	return list->len > 1 ? (const struct certified_key *const *)(const void *)list->pdata : NULL;
}

void saml_keys_lend(const struct saml_keys *keys, struct provider_place *place)
{
	place->saml_signing = list_of(keys->signing);
	place->saml_encryption = list_of(keys->encryption);
	place->saml_decryption = list_of(keys->decryption);
}

static char *certificate_id(const char *certificate)
{
	g_autofree uint8_t *der = g_malloc(CERTIFICATE_MAX);
	uint8_t digest[DIGEST_SIZE];
	size_t length = 0;
	if (!base64_decode(certificate, strlen(certificate), der, CERTIFICATE_MAX, &length))
		g_error("a certificate of our own is not base64");
	digest_sha256(der, length, digest);
	return base64url_encode(digest, sizeof digest);
}

void saml_key_make(const struct tenant *tenant, enum saml_key_purpose purpose, enum key_state state, int64_t now_ms, struct saml_key *ret)
{
	g_autoptr(certified_key_t) key = certified_key_generate(tenant->display_name, now_ms, YEARS);
	*ret = (struct saml_key){ .kid = certificate_id(certified_key_certificate(key)), .purpose = purpose, .state = state,
		.certificate = g_strdup(certified_key_certificate(key)), .pkcs8 = certified_key_export(key), .created_ms = now_ms,
		.activated_ms = state == KEY_STATE_ACTIVE ? now_ms : 0 };
}
