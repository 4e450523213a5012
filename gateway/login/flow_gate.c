/* Two tables of fixed size: of addresses, each at its tenant, and of tenants. A table is sets of a few places; whoever comes new takes the place of the set that was not
 * used longest. Keys are keyed digests, so that nobody chooses whose place that is. An attacker with more addresses than places empties the first table and is held by
 * the second, which addresses cannot empty. */
#include "gateway/login/flow_gate.h"
#include "base/address.h"
#include "policies/allowance.h"

#include <pthread.h>

#define SETS 1024
#define PLACES 4

static const struct allowance_rules of_address = { .burst = 1000, .each_second = 10 };
static const struct allowance_rules of_tenant = { .burst = 20000, .each_second = 200 };

struct place {
	uint64_t key; /* 0: free */
	struct allowance allowance;
};

struct table {
	struct place places[SETS][PLACES];
};

struct flow_gate {
	pthread_mutex_t lock;
	struct table addresses, tenants;
};

struct flow_gate *flow_gate_new(void)
{
	struct flow_gate *gate = g_new0(struct flow_gate, 1);
	pthread_mutex_init(&gate->lock, NULL);
	return gate;
}

void flow_gate_free(struct flow_gate *gate)
{
	if (!gate)
		return;
	pthread_mutex_destroy(&gate->lock);
	g_free(gate);
}

static uint64_t key_of(const struct call *call, const char *network)
{
	uint8_t mac[DIGEST_SIZE];
	uint64_t key;
	struct digest_parts *parts = digest_parts_new("flow gate");
	digest_parts_add_text(parts, call->tenant->id);
	digest_parts_add_text(parts, network);
	root_keys_mac(call->gateway->keys, "throttle", parts, mac);
	memcpy(&key, mac, sizeof key);
	return key ? key : 1;
}

static struct allowance *place_of(struct table *table, uint64_t key)
{
	struct place *set = table->places[key % SETS], *oldest = &set[0];
	for (size_t i = 0; i < PLACES; i++) {
		if (set[i].key == key)
			return &set[i].allowance;
		if (set[i].allowance.at_ms < oldest->allowance.at_ms)
			oldest = &set[i];
	}
	*oldest = (struct place){ .key = key };
	return &oldest->allowance;
}

bool flow_gate_admits(struct call *call)
{
	struct flow_gate *gate = call->gateway->flow_gate;
	char network[ADDRESS_NETWORK_SIZE];
	int64_t now_ms = request_time_ms(call->request);
	bool has_address = address_network(request_address(call->request), 32, 64, network);
	uint64_t address = has_address ? key_of(call, network) : 0, tenant = key_of(call, NULL);
	pthread_mutex_lock(&gate->lock);
	/* the address first: what it is refused must not be taken from everybody */
	bool admitted = (!has_address || allowance_take(&of_address, place_of(&gate->addresses, address), now_ms))
		&& allowance_take(&of_tenant, place_of(&gate->tenants, tenant), now_ms);
	pthread_mutex_unlock(&gate->lock);
	return admitted;
}
