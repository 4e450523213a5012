/* A trial of a provider: a sign-in in a browser that signs nobody in (`passerelle provider test --interactive`).
 *
 *   a command stores a flow that no browser has ─→ the first browser that opens its address has it ─→ away and back ─→ the report, sealed into the flow
 *   ─→ the command reads it, and the flow is gone
 *
 * The address is worth nothing for signing in: no session, no account, no application comes of such a flow, and no other step of a sign-in takes it. Who has the
 * address of somebody else's trial can only show the command who he is himself.
 */
#pragma once
#include "gateway/store/store.h"

#include "crypto/root_keys.h"

#define TRIAL_LIFE_MS 600000

/* Stores a trial of that provider. *ret_handle is what stands in its address; caller wipes and frees. */
bool trial_insert(struct unit *unit, const char *tenant, const char *provider, int64_t now_ms, char **ret_handle, uint8_t ret_digest[DIGEST_SIZE], GError **error);
/* The provider that a flow is a trial of; NULL: it is somebody's sign-in. */
const char *trial_provider(const struct flow *flow);
/* Gives a trial that nobody opened yet to the browser of that digest, once. FOUND: *ret is its flow. MISSING: there is none, it is over, or somebody has it. */
enum found trial_bind(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], const char *provider, const uint8_t browser[DIGEST_SIZE], int64_t now_ms,
	struct flow *ret, GError **error);
/* Puts the report into the flow, for flow_update; nothing more is done with it. */
void trial_close(struct flow *flow, const struct root_keys *keys, const char *tenant, const json_t *report);
bool trial_is_closed(const struct flow *flow);
/* FOUND: *ret is the report (caller owns), NULL: not yet. MISSING: the trial is gone. */
enum found trial_report(struct unit *unit, const struct root_keys *keys, const char *tenant, const uint8_t digest[DIGEST_SIZE], json_t **ret, GError **error);
