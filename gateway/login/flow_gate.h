/* How many flows a stranger may begin. Each is a row that lives ten minutes and costs a commit, and nobody has proved anything when it is written: so an address, and all
 * addresses of a tenant together, have an allowance. It is far above what people do - a company that signs in at nine from one address begins some hundred - and
 * whoever is signed in already begins none. In memory, of each gateway for itself. */
#pragma once
#include "gateway/call/call.h"

struct flow_gate;

struct flow_gate *flow_gate_new(void);
void flow_gate_free(struct flow_gate *gate);
/* Whether this call may begin a flow, which counts it. */
bool flow_gate_admits(struct call *call);
