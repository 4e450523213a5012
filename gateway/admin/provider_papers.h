/* What a provider publishes of itself, for `provider show`. */
#pragma once
#include "gateway/admin/verbs.h"

/* Adds "published" to `object`: what is known of the provider; "trouble", why nothing is; "warnings", texts about what runs out; "changed", the last change that a running
 * server noticed, {"time", "changes"}. Only of a driver that has a watch. Asks the provider, some seconds at most. False with *error: the store is broken. */
bool provider_papers(struct command *command, const struct tenant *tenant, const struct provider_record *provider, const struct provider_place *place, json_t *object,
                     GError **error);
