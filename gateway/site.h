/* The addresses that belong to nobody in particular: the welcome page, a tenant's front door, health. Handlers of a call, for the route table. */
#pragma once
#include "gateway/call/call.h"

void site_welcome(struct call *call);
void site_tenant(struct call *call); /* sends people to /account */
void site_health(struct call *call); /* alive: 200 as long as threads run */
void site_ready(struct call *call);  /* the store answers: 200, else 503 */
