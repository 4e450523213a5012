/* Secrets at rest: AES-256-GCM under the purpose's key, a random 96-bit nonce, and the context (tenant, table, row, column) as associated data,
 * so that a sealed value moved to another row does not open (SECURITY KY-1). Text form: "s1.<key id>.<base64url(nonce ciphertext tag)>". */
#pragma once
#include "crypto/root_keys.h"
#include <stddef.h>

struct seal_context {
	const char *tenant;
	const char *table;
	const char *row;
	const char *column;
};

/* At most 1 MiB, else the process aborts: bound what comes from outside before. Caller frees. */
char *seal(const struct root_keys *keys, const struct seal_context *context, const void *plain, size_t length);
/* How every value sealed under that key begins. Caller frees. */
char *seal_prefix(const char *key_id);
/* NULL with *error (ERROR_INTERNAL) for a foreign key id, another context, or any changed bit. Caller frees (wipes). */
struct secret *unseal(const struct root_keys *keys, const struct seal_context *context, const char *sealed, GError **error);
