/* A declaration read and validated: what CONTRACT section 3 calls objects, with their places in the file. Nothing here writes. */
#pragma once
#include "base/document.h"
#include "base/secret.h"
#include "gateway/store/store.h"

struct declared_resource {
	const json_t *written;   /* in the document, for lines */
	char *where;             /* "tenants[acme].resources[https://…]" */
	char *identifier;
	json_t *settings;        /* validated; NULL when a mistake was found in it */
};

struct declared_provider {
	const json_t *written;
	char *where, *name;
	json_t *settings;        /* validated; with the secrets that were kept, once declaration_cross_check has looked */
	int position;
	/* What declaration_cross_check found under that name; zero when nothing. The plan compares with this very state, and the transaction compares again: a
	 * secret must never meet settings that it was not checked against. */
	struct provider_record stored;
};

struct declared_user {
	const json_t *written;
	char *where;
	bool sound;              /* no mistake was found in it */
	struct account account;  /* id "" when none was given */
	bool disabled_given;
	struct secret *password; /* NFC; NULL when not given */
	char *password_hash;     /* as given, NULL */
	json_t *links;           /* [{"provider":…, "subject":…}], NULL when none was given: then the account is the declaration's alone */
};

struct declared_client {
	const json_t *written;
	char *where, *client_id;
	json_t *settings;        /* without secrets; NULL when a mistake was found in it */
	bool secret_given;
	uint8_t secret[DIGEST_SIZE];
};

struct declared_tenant {
	const json_t *written;
	char *where, *name;
	bool by_hand;            /* from the verb `add`: the tenant is only named, its members are new and not apply's to prune */
	json_t *settings;        /* NULL when a mistake was found in it, or by_hand */
	GPtrArray *resources, *providers, *users, *clients;
};

struct declaration {
	struct document *document;
	const char *base_url;    /* borrowed */
	GPtrArray *tenants;
	GString *mistakes;       /* one a line */
};

/* Reads and validates each object on its own. NULL with *error only when the file cannot be read as YAML at all; what is wrong with its objects is in
 * `mistakes`, all of it. `base_url` is borrowed for the result's life. */
struct declaration *declaration_read(const char *path, const char *base_url, GError **error);
/* The same of a tree made by a verb of the command line. `by_hand`: tenants are only named, and their members are new. */
struct declaration *declaration_of_json(const json_t *root, bool by_hand, const char *base_url, GError **error);
void declaration_free(struct declaration *declaration);
typedef struct declaration declaration_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(declaration_t, declaration_free)

/* What must hold between objects, in the file and with what the store has already; `unit` and `keys` are NULL where there are none yet. Adds to
 * `mistakes`; false with *error only when the store is broken. */
bool declaration_cross_check(struct declaration *declaration, struct unit *unit, const struct root_keys *keys, GError **error);
/* The mistakes as one error, or true when there are none. */
bool declaration_is_sound(const struct declaration *declaration, GError **error);
/* "file:line: where: text" into the mistakes. Returns false. */
bool declaration_mistake(struct declaration *declaration, const json_t *written, const char *key, const char *where, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
