/* `provider test --interactive`: a sign-in in a browser that signs nobody in, and what came of it. */
#pragma once
#include "gateway/admin/verbs.h"

/* Whether the browser is sent to that provider at all. False with *error. */
bool provider_trial_fits(struct command *command, const struct provider_record *provider, GError **error);
/* Prints the address to open, waits until somebody has been there and back (five minutes), and gives the report: {"passed", "checks", "claims"?, "subject"?, "mapped"?,
 * "decision": {"action", "reason", "sentence", "account"?, "username"?}}. NULL with *error. Caller owns. */
json_t *provider_trial(struct command *command, const struct tenant *tenant, const struct provider_record *provider, GError **error);
/* The report in words. */
void provider_trial_print(const json_t *report);
/* What a provider said of a person, in words. */
void claims_print(const json_t *claims);
