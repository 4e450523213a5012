/* How often what happened, since the start: events by result, and sign-ins by the provider they came through. For the metrics; the log has the rest. */
#pragma once
#include "gateway/audit/audit.h"

void figures_note(const struct audit_facts *facts);
uint64_t figures_event(enum audit_event event, enum audit_result result);
/* Providers are named by tenants: after PROVIDERS_NAMED_MAX names, and without one, it is "". Called for each name and result that was seen. */
#define PROVIDERS_NAMED_MAX 64
void figures_logins(void (*each)(const char *provider, enum audit_result result, uint64_t count, void *data), void *data);
