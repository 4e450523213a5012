/* `passerelle key`, of the keys for SAML. */
#pragma once
#include "gateway/admin/verbs.h"

/* Appends the tenant's to a list for `key list`. */
bool saml_keys_note(struct unit *unit, const struct tenant *tenant, json_t *list, GError **error);
/* `key rotate --use saml`. */
bool saml_keys_rotate(struct command *command, GError **error);
/* `key revoke KID`. MISSING: it is none of these. */
enum found saml_key_revoke(struct command *command, const char *kid, GError **error);
