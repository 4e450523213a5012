/* What the files of this folder share about providers: their keys by type, the look-up by name, and which of their settings are secrets. */
#pragma once
#include "base/schema.h"
#include "gateway/store/store.h"
#include "providers/provider.h"

/* The keys every provider takes together with those of the type's driver; for `local`, without what is about people from elsewhere. Kept for the life of the
 * process. NULL: no driver has that type. */
const struct key_rule *provider_keys_of(const char *type);
/* "local, ldap": the types there are drivers for. Caller frees. */
char *provider_types(void);

/* The record of that name; cleared by the caller. */
enum found provider_find(struct unit *unit, const char *tenant, const char *name, struct provider_record *ret, GError **error);

/* A copy of what `keys` names and calls no secret: anything else in the settings may be one, so it is left out too. NULL keys: the common ones. */
json_t *settings_without_secrets(const json_t *settings, const struct key_rule *keys);
/* Names of the secrets that settings hold. Caller owns. */
json_t *secret_names(const json_t *settings, const struct key_rule *keys);

/* Whether two settings say the same about a key; both saying nothing is the same. */
bool setting_same(const json_t *one, const json_t *other, const char *key);

/* A secret that was not given again and may not be sent where the settings now lead. */
struct secret_astray { const char *secret, *moved; };
/* Takes over from `stored` the secrets that `settings` leave out, as "set when made, then only when given" has it. False, with *ret, where a key that says who is
 * going to see the secret is another than the one it was given for: it must be given again (SECURITY LD-7). */
bool secrets_carry(const char *type, json_t *settings, const json_t *stored, struct secret_astray *ret);
