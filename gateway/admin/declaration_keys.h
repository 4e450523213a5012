/* The tables of keys of CONTRACT section 3. Validation, the command line's options, export and the documentation come from them. */
#pragma once
#include "base/schema.h"

extern const struct key_rule declaration_keys[]; /* the file's root */
extern const struct key_rule tenant_keys[];
extern const struct key_rule resource_keys[];
extern const struct key_rule user_keys[];
extern const struct key_rule client_keys[];
/* those of providers depend on the type: provider_settings.h */

/* Forms that stand in several places. */
bool name_is_plain(const char *name);           /* [a-z0-9-]{1,63} */
bool identifier_is_account(const char *text);   /* 26 lower-case base32 characters */
bool domain_is_plain(const char *domain);
/* "sha256:" and 43 base64url characters: how export writes a client's secret. */
#define SECRET_HASH_PREFIX "sha256:"
bool secret_hash_read(const char *text, uint8_t out[32]);
