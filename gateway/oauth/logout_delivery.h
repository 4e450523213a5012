/* OpenID Connect Back-Channel Logout 1.0: tells clients that a session ended, by a logout token posted to their backchannel_logout_uri. What is to be told stands in the
 * store (logout_delivery_claim), put there by whatever ended the session, the command line included. */
#pragma once
#include "gateway/call/gateway.h"

struct logout_senders;

/* Starts the few threads that deliver: as many deliveries are under way at once, and no more. NULL: no thread could be started. */
struct logout_senders *logout_senders_start(const struct gateway *gateway);
/* Waits for the deliveries under way, at most as long as one may take; what is left is told after the next start. Takes NULL. */
void logout_senders_stop(struct logout_senders *senders);
