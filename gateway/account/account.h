/* A signed-in person's own page: handlers of a call, for the route table. */
#pragma once
#include "gateway/call/call.h"

/* GET /account: who is signed in; nobody is sent to /login. */
void account_endpoint(struct call *call);
