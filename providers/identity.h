/* A verified identity: only a driver that has checked an answer makes one, and looking up an account takes nothing else (SECURITY 4.2, decision 1). */
#pragma once
#include "base/json.h"

struct identity;

/* For drivers only. `claims` are the mapped account fields (username, name, email, email_verified, groups), taken over; may be NULL.
 * `subject` is the provider's immutable identifier, 1 to 255 bytes. */
struct identity *identity_new(const char *provider, const char *subject, const char *const *amr, json_t *claims);
void identity_free(struct identity *identity);
typedef struct identity identity_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(identity_t, identity_free)

const char *identity_provider(const struct identity *identity);
const char *identity_subject(const struct identity *identity);
/* NULL-closed, RFC 8176 values, e.g. { "pwd", NULL }. */
const char *const *identity_amr(const struct identity *identity);
const json_t *identity_claims(const struct identity *identity);
