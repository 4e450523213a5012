/* What the files that read and check a declaration share. */
#pragma once
#include "base/schema.h"
#include "gateway/admin/declaration.h"

/* declaration.c. Validates one object; NULL when a mistake was noted. Caller owns. */
json_t *object_apply(struct declaration *declaration, const json_t *written, const struct key_rule *keys, const char *where);
/* "tenants[acme].users[alice]", by the object's own name, or its number where it has none. Caller frees. */
char *where_of(const char *parent, const char *list, const json_t *written, const char *key, size_t index);

/* One tenant being checked against the rest of the file and the store. */
struct crossing {
	struct declaration *declaration;
	struct declared_tenant *tenant;
	struct unit *unit;           /* NULL: no store yet */
	const struct root_keys *keys; /* NULL: no key file yet */
	struct tenant *stored;       /* NULL: the tenant is new */
	GHashTable *identifiers;     /* of resources, declared or stored */
	GHashTable *scopes;          /* every word a client may be given */
	GHashTable *providers;       /* names, declared or stored */
	GHashTable *links;           /* "provider subject" of the file */
};

/* Whether a name is met for the first time; NULL always is. */
bool is_new_in(GHashTable *seen, const char *name);

/* declaration_provider.c. The checks are false only when the store is broken. */
void provider_read(struct declaration *declaration, struct declared_tenant *tenant, const json_t *written, size_t index);
bool providers_check(struct crossing *crossing, GError **error);

/* declaration_links.c. `account`: who has that user name or id already, "" for nobody. Called after providers_check. */
bool links_check(struct crossing *crossing, const struct declared_user *user, const char *account, GError **error);
