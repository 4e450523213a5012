/* Whether an account may use a client now: asked at sign-in, and again whenever a token is given, so that who leaves a group stops getting tokens. */
#pragma once
#include "gateway/store/records.h"
#include "policies/account.h"

/* REASON_OK, ACCOUNT_DISABLED or GROUP_NOT_ALLOWED. */
enum reason entitlement(const struct account *account, const struct client *client);
