/* A tenant's keys for SAML, opened, to be lent to its drivers (providers/provider.h). Immutable. */
#pragma once
#include "gateway/store/store.h"

#include "providers/provider.h"

struct saml_keys;
/* False: the store is broken. A tenant may have none. */
bool saml_keys_load(struct unit *unit, const char *tenant, struct saml_keys **ret, GError **error);
/* Fills the place's lists, which live as long as the keys do. */
void saml_keys_lend(const struct saml_keys *keys, struct provider_place *place);
/* Takes NULL. */
void saml_keys_free(struct saml_keys *keys);
typedef struct saml_keys saml_keys_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(saml_keys_t, saml_keys_free)

/* A new key of that purpose, ready to be inserted. Takes a while: a second, on a slow machine. */
void saml_key_make(const struct tenant *tenant, enum saml_key_purpose purpose, enum key_state state, int64_t now_ms, struct saml_key *ret);
